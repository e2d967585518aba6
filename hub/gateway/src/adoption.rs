//! The store's side of adopting what an agent holds: what was lost, what is here, and the agent's word.
//!
//! It writes releases that agents describe (named by their digest), bundles that they upload (the same), and
//! one record per cluster with what they hold. It never writes an assignment: hub/control does, from that
//! record and under the planning lease.

use crate::{
    service::Shared,
    session::{Input, Known, Standing},
    status,
};
use hub_records::{Adoption, Bundles, Records, Restored, keys};
use jiff::Timestamp;
use proto::v1;
use serde_json::Value;
use shared_model::{AppKey, Cluster, ClusterName, Digest, Kind, ReleaseId, ReleaseSpec};
use std::{collections::BTreeMap, fmt::Display};
use tonic::{Status, Streaming};

/// The largest bundle that is taken from an agent, uncompressed.
const LARGEST: u64 = 64 << 20;
/// What compression may add.
const OVERHEAD: u64 = 64 << 10;

fn unavailable(what: &'static str, error: impl Display) -> Status {
    tracing::error!(%error, "{what}");
    Status::unavailable("the hub cannot work with its store now")
}

/// What earlier losses mean for a session of the cluster, and its last adoption.
pub(crate) async fn standing(
    shared: &Shared,
    cluster: &Cluster,
) -> Result<(Standing, Option<Adoption>), Status> {
    let read = async {
        let adoption = shared.records.read::<Adoption>(&keys::adoption(&cluster.name())).await?;
        let restored = shared.records.read::<Restored>(keys::RESTORED).await?;
        Ok::<_, hub_records::Error>((adoption.map(|(value, _)| value), restored.map(|(value, _)| value)))
    };
    let (adoption, restored) =
        read.await.map_err(|error| unavailable("what was adopted cannot be read", error))?;
    let done = adoption.as_ref().and_then(Adoption::done);
    let restored = restored.filter(|restored| restored.holds(cluster.metadata.creation_timestamp, done));
    let answered = adoption.as_ref().filter(|_| done.is_some());
    let standing = Standing {
        restored: restored.map(|restored| restored.at),
        answered: answered.map(|adoption| adoption.request.request.clone()).unwrap_or_default(),
        paused: BTreeMap::new(),
        takes_spans: false,
    };
    Ok((standing, adoption))
}

/// What the hub has of a release that an agent holds. The agent must show the bundle when the hub has none,
/// and when nothing here says that the application belongs to its cluster: else it could name a release of
/// another cluster and read that.
pub(crate) async fn look(
    shared: &Shared,
    cluster: &ClusterName,
    application: &AppKey,
    release: ReleaseId,
) -> Result<Option<Known>, Status> {
    let failed = |error| unavailable("a release cannot be read", error);
    let found = found(&shared.records, &shared.bundles, application, release).await.map_err(failed)?;
    let Some((spec, here)) = found else { return Ok(None) };
    let wanted_here = sends_to(shared, cluster, application).await?;
    Ok(Some(Known { bundle: spec.bundle, bytes: spec.bundle_bytes, upload: !here || !wanted_here }))
}

/// A release of the application, and whether its bundle is there. Both stay until the agent's word is handed on.
async fn found(
    records: &Records,
    bundles: &Bundles,
    application: &AppKey,
    release: ReleaseId,
) -> Result<Option<(ReleaseSpec, bool)>, hub_records::Error> {
    let spec = {
        let _there = records.recent().note(release, shared_runtime::now()).await;
        records.read::<ReleaseSpec>(&keys::release(&release)).await?
    };
    let Some((spec, _)) = spec.filter(|(spec, _)| spec.application == *application) else { return Ok(None) };
    let (bundles, digest) = (bundles.clone(), spec.bundle);
    let look = move || bundles.renew(&digest) && bundles.get(&digest).is_ok();
    let here = tokio::task::spawn_blocking(look).await.unwrap_or(false);
    Ok(Some((spec, here)))
}

/// Whether this hub's Application goes to the cluster.
async fn sends_to(shared: &Shared, cluster: &ClusterName, application: &AppKey) -> Result<bool, Status> {
    let failed = |error| unavailable("an Application cannot be read", error);
    let records = &shared.records;
    let stored = records.get(Kind::Application, &application.namespace, &application.name).await;
    let Some(stored) = stored.map_err(failed)? else { return Ok(false) };
    let text = |field: &str| {
        stored.value["spec"]["destination"].get(field).and_then(Value::as_str).unwrap_or_default()
    };
    let stored = records.get(Kind::Cluster, "", cluster.as_str()).await.map_err(failed)?;
    let server =
        stored.and_then(|stored| Cluster::from_value(&stored.value).ok()).map(|object| object.server());
    Ok(text("name") == cluster.as_str()
        || (!text("server").is_empty() && server.as_deref() == Some(text("server"))))
}

/// Keeps a release that an agent described.
pub(crate) async fn keep(shared: &Shared, spec: &ReleaseSpec) -> Result<(), Status> {
    let id = spec.id();
    let _there = shared.records.recent().note(id, shared_runtime::now()).await;
    let kept = shared.records.write(&keys::release(&id), spec).await;
    kept.map_err(|error| unavailable("a release cannot be kept", error))
}

/// Hands on what the agent holds.
pub(crate) async fn hand_on(
    shared: &Shared,
    cluster: &ClusterName,
    record: &Adoption,
    now: Timestamp,
) -> Result<(), Status> {
    let kept = shared.records.write(&keys::adoption(cluster), record).await;
    kept.map_err(|error| unavailable("what an agent holds cannot be kept", error))?;
    tracing::info!(%cluster, by = record.request.by, request = record.request.request, "the agent's word is handed on");
    status::update(&shared.records, cluster, |status| status::handed_on(status, now)).await;
    Ok(())
}

/// Takes a bundle that the hub asked this agent for.
pub(crate) async fn take(
    shared: &Shared,
    cluster: &ClusterName,
    mut messages: Streaming<v1::GivenBundle>,
) -> Result<(), Status> {
    let first = messages.message().await?.ok_or_else(|| Status::invalid_argument("no bundle came"))?;
    let digest: Digest =
        first.digest.parse().map_err(|error| Status::invalid_argument(format!("{error}")))?;
    let Some(bytes) = shared.links.wants(cluster, &digest) else {
        tracing::warn!(%cluster, %digest, "the agent gives a bundle that nobody asked it for");
        return Err(Status::permission_denied("this hub did not ask for the bundle"));
    };
    let most = bytes.min(LARGEST);
    let mut compressed = first.data.to_vec();
    loop {
        if compressed.len() as u64 > most + OVERHEAD {
            return Err(Status::out_of_range(format!("the bundle has {most} bytes; more were given")));
        }
        let Some(next) = messages.message().await? else { break };
        compressed.extend_from_slice(&next.data);
    }
    let bundles = shared.bundles.clone();
    let taken = tokio::task::spawn_blocking(move || bundles.take(&compressed, &digest, most)).await;
    match taken {
        Ok(Ok(())) => {}
        Ok(Err(error @ hub_records::BundleError::NotIt(_))) => {
            tracing::warn!(%cluster, %digest, "the agent gave something else");
            return Err(Status::invalid_argument(error.to_string()));
        }
        Ok(Err(error)) => return Err(unavailable("a bundle cannot be kept", error)),
        Err(_) => return Err(Status::internal("keeping the bundle was interrupted")),
    }
    tracing::info!(%cluster, %digest, "the agent gave a bundle back");
    shared.links.tell(cluster, Input::Given(digest));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::BTreeSet,
        fs::File,
        sync::Arc,
        time::{Duration, SystemTime},
    };

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn what_an_agent_holds_and_the_hub_found_is_not_collected_before_it_is_adopted() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(Arc::new(hub_store::Memory::default()));
        let bundles = Bundles::open(folder.path()).unwrap();
        let digest = bundles.put(b"objects").unwrap();
        let app = AppKey::new("argocd", "web");
        let spec: ReleaseSpec = serde_json::from_value(serde_json::json!({
            "application": app, "bundle": digest, "bundleBytes": 7, "namespace": "x", "project": "default",
            "syncPolicy": {}, "selfHeal": true, "prune": true, "revisions": [],
        }))
        .unwrap();
        records.write(&keys::release(&spec.id()), &spec).await.unwrap();
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let file = File::options().append(true).open(file).unwrap();
        file.set_modified(SystemTime::now() - 2 * HOUR).unwrap();

        let (read, here) = found(&records, &bundles, &app, spec.id()).await.unwrap().unwrap();
        assert_eq!((read.id(), here), (spec.id(), true));
        assert!(records.recent().is_noted(&spec.id()), "its record may be deleted");
        assert_eq!(bundles.sweep(&BTreeSet::new(), HOUR).unwrap(), 0, "its bundle was deleted");
        let other = AppKey::new("argocd", "other");
        assert!(found(&records, &bundles, &other, spec.id()).await.unwrap().is_none());
    }
}
