//! What the body of a decision says, checked field by field: an unknown one is named, with what is known.

use jiff::Timestamp;
use serde_json::{Map, Value};
use shared_model::{nearest, parse_duration};
use shared_objects::Status;
use shared_rollout::{Decided, Decision};

/// The longest reason, in characters: it is repeated in statuses and Events.
const LONGEST: usize = 512;

/// Each decision with the fields that it takes beside `reason`.
const KNOWN: [(&str, &[Field]); 7] = [
    ("approve", &[Field { name: "wave", shape: Shape::Text }]),
    ("pause", &[Field { name: "for", shape: Shape::Length }, Field { name: "until", shape: Shape::Time }]),
    ("resume", &[]),
    ("abort", &[]),
    ("retry", &[]),
    ("undo", &[Field { name: "pin", shape: Shape::Flag }]),
    ("expedite", &[Field { name: "clusters", shape: Shape::Texts }]),
];

struct Field {
    name: &'static str,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    Text,
    Texts,
    Flag,
    Time,
    Length,
}

impl Shape {
    fn holds(self, value: &Value) -> bool {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        match self {
            Self::Text => text(value),
            Self::Texts => value.as_array().is_some_and(|items| items.iter().all(text)),
            Self::Flag => value.is_boolean(),
            Self::Time => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            Self::Length => {
                value.as_str().is_some_and(|text| parse_duration(text).is_ok_and(|length| !length.is_zero()))
            }
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Text => "a name, as in \"canary\"",
            Self::Texts => "a list of names, as in [\"eu-1\"]",
            Self::Flag => "true or false",
            Self::Time => "a time such as 2026-01-31T12:00:00Z",
            Self::Length => "a duration such as 90s, 15m or 2h",
        }
    }
}

/// Reads a decision that `by` takes at `now`.
pub(super) fn decided(body: Value, by: &str, now: Timestamp) -> Result<Decided, Status> {
    let Value::Object(mut body) = body else {
        return Err(Status::bad_request("the body of a decision must be an object: {\"decision\": …}"));
    };
    // What generic clients add to everything they send.
    body.remove("apiVersion");
    body.remove("kind");
    let reason = reason(body.remove("reason"))?;
    let fields = known(&body)?;
    for (name, value) in body.iter().filter(|(name, _)| *name != "decision") {
        let decision = body["decision"].as_str().unwrap_or_default();
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return Err(unknown(decision, name, fields));
        };
        if !field.shape.holds(value) {
            return Err(Status::bad_request(format!("{name}: must be {}", field.shape.words())));
        }
    }
    ends(&mut body, now)?;
    let what: Decision = serde_json::from_value(Value::Object(body))
        .map_err(|error| Status::bad_request(format!("the decision cannot be read: {error}")))?;
    // Whole milliseconds: what is written is read back the same.
    let at = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    Ok(Decided { what, by: by.to_owned(), at, reason })
}

fn reason(given: Option<Value>) -> Result<String, Status> {
    match given {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) if text.chars().count() <= LONGEST => Ok(text.trim().to_owned()),
        Some(Value::String(_)) => Err(Status::bad_request(format!("reason: at most {LONGEST} characters"))),
        Some(_) => Err(Status::bad_request("reason: must be a text")),
    }
}

fn known(body: &Map<String, Value>) -> Result<&'static [Field], Status> {
    let words: Vec<&str> = KNOWN.iter().map(|(word, _)| *word).collect();
    let one_of = words.join(", ");
    let given = match body.get("decision") {
        Some(Value::String(given)) => given,
        Some(_) => return Err(Status::bad_request(format!("decision: must be one of {one_of}"))),
        None => return Err(Status::bad_request(format!("decision: required, one of {one_of}"))),
    };
    if let Some((_, fields)) = KNOWN.iter().find(|(word, _)| word == given) {
        return Ok(fields);
    }
    let meant = nearest(given, words.iter().copied());
    let meant = meant.map(|word| format!(" (did you mean {word:?}?)")).unwrap_or_default();
    Err(Status::bad_request(format!("decision: unknown decision {given:?}{meant}: it is one of {one_of}")))
}

fn unknown(decision: &str, name: &str, fields: &[Field]) -> Status {
    let names: Vec<&str> = fields.iter().map(|field| field.name).chain(["reason"]).collect();
    let meant = nearest(name, names.iter().copied());
    let meant = meant.map(|meant| format!(" (did you mean {meant:?}?)")).unwrap_or_default();
    Status::bad_request(format!("unknown field {name:?}{meant}: {decision} takes {}", names.join(", ")))
}

/// A pause's length becomes its end, by the hub's clock.
fn ends(body: &mut Map<String, Value>, now: Timestamp) -> Result<(), Status> {
    let length = body.remove("for");
    if let Some(length) = length {
        if body.contains_key("until") {
            return Err(Status::bad_request("for, until: give one of them"));
        }
        let length = parse_duration(length.as_str().unwrap_or_default()).unwrap_or_default();
        let until = now.checked_add(length).ok();
        let until = until
            .ok_or_else(|| Status::bad_request("for: is too long; leave it out to pause until resumed"))?;
        body.insert("until".to_owned(), until.to_string().into());
    }
    let until = body.get("until").and_then(Value::as_str).and_then(|until| until.parse::<Timestamp>().ok());
    match until {
        Some(until) if until <= now => {
            Err(Status::bad_request(format!("until: {until:.0} has passed already")))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: &str = "2026-01-01T12:00:00Z";

    #[track_caller]
    fn check(body: Value, expect: Result<Value, &str>) {
        let read = decided(body, "ada", NOW.parse().unwrap());
        let read = read.map(|decided| json!(decided)).map_err(|status| {
            assert_eq!((status.code, status.reason), (400, "BadRequest"));
            status.message
        });
        let expect = expect.map_err(str::to_owned).map(|mut expect| {
            expect["by"] = json!("ada");
            expect["at"] = json!(NOW);
            expect
        });
        assert_eq!(read, expect);
    }

    #[test]
    fn decisions_are_read_with_their_reason() {
        check(
            json!({"decision": "approve", "wave": "canary", "reason": " looks good "}),
            Ok(json!({"decision": "approve", "wave": "canary", "reason": "looks good"})),
        );
        check(
            json!({"apiVersion": "x/v1", "kind": "D", "decision": "retry"}),
            Ok(json!({"decision": "retry"})),
        );
        check(json!({"decision": "undo"}), Ok(json!({"decision": "undo", "pin": true})));
        check(json!({"decision": "undo", "pin": false}), Ok(json!({"decision": "undo", "pin": false})));
        check(
            json!({"decision": "expedite", "clusters": ["eu-1"]}),
            Ok(json!({"decision": "expedite", "clusters": ["eu-1"]})),
        );
    }

    #[test]
    fn a_pause_ends_by_the_hubs_clock() {
        let until = json!({"decision": "pause", "until": "2026-01-01T13:00:00Z"});
        check(json!({"decision": "pause", "for": "1h"}), Ok(until.clone()));
        check(until.clone(), Ok(until));
        check(json!({"decision": "pause"}), Ok(json!({"decision": "pause"})));
        check(
            json!({"decision": "pause", "until": "2026-01-01T11:00:00Z"}),
            Err("until: 2026-01-01T11:00:00Z has passed already"),
        );
        check(
            json!({"decision": "pause", "for": "1h", "until": "2026-01-01T13:00:00Z"}),
            Err("for, until: give one of them"),
        );
        check(
            json!({"decision": "pause", "for": "soon"}),
            Err("for: must be a duration such as 90s, 15m or 2h"),
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        let all = "approve, pause, resume, abort, retry, undo, expedite";
        check(json!({}), Err(&format!("decision: required, one of {all}")));
        check(
            json!({"decision": "aprove"}),
            Err(&format!(
                "decision: unknown decision \"aprove\" (did you mean \"approve\"?): it is one of {all}"
            )),
        );
        check(
            json!({"decision": "expedite", "cluster": ["eu-1"]}),
            Err("unknown field \"cluster\" (did you mean \"clusters\"?): expedite takes clusters, reason"),
        );
        check(json!({"decision": "resume", "wave": "x"}), Err("unknown field \"wave\": resume takes reason"));
        check(
            json!({"decision": "expedite", "clusters": "eu-1"}),
            Err("clusters: must be a list of names, as in [\"eu-1\"]"),
        );
        check(json!({"decision": "approve", "wave": 1}), Err("wave: must be a name, as in \"canary\""));
        check(json!({"decision": "abort", "reason": 7}), Err("reason: must be a text"));
        check(json!(["abort"]), Err("the body of a decision must be an object: {\"decision\": …}"));
    }
}
