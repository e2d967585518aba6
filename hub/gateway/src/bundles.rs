//! Bundles for agents: only those that the agent's own assignments name.

use crate::service::Shared;
use hub_records::{BundleError, keys};
use hub_store::Page;
use proto::v1;
use shared_model::{ClusterName, Digest, ReleaseSpec};
use shared_rollout::{Assigned, Order};
use tokio_stream::{Stream, iter};
use tonic::Status;

/// The chunks of a bundle from `offset` of its compressed form.
pub(crate) async fn fetch(
    shared: &Shared,
    cluster: &ClusterName,
    request: v1::FetchBundleRequest,
) -> Result<impl Stream<Item = Result<v1::BundleChunk, Status>> + use<>, Status> {
    let digest: Digest =
        request.digest.parse().map_err(|error| Status::invalid_argument(format!("{error}")))?;
    if !shared.links.was_told(cluster, &digest) && !is_assigned(shared, cluster, &digest).await? {
        tracing::warn!(%cluster, %digest, "the agent asked for a bundle that it is not assigned");
        return Err(Status::permission_denied("no assignment of this cluster names that bundle"));
    }
    let bundles = shared.bundles.clone();
    let read = tokio::task::spawn_blocking(move || bundles.compressed(&digest)).await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(BundleError::Missing(_))) => {
            return Err(Status::not_found("the hub does not have that bundle"));
        }
        Ok(Err(error)) => {
            tracing::error!(%digest, %error, "a bundle cannot be read");
            return Err(Status::unavailable("the hub cannot read that bundle now"));
        }
        Err(_) => return Err(Status::internal("reading the bundle was interrupted")),
    };
    let total = bytes.len() as u64;
    if request.offset > total {
        return Err(Status::out_of_range(format!("the bundle's compressed form has {total} bytes")));
    }
    let rest = bytes.slice(usize::try_from(request.offset).unwrap_or(bytes.len())..);
    shared.metrics.bundles.inc();
    shared.metrics.bundle_bytes.inc_by(rest.len() as u64);
    let chunks: Vec<_> = (0..rest.len())
        .step_by(proto::CHUNK_BYTES)
        .map(|start| rest.slice(start..rest.len().min(start + proto::CHUNK_BYTES)))
        .map(|data| Ok(v1::BundleChunk { data, total }))
        .collect();
    Ok(iter(chunks))
}

/// Whether an assignment of the cluster names the bundle.
async fn is_assigned(shared: &Shared, cluster: &ClusterName, digest: &Digest) -> Result<bool, Status> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%cluster, %error, "assignments cannot be read");
        Status::unavailable("the hub cannot read its store now")
    };
    let store = shared.records.store();
    let listing =
        store.list(&keys::assignments(cluster), Page::default()).await.map_err(|error| failed(&error))?;
    for entry in listing.entries {
        let Ok(Assigned { order: Order::Run { release, .. }, .. }) = serde_json::from_slice(&entry.value)
        else {
            continue;
        };
        let spec = shared.records.read::<ReleaseSpec>(&keys::release(&release)).await;
        if spec.map_err(|error| failed(&error))?.is_some_and(|(spec, _)| spec.bundle == *digest) {
            return Ok(true);
        }
    }
    Ok(false)
}
