//! delete and deletecollection.

use super::{Change, Changed, prepare};
use crate::{
    list::{self, At},
    namespaces,
    options::{Selector, failed},
    view::{self, Parts},
};
use hub_records::{Error, Stored, keys, resource};
use hub_store::{Compare, Outcome, Page, Txn};
use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::{
    Status,
    meta::{self, Deleted, Deletion, Propagation},
    status::MODIFIED,
};

const TRIES: usize = 16;
/// How many objects are let go of in one transaction.
const BATCH: usize = 30;

/// Deletes an object, or marks it when something else has to let go first.
pub(crate) async fn delete(change: &Change<'_>, options: &Value) -> Result<Changed, Status> {
    let mut asked = Deletion::from_value(options)?;
    let named = match change.query.get("propagationPolicy") {
        "" => None,
        policy => Deletion::from_value(&json!({"propagationPolicy": policy}))?.propagation,
    };
    let propagation = asked.propagation.take().or(named);
    let dry_run = change.dry_run()? || options.pointer("/dryRun/0").is_some_and(|value| value == "All");
    if change.kind == Kind::Namespace {
        namespaces::check_deletable(change.name)?;
    }
    for _ in 0..TRIES {
        match once(change, &asked, propagation, dry_run).await {
            Err(Error::Conflict { .. }) => {}
            other => return other.map_err(failed),
        }
    }
    Err(Status::conflict(resource(change.kind), change.name, MODIFIED))
}

async fn once(
    change: &Change<'_>,
    asked: &Deletion,
    propagation: Option<Propagation>,
    dry_run: bool,
) -> Result<Changed, Error> {
    let (kind, records) = (change.kind, change.records);
    let Some(stored) = records.get(kind, change.namespace, change.name).await? else {
        return Err(Error::NotFound { kind, name: change.name.to_owned() });
    };
    let parts = list::complete(records, kind, stored.clone()).await?;
    check_version(asked, &parts, kind).map_err(Error::Invalid)?;
    // The version was compared above, as readers see it. What an orphan is left by goes at once: see [`orphan`].
    let waits = propagation.filter(|policy| *policy != Propagation::Orphan);
    let asked = Deletion { version: None, propagation: waits, ..asked.clone() };
    let going = prepare::going(change, stored.value.clone(), propagation);
    let deleted = meta::delete(going, &asked, resource(kind), change.now).map_err(Error::Invalid)?;
    let marked = |stored| {
        let document = view::view(kind, Parts { object: stored, ..parts.clone() });
        Changed { created: false, document, warnings: Vec::new() }
    };
    match deleted {
        Deleted::Waits(_) => Ok(marked(stored)),
        Deleted::Marked(_) if dry_run => Ok(marked(stored)),
        Deleted::Marked(value) if propagation == Some(Propagation::Orphan) => {
            orphan(change, &stored, Some(&value)).await?;
            let stored = records.get(kind, change.namespace, change.name).await?;
            stored.map(marked).ok_or_else(|| Error::NotFound { kind, name: change.name.to_owned() })
        }
        Deleted::Marked(value) => Ok(marked(records.put(kind, &stored, value).await?)),
        Deleted::Removed(_) => {
            if !dry_run {
                match propagation {
                    Some(Propagation::Orphan) => orphan(change, &stored, None).await?,
                    Some(Propagation::Background | Propagation::Foreground) | None => {
                        records.remove(kind, &stored).await?;
                    }
                }
            }
            let document = Status::deleted(resource(kind), stored.name(), stored.uid()).to_value();
            Ok(Changed { created: false, document, warnings: Vec::new() })
        }
    }
}

fn check_version(asked: &Deletion, parts: &Parts, kind: Kind) -> Result<(), Status> {
    let current = parts.revision().to_string();
    match asked.version.as_deref() {
        Some(wanted) if wanted != current && wanted != parts.object.revision.to_string() => {
            let why = format!(
                "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {current}"
            );
            Err(Status::conflict(resource(kind), parts.object.name(), &why))
        }
        Some(_) | None => Ok(()),
    }
}

/// Removes an object, or marks it, while what it owns stays (`--cascade=orphan`). The last owned objects are let go of in
/// the same transaction, so that nothing can take them back in between, and the garbage collector never sees them
/// without their owner. Where Kubernetes leaves that to its collector, by a finalizer, this is done when it answers.
async fn orphan(change: &Change<'_>, owner: &Stored, marked: Option<&Value>) -> Result<(), Error> {
    let (kind, records) = (change.kind, change.records);
    let conflict = || Error::Conflict { kind, name: owner.name().to_owned() };
    for _ in 0..1000 {
        let owned = owned(change, owner).await?;
        let mut txn = Txn::new();
        for (kind, stored) in owned.iter().take(BATCH) {
            let key = keys::object(*kind, stored.namespace(), stored.name());
            let still = Compare::ModRevision { key: key.clone(), revision: stored.revision };
            txn = txn.when(still).put(key, let_go(owner, &stored.value).to_string());
        }
        let last = owned.len() <= BATCH;
        if last {
            let key = keys::object(kind, owner.namespace(), owner.name());
            let still = Compare::ModRevision { key: key.clone(), revision: owner.revision };
            let status = keys::status(kind, owner.namespace(), owner.name());
            txn = match marked {
                Some(marked) => txn.when(still).put(key, marked.to_string()),
                None => txn.when(still).delete(key).delete(status),
            };
        }
        match records.store().commit(txn).await? {
            Outcome::Committed(_) if last => return Ok(()),
            Outcome::Committed(_) => {}
            Outcome::Conflict { .. } => return Err(conflict()),
        }
    }
    Err(conflict())
}

/// Everything that an object owns: in its namespace, or anywhere if it has none.
async fn owned(change: &Change<'_>, owner: &Stored) -> Result<Vec<(Kind, Stored)>, Error> {
    let namespace = Some(owner.namespace()).filter(|namespace| !namespace.is_empty());
    let mut found = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| gvk(*kind).namespaced || namespace.is_none()) {
        let (all, _) = change.records.list(kind, namespace).await?;
        found
            .extend(all.into_iter().filter(|stored| owns(owner, &stored.value)).map(|stored| (kind, stored)));
    }
    Ok(found)
}

fn owns(owner: &Stored, object: &Value) -> bool {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    references.into_iter().flatten().any(|reference| reference["uid"] == owner.uid())
}

fn let_go(owner: &Stored, object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(Value::Array(references)) = object.pointer_mut("/metadata/ownerReferences") {
        references.retain(|reference| reference["uid"] != owner.uid());
    }
    object
}

/// Deletes every object that the selectors pick.
pub(crate) async fn delete_all(
    change: &Change<'_>,
    selector: &Selector,
    options: &Value,
) -> Result<Changed, Status> {
    let namespace = selector.namespace.as_deref();
    let listed = list::page(change.records, change.kind, namespace, Page::default(), At::Newest)
        .await
        .map_err(failed)?;
    let mut items = Vec::new();
    for parts in listed.parts {
        let object = view::view(change.kind, parts);
        if !selector.matches(&object) {
            continue;
        }
        let one = Change { namespace: meta::namespace(&object), name: meta::name(&object), ..*change };
        match delete(&one, options).await {
            Ok(_) => items.push(object),
            Err(status) if status.code == 404 => {}
            Err(status) => return Err(status),
        }
    }
    let gvk = gvk(change.kind);
    let document = json!({
        "kind": format!("{}List", gvk.kind),
        "apiVersion": gvk.api_version(),
        "metadata": {"resourceVersion": listed.revision.to_string()},
        "items": items,
    });
    Ok(Changed { created: false, document, warnings: Vec::new() })
}
