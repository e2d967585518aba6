//! Pauses that annotations ask for: of one Application, and Argo CD's own switch.
//!
//! [`PAUSE_ANNOTATION`] holds a [`PauseRequest`] as JSON: `{"reason": "INC-7", "for": "1h"}`; the hub adds `by` and `at`
//! when a person sets it. A value that cannot be read pauses without an end and says so: whoever wrote it wanted the
//! application left alone. [`SKIP_RECONCILE_ANNOTATION`] `"true"` pauses without an end, as in Argo CD.

use crate::{Application, PAUSE_ANNOTATION, PauseRequest, SKIP_RECONCILE_ANNOTATION};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// A pause that an Application's annotations ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnotatedPause {
    /// What is asked for.
    pub request: PauseRequest,
    /// What a person is to mend in the annotation; it pauses without an end meanwhile.
    pub problem: Option<String>,
}

impl Application {
    /// The pause that the annotations ask for at `now`.
    pub fn pause(&self, now: Timestamp) -> Option<AnnotatedPause> {
        of_annotations(&self.metadata.annotations, now)
    }
}

/// As [`of_annotations`], of an object that may be no Application beyond its metadata.
pub fn of_object(object: &Value, now: Timestamp) -> Option<AnnotatedPause> {
    let set = object["metadata"]["annotations"].as_object()?;
    let text = |name: &str| Some((name.to_owned(), set.get(name)?.as_str()?.to_owned()));
    of_annotations(&[PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION].into_iter().filter_map(text).collect(), now)
}

/// The pause that an Application's annotations ask for at `now`: both annotations as one.
pub fn of_annotations(annotations: &BTreeMap<String, String>, now: Timestamp) -> Option<AnnotatedPause> {
    let asked = annotations.get(PAUSE_ANNOTATION).map(|text| parse(text));
    let asked = asked.filter(|asked| asked.request.is_active(now));
    let problem = asked.as_ref().and_then(|asked| asked.problem.clone());
    let request = with_skip_reconcile(asked.map(|asked| asked.request), annotations)?;
    Some(AnnotatedPause { request, problem })
}

/// Reads the value of [`PAUSE_ANNOTATION`].
pub fn parse(text: &str) -> AnnotatedPause {
    let unreadable = |why: String| {
        let problem = format!(
            "metadata.annotations[{PAUSE_ANNOTATION}]: {why}; write {{\"reason\": \"INC-7\", \"for\": \"1h\"}}, or run `flotilla app pause`; it pauses until it is mended or removed"
        );
        let reason = format!("its annotation {PAUSE_ANNOTATION} cannot be read");
        AnnotatedPause { request: PauseRequest { reason, ..PauseRequest::default() }, problem: Some(problem) }
    };
    let value = match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => value,
        Ok(_) => return unreadable("its value is no JSON object".to_owned()),
        Err(error) => return unreadable(format!("its value is no JSON ({error})")),
    };
    let unknown = value.as_object().into_iter().flatten().map(|(name, _)| name);
    let unknown = unknown.filter(|name| !["reason", "by", "for", "at"].contains(&name.as_str())).min();
    let request = match (serde_json::from_value::<PauseRequest>(value.clone()), unknown) {
        (Err(error), _) => return unreadable(error.to_string()),
        // It may be meant as an end.
        (Ok(_), Some(name)) => return unreadable(format!("it has the unknown field `{name}`")),
        (Ok(request), None) => request,
    };
    let endless = request.duration.is_some() && request.at.is_none();
    let problem = endless.then(|| {
        format!(
            "metadata.annotations[{PAUSE_ANNOTATION}]: `for` counts from `at`, which the hub adds when a person sets the annotation and which a template has to give; it pauses until it is mended or removed"
        )
    });
    AnnotatedPause { request, problem }
}

/// A pause together with Argo CD's switch, which has no end.
pub(crate) fn with_skip_reconcile(
    asked: Option<PauseRequest>,
    annotations: &BTreeMap<String, String>,
) -> Option<PauseRequest> {
    // As Argo CD reads it (`strconv.ParseBool`).
    let on = ["1", "t", "T", "TRUE", "true", "True"];
    if !annotations.get(SKIP_RECONCILE_ANNOTATION).is_some_and(|text| on.contains(&text.as_str())) {
        return asked;
    }
    let switch = format!("annotation {SKIP_RECONCILE_ANNOTATION}");
    let asked = asked.unwrap_or_default();
    let reason = if asked.reason.is_empty() { switch } else { format!("{}; {switch}", asked.reason) };
    Some(PauseRequest { reason, duration: None, ..asked })
}

#[cfg(test)]
mod tests;
