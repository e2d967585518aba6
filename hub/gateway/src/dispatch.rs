//! One store watch for all sessions: changes of assignments and Clusters go to the session concerned.

use crate::{Links, session::Input};
use hub_records::{Records, Stored, keys};
use hub_store::{Change, ChangeKind, Revision};
use shared_model::{Cluster, Kind};
use std::{sync::Arc, time::Duration};

/// Follows the store for as long as it runs. A watch that was cut (compacted, or too slow) starts
/// again from now; sessions are cut then, so that they compare anew.
pub(crate) async fn run(records: Records, links: Links) {
    let mut from = None;
    loop {
        if let Err(error) = follow(&records, &links, &mut from).await {
            tracing::warn!(%error, "following assignments failed and starts again");
            from = None;
            for cluster in links.snapshot().into_keys() {
                links.tell(&cluster, Input::Cut("the hub lost its place in the store".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn follow(
    records: &Records,
    links: &Links,
    from: &mut Option<Revision>,
) -> Result<(), hub_store::Error> {
    let start = match *from {
        Some(revision) => revision,
        None => records.store().list(keys::PLANNER_LEASE, hub_store::Page::default()).await?.revision,
    };
    let mut watch = records.store().watch("", start).await?;
    while let Some(changes) = watch.next().await {
        for change in changes? {
            *from = Some(change.revision);
            route(links, &change);
        }
    }
    Ok(())
}

fn route(links: &Links, change: &Change) {
    if change.key.starts_with(keys::ASSIGNMENTS) {
        let (Some((cluster, application)), ChangeKind::Put(entry)) =
            (keys::parse_on_cluster(&change.key), &change.kind)
        else {
            return;
        };
        match serde_json::from_slice(&entry.value) {
            Ok(assigned) => links.tell(&cluster, Input::Assigned(application, assigned)),
            Err(error) => tracing::error!(key = change.key, %error, "an assignment cannot be read"),
        }
    } else if let Some((Kind::Cluster, _, name)) = keys::parse_object(&change.key) {
        let name = shared_model::ClusterName::new(name);
        if !change.key.starts_with(keys::OBJECTS) {
            // A status that was deleted goes with its Cluster, which is told below.
            if let ChangeKind::Put(entry) = &change.kind
                && let Ok(status) = serde_json::from_slice(&entry.value)
            {
                links.judge(&name, &status, shared_runtime::now());
            }
            return;
        }
        match &change.kind {
            ChangeKind::Put(entry) => {
                let cluster =
                    Stored::from_entry(entry).and_then(|stored| Cluster::from_value(&stored.value).ok());
                if let Some(cluster) = cluster {
                    links.tell(&name, Input::Cluster(Some(Arc::new(cluster))));
                }
            }
            ChangeKind::Delete => {
                links.tell(&name, Input::Cluster(None));
                links.forget(&name, "the Cluster was deleted on the hub");
            }
        }
    }
}
