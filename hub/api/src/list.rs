//! Reading objects with everything that belongs to them.

use crate::view::Parts;
use hub_records::{Error, Records, Stored, keys};
use hub_store::{Entry, Page, Past, Revision};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared_model::{AppKey, ClusterName, Kind, Observation};
use std::collections::BTreeMap;

/// Up to so many Applications, what clusters report of them is read one by one.
const ONE_BY_ONE: usize = 1000;

/// A page of objects.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) parts: Vec<Parts>,
    /// The revision at which all of it was read.
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

/// The state of the store that a page is read of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// The newest.
    Newest,
    /// That of a revision, or the newest where it is not kept any more: what a client missed by then, a watch from the
    /// revision tells.
    About(Revision),
    /// That of a revision, or none.
    Exactly(Revision),
}

/// A page of the objects of a kind, with what belongs to them at the same revision.
///
/// # Errors
/// When the state is not kept any more, or the store fails.
pub(crate) async fn page(
    records: &Records,
    kind: Kind,
    namespace: Option<&str>,
    page: Page,
    at: At,
) -> Result<Listed, Error> {
    let prefix = namespace.map_or_else(|| keys::objects(kind), |ns| keys::objects_in(kind, ns));
    let after = page.after.clone();
    let store = &**records.store();
    let listing = match at {
        At::Newest => store.list(&prefix, page).await?,
        At::About(revision) => match Past::new(store, revision).list(&prefix, page.clone()).await {
            Err(hub_store::Error::Compacted { .. }) => store.list(&prefix, page).await?,
            listing => listing?,
        },
        At::Exactly(revision) => Past::new(store, revision).list(&prefix, page).await?,
    };
    let next = listing.entries.last().filter(|_| listing.more).map(|entry| entry.key.clone());
    let past = Past::new(store, listing.revision);
    match belongings(past, kind, &prefix, (after.as_deref(), next.as_deref()), &listing.entries).await {
        // So much was written since the objects were read that nobody knows what was: the newest is all there is.
        Err(Error::Store(hub_store::Error::Compacted { .. })) if !matches!(at, At::Exactly(_)) => {
            let now = Past::new(store, store.revision().await?);
            let between = (after.as_deref(), next.as_deref());
            let parts = belongings(now, kind, &prefix, between, &listing.entries).await?;
            Ok(Listed { parts, revision: listing.revision, next })
        }
        parts => Ok(Listed { parts: parts?, revision: listing.revision, next }),
    }
}

/// Objects with their statuses, and with what clusters report of Applications.
async fn belongings(
    past: Past<'_>,
    kind: Kind,
    prefix: &str,
    between: (Option<&str>, Option<&str>),
    entries: &[Entry],
) -> Result<Vec<Parts>, Error> {
    let mut statuses = statuses(past, prefix, between, entries.len()).await?;
    let mut parts = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(object) = Stored::from_entry(entry) else { continue };
        let status = statuses.remove(&beside(&entry.key));
        parts.push(Parts { object, status, observation: None });
    }
    if kind == Kind::Application {
        observe(past, &mut parts).await?;
    }
    Ok(parts)
}

/// The key of the status of the object at a key.
fn beside(key: &str) -> String {
    format!("{}{}", keys::STATUSES, key.strip_prefix(keys::OBJECTS).unwrap_or(key))
}

/// The statuses of the objects after one key and up to another, which are `count`.
async fn statuses(
    past: Past<'_>,
    prefix: &str,
    (after, upto): (Option<&str>, Option<&str>),
    count: usize,
) -> Result<BTreeMap<String, (Value, Revision)>, Error> {
    let prefix = beside(prefix);
    let upto = upto.map(beside);
    let mut after = after.map(beside);
    let mut found = BTreeMap::new();
    loop {
        let limit = upto.is_some().then_some(count.max(1));
        let listing = past.list(&prefix, Page { after: after.take(), limit }).await?;
        let passed =
            listing.entries.last().is_some_and(|last| upto.as_ref().is_some_and(|upto| last.key >= *upto));
        after = listing.entries.last().map(|entry| entry.key.clone());
        for entry in listing.entries {
            let status = read(&entry)?;
            found.insert(entry.key, status);
        }
        if passed || !listing.more {
            return Ok(found);
        }
    }
}

/// A record with the revision of its last write.
fn read<T: DeserializeOwned>(entry: &Entry) -> Result<(T, Revision), Error> {
    let value = serde_json::from_slice(&entry.value)
        .map_err(|source| Error::Unreadable { key: entry.key.clone(), source })?;
    Ok((value, entry.mod_revision))
}

/// Adds what clusters report of Applications.
async fn observe(past: Past<'_>, parts: &mut [Parts]) -> Result<(), Error> {
    if parts.len() <= ONE_BY_ONE {
        for parts in parts {
            if let Some(cluster) = cluster(parts.status.as_ref()) {
                let app = AppKey::new(parts.object.namespace(), parts.object.name());
                let entry = past.get(&keys::observation(&cluster, &app)).await?;
                parts.observation = entry.as_ref().map(read).transpose()?;
            }
        }
        return Ok(());
    }
    let mut all: BTreeMap<String, (Observation, Revision)> = BTreeMap::new();
    for entry in past.list(keys::OBSERVATIONS, Page::default()).await?.entries {
        let observation = read(&entry)?;
        all.insert(entry.key, observation);
    }
    for parts in parts {
        let app = AppKey::new(parts.object.namespace(), parts.object.name());
        parts.observation =
            cluster(parts.status.as_ref()).and_then(|cluster| all.remove(&keys::observation(&cluster, &app)));
    }
    Ok(())
}
