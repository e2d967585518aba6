//! One active agent: a Lease with its holder (`coordination.k8s.io/v1`).
//!
//! Who finds it held waits until it was not renewed for as long as it lasts, counted on its own clock from when it saw
//! the last renewal: clocks need not agree. So an agent that was killed is followed after that time without a person.
//! Who holds it counts on its own clock too, from before it asked: an agent that could not renew it in time, since it was
//! stopped or cut off, starts no write of the cluster ([`Lease::is_held`]) before it has renewed it, which tells whether
//! another acts by now. What it had started before may still arrive.

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
/// How soon a renewal that failed is tried again.
pub(super) const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// What is started so long before the lease runs out has arrived by then.
const ARRIVES_WITHIN: Duration = Duration::from_secs(2);
/// How often in a row it is read again since another version of it was there.
const TRIES: usize = 3;

pub(super) struct Lease {
    cluster: Cluster,
    namespace: String,
    /// Who we are: no two processes are the same.
    holder: String,
    /// Held by whoever renews it: two of us at once would take each other for another agent.
    renewing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The holder and renewal of another, and when they were seen first.
    other: Option<(Value, Instant)>,
    /// When the renewal was asked for that the API server granted last.
    renewed: Option<Instant>,
    /// When a renewal failed last, and why.
    failed: Option<(Instant, Failure)>,
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
        Self {
            cluster,
            namespace: namespace.to_owned(),
            holder,
            renewing: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
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

    /// Whether nobody else can hold it at `now`, by what the API server granted last.
    pub(super) fn is_held(&self, now: Instant) -> bool {
        self.lasts(now, ARRIVES_WITHIN)
    }

    /// Whether it lasts for so long after `now`.
    fn lasts(&self, now: Instant, further: Duration) -> bool {
        let renewed = self.state.lock().renewed;
        renewed.is_some_and(|renewed| now.saturating_duration_since(renewed) + further < LASTS)
    }

    /// Makes sure that it is held: asks only when it may have run out.
    pub(super) async fn assure(&self) -> Result<(), Error> {
        // A request that begins now has failed before the lease runs out.
        let fresh = || self.lasts(Instant::now(), ANSWER_WITHIN);
        if !self.is_closed() && fresh() {
            return Ok(());
        }
        let _one = match self.turn().await {
            Ok(turn) => turn,
            Err(failure) => return Err(self.failed(failure)),
        };
        if !self.is_closed() && fresh() {
            return Ok(());
        }
        self.renew_alone().await
    }

    /// Takes or keeps it.
    pub(super) async fn renew(&self) -> Result<(), Error> {
        match self.turn().await {
            Ok(_one) => self.renew_alone().await,
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// The right to renew it; or why it could not be renewed just now, for all who waited: they do not try in turn.
    async fn turn(&self) -> Result<tokio::sync::MutexGuard<'_, ()>, Failure> {
        let since = Instant::now();
        let turn = self.renewing.lock().await;
        match &self.state.lock().failed {
            Some((at, failure)) if *at >= since => Err(failure.clone()),
            Some(_) | None => Ok(turn),
        }
    }

    async fn renew_alone(&self) -> Result<(), Error> {
        for _ in 0..TRIES {
            // Another version may be our own: a renewal that was given up arrived late.
            match self.try_to_renew().await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    if let Error::Api { why, .. } = &error {
                        self.state.lock().failed = Some((Instant::now(), why.clone()));
                    }
                    return Err(error);
                }
            }
        }
        self.state.lock().renewed = None;
        Err(self.held("another one that was quicker"))
    }

    fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Whether it was written; not when another version of it was there.
    async fn try_to_renew(&self) -> Result<bool, Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let asked = Instant::now();
        let path = format!("{}/{NAME}", self.collection());
        let found = match self.cluster.own_lease(Method::GET, &path, None).await {
            Ok(found) => Some(found),
            Err(Failure::NotFound(_)) => None,
            Err(failure) => return Err(self.failed(failure)),
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
            Some(_) => self.cluster.own_lease(Method::PUT, &path, Some(&lease)).await,
            None => self.cluster.own_lease(Method::POST, &self.collection(), Some(&lease)).await,
        };
        match written {
            Ok(_) => {
                let mut state = self.state.lock();
                state.renewed = Some(asked);
                state.other = None;
                Ok(true)
            }
            Err(Failure::Conflict(_)) => Ok(false),
            Err(failure) => Err(self.failed(failure)),
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
        // What is under way would take it again.
        let _one = self.renewing.lock().await;
        let path = format!("{}/{NAME}", self.collection());
        let Ok(found) = self.cluster.own_lease(Method::GET, &path, None).await else { return };
        if found["spec"]["holderIdentity"] == *self.holder {
            let patch = json!({
                "metadata": {"resourceVersion": found["metadata"]["resourceVersion"]},
                "spec": {"holderIdentity": "", "leaseDurationSeconds": 1},
            });
            if let Err(error) = self.cluster.own_lease(Method::PATCH, &path, Some(&patch)).await {
                tracing::info!(%error, "the journal's Lease could not be released; it runs out by itself");
            }
        }
    }

    fn failed(&self, why: Failure) -> Error {
        Error::Api { at: self.at(), what: "cannot be taken", why }
    }

    fn held(&self, holder: &str) -> Error {
        Error::Held { at: self.at(), holder: holder.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::secrets::tests::{Api, runtime};

    #[test]
    fn it_runs_out_by_the_holders_own_clock() {
        let runtime = runtime();
        let _inside = runtime.enter();
        let api = Api::default();
        let lease = Lease::new(Cluster::from_service(api.clone(), "default"), "agents");
        let after = |seconds| lease.is_held(Instant::now() + Duration::from_secs(seconds));
        assert!(!after(0), "nobody granted it yet");
        runtime.block_on(lease.take()).unwrap();
        assert_eq!([0, 12, 13, 60].map(after), [true, true, false, false]);
        // Another took it over while this one was stopped: what that finds out counts at once.
        api.give_lease("another");
        let error = runtime.block_on(lease.renew()).unwrap_err();
        assert!(matches!(error, Error::Held { .. }), "{error}");
        assert!(!after(0));
        // The other lets go of it.
        api.give_lease("");
        runtime.block_on(lease.renew()).unwrap();
        assert!(after(0));
        runtime.block_on(lease.release());
        assert!(!after(0));
    }

    #[test]
    fn many_who_need_it_at_once_are_one_holder() {
        let runtime = runtime();
        let _inside = runtime.enter();
        let api = Api::default();
        let lease = Lease::new(Cluster::from_service(api.clone(), "default"), "agents");
        runtime.block_on(lease.take()).unwrap();
        // The keeper and others: each renewal finds what the one before it wrote.
        let before = api.revision();
        let all = futures::future::join_all((0..20).map(|_| lease.renew()));
        assert!(runtime.block_on(all).iter().all(Result::is_ok));
        assert_eq!(api.revision() - before, 20);
        // It may have run out: one asks for all, and is told for all.
        let needed = || {
            lease.state.lock().renewed = None;
            let all = futures::future::join_all((0..20).map(|_| lease.assure()));
            runtime.block_on(all)
        };
        assert!(needed().iter().all(Result::is_ok));
        assert_eq!(api.revision() - before, 21);
        let asked = api.asked();
        api.set_down(true);
        assert!(needed().iter().all(|done| matches!(done, Err(Error::Api { .. }))));
        assert_eq!(api.asked() - asked, 1);
        api.set_down(false);
        assert!(needed().iter().all(Result::is_ok));
    }
}
