//! Which options of a request are wrong, in Kubernetes' words (k8s.io/apimachinery `meta/v1/validation` and
//! `meta/internalversion/validation`).
//!
//! Every option is looked at before anything of the request is done, whether or not the request would come to need it:
//! a misspelt `dryRun` must never be found out after the write.

use crate::query::Query;
use serde_json::{Value, json};
use shared_objects::{
    Status,
    status::{FieldError, Resource},
};

/// The most bytes of a field manager's name.
const MANAGER: usize = 128;
const VALIDATIONS: [&str; 4] = ["", "Ignore", "Strict", "Warn"];
const PROPAGATIONS: [&str; 4] = ["Foreground", "Background", "Orphan", "nil"];

/// The options of a list.
pub(crate) fn list(query: &Query) -> Result<(), Status> {
    numbers(query, &["limit", "timeoutSeconds"])?;
    let matched = query.get("resourceVersionMatch");
    let mut errors = Vec::new();
    let mut forbid = |why: &str| errors.push(FieldError::forbidden("resourceVersionMatch", why));
    if !matched.is_empty() {
        if query.get("resourceVersion").is_empty() {
            forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !query.get("continue").is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if matched == "Exact" && query.get("resourceVersion") == "0" {
            forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
        let served = ["Exact", "NotOlderThan", ""];
        if !served.contains(&matched) {
            errors.push(FieldError::not_supported("resourceVersionMatch", matched, &served));
        }
    }
    if query.has("sendInitialEvents") {
        errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
    }
    judged("ListOptions", &errors)
}

/// The options of a watch.
pub(crate) fn watch(query: &Query) -> Result<(), Status> {
    numbers(query, &["limit", "timeoutSeconds"])?;
    let matched = query.get("resourceVersionMatch");
    let initial = query.has("sendInitialEvents");
    let mut errors = Vec::new();
    let mut forbid = |why: &str| errors.push(FieldError::forbidden("resourceVersionMatch", why));
    if initial && matched != "NotOlderThan" {
        forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if !matched.is_empty() {
        if !initial {
            forbid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        }
        if !query.get("continue").is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if matched != "NotOlderThan" {
            let served = ["NotOlderThan"];
            errors.push(FieldError::not_supported("resourceVersionMatch", matched, &served));
        }
    }
    judged("ListOptions", &errors)
}

/// The options of a create or update.
pub(crate) fn write(kind: &str, query: &Query) -> Result<(), Status> {
    let mut errors = manager(query);
    errors.extend(dry_run(&query.all("dryRun").collect::<Vec<_>>()));
    errors.extend(validation(query));
    judged(kind, &errors)
}

/// The options of a patch of a media type.
pub(crate) fn patch(query: &Query, media_type: &str) -> Result<(), Status> {
    let mut errors = Vec::new();
    if media_type == "application/apply-patch+yaml" {
        if query.get("fieldManager").is_empty() {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
    } else if query.has("force") {
        errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
    }
    errors.extend(manager(query));
    errors.extend(dry_run(&query.all("dryRun").collect::<Vec<_>>()));
    errors.extend(validation(query));
    judged("PatchOptions", &errors)
}

/// The options of a deletion: those of the body, if there is one, else those of the query.
pub(crate) fn delete(query: &Query, body: &Value) -> Result<(), Status> {
    let (policy, orphan, dry): (_, _, Vec<&str>) = if body.is_null() {
        numbers(query, &["gracePeriodSeconds"])?;
        let policy = Some(query.get("propagationPolicy")).filter(|policy| !policy.is_empty());
        (policy, query.has("orphanDependents"), query.all("dryRun").collect())
    } else {
        let given = &body["dryRun"];
        let texts = given.as_array().filter(|values| values.iter().all(Value::is_string));
        if texts.is_none() && !given.is_null() {
            return Err(Status::bad_request("DeleteOptions: dryRun must be a list, as in [All]"));
        }
        let dry = texts.into_iter().flatten().filter_map(Value::as_str).collect();
        (body["propagationPolicy"].as_str(), !body["orphanDependents"].is_null(), dry)
    };
    let mut errors = Vec::new();
    if let Some(policy) = policy {
        if orphan {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::invalid("propagationPolicy", policy, why));
        }
        if !PROPAGATIONS[..3].contains(&policy) {
            errors.push(FieldError::not_supported("propagationPolicy", policy, &PROPAGATIONS));
        }
    }
    errors.extend(dry_run(&dry));
    judged("DeleteOptions", &errors)
}

fn manager(query: &Query) -> Vec<FieldError> {
    let name = query.get("fieldManager");
    let mut errors = Vec::new();
    if name.len() > MANAGER {
        errors.push(FieldError::too_long("fieldManager", MANAGER));
    }
    let unprintable = |c: char| c.is_control() || (c.is_whitespace() && c != ' ');
    errors.extend(name.char_indices().filter(|(_, c)| unprintable(*c)).map(|(at, c)| {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(c));
        FieldError::invalid("fieldManager", name, why)
    }));
    errors
}

fn dry_run(given: &[&str]) -> Option<FieldError> {
    // `?dryRun=` says nothing, as in Go's decoding of it.
    let wrong = given.iter().any(|value| !["", "All"].contains(value));
    wrong.then(|| FieldError::not_supported("dryRun", json!(given), &["All"]))
}

fn validation(query: &Query) -> Option<FieldError> {
    let given = query.get("fieldValidation");
    let known = VALIDATIONS.contains(&given);
    (!known).then(|| FieldError::not_supported("fieldValidation", given, &VALIDATIONS))
}

fn numbers(query: &Query, names: &[&str]) -> Result<(), Status> {
    for name in names {
        let text = query.get(name);
        if !text.is_empty() && text.parse::<i64>().is_err() {
            return Err(Status::bad_request(format!("{name}: {text:?} is not a number")));
        }
    }
    Ok(())
}

fn judged(kind: &str, errors: &[FieldError]) -> Result<(), Status> {
    let options = Resource { group: "meta.k8s.io", kind, plural: kind };
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(options, "", errors)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is refused, as field and reason of each cause; `ok` when nothing is.
    fn check(found: Result<(), Status>, expect: &str) {
        let said = match found {
            Ok(()) => "ok".to_owned(),
            Err(status) if status.code == 422 => {
                let causes =
                    status.details.as_ref().map(|details| details.causes.clone()).unwrap_or_default();
                let said: Vec<_> = causes.iter().map(|c| format!("{} {}", c.field, c.message)).collect();
                said.join("; ")
            }
            Err(status) => format!("{}", status.code),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn lists_and_watches() {
        let of = |text: &str| list(&Query::parse(text));
        check(of("limit=5&resourceVersion=0"), "ok");
        check(of("limit=many"), "400");
        check(
            of("resourceVersionMatch=Exact&resourceVersion=0"),
            "resourceVersionMatch Forbidden: resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
        );
        check(
            of("resourceVersionMatch=Foo&resourceVersion=1"),
            "resourceVersionMatch Unsupported value: \"Foo\": supported values: \"Exact\", \"NotOlderThan\", \"\"",
        );
        check(
            of("sendInitialEvents=true"),
            "sendInitialEvents Forbidden: sendInitialEvents is forbidden for list",
        );
        let of = |text: &str| watch(&Query::parse(text));
        check(of("watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), "ok");
        check(
            of("watch=1&sendInitialEvents=true"),
            "resourceVersionMatch Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        );
    }

    #[test]
    fn writes() {
        let of = |text: &str| write("CreateOptions", &Query::parse(text));
        check(of("dryRun=All&fieldValidation=Strict&fieldManager=kubectl"), "ok");
        check(
            of("dryRun=All&dryRun=y"),
            "dryRun Unsupported value: [\"All\",\"y\"]: supported values: \"All\"",
        );
        check(
            of("fieldValidation=strict"),
            "fieldValidation Unsupported value: \"strict\": supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
        );
        check(
            of(&format!("fieldManager={}", "x".repeat(129))),
            "fieldManager Too long: may not be more than 128 bytes",
        );
        let of = |text: &str, kind: &str| patch(&Query::parse(text), &format!("application/{kind}"));
        check(
            of("force=true", "merge-patch+json"),
            "force Forbidden: may not be specified for non-apply patch",
        );
        check(of("force=true&fieldManager=a", "apply-patch+yaml"), "ok");
        check(of("", "apply-patch+yaml"), "fieldManager Required value: is required for apply patch");
    }

    #[test]
    fn deletions() {
        let of = |text: &str, body: Value| delete(&Query::parse(text), &body);
        check(of("propagationPolicy=Orphan", Value::Null), "ok");
        check(
            of("propagationPolicy=Foo", Value::Null),
            "propagationPolicy Unsupported value: \"Foo\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"",
        );
        // A body stands for all options.
        check(of("dryRun=x", json!({"kind": "DeleteOptions"})), "ok");
        check(
            of("", json!({"dryRun": ["y"]})),
            "dryRun Unsupported value: [\"y\"]: supported values: \"All\"",
        );
        check(of("", json!({"dryRun": "All"})), "400");
        check(of("gracePeriodSeconds=x", Value::Null), "400");
    }
}
