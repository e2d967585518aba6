//! The status of an object: a record of its own.
//!
//! A cluster's `status.identity` says whose certificates are good: it follows from enrolment, renewal and
//! revocation alone. Whoever writes a status leaves it as it is, and is warned of that.

use super::{Change, Changed};
use crate::{list, options::failed, view, view::Parts};
use hub_records::resource;
use hub_store::Revision;
use serde_json::{Value, json};
use shared_model::Kind;
use shared_objects::Status;

/// Writes the status of `new`.
pub(crate) async fn write(
    change: &Change<'_>,
    current: &Parts,
    new: &Value,
    mut warnings: Vec<String>,
) -> Result<Changed, Status> {
    let mut status =
        new.get("status").filter(|status| !status.is_null()).cloned().unwrap_or_else(|| json!({}));
    if !status.is_object() {
        return Err(Status::bad_request("status must be a map"));
    }
    let (kind, namespace, name) = (change.kind, change.namespace, change.name);
    let stored = current.status.as_ref().map_or(&Value::Null, |(status, _)| status);
    if kind == Kind::Cluster && keep_identity(&mut status, stored) {
        warnings.push(
            "status.identity is kept as it is: `flotilla cluster revoke` ends an identity, \
             `flotilla cluster token --reenrol` asks for another"
                .to_owned(),
        );
    }
    if change.dry_run()? {
        let revision = current.status.as_ref().map_or(Revision::ZERO, |(_, revision)| *revision);
        let parts = Parts { status: Some((status, revision)), ..current.clone() };
        return Ok(Changed { created: false, document: view::view(kind, parts), warnings });
    }
    let put = |stored: &mut Value| {
        // The identity as it is by now: an agent may have joined since.
        let mut status = status.clone();
        if kind == Kind::Cluster {
            keep_identity(&mut status, stored);
        }
        *stored = status;
    };
    change.records.modify_status(kind, namespace, name, put).await.map_err(failed)?;
    let object = change.records.get(kind, namespace, name).await.map_err(failed)?;
    let object = object.ok_or_else(|| Status::not_found(resource(kind), name))?;
    let parts = list::complete(change.records, kind, object).await.map_err(failed)?;
    Ok(Changed { created: false, document: view::view(kind, parts), warnings })
}

/// Gives `status` the identity that is stored; whether it asked for another.
fn keep_identity(status: &mut Value, stored: &Value) -> bool {
    let kept = stored.get("identity");
    let asks = status.get("identity").is_some_and(|asked| Some(asked) != kept);
    match (status.as_object_mut(), kept) {
        (Some(status), Some(kept)) => {
            status.insert("identity".to_owned(), kept.clone());
        }
        (Some(status), None) => {
            status.remove("identity");
        }
        (None, _) => {}
    }
    asks
}
