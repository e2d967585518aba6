//! Reading fields of an object: a field of another type reads as absent.

use serde_json::Value;

/// Fields by JSON pointer.
pub(crate) trait Read {
    fn text(&self, pointer: &str) -> Option<&str>;
    fn number(&self, pointer: &str) -> Option<i64>;
    fn list(&self, pointer: &str) -> &[Value];
    fn flag(&self, pointer: &str) -> bool;

    /// The number, 0 when absent: how Go reads counters of a status.
    fn count(&self, pointer: &str) -> i64 {
        self.number(pointer).unwrap_or(0)
    }
}

impl Read for Value {
    fn text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer)?.as_str()
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.pointer(pointer)?.as_i64()
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer).and_then(Self::as_array).map_or(&[], Vec::as_slice)
    }

    fn flag(&self, pointer: &str) -> bool {
        self.pointer(pointer).and_then(Self::as_bool).unwrap_or(false)
    }
}

/// One entry of `status.conditions`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Condition<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    pub(crate) observed_generation: Option<i64>,
}

impl Condition<'_> {
    pub(crate) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(crate) fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// Whether it was written for an older generation than `generation`; false where it does not tell.
    pub(crate) fn is_outdated(&self, generation: Option<i64>) -> bool {
        matches!((self.observed_generation, generation), (Some(seen), Some(wanted)) if seen < wanted)
    }

    /// What to show a person: the message, or the reason when there is none.
    pub(crate) fn explain(&self) -> String {
        match (self.reason, self.message) {
            ("", "") => format!("{} is {}", self.kind, self.status),
            (reason, "") => format!("{}: {reason}", self.kind),
            (_, message) => message.to_owned(),
        }
    }
}

/// The conditions of an object's status, in order.
pub(crate) fn conditions(object: &Value) -> impl Iterator<Item = Condition<'_>> {
    conditions_of(object.list("/status/conditions"))
}

/// The conditions of such a list, which some kinds keep elsewhere.
pub(crate) fn conditions_of(list: &[Value]) -> impl Iterator<Item = Condition<'_>> {
    list.iter().map(|condition| Condition {
        kind: condition.text("/type").unwrap_or_default(),
        status: condition.text("/status").unwrap_or_default(),
        reason: condition.text("/reason").unwrap_or_default(),
        message: condition.text("/message").unwrap_or_default(),
        observed_generation: condition.number("/observedGeneration"),
    })
}

/// The condition of this type.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<Condition<'a>> {
    conditions(object).find(|condition| condition.kind == kind)
}

/// The generation that the object's specification is at.
pub(crate) fn generation(object: &Value) -> Option<i64> {
    object.number("/metadata/generation")
}

/// Whether the controller has not seen the newest generation; an absent `observedGeneration` is 0, as
/// the workload controllers leave it until their first look.
pub(crate) fn unobserved(object: &Value) -> bool {
    object.count("/metadata/generation") > object.count("/status/observedGeneration")
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

pub(crate) fn has_annotation(object: &Value, key: &str) -> bool {
    annotation(object, key).is_some()
}
