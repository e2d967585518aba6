//! The engine's work, done.

use super::{Deps, Shell, compare::Comparing};
use crate::{
    cluster::{Cluster, Limit, Priority},
    engine::{Done, Failure, Gate, Note, Order, Preparation, Prepared, Request, Work},
    journal::{self, Control, Journal},
    link::Bundles,
    metrics::Metrics,
    seals::Seals,
    status::Status,
};
use futures::FutureExt as _;
use serde_json::Value;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Digest};
use shared_runtime::Backoff;
use shared_sync::{Action, Event, Failure as Refusal, Method, Write};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// How soon a write of the journal that failed is tried again, at first.
const SAVE_AGAIN: Duration = Duration::from_secs(5);
const LEASE: &str = "not asked: this agent's Lease could not be renewed in time, so another agent may act by now; it goes on once it is renewed";

impl Shell {
    /// Starts all the work that the engine has.
    pub(super) fn work(&mut self) {
        while let Some(work) = self.engine.poll_work() {
            self.start(work);
        }
    }

    fn start(&mut self, work: Work) {
        let (tasks, done) = (self.deps.tasks.clone(), self.done.clone());
        let metrics = self.deps.metrics.clone();
        let (journal, cluster, limit) =
            (Arc::clone(&self.deps.journal), self.deps.cluster.clone(), self.limit.clone());
        // Whoever is told of an end may be gone: then nobody waits for it.
        match work {
            Work::Request(request) => {
                let seals = Arc::clone(&self.deps.seals);
                let asking = Asking { cluster, limit, gate: self.engine.gate(), journal, metrics, seals };
                tasks.spawn_until_stopped("request", async move {
                    let tell = |event| drop(done.send(event));
                    asking.perform(request, tell).await;
                });
            }
            Work::Read { application, id, version } => {
                tasks.spawn_until_stopped("request", async move {
                    let _permit = limit.permit(Priority::Normal).await;
                    let event = Box::new(get(&cluster, id.clone(), version.as_deref()).await);
                    drop(done.send(Done::Read { application, id, event }));
                });
            }
            Work::Prepare(order) => {
                let (places, bundles) = (Arc::clone(&self.preparing), self.bundles.clone());
                let seals = Arc::clone(&self.deps.seals);
                tasks.spawn_until_stopped("order", async move {
                    let (application, wish) = (order.application.clone(), order.wish());
                    let result = prepare(order, Arc::clone(&journal), bundles, &places).await;
                    // What is there can be compared only by who knows what is wanted, and told only by who knows what is secret.
                    if let Ok(Prepared::Run { assignment, .. } | Prepared::Pinned { assignment, .. }) =
                        &result
                    {
                        seals.study(assignment, &journal).await;
                    }
                    metrics.ordered(result.is_ok());
                    drop(done.send(Done::Ordered { application, wish, result }));
                });
            }
            Work::SaveInventory { application, ids } => {
                tasks.spawn_until_stopped("journal", async move {
                    save_inventory(&journal, &application, ids).await;
                    drop(done.send(Done::Started(application)));
                });
            }
            Work::Note { application, note } => {
                if let Note::Synced(_) = note {
                    metrics.synced();
                    self.deps.seals.applied(&application);
                }
                tasks.spawn("journal", keep_note(journal, application, note));
            }
            Work::KeepControl(control) => tasks.spawn_until_stopped("journal", async move {
                keep_control(&journal, control).await;
                drop(done.send(Done::ControlKept));
            }),
            Work::Search { after } => tasks.spawn_until_stopped("survey", async move {
                tokio::time::sleep(after).await;
                drop(done.send(Done::Surveyed(cluster.survey().await)));
            }),
            Work::Watch(kinds) => self.watches.set(&kinds),
            Work::WatchUnlabelled(places) => self.watches.set_unlabelled(&places),
            Work::Give { command, digest } => {
                let bundles = self.bundles.clone();
                tasks.spawn_until_stopped("give", async move {
                    let error = give(journal, bundles, digest).await.err();
                    drop(done.send(Done::Given { command, error }));
                });
            }
            Work::Compare(comparison) => {
                let (command, application) =
                    (comparison.command.clone(), comparison.spec.application.clone());
                let place = match self.comparing.place() {
                    Ok(place) => place,
                    Err(why) => {
                        drop(done.send(Done::Compared { command, application, result: Err(why) }));
                        return;
                    }
                };
                let ceiling = self.deps.ceiling.clone();
                let comparing = Comparing { cluster, limit, ceiling, journal, place };
                tasks.spawn_until_stopped("compare", async move {
                    let result = comparing.perform(comparison).await;
                    drop(done.send(Done::Compared { command, application, result }));
                });
            }
            Work::Export(spans) => {
                if let Some(exporter) = &self.deps.tracing.exporter {
                    exporter.send_once(spans);
                }
            }
            Work::WriteStatus(status) => {
                metrics.stand(&status);
                let deps = self.deps.clone();
                tasks.spawn("status", async move {
                    let kept = write_status(&deps, &status).await;
                    drop(done.send(Done::StatusWritten { kept }));
                });
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, journal::Error> + Send + 'static,
) -> Result<T, journal::Error> {
    tokio::task::spawn_blocking(work).await.expect("the journal does not panic")
}

/// Writes the status, or not: that stops nothing.
pub(super) async fn write_status(deps: &Deps, status: &Status) -> bool {
    let (journal, bytes) = (Arc::clone(&deps.journal), status.to_bytes());
    let written = blocking(move || journal.write_status(&bytes)).await;
    if let Err(error) = &written {
        tracing::warn!(%error, "the status could not be written");
    }
    written.is_ok()
}

/// Keeps an inventory. Where there is no room for it, the one before it is forgotten instead: what is written carries
/// our marks, and is searched for at the next start. So a full disk stops no healing.
async fn save_inventory(journal: &Arc<Journal>, application: &AppKey, ids: Vec<ObjectId>) {
    let ids = Arc::new(ids);
    let mut backoff = Backoff::new(SAVE_AGAIN, SAVE_AGAIN * 12);
    loop {
        let (writer, ids, of) = (Arc::clone(journal), Arc::clone(&ids), application.clone());
        let Err(error) = blocking(move || writer.save_inventory(&of, &ids)).await else { return };
        let (writer, of) = (Arc::clone(journal), application.clone());
        match blocking(move || writer.forget_inventory(&of)).await {
            Ok(()) => {
                tracing::warn!(%application, %error, "the inventory cannot be noted; it is searched for at the next start");
                return;
            }
            Err(_) => tracing::error!(
                %application, %error,
                "what is about to be written cannot be noted, so nothing is written; make room for the journal"
            ),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Keeps what the hub asks of the whole cluster. It is obeyed already; the hub is told so once a restart cannot forget it.
async fn keep_control(journal: &Arc<Journal>, control: Control) {
    let control = Arc::new(control);
    let mut backoff = Backoff::new(SAVE_AGAIN, SAVE_AGAIN * 12);
    loop {
        let (writer, kept) = (Arc::clone(journal), Arc::clone(&control));
        let Err(error) = blocking(move || writer.save_control(&kept)).await else { return };
        tracing::error!(%error, "the hub's pause or mode cannot be kept: it holds until a restart, and is not acknowledged");
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

async fn keep_note(journal: Arc<Journal>, application: AppKey, note: Note) {
    let of = application.clone();
    let kept = blocking(move || match note {
        Note::Synced(position) => journal.save_synced(&of, position),
        Note::Removal(position, what) => journal.save_order(&of, position, what, None),
    });
    if let Err(error) = kept.await {
        tracing::warn!(%application, %error, "a note could not be kept; after a restart it is done again");
    }
}

/// Makes an order durable and ready, fetching what is missing.
async fn prepare(
    order: Order,
    journal: Arc<Journal>,
    bundles: Option<Bundles>,
    places: &Semaphore,
) -> Result<Prepared, Failure> {
    let _place = places.acquire().await;
    let order = Arc::new(order);
    let (begun, reading) = (Arc::clone(&order), Arc::clone(&journal));
    let step = off_the_loop(move || begun.begin(&reading)).await?;
    let digest = match step {
        Preparation::Ready(prepared) => return Ok(prepared),
        Preparation::Fetch(digest) => digest,
    };
    let compressed = bundles.ok_or(Failure::NoLink)?.fetch(&digest).await?;
    off_the_loop(move || order.finish(&journal, &compressed)).await
}

/// Uploads a bundle; why not.
async fn give(journal: Arc<Journal>, bundles: Option<Bundles>, digest: Digest) -> Result<(), String> {
    let compressed =
        blocking(move || journal.compressed(&digest)).await.map_err(|error| error.to_string())?;
    let bundles = bundles.ok_or_else(|| "the link is gone".to_owned())?;
    bundles.give(&digest, compressed).await.map_err(|error| error.to_string())
}

async fn off_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Failure::Bundle("reading it failed inside the agent".to_owned())))
}

async fn get(cluster: &Cluster, id: ObjectId, version: Option<&str>) -> Event {
    match cluster.get(&id, version).await {
        Ok(object) => Event::Live(id, object),
        Err(failure) => Event::Unread(id, failure),
    }
}

/// What a request needs.
#[derive(Debug)]
struct Asking {
    cluster: Cluster,
    limit: Limit,
    gate: Gate,
    journal: Arc<Journal>,
    metrics: Metrics,
    seals: Arc<Seals>,
}

impl Asking {
    async fn perform(self, request: Request, tell: impl Fn(Done)) {
        let Request { application, action, version, heals, write, forbidden } = request;
        let permit = self.limit.permit(if heals { Priority::First } else { Priority::Normal }).await;
        tell(Done::Started(application.clone()));
        // The last moment: a pause that came while this waited stops it, and so does a lease that ran out meanwhile.
        let word = word(&action);
        let held = if let Some(why) = forbidden {
            Some(Refusal::Forbidden(why))
        } else if let Some(why) = self.gate.stops(&application).filter(|_| write) {
            Some(Refusal::Unreachable(format!("not asked: {why}")))
        } else if write && !self.journal.holds() {
            Some(Refusal::Unreachable(LEASE.to_owned()))
        } else {
            None
        };
        let was_held = held.is_some();
        let event = match held {
            Some(why) => action.failed(why),
            None => {
                let asked = self.send(&application, action.clone(), version.as_deref());
                AssertUnwindSafe(asked).catch_unwind().await.unwrap_or_else(|_| {
                    action.failed(Refusal::Unreachable("the agent failed inside".to_owned()))
                })
            }
        };
        if let Some(word) = word {
            self.metrics.wrote(word, if was_held { "held" } else { outcome(&event) });
        }
        drop(permit);
        tell(Done::Answered { application, event: Box::new(event), write });
    }

    /// Writes an object; what it holds encrypted is opened for this moment alone.
    async fn apply(
        &self,
        of: &AppKey,
        id: &ObjectId,
        object: &Arc<Value>,
        how: Write,
    ) -> Result<Arc<Value>, Refusal> {
        match self.seals.open(of, id, object).await {
            Ok(None) => self.cluster.apply(id, object, how).await,
            Ok(Some(unsealed)) => {
                let cluster = self.cluster.untelling(unsealed.secrets());
                cluster.apply(id, unsealed.object(), how).await
            }
            Err(why) => Err(Refusal::Other(why)),
        }
    }

    async fn send(&self, of: &AppKey, action: Action, version: Option<&str>) -> Event {
        match action {
            Action::Apply { id, object, how } => {
                let result = self.apply(of, &id, &object, how).await;
                Event::Applied(id, result)
            }
            Action::CreateNamespace { id, object } => {
                let how = Write { method: Method::Apply, recreate: false, validate: true };
                let result = self.cluster.apply(&id, &object, how).await;
                Event::Applied(id, result)
            }
            Action::Delete { id, uid, propagation } => {
                let result = self.cluster.delete(&id, uid.as_deref(), propagation).await;
                Event::Deleted(id, result)
            }
            Action::Get(id) => get(&self.cluster, id, version).await,
            Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => Event::Tick,
        }
    }
}

/// What a write is called where it is counted; `None` for what is no write.
const fn word(action: &Action) -> Option<&'static str> {
    match action {
        Action::Apply { .. } | Action::CreateNamespace { .. } => Some("apply"),
        Action::Delete { .. } => Some("delete"),
        Action::Get(_) | Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => None,
    }
}

const fn outcome(event: &Event) -> &'static str {
    if matches!(event, Event::Applied(_, Err(_)) | Event::Deleted(_, Err(_))) { "failed" } else { "done" }
}

#[cfg(test)]
mod tests;
