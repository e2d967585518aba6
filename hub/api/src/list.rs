//! Reading objects with everything that belongs to them.

use crate::view::Parts;
use hub_records::{Error, Records, Stored, keys};
use hub_store::{Page, Revision};
use serde_json::Value;
use shared_model::{AppKey, ClusterName, Kind, Observation};
use std::collections::BTreeMap;

/// Up to so many Applications, what clusters report of them is read one by one.
const ONE_BY_ONE: usize = 1000;

/// A page of objects.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) parts: Vec<Parts>,
    /// The revision at which the objects were read; their statuses may be newer.
    pub(crate) revision: Revision,
    /// The key after which the next page starts.
    pub(crate) next: Option<String>,
}

/// An object with its status and what its cluster reports.
pub(crate) async fn complete(records: &Records, kind: Kind, object: Stored) -> Result<Parts, Error> {
    let status = records.status(kind, object.namespace(), object.name()).await?;
    let observation = match (kind, cluster(status.as_ref())) {
        (Kind::Application, Some(cluster)) => {
            let app = AppKey::new(object.namespace(), object.name());
            records.read(&keys::observation(&cluster, &app)).await?
        }
        _ => None,
    };
    Ok(Parts { object, status, observation })
}

/// The cluster that an Application's status names.
fn cluster(status: Option<&(Value, Revision)>) -> Option<ClusterName> {
    let name = status?.0.get("cluster")?.as_str()?;
    (!name.is_empty()).then(|| ClusterName::new(name))
}

/// A page of the objects of a kind.
pub(crate) async fn page(
    records: &Records,
    kind: Kind,
    namespace: Option<&str>,
    page: Page,
) -> Result<Listed, Error> {
    let prefix = namespace.map_or_else(|| keys::objects(kind), |ns| keys::objects_in(kind, ns));
    let after = page.after.clone();
    let listing = records.store().list(&prefix, page).await?;
    let next = listing.entries.last().filter(|_| listing.more).map(|entry| entry.key.clone());
    let last = listing.entries.last().map(|entry| entry.key.clone()).filter(|_| listing.more);
    let count = listing.entries.len();
    let mut statuses = statuses(records, &prefix, after.as_deref(), last.as_deref(), count).await?;
    let mut parts = Vec::with_capacity(listing.entries.len());
    for entry in &listing.entries {
        let Some(object) = Stored::from_entry(entry) else { continue };
        let status = statuses.remove(&beside(&entry.key));
        parts.push(Parts { object, status, observation: None });
    }
    if kind == Kind::Application {
        observe(records, &mut parts).await?;
    }
    Ok(Listed { parts, revision: listing.revision, next })
}

/// The key of the status of the object at a key.
fn beside(key: &str) -> String {
    format!("{}{}", keys::STATUSES, key.strip_prefix(keys::OBJECTS).unwrap_or(key))
}

/// The statuses of the objects after one key and up to another, which are `count`.
async fn statuses(
    records: &Records,
    prefix: &str,
    after: Option<&str>,
    upto: Option<&str>,
    count: usize,
) -> Result<BTreeMap<String, (Value, Revision)>, Error> {
    let prefix = beside(prefix);
    let upto = upto.map(beside);
    let mut after = after.map(beside);
    let mut found = BTreeMap::new();
    loop {
        let limit = upto.is_some().then_some(count.max(1));
        let listing = records.store().list(&prefix, Page { after: after.take(), limit }).await?;
        let passed =
            listing.entries.last().is_some_and(|last| upto.as_ref().is_some_and(|upto| last.key >= *upto));
        after = listing.entries.last().map(|entry| entry.key.clone());
        for entry in listing.entries {
            let status = serde_json::from_slice(&entry.value)
                .map_err(|source| Error::Unreadable { key: entry.key.clone(), source })?;
            found.insert(entry.key, (status, entry.mod_revision));
        }
        if passed || !listing.more {
            return Ok(found);
        }
    }
}

/// Adds what clusters report of Applications.
async fn observe(records: &Records, parts: &mut [Parts]) -> Result<(), Error> {
    if parts.len() <= ONE_BY_ONE {
        for parts in parts {
            if let Some(cluster) = cluster(parts.status.as_ref()) {
                let app = AppKey::new(parts.object.namespace(), parts.object.name());
                parts.observation = records.read(&keys::observation(&cluster, &app)).await?;
            }
        }
        return Ok(());
    }
    let mut all: BTreeMap<String, (Observation, Revision)> = BTreeMap::new();
    for entry in records.store().list(keys::OBSERVATIONS, Page::default()).await?.entries {
        let observation = serde_json::from_slice(&entry.value)
            .map_err(|source| Error::Unreadable { key: entry.key.clone(), source })?;
        all.insert(entry.key, (observation, entry.mod_revision));
    }
    for parts in parts {
        let app = AppKey::new(parts.object.namespace(), parts.object.name());
        parts.observation =
            cluster(parts.status.as_ref()).and_then(|cluster| all.remove(&keys::observation(&cluster, &app)));
    }
    Ok(())
}
