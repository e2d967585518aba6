//! The stream of one agent: moves messages between the socket and the [`Session`] that decides.

mod refuse;

use crate::{
    Authority, adoption,
    links::{Present, Seat},
    peer::{self, Peer},
    service::Shared,
    session::{Action, Input, Session, pause_id},
    status,
};
use hub_records::{Identity, keys};
use hub_store::Page;
use jiff::Timestamp;
use proto::v1;
use shared_model::{AppKey, Cluster, ClusterName, Digest, Kind, Position, ReleaseId, ReleaseSpec};
use shared_rollout::{Assigned, Pause};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Code, Status, Streaming};

const HELLO_WITHIN: Duration = Duration::from_secs(20);
/// How long an agent may leave messages lying; it must not keep a stream up by that.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// How often a session looks whether its certificate has ended.
const EXPIRY_CHECK: Duration = Duration::from_secs(3600);
/// Messages on their way to one agent; a full queue slows the session, not the hub.
const OUTBOUND: usize = 64;
/// Changes waiting for one session; a full queue cuts it. One commit may change each of a cluster's applications.
const INPUTS: usize = 4096;

/// What one stream carries. Boxed, as what waits for a session is: a channel keeps room for 32 at once, and most of a
/// fleet has nothing to say.
pub(crate) type Said = Box<Result<v1::HubMessage, Status>>;
pub(crate) type Outbound = mpsc::Sender<Said>;

/// What a stream carries, as tonic takes it.
#[derive(Debug)]
pub(crate) struct Outgoing(mpsc::Receiver<Said>);

impl Outgoing {
    pub(crate) const fn new(receiver: mpsc::Receiver<Said>) -> Self {
        Self(receiver)
    }
}

impl Stream for Outgoing {
    type Item = Result<v1::HubMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|said| said.map(|said| *said))
    }
}

/// Serves one agent: answers the stream that the session's messages come out of.
pub(crate) fn serve(
    shared: Shared,
    peer: Peer,
    mut inbound: Streaming<v1::AgentMessage>,
) -> mpsc::Receiver<Said> {
    let (outbound, receiver) = mpsc::channel(OUTBOUND);
    let tasks = shared.tasks.clone();
    tasks.spawn("session", async move {
        let stopped = shared.tasks.stopped();
        let ended = tokio::select! {
            ended = converse(&shared, &peer, &mut inbound, &outbound) => ended,
            () = stopped => Err(Status::unavailable("the hub is stopping")),
        };
        if let Err(status) = ended {
            let cluster = &peer.certificate.cluster;
            tracing::debug!(%cluster, message = status.message(), "the session ended");
            let _gone = outbound.try_send(Box::new(Err(status)));
        }
    });
    receiver
}

async fn converse(
    shared: &Shared,
    peer: &Peer,
    inbound: &mut Streaming<v1::AgentMessage>,
    outbound: &Outbound,
) -> Result<(), Status> {
    // Boxed: what a beginning needs is not kept for as long as the session lasts.
    let (hello, arriving) = Box::pin(greet(shared, peer, inbound, outbound)).await?;
    let cluster = &peer.certificate.cluster;
    let (inputs, mut queue) = mpsc::channel(INPUTS);
    let seat = match shared.links.join(cluster, arriving.clone(), inputs) {
        Ok(seat) => seat,
        Err(first) => return Err(Box::pin(refuse::duplicate(shared, &first, &arriving, outbound)).await),
    };
    let since = arriving.since;
    drop(arriving);
    let ended = match Box::pin(begin(shared, peer, hello, since)).await {
        Ok(mut session) => tokio::select! {
            ended = run(shared, (cluster, &seat), &mut session, inbound, &mut queue, outbound) => ended,
            () = expiry(peer.certificate.expires, since) => Err(peer::expired(peer.certificate.expires)),
        },
        Err(status) => Err(status),
    };
    Box::pin(leave(shared, cluster, &seat, &ended)).await;
    ended
}

/// Takes the agent's first message, if it may be here.
async fn greet(
    shared: &Shared,
    peer: &Peer,
    inbound: &mut Streaming<v1::AgentMessage>,
    outbound: &Outbound,
) -> Result<(v1::Hello, Present), Status> {
    let first = tokio::time::timeout(HELLO_WITHIN, inbound.message()).await;
    let Ok(Some(v1::AgentMessage { message: Some(v1::agent_message::Message::Hello(hello)) })) =
        first.map_err(|_| Status::deadline_exceeded("no hello came"))?
    else {
        return Err(Status::invalid_argument("the first message must be Hello"));
    };
    let _turn = shared.beginning.acquire().await;
    let now = shared_runtime::now();
    let (_, status) = shared.admit(peer, now).await?;
    let arriving = Present { instance: hello.instance.clone(), peer: peer.clone(), since: now };
    if Identity::of(&status).is_none_or(|identity| identity.cluster_uid != hello.cluster_uid) {
        return Err(refuse::replaced(shared, &arriving, outbound).await);
    }
    Ok((hello, arriving))
}

/// The session of an agent that has said hello and taken its seat.
async fn begin(
    shared: &Shared,
    peer: &Peer,
    hello: v1::Hello,
    now: Timestamp,
) -> Result<Box<Session>, Status> {
    let cluster = &peer.certificate.cluster;
    let _turn = shared.beginning.acquire().await;
    // Registered first, judged and listed second: no change can fall between the two.
    let (object, _) = shared.admit(peer, now).await?;
    let assignments = assignments(shared, cluster).await?;
    let (mut standing, adopted) = adoption::standing(shared, &object).await?;
    standing.takes_spans = shared.traces.takes_spans();
    standing.paused = shared.paused.of_cluster(cluster, assignments.keys()).await;
    let certificate = &peer.certificate;
    let authority = shared.authority.named(&certificate.issuer).unwrap_or_default();
    let used = status::Used { expires: certificate.expires, authority };
    status::update(&shared.records, cluster, |status| {
        status::connected(status, &hello, &used, now);
        status::accepted(status, now);
        status::adopted(status, adopted.as_ref());
    })
    .await;
    shared.metrics.sessions.inc();
    tracing::info!(%cluster, held = hello.held.len(), assigned = assignments.len(), "an agent connected");
    let authorities = shared.authority.fingerprints();
    let differs = !hello.authorities.is_empty() && differ(&hello.authorities, &authorities);
    let mut session = Session::new(&object, hello, assignments, standing, now)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    if differs {
        session.handle(Input::Say(authorities_message(&shared.authority)), now);
    }
    Ok(Box::new(session))
}

/// Whether an agent trusts others than it should, in whatever order.
fn differ(agents: &[String], hubs: &[String]) -> bool {
    let sorted = |list: &[String]| list.iter().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>();
    sorted(agents) != sorted(hubs)
}

/// Whom to trust.
pub(crate) fn authorities_message(authority: &Authority) -> v1::hub_message::Message {
    let authorities = authority.trusted().iter().map(|der| der.to_vec().into()).collect();
    v1::hub_message::Message::Authorities(v1::Authorities { authorities })
}

/// Ends when a certificate does, looking again now and then: clocks jump, machines sleep.
async fn expiry(expires: Timestamp, mut now: Timestamp) {
    while now <= expires {
        let left = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
        tokio::time::sleep(left.min(EXPIRY_CHECK) + Duration::from_secs(1)).await;
        now = shared_runtime::now();
    }
}

async fn run(
    shared: &Shared,
    (cluster, seat): (&ClusterName, &Seat),
    session: &mut Session,
    inbound: &mut Streaming<v1::AgentMessage>,
    queue: &mut mpsc::Receiver<Box<Input>>,
    outbound: &Outbound,
) -> Result<(), Status> {
    loop {
        while let Some(action) = session.poll_action() {
            // Boxed: what an action needs is not kept for the days in which there is none.
            if let Some(answer) = Box::pin(act(shared, (cluster, seat), action, outbound)).await? {
                session.handle(answer, shared_runtime::now());
            }
        }
        let input = tokio::select! {
            message = inbound.next() => match message {
                Some(Ok(v1::AgentMessage { message: Some(message) })) => {
                    shared.metrics.messages.came(1);
                    Input::Message(message)
                }
                Some(Ok(v1::AgentMessage { message: None })) => continue,
                Some(Err(status)) => return Err(status),
                None => return Ok(()),
            },
            input = queue.recv() => {
                input.map_or_else(|| Input::Cut("the session did not keep up".to_owned()), |input| *input)
            }
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
        Action::Assign { application, position, release, rollout } => {
            let (mut assign, bundle) = assignment(shared, &application, position, release).await?;
            let context = shared.traces.context(&shared.records, &application, &rollout).await;
            assign.traceparent = context.map(|context| context.to_string()).unwrap_or_default();
            // Before the agent can ask for it.
            shared.links.told(cluster, seat, application, bundle);
            send(outbound, v1::hub_message::Message::Assign(assign)).await?;
            shared.metrics.messages.went(1);
        }
        Action::Send(message) => {
            send(outbound, message).await?;
            shared.metrics.messages.went(1);
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
        Action::Spans(spans) => shared.traces.relay(cluster, spans),
        Action::Facts(facts) => {
            status::update(&shared.records, cluster, |status| status::facts(status, &facts)).await;
        }
        Action::Paused { acknowledged, local, applications } => {
            paused(shared, cluster, acknowledged, local, now).await;
            shared.links.update(cluster, now, |state| state.acknowledged_applications = applications);
        }
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
        Action::Compared(id, answer) => shared.links.compared(cluster, seat, &id, answer),
        Action::End(reason) => return Err(Status::aborted(reason)),
    }
    Ok(None)
}

async fn send(outbound: &Outbound, message: v1::hub_message::Message) -> Result<(), Status> {
    let message = v1::HubMessage { message: Some(message) };
    match outbound.send_timeout(Box::new(Ok(message)), TAKEN_WITHIN).await {
        Ok(()) => Ok(()),
        Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(Status::cancelled("the agent went away")),
        Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
            Err(Status::aborted("the agent does not take what the hub says"))
        }
    }
}

async fn assignment(
    shared: &Shared,
    application: &AppKey,
    position: Position,
    release: ReleaseId,
) -> Result<(v1::Assign, Digest), Status> {
    let entry = shared.records.store().get(&keys::release(&release)).await.ok().flatten();
    let spec = entry.as_ref().and_then(|entry| serde_json::from_slice::<ReleaseSpec>(&entry.value).ok());
    let (Some(entry), Some(spec)) = (entry, spec) else {
        tracing::error!(%application, %release, "the release's record cannot be read");
        return Err(Status::unavailable("the hub cannot read a release now"));
    };
    let assign = v1::Assign {
        application: Some(proto::application_to_wire(application)),
        position: Some(proto::position_to_wire(position)),
        release: release.to_string(),
        // As it was written when it was made.
        spec: entry.value,
        traceparent: String::new(),
    };
    Ok((assign, spec.bundle))
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
    let stored = shared.records.get(Kind::Cluster, "", cluster.as_str()).await.ok().flatten();
    let object = stored.and_then(|stored| Cluster::from_value(&stored.value).ok());
    status::update(&shared.records, cluster, |status| {
        status::paused(status, object.as_ref(), &acknowledged, local.as_ref(), now);
    })
    .await;
    let known = object.as_ref().and_then(|object| object.pause(now)).as_ref().map(pause_id);
    tracing::debug!(%cluster, acknowledged, asked = known.as_deref(), "the agent told its pauses");
    let local = local.map(|pause| Pause {
        // The agent says when it is over; this is for people.
        since: None,
        until: status::ends(&pause, now),
        reason: pause.reason,
        by: pause.by,
        acknowledged: true,
        local: true,
    });
    shared.links.update(cluster, now, |state| {
        state.acknowledged_pause = acknowledged;
        // It tells the same pause again and again.
        let since = state.local_pause.as_ref().and_then(|known| known.since).unwrap_or(now);
        state.local_pause = local.map(|pause| Pause { since: Some(since), ..pause });
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
    shared.metrics.ended(ended.as_ref().map_or_else(code, |()| "OK"));
    if shared.links.leave(cluster, seat, now) {
        let reason = match ended {
            Ok(()) => "the agent closed the stream".to_owned(),
            Err(status) => status.message().to_owned(),
        };
        tracing::info!(%cluster, reason, "an agent disconnected");
        status::update(&shared.records, cluster, |status| status::disconnected(status, &reason, now)).await;
    }
}

/// As the specification of gRPC writes them.
fn code(status: &Status) -> &'static str {
    match status.code() {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
