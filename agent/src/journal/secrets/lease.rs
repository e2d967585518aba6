//! One active agent: a Lease with its holder (`coordination.k8s.io/v1`).
//!
//! Who finds it held waits until it was not renewed for as long as it lasts, counted on its own clock from when it saw
//! the last renewal: clocks need not agree. So an agent that was killed is followed after that time without a person.

use crate::{
    cluster::{ANSWER_WITHIN, Cluster},
    journal::Error,
};
use http::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared_sync::Failure;
use std::{
    fmt,
    time::{Duration, Instant},
};

const NAME: &str = "flotilla-agent";
/// How long a holder that does not renew is waited for.
const LASTS: Duration = Duration::from_secs(15);
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(4);

pub(super) struct Lease {
    cluster: Cluster,
    namespace: String,
    /// Who we are: no two processes are the same.
    holder: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The holder and renewal of another, and when they were seen first.
    other: Option<(Value, Instant)>,
    /// When the renewal was asked for that the API server granted last.
    renewed: Option<Instant>,
    closed: bool,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("holder", &self.holder).finish_non_exhaustive()
    }
}

impl Lease {
    pub(super) fn new(cluster: Cluster, namespace: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let holder = format!("{}_{}", host.trim(), uuid::Uuid::new_v4());
        Self { cluster, namespace: namespace.to_owned(), holder, state: Mutex::default() }
    }

    fn collection(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace)
    }

    fn at(&self) -> String {
        format!("lease {}/{NAME}", self.namespace)
    }

    /// Takes it, if nobody else holds it.
    pub(super) async fn take(&self) -> Result<(), Error> {
        self.state.lock().closed = false;
        self.renew().await
    }

    /// Makes sure that it is held: asks only when it may have run out.
    pub(super) async fn assure(&self) -> Result<(), Error> {
        let fresh = {
            let state = self.state.lock();
            if state.closed {
                return Err(Error::Closed);
            }
            // A request that begins now has failed before the lease runs out.
            state.renewed.is_some_and(|renewed| renewed.elapsed() + ANSWER_WITHIN < LASTS)
        };
        if fresh { Ok(()) } else { self.renew().await }
    }

    /// Takes or keeps it.
    pub(super) async fn renew(&self) -> Result<(), Error> {
        if self.state.lock().closed {
            return Err(Error::Closed);
        }
        let asked = Instant::now();
        let failed = |failure| Error::Api { at: self.at(), what: "cannot be taken", why: failure };
        let path = format!("{}/{NAME}", self.collection());
        let found = match self.cluster.own(Method::GET, &path, None).await {
            Ok(found) => Some(found),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(failed(failure)),
        };
        let holder =
            found.as_ref().and_then(|lease| lease["spec"]["holderIdentity"].as_str()).unwrap_or_default();
        let ours = holder == self.holder;
        if let Some(lease) = found.as_ref().filter(|_| !ours && !holder.is_empty())
            && !self.has_run_out(lease)
        {
            self.state.lock().renewed = None;
            return Err(self.held(holder));
        }
        let now = format!("{:.6}", shared_runtime::now());
        let before = found.as_deref().cloned().unwrap_or(Value::Null);
        let acquired = if ours { before["spec"]["acquireTime"].clone() } else { Value::from(now.clone()) };
        let changes =
            before["spec"]["leaseTransitions"].as_u64().unwrap_or(0) + u64::from(!ours && found.is_some());
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": NAME, "resourceVersion": before["metadata"]["resourceVersion"]},
            "spec": {
                "holderIdentity": self.holder, "leaseDurationSeconds": LASTS.as_secs(),
                "acquireTime": acquired, "renewTime": now, "leaseTransitions": changes,
            },
        });
        let written = match &found {
            Some(_) => self.cluster.own(Method::PUT, &path, Some(&lease)).await,
            None => self.cluster.own(Method::POST, &self.collection(), Some(&lease)).await,
        };
        match written {
            Ok(_) => {
                let mut state = self.state.lock();
                state.renewed = Some(asked);
                state.other = None;
                Ok(())
            }
            Err(Failure::Conflict(_)) => Err(self.held("another one that was quicker")),
            Err(failure) => Err(failed(failure)),
        }
    }

    /// Whether another's lease was seen without a renewal for as long as it lasts.
    fn has_run_out(&self, lease: &Value) -> bool {
        let mark = json!([lease["spec"]["holderIdentity"], lease["spec"]["renewTime"]]);
        let lasts = lease["spec"]["leaseDurationSeconds"].as_u64().map_or(LASTS, Duration::from_secs);
        let mut state = self.state.lock();
        match &state.other {
            Some((seen, since)) if *seen == mark => since.elapsed() >= lasts,
            Some(_) | None => {
                state.other = Some((mark, Instant::now()));
                false
            }
        }
    }

    /// Lets go of it, so that the next agent need not wait. Nothing is written after that.
    pub(super) async fn release(&self) {
        let held = {
            let mut state = self.state.lock();
            state.closed = true;
            state.renewed.take().is_some()
        };
        if !held {
            return;
        }
        let path = format!("{}/{NAME}", self.collection());
        let Ok(found) = self.cluster.own(Method::GET, &path, None).await else { return };
        if found["spec"]["holderIdentity"] == *self.holder {
            let patch = json!({
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
            });
            if let Err(error) = self.cluster.own(Method::PATCH, &path, Some(&patch)).await {
                tracing::info!(%error, "the journal's Lease could not be released; it runs out by itself");
            }
        }
    }

    fn held(&self, holder: &str) -> Error {
        Error::Held { at: self.at(), holder: holder.to_owned() }
    }
}
