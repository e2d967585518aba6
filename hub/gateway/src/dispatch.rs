//! One store watch for all sessions: changes of assignments, Clusters and pauses go to the sessions concerned.

use crate::{
    Links, Metrics,
    paused::{News, Paused, cluster_of},
    session::Input,
};
use hub_records::{Records, Stored, keys};
use hub_store::{Change, ChangeKind, Revision};
use shared_model::{AppKey, Cluster, Kind};
use shared_rollout::Assigned;
use std::{sync::Arc, time::Duration};

/// Follows the store for as long as it runs. A watch that was cut (compacted, or too slow) starts
/// again from now; sessions are cut then, so that they compare anew.
pub(crate) async fn run(records: Records, (links, metrics): (Links, Metrics), paused: Paused) {
    let mut from = None;
    loop {
        if let Err(error) = follow(&records, (&links, &metrics), &paused, &mut from).await {
            tracing::warn!(%error, "following assignments failed and starts again");
            from = None;
            paused.unload();
            for cluster in links.snapshot().into_keys() {
                links.tell(&cluster, Input::Cut("the hub lost its place in the store".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn follow(
    records: &Records,
    (links, metrics): (&Links, &Metrics),
    paused: &Paused,
    from: &mut Option<Revision>,
) -> Result<(), hub_records::Error> {
    let start = match *from {
        Some(revision) => revision,
        None => paused.load(records, shared_runtime::now()).await?,
    };
    let mut watch = records.store().watch("", start).await?;
    while let Some(changes) = watch.next().await {
        for change in changes? {
            *from = Some(change.revision);
            // Before the order that it is to stop.
            for (application, (cluster, asked)) in pauses(records, paused, &change).await? {
                links.tell(&cluster, Input::Paused(application, asked));
            }
            route(links, metrics, &change);
        }
    }
    Ok(())
}

/// What a change means for pauses of single applications.
async fn pauses(
    records: &Records,
    paused: &Paused,
    change: &Change,
) -> Result<Vec<(AppKey, News)>, hub_records::Error> {
    let entry = match &change.kind {
        ChangeKind::Put(entry) => Some(entry),
        ChangeKind::Delete => None,
    };
    if change.key.starts_with(keys::ASSIGNMENTS) {
        let Some((cluster, application)) = keys::parse_on_cluster(&change.key) else { return Ok(Vec::new()) };
        let news = entry.and_then(|_| paused.goes_to(&application, &cluster));
        return Ok(news.into_iter().map(|news| (application.clone(), news)).collect());
    }
    let Some((Kind::Application, namespace, name)) = keys::parse_object(&change.key) else {
        return Ok(Vec::new());
    };
    let application = AppKey::new(namespace, name);
    let news = if change.key.starts_with(keys::OBJECTS) {
        let stored = entry.and_then(Stored::from_entry);
        let object = stored.as_ref().map(|stored| &stored.value);
        paused.changed(records, &application, object, shared_runtime::now()).await?
    } else if paused.has(&application) {
        let status = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        let cluster = status.as_ref().and_then(cluster_of);
        cluster.and_then(|cluster| paused.goes_to(&application, &cluster)).into_iter().collect()
    } else {
        Vec::new()
    };
    Ok(news.into_iter().map(|news| (application.clone(), news)).collect())
}

fn route(links: &Links, metrics: &Metrics, change: &Change) {
    if change.key.starts_with(keys::ASSIGNMENTS) {
        let (Some((cluster, application)), ChangeKind::Put(entry)) =
            (keys::parse_on_cluster(&change.key), &change.kind)
        else {
            return;
        };
        match serde_json::from_slice::<Assigned>(&entry.value) {
            Ok(assigned) => {
                // The session says anew which bundle the application is, when it tells its agent.
                links.untold(&cluster, &application);
                links.tell(&cluster, Input::Assigned(application, assigned));
            }
            Err(error) => tracing::error!(key = change.key, %error, "an assignment cannot be read"),
        }
    } else if let Some((Kind::Cluster, _, name)) = keys::parse_object(&change.key) {
        let name = shared_model::ClusterName::new(name);
        if !change.key.starts_with(keys::OBJECTS) {
            // A status that was deleted goes with its Cluster, which is told below.
            if let ChangeKind::Put(entry) = &change.kind
                && let Ok(status) = serde_json::from_slice(&entry.value)
            {
                metrics.agents.judge(&name, Some(&status));
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
                metrics.agents.judge(&name, None);
                links.tell(&name, Input::Cluster(None));
                links.forget(&name, "the Cluster was deleted on the hub");
            }
        }
    }
}
