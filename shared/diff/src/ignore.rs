//! `ignoreDifferences`: fields that are not drift, by pointer or by the manager that owns them.

use serde_json::Value;
use shared_model::IgnoreDifference;

/// The `ignoreDifferences` of a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules(Vec<IgnoreDifference>);

/// What the rules ask for that is not acted on yet, a sentence each.
pub fn unsupported(rules: &[IgnoreDifference]) -> Vec<String> {
    let named = |rule: &&IgnoreDifference| !rule.jq_path_expressions.is_empty();
    rules
        .iter()
        .filter(named)
        .map(|rule| {
            format!(
                "ignoreDifferences for {}: jqPathExpressions are not acted on yet, use jsonPointers",
                rule.kind
            )
        })
        .collect()
}

impl Rules {
    /// The rules as the release has them.
    pub fn new(rules: &[IgnoreDifference]) -> Self {
        Self(rules.to_vec())
    }

    /// Two versions of one object, both without what pointers ignore.
    pub(crate) fn without(&self, one: &Value, other: &Value) -> (Value, Value) {
        let mut both = (one.clone(), other.clone());
        for pointer in
            self.0.iter().filter(|rule| applies(rule, one, other)).flat_map(|rule| &rule.json_pointers)
        {
            remove(&mut both.0, pointer);
            remove(&mut both.1, pointer);
        }
        both
    }

    /// Calls `then` with both objects less what pointers ignore, and with what managers own.
    pub(crate) fn filtered(
        &self,
        desired: &Value,
        live: &Value,
        then: impl FnOnce(&Value, &Value, &Owned<'_>),
    ) {
        let rules: Vec<&IgnoreDifference> =
            self.0.iter().filter(|rule| applies(rule, desired, live)).collect();
        let managers = || rules.iter().flat_map(|rule| &rule.managed_fields_managers);
        let owned = Owned(
            live.pointer("/metadata/managedFields")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter(|entry| {
                    managers().any(|manager| entry.get("manager").and_then(Value::as_str) == Some(manager))
                })
                .filter_map(|entry| entry.get("fieldsV1"))
                .collect(),
        );
        let pointers: Vec<&String> = rules.iter().flat_map(|rule| &rule.json_pointers).collect();
        if pointers.is_empty() {
            return then(desired, live, &owned);
        }
        let (mut desired, mut live_less) = (desired.clone(), live.clone());
        for pointer in pointers {
            remove(&mut desired, pointer);
            remove(&mut live_less, pointer);
        }
        then(&desired, &live_less, &owned);
    }
}

fn applies(rule: &IgnoreDifference, desired: &Value, live: &Value) -> bool {
    let text = |pointer: &str| {
        let of = |object: &Value| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        of(desired).or_else(|| of(live)).unwrap_or_default()
    };
    let api_version = text("/apiVersion");
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    glob(&rule.group, group)
        && glob(&rule.kind, &text("/kind"))
        && (rule.name.is_empty() || rule.name == text("/metadata/name"))
        && (rule.namespace.is_empty() || rule.namespace == text("/metadata/namespace"))
}

/// `*` and `?` as shells read them.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Removes what an RFC 6901 pointer points at; nothing when it points nowhere.
fn remove(object: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse().ok().filter(|index: &usize| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// What ignored managers own at one place: nodes of `fieldsV1` trees (KEP-555's FieldsV1 format).
#[derive(Debug)]
pub(crate) struct Owned<'a>(Vec<&'a Value>);

impl Owned<'_> {
    /// Whether the whole value at this place is theirs: a leaf of a tree.
    pub(crate) fn all(&self) -> bool {
        self.0.iter().any(|node| node.as_object().is_some_and(serde_json::Map::is_empty))
    }

    pub(crate) fn field(&self, key: &str) -> Self {
        if self.0.is_empty() {
            return Self::nothing();
        }
        let key = format!("f:{key}");
        Self(self.0.iter().filter_map(|node| node.get(&key)).collect())
    }

    pub(crate) fn item(&self, item: &Value) -> Self {
        let names = |key: &str| {
            key.strip_prefix("k:").and_then(|keys| serde_json::from_str::<Value>(keys).ok()).is_some_and(
                |keys| {
                    keys.as_object().is_some_and(|keys| {
                        keys.iter().all(|(key, value)| match item.get(key) {
                            Some(given) => given == value,
                            None => key == "protocol" && value == "TCP",
                        })
                    })
                },
            )
        };
        let nodes = self.0.iter().filter_map(|node| node.as_object()).flatten();
        Self(nodes.filter(|(key, _)| names(key)).map(|(_, node)| node).collect())
    }

    pub(crate) const fn nothing() -> Self {
        Self(Vec::new())
    }
}
