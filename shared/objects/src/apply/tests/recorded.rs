//! Answers recorded from Kubernetes' own merge engine by `tests/compat/apply-recorder`, request by request.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::*;

const RECORDED: &str = include_str!("../../../tests/vectors/apply.jsonl");

/// The same as in the recorder.
fn schema() -> Schema {
    Schema::new()
        .set("metadata.finalizers")
        .atomic("spec.selector")
        .list_map("spec.containers", "name")
        .list_map("spec.containers[].ports", "port protocol=TCP")
}

fn run(live: &Value, request: &Value) -> Result<Value, Status> {
    let (name, config) = (value::text(request, &["manager"]), &request["config"]);
    let (manager, schema, now) = (Manager { name, subresource: "" }, schema(), Timestamp::UNIX_EPOCH);
    match value::text(request, &["how"]) {
        "apply" => apply(Some(live), config, manager, Conflicts::Refuse, &schema, now),
        "force" => apply(Some(live), config, manager, Conflicts::Force, &schema, now),
        "update" => Ok(track(Some(live), config.clone(), manager, &schema, now)),
        other => panic!("{other}"),
    }
}

/// The conflicts by manager, as the recorder writes them.
fn conflicts(status: &Status) -> Value {
    let mut by_manager: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for cause in &status.details.as_ref().unwrap().causes {
        let manager = cause.message.split('"').nth(1).unwrap();
        by_manager.entry(manager.to_owned()).or_default().push(cause.field.clone());
    }
    let sorted = by_manager.into_iter().map(|(manager, mut fields)| {
        fields.sort();
        (manager, Value::from(json!(fields).to_string()))
    });
    sorted.collect()
}

/// Who applied which fields.
fn appliers(object: &Value) -> Value {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let applied = entries.into_iter().filter(|entry| entry["operation"] == "Apply");
    applied.map(|entry| (entry["manager"].as_str().unwrap().to_owned(), entry["fieldsV1"].clone())).collect()
}

/// Without managers, and without metadata where that is all of it.
fn content(object: &Value) -> Value {
    let mut object = object.clone();
    let map = value::object_mut(&mut object);
    if let Some(Value::Object(metadata)) = map.get_mut("metadata") {
        metadata.remove("managedFields");
        if metadata.is_empty() {
            map.remove("metadata");
        }
    }
    object
}

#[test]
fn as_kubernetes_does() {
    for (line, sequence) in RECORDED.lines().enumerate() {
        let sequence: Vec<Value> = serde_json::from_str(sequence).unwrap();
        let mut live = json!({});
        for (step, request) in sequence.iter().enumerate() {
            let (found, expect) = match run(&live, request) {
                Ok(object) => {
                    live = object;
                    let fields = request.get("fields").cloned().unwrap_or(json!({}));
                    // The engine leaves `null` where it emptied a map, and Kubernetes drops it on the way
                    // out.
                    let object = without_nulls(&request["object"]);
                    (json!([content(&live), appliers(&live)]), json!([object, fields]))
                }
                Err(status) => (conflicts(&status), request["conflicts"].clone()),
            };
            assert_eq!(found, expect, "line {line}, step {step}: {request}");
        }
    }
}
