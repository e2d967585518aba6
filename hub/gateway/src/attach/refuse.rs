//! Agents that the hub does not serve although their certificate is good.

use super::Outbound;
use crate::{links::Present, service::Shared, status};
use proto::v1;
use serde_json::Value;
use shared_rollout::Hold;
use tonic::Status;

/// Another cluster dials under a known name. While the right one is there it goes on undisturbed.
pub(super) async fn replaced(shared: &Shared, arriving: &Present, outbound: &Outbound) -> Status {
    let cluster = &arriving.peer.certificate.cluster;
    let message = format!(
        "this is another cluster than the one that joined as {cluster} ({arriving}); it gets nothing; join it under its \
         own name with `flotilla cluster token --name NAME`, or, if it takes the old one's place, delete the Cluster \
         {cluster} on the hub first"
    );
    if shared.links.rival(cluster, arriving.since).is_some() {
        return refuse(shared, arriving, outbound, "ClusterReplaced", &message, |status| {
            status::duplicated(status, "ClusterReplaced", &message, arriving.since);
        })
        .await;
    }
    shared.links.update(cluster, arriving.since, |state| state.hold = Some(Hold::ClusterReplaced));
    refuse(shared, arriving, outbound, "ClusterReplaced", &message, |status| {
        status::refused(status, "ClusterReplaced", &message, arriving.since);
    })
    .await
}

/// A second agent dials while the first one is served.
pub(super) async fn duplicate(
    shared: &Shared,
    first: &Present,
    second: &Present,
    outbound: &Outbound,
) -> Status {
    let cluster = &second.peer.certificate.cluster;
    let seen = format!(
        "two agents dial as {cluster}: {first} is served, {second} is refused; stop one of them, and if you know only \
         one, `flotilla cluster revoke {cluster}`: its key is in other hands"
    );
    let told = format!("another agent is connected as {cluster}: {first}; stop one of the two");
    refuse(shared, second, outbound, "DuplicateAgent", &told, |status| {
        status::duplicated(status, "SecondAgent", &seen, second.since);
    })
    .await
}

async fn refuse(
    shared: &Shared,
    arriving: &Present,
    outbound: &Outbound,
    reason: &str,
    message: &str,
    note: impl FnMut(&mut Value) + Send,
) -> Status {
    let cluster = &arriving.peer.certificate.cluster;
    tracing::warn!(%cluster, reason, message, "an agent was refused");
    status::update(&shared.records, cluster, note).await;
    let refused = v1::Refused { reason: reason.to_owned(), message: message.to_owned() };
    let said = v1::HubMessage { message: Some(v1::hub_message::Message::Refused(refused)) };
    let _gone = outbound.send(Box::new(Ok(said))).await;
    Status::failed_precondition(format!("{reason}: {message}"))
}
