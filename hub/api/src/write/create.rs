//! create.

use super::{Change, Changed, prepare};
use crate::{
    kinds::{check_fields, schema, validate},
    list, namespaces,
    options::failed,
    view::{self, Parts},
};
use hub_records::{Stored, resource, rules};
use hub_store::Revision;
use serde_json::{Value, json};
use shared_objects::{
    Status,
    apply::{self, Options},
    meta::{self, NewObject},
};

/// How often a generated name may be taken.
const TRIES: usize = 8;

/// Stores a new object.
pub(crate) async fn create(change: &Change<'_>, mut object: Value) -> Result<Changed, Status> {
    apply::check_options(change.query.get("fieldManager"), Options::Create)?;
    prepare::identify(change, &mut object)?;
    let warnings = check_fields(change.kind, &object, change.validation()?)?;
    namespaces::check(change.records, change.kind, change.namespace).await?;
    prepare::own(change, None, &mut object);
    let manager = change.manager();
    store(change, object, warnings, |object| {
        Ok(apply::track(None, object, manager, schema(change.kind), change.now))
    })
    .await
}

/// Gives a new object its metadata, checks it and stores it.
pub(crate) async fn store(
    change: &Change<'_>,
    object: Value,
    warnings: Vec<String>,
    track: impl Fn(Value) -> Result<Value, Status>,
) -> Result<Changed, Status> {
    let (kind, generated) = (change.kind, meta::name(&object).is_empty());
    for _ in 0..TRIES {
        let uid = uuid::Uuid::new_v4();
        let new = NewObject { uid: &uid.to_string(), random: uid.as_u64_pair().1 };
        let made = meta::create(object.clone(), resource(kind), &rules(kind), new, change.now)?;
        validate(kind, &made)?;
        let made = track(made)?;
        prepare::check_size(kind, &made)?;
        let stored = if change.dry_run()? {
            let taken =
                change.records.get(kind, change.namespace, meta::name(&made)).await.map_err(failed)?;
            if taken.is_some() {
                return Err(Status::already_exists(resource(kind), meta::name(&made)));
            }
            Stored { value: made, revision: Revision::ZERO, created: Revision::ZERO }
        } else {
            match change.records.insert(kind, made).await {
                Err(hub_records::Error::AlreadyExists { .. }) if generated => continue,
                other => other.map_err(failed)?,
            }
        };
        return Ok(Changed { created: true, document: shown(change, stored).await?, warnings });
    }
    Err(Status::already_exists(resource(kind), meta::name(&object)))
}

/// The stored object as readers see it.
pub(crate) async fn shown(change: &Change<'_>, stored: Stored) -> Result<Value, Status> {
    let fresh = stored.revision == Revision::ZERO;
    let parts = if fresh {
        Parts { object: stored, status: None, observation: None }
    } else {
        list::complete(change.records, change.kind, stored).await.map_err(failed)?
    };
    let mut object = view::view(change.kind, parts);
    if fresh {
        // A dry run has no version.
        object["metadata"]["resourceVersion"] = json!("");
    }
    Ok(object)
}
