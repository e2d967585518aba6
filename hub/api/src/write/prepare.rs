//! What the API makes of an object before it is checked: fields that the hub owns, and what is only written.

use super::Change;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_records::resource;
use serde_json::{Value, json};
use shared_model::{HOLD_FINALIZER, Kind, PAUSE_ANNOTATION, PauseRequest, gvk};
use shared_objects::{
    Status,
    meta::{self, Propagation},
};

/// What a Secret is for, by Argo CD's label.
const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

/// Refuses an object of another kind than the URL's, and one for another namespace; fills in both.
pub(crate) fn identify(change: &Change<'_>, object: &mut Value) -> Result<(), Status> {
    let gvk = gvk(change.kind);
    if object.get("metadata").is_some_and(|metadata| !metadata.is_object() && !metadata.is_null()) {
        return Err(Status::bad_request("metadata must be a map, as in {name: web}"));
    }
    for (field, expect) in [("apiVersion", gvk.api_version()), ("kind", gvk.kind.to_owned())] {
        match object.get(field).and_then(Value::as_str) {
            None | Some("") => object[field] = json!(expect),
            Some(given) if given == expect => {}
            Some(given) => {
                return Err(Status::bad_request(format!(
                    "the {field} of the object is {given:?}, and this URL is for {expect:?}"
                )));
            }
        }
    }
    if gvk.namespaced {
        let given = meta::namespace(object);
        if !given.is_empty() && given != change.namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        meta::default_namespace(object, change.namespace);
    }
    Ok(())
}

/// The fields that the hub sets whatever the request says, and the kinds' own conveniences.
pub(crate) fn own(change: &Change<'_>, old: Option<&Value>, object: &mut Value) {
    match change.kind {
        Kind::Cluster => {
            signed(change, old, object, "pause");
            signed(change, old, object, "adopt");
            signed(change, old, object, "retire");
        }
        Kind::Secret => secret(object),
        Kind::Namespace => {
            let name = meta::name(object).to_owned();
            let labels = object.pointer("/metadata/labels");
            if !name.is_empty() && labels.is_none_or(|labels| labels.is_object() || labels.is_null()) {
                object["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
            }
        }
        Kind::Application => signed_annotation(change, old, object),
        Kind::ApplicationSet
        | Kind::AppProject
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::ConfigMap
        | Kind::Event => {}
    }
}

/// A pause, a request to adopt or to retire says who asked and when, and no client can say otherwise (invariant 5,
/// *Pause means no action*; invariant 6, *Never backwards by accident*).
fn signed(change: &Change<'_>, old: Option<&Value>, object: &mut Value, field: &str) {
    let before = old.and_then(|old| old["spec"].get(field));
    if let Some(signed) = sign(change, before, &object["spec"][field]) {
        object["spec"][field] = signed;
    }
}

/// The same of a pause by annotation. What cannot be read is left as it is: it pauses, and a condition says so.
fn signed_annotation(change: &Change<'_>, old: Option<&Value>, object: &mut Value) {
    let of = |object: &Value| {
        let text = object["metadata"]["annotations"].get(PAUSE_ANNOTATION)?.as_str()?;
        Some((text.to_owned(), serde_json::from_str::<Value>(text).ok()?))
    };
    let Some((_, wanted)) = of(object) else { return };
    let before = old.and_then(of);
    let Some(signed) = sign(change, before.as_ref().map(|(_, request)| request), &wanted) else { return };
    let text = match before {
        // Word for word, so that nothing changes.
        Some((text, request)) if request == signed => text,
        _ => signed.to_string(),
    };
    object["metadata"]["annotations"][PAUSE_ANNOTATION] = json!(text);
}

/// A request with who asked and when: kept from `before` if that asks for the same, and is not over.
fn sign(change: &Change<'_>, before: Option<&Value>, request: &Value) -> Option<Value> {
    let asked = |request: &Value| {
        let mut fields = request.as_object()?.clone();
        fields.remove("at");
        fields.remove("by");
        Some(fields)
    };
    let wanted = asked(request)?;
    let lasts = |before: &&Value| {
        let pause = serde_json::from_value::<PauseRequest>(Value::clone(before));
        pause.map_or(true, |pause| pause.is_active(change.now))
    };
    if let Some(before) = before.filter(|before| asked(before).as_ref() == Some(&wanted)).filter(lasts) {
        return Some(before.clone());
    }
    let mut signed = Value::Object(wanted);
    signed["by"] = json!(change.subject.user);
    // Whole milliseconds: what is written is read back the same.
    let at = jiff::Timestamp::from_millisecond(change.now.as_millisecond());
    signed["at"] = json!(at.expect("a time cut to its millisecond is in range"));
    Some(signed)
}

/// The object whose deletion is asked for, as it is marked: what others may still need is kept until the hub
/// lets go of it (design §4, deletion table).
pub(crate) fn going(change: &Change<'_>, mut object: Value, propagation: Option<Propagation>) -> Value {
    let held = match change.kind {
        Kind::AppProject | Kind::RolloutPolicy | Kind::Namespace | Kind::Cluster => true,
        Kind::ApplicationSet => propagation != Some(Propagation::Orphan),
        Kind::Secret => {
            let kind = object.pointer("/metadata/labels").map(|labels| &labels[SECRET_TYPE]);
            kind.and_then(Value::as_str).is_some_and(|kind| ["repository", "repo-creds"].contains(&kind))
        }
        Kind::Application | Kind::FleetRollout | Kind::EnrollmentToken | Kind::ConfigMap | Kind::Event => {
            false
        }
    };
    if !held || meta::is_deleting(&object) {
        return object;
    }
    let mut finalizers: Vec<String> = meta::finalizers(&object).into_iter().map(str::to_owned).collect();
    if !finalizers.iter().any(|finalizer| finalizer == HOLD_FINALIZER) {
        finalizers.push(HOLD_FINALIZER.to_owned());
    }
    object["metadata"]["finalizers"] = json!(finalizers);
    if change.kind == Kind::Cluster {
        // Deleting a Cluster is retiring it without a drain: what runs there stays.
        let at = jiff::Timestamp::from_millisecond(change.now.as_millisecond());
        let at = at.expect("a time cut to its millisecond is in range");
        object["spec"]["retire"] = json!({"by": change.subject.user, "at": at});
    }
    object
}

/// `stringData` is for writing only: it ends up in `data`.
fn secret(object: &mut Value) {
    let Some(fields) = object.as_object_mut() else { return };
    if let Some(Value::Object(texts)) = fields.remove("stringData") {
        let data = fields.entry("data").or_insert_with(|| json!({}));
        if data.is_null() {
            *data = json!({});
        }
        // What is wrong is left for validation to refuse, with its field.
        if let Some(data) = data.as_object_mut() {
            data.extend(texts.into_iter().map(|(key, text)| {
                let encoded = text.as_str().map(|text| json!(STANDARD.encode(text)));
                (key, encoded.unwrap_or(text))
            }));
        }
    }
    shared_kinds::fill(Kind::Secret, object);
}

/// Refuses an object that no backend of the store could hold.
pub(crate) fn check_size(kind: Kind, object: &Value) -> Result<(), Status> {
    let size = object.to_string().len();
    if size <= crate::body::OBJECT_LIMIT {
        return Ok(());
    }
    Err(Status::too_large(&format!(
        "{} \"{}\" has {size} bytes, limit is {}; put large content into Git and refer to it",
        resource(kind).plural,
        meta::name(object),
        crate::body::OBJECT_LIMIT
    )))
}
