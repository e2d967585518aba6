//! Namespaces: those that are there from the start, and what they hold together.

use crate::options::failed;
use hub_records::{Error, Records, resource};
use jiff::Timestamp;
use serde_json::json;
use shared_model::{DEFAULT_NAMESPACE, Kind, gvk};
use shared_objects::Status;

const FROM_THE_START: [&str; 3] = ["default", DEFAULT_NAMESPACE, "flotilla"];

/// Makes the namespaces that every hub has.
pub(crate) async fn ensure(records: &Records, now: Timestamp) -> Result<(), Error> {
    for name in FROM_THE_START {
        let object =
            json!({"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}, "spec": {}});
        match records.create(Kind::Namespace, object, now).await {
            Ok(_) | Err(Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Refuses an object whose namespace is missing or going.
pub(crate) async fn check(records: &Records, kind: Kind, namespace: &str) -> Result<(), Status> {
    if !gvk(kind).namespaced {
        return Ok(());
    }
    match records.get(Kind::Namespace, "", namespace).await.map_err(failed)? {
        None => Err(Status::not_found(resource(Kind::Namespace), namespace)),
        Some(stored) if hub_records::is_deleted(&stored.value) => Err(Status::forbidden(
            resource(kind),
            "",
            &format!("unable to create new content in namespace {namespace} because it is being terminated"),
        )),
        Some(_) => Ok(()),
    }
}

/// Refuses to delete a namespace that every hub has.
pub(crate) fn check_deletable(namespace: &str) -> Result<(), Status> {
    if FROM_THE_START.contains(&namespace) {
        return Err(Status::forbidden(
            resource(Kind::Namespace),
            namespace,
            "this namespace may not be deleted",
        ));
    }
    Ok(())
}
