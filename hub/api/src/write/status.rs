//! The status of an object: a record of its own.

use super::{Change, Changed};
use crate::{list, options::failed, view, view::Parts};
use hub_records::resource;
use hub_store::Revision;
use serde_json::{Value, json};
use shared_objects::Status;

/// Writes the status of `new`.
pub(crate) async fn write(
    change: &Change<'_>,
    current: &Parts,
    new: &Value,
    warnings: Vec<String>,
) -> Result<Changed, Status> {
    let status = new.get("status").filter(|status| !status.is_null()).cloned().unwrap_or_else(|| json!({}));
    if !status.is_object() {
        return Err(Status::bad_request("status must be a map"));
    }
    let (kind, namespace, name) = (change.kind, change.namespace, change.name);
    if change.dry_run()? {
        let revision = current.status.as_ref().map_or(Revision::ZERO, |(_, revision)| *revision);
        let parts = Parts { status: Some((status, revision)), ..current.clone() };
        return Ok(Changed { created: false, document: view::view(kind, parts), warnings });
    }
    change.records.put_status(kind, namespace, name, &status).await.map_err(failed)?;
    let object = change.records.get(kind, namespace, name).await.map_err(failed)?;
    let object = object.ok_or_else(|| Status::not_found(resource(kind), name))?;
    let parts = list::complete(change.records, kind, object).await.map_err(failed)?;
    Ok(Changed { created: false, document: view::view(kind, parts), warnings })
}
