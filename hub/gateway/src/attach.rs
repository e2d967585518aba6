//! The stream of one agent: moves messages between the socket and the [`Session`] that decides.

use crate::{
    adoption,
    links::Seat,
    service::Shared,
    session::{Action, Input, Session, pause_id},
    status,
};
use hub_records::keys;
use hub_store::Page;
use jiff::Timestamp;
use proto::v1;
use shared_model::{AppKey, Cluster, ClusterName, Position, ReleaseId, ReleaseSpec};
use shared_rollout::{Assigned, Hold, Pause};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

const HELLO_WITHIN: Duration = Duration::from_secs(20);
/// Messages on their way to one agent; a full queue slows the session, not the hub.
const OUTBOUND: usize = 64;
/// Changes waiting for one session; a full queue cuts it.
const INPUTS: usize = 256;

pub(crate) type Outbound = mpsc::Sender<Result<v1::HubMessage, Status>>;

/// Serves one agent: answers the stream that the session's messages come out of.
pub(crate) fn serve(
    shared: Shared,
    cluster: ClusterName,
    mut inbound: Streaming<v1::AgentMessage>,
) -> mpsc::Receiver<Result<v1::HubMessage, Status>> {
    let (outbound, receiver) = mpsc::channel(OUTBOUND);
    let tasks = shared.tasks.clone();
    tasks.spawn("session", async move {
        let stopped = shared.tasks.stopped();
        let ended = tokio::select! {
            ended = converse(&shared, &cluster, &mut inbound, &outbound) => ended,
            () = stopped => Err(Status::unavailable("the hub is stopping")),
        };
        if let Err(status) = ended {
            tracing::debug!(%cluster, message = status.message(), "the session ended");
            let _gone = outbound.try_send(Err(status));
        }
    });
    receiver
}

async fn converse(
    shared: &Shared,
    cluster: &ClusterName,
    inbound: &mut Streaming<v1::AgentMessage>,
    outbound: &Outbound,
) -> Result<(), Status> {
    let first = tokio::time::timeout(HELLO_WITHIN, inbound.message()).await;
    let Ok(Some(v1::AgentMessage { message: Some(v1::agent_message::Message::Hello(hello)) })) =
        first.map_err(|_| Status::deadline_exceeded("no hello came"))?
    else {
        return Err(Status::invalid_argument("the first message must be Hello"));
    };
    let now = shared_runtime::now();
    let object = admit(shared, cluster, &hello, outbound, now).await?;
    let (inputs, mut queue) = mpsc::channel(INPUTS);
    let Some(seat) = shared.links.join(cluster, &hello.instance, inputs) else {
        let message = "another agent is connected for this cluster; stop one of the two";
        return Err(refuse(shared, cluster, outbound, "DuplicateAgent", message, now).await);
    };
    let result = async {
        // Registered first, listed second: no change can fall between the two.
        let assignments = assignments(shared, cluster).await?;
        let (standing, adopted) = adoption::standing(shared, &object).await?;
        status::update(&shared.records, cluster, |status| {
            status::connected(status, &hello, now);
            status::accepted(status, now);
            status::adopted(status, adopted.as_ref());
        })
        .await;
        tracing::info!(%cluster, held = hello.held.len(), assigned = assignments.len(), "an agent connected");
        let mut session = Session::new(&object, hello, assignments, standing, now)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        run(shared, (cluster, &seat), &mut session, inbound, &mut queue, outbound).await
    };
    let ended = result.await;
    leave(shared, cluster, &seat, &ended).await;
    ended
}

/// Checks that this is the cluster that joined.
async fn admit(
    shared: &Shared,
    cluster: &ClusterName,
    hello: &v1::Hello,
    outbound: &Outbound,
    now: Timestamp,
) -> Result<Cluster, Status> {
    let Some((object, status)) = shared.cluster(cluster).await? else {
        return Err(Status::permission_denied("Revoked: the Cluster was deleted on the hub"));
    };
    let pinned =
        status.pointer("/identity/clusterUid").and_then(serde_json::Value::as_str).unwrap_or_default();
    if pinned != hello.cluster_uid {
        let message = "this is another cluster than the one that joined under this name";
        shared.links.update(cluster, now, |state| state.hold = Some(Hold::ClusterReplaced));
        return Err(refuse(shared, cluster, outbound, "ClusterReplaced", message, now).await);
    }
    Ok(object)
}

async fn refuse(
    shared: &Shared,
    cluster: &ClusterName,
    outbound: &Outbound,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> Status {
    tracing::warn!(%cluster, reason, message, "an agent was refused");
    status::update(&shared.records, cluster, |status| status::refused(status, reason, message, now)).await;
    let refused = v1::Refused { reason: reason.to_owned(), message: message.to_owned() };
    let message = v1::HubMessage { message: Some(v1::hub_message::Message::Refused(refused.clone())) };
    let _gone = outbound.send(Ok(message)).await;
    Status::failed_precondition(format!("{}: {}", refused.reason, refused.message))
}

async fn run(
    shared: &Shared,
    (cluster, seat): (&ClusterName, &Seat),
    session: &mut Session,
    inbound: &mut Streaming<v1::AgentMessage>,
    queue: &mut mpsc::Receiver<Input>,
    outbound: &Outbound,
) -> Result<(), Status> {
    loop {
        while let Some(action) = session.poll_action() {
            if let Some(answer) = act(shared, (cluster, seat), action, outbound).await? {
                session.handle(answer, shared_runtime::now());
            }
        }
        let input = tokio::select! {
            message = inbound.next() => match message {
                Some(Ok(v1::AgentMessage { message: Some(message) })) => Input::Message(message),
                Some(Ok(v1::AgentMessage { message: None })) => continue,
                Some(Err(status)) => return Err(status),
                None => return Ok(()),
            },
            input = queue.recv() => input.unwrap_or_else(|| Input::Cut("the session did not keep up".to_owned())),
        };
        session.handle(input, shared_runtime::now());
    }
}

async fn act(
    shared: &Shared,
    (cluster, seat): (&ClusterName, &Seat),
    action: Action,
    outbound: &Outbound,
) -> Result<Option<Input>, Status> {
    let now = shared_runtime::now();
    match action {
        Action::Assign { application, position, release } => {
            let assign = assignment(shared, &application, position, release).await?;
            send(outbound, v1::hub_message::Message::Assign(assign)).await?;
        }
        Action::Send(message) => {
            send(outbound, message).await?;
        }
        Action::Arrived => shared.observer.arrived(cluster, seat).await,
        Action::Observe(observations) => {
            for observation in observations {
                match observation.from_wire(cluster, now) {
                    Ok(observation) => shared.observer.observe(observation).await,
                    Err(error) => tracing::warn!(%cluster, %error, "an observation was left out"),
                }
            }
        }
        Action::Events(events, dropped) => {
            log(cluster, &events, dropped);
            shared.observer.events(cluster, events, dropped).await;
        }
        Action::Facts(facts) => {
            status::update(&shared.records, cluster, |status| status::facts(status, &facts)).await;
        }
        Action::Paused { acknowledged, local } => paused(shared, cluster, acknowledged, local, now).await,
        Action::Hold(hold) => shared.links.update(cluster, now, |state| state.hold = hold),
        Action::Differs(behind) => {
            let restored = behind.applications.is_empty();
            let reason = if restored { "HubRestored" } else { "HubBehindAgent" };
            status::update(&shared.records, cluster, |status| {
                status::behind(status, cluster, reason, &behind, now);
            })
            .await;
        }
        Action::Look(application, release) => {
            let known = adoption::look(shared, cluster, &application, release).await?;
            return Ok(Some(Input::Looked(application, known)));
        }
        Action::Keep(spec) => adoption::keep(shared, &spec).await?,
        Action::Want(digest, bytes) => shared.links.want(cluster, seat, digest, bytes),
        Action::Adopt(record) => adoption::hand_on(shared, cluster, &record, now).await?,
        Action::Stuck(problem) => {
            tracing::warn!(%cluster, problem, "what the agent holds cannot be adopted yet");
            status::update(&shared.records, cluster, |status| status::stuck(status, &problem, now)).await;
        }
        Action::End(reason) => return Err(Status::aborted(reason)),
    }
    Ok(None)
}

async fn send(outbound: &Outbound, message: v1::hub_message::Message) -> Result<(), Status> {
    let message = v1::HubMessage { message: Some(message) };
    outbound.send(Ok(message)).await.map_err(|_| Status::cancelled("the agent went away"))
}

async fn assignment(
    shared: &Shared,
    application: &AppKey,
    position: Position,
    release: ReleaseId,
) -> Result<v1::Assign, Status> {
    let spec = shared.records.read::<ReleaseSpec>(&keys::release(&release)).await;
    let Ok(Some((spec, _))) = spec else {
        tracing::error!(%application, %release, "the release's record cannot be read");
        return Err(Status::unavailable("the hub cannot read a release now"));
    };
    Ok(v1::Assign {
        application: Some(proto::application_to_wire(application)),
        position: Some(proto::position_to_wire(position)),
        release: release.to_string(),
        spec: serde_json::to_vec(&spec).expect("a release has only string keys").into(),
        traceparent: String::new(),
    })
}

async fn assignments(shared: &Shared, cluster: &ClusterName) -> Result<BTreeMap<AppKey, Assigned>, Status> {
    let listing = shared.records.store().list(&keys::assignments(cluster), Page::default()).await;
    let listing = listing.map_err(|error| {
        tracing::error!(%cluster, %error, "assignments cannot be read");
        Status::unavailable("the hub cannot read its store now")
    })?;
    let parse = |entry: &hub_store::Entry| {
        let (_, application) = keys::parse_on_cluster(&entry.key)?;
        Some((application, serde_json::from_slice(&entry.value).ok()?))
    };
    Ok(listing.entries.iter().filter_map(parse).collect())
}

async fn paused(
    shared: &Shared,
    cluster: &ClusterName,
    acknowledged: String,
    local: Option<v1::Pause>,
    now: Timestamp,
) {
    let object = shared.cluster(cluster).await.ok().flatten().map(|(object, _)| object);
    status::update(&shared.records, cluster, |status| {
        status::paused(status, object.as_ref(), &acknowledged, local.as_ref(), now);
    })
    .await;
    let known = object.as_ref().and_then(|object| object.spec.pause.as_ref()).map(pause_id);
    tracing::debug!(%cluster, acknowledged, asked = known.as_deref(), "the agent told its pauses");
    let local = local.map(|pause| Pause {
        // The agent says when it is over; this is for people.
        until: status::ends(&pause, now),
        reason: pause.reason,
        by: pause.by,
        acknowledged: true,
        local: true,
    });
    shared.links.update(cluster, now, |state| {
        state.acknowledged_pause = acknowledged;
        state.local_pause = local;
    });
}

fn log(cluster: &ClusterName, events: &[v1::Event], dropped: u64) {
    for event in events {
        let application = event.application.clone().unwrap_or_default();
        tracing::info!(
            %cluster, application = %application.name, reason = %event.reason, at_ms = event.at_ms,
            "{}", event.message
        );
    }
    if dropped > 0 {
        tracing::warn!(%cluster, dropped, "the agent lost events while it was away");
    }
}

async fn leave(shared: &Shared, cluster: &ClusterName, seat: &Seat, ended: &Result<(), Status>) {
    let now = shared_runtime::now();
    if shared.links.leave(cluster, seat, now) {
        let reason = match ended {
            Ok(()) => "the agent closed the stream".to_owned(),
            Err(status) => status.message().to_owned(),
        };
        tracing::info!(%cluster, reason, "an agent disconnected");
        status::update(&shared.records, cluster, |status| status::disconnected(status, &reason, now)).await;
    }
}
