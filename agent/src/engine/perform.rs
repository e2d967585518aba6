//! Machines are told, and their actions are performed: those of one application start one after the other.

use super::{Done, Engine};
use crate::cluster::{Cluster, Limit, Priority};
use futures::FutureExt as _;
use jiff::Timestamp;
use shared_model::{AppKey, SyncPhase};
use shared_sync::{Action, Event, Failure, Method, Write};
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;

/// How often a write of the journal that failed is tried again.
const SAVE_AGAIN: Duration = Duration::from_secs(5);

impl Engine {
    /// Tells a machine, and performs what it asks for.
    pub(super) fn tell(&mut self, application: &AppKey, event: Event, now: Timestamp) {
        if let Some(app) = self.apps.get_mut(application) {
            app.with_machine(application, |machine| machine.handle(event, now));
        }
        self.pump(application, now);
    }

    /// The application's time has come.
    pub(super) fn wake(&mut self, application: &AppKey, now: Timestamp) {
        self.prepare(application, now);
        self.tell(application, Event::Tick, now);
    }

    /// The cluster's answer; what it says of the object is news for whoever else holds that object.
    pub(super) fn take_answer(&mut self, application: &AppKey, event: Event, now: Timestamp) {
        match &event {
            Event::Applied(id, Ok(_)) => self.routes.is_there(id, true),
            Event::Live(id, object) => self.routes.is_there(id, object.is_some()),
            Event::Deleted(id, Ok(())) => {
                let removing = self.apps.get(application).is_some_and(|app| app.release().is_none());
                if !removing {
                    self.outbox.event(application, "Pruned", format!("{id} was deleted"), now);
                }
            }
            Event::Assigned(_)
            | Event::Removed { .. }
            | Event::Unread(..)
            | Event::Applied(_, Err(_))
            | Event::Deleted(_, Err(_))
            | Event::Paused(_)
            | Event::Mode(_)
            | Event::SyncRequested
            | Event::InventoryLoaded(_)
            | Event::Tick => {}
        }
        self.tell(application, event, now);
    }

    /// Takes actions out of a machine until one has to start first, or there are none.
    pub(super) fn pump(&mut self, application: &AppKey, now: Timestamp) {
        while let Some(app) = self.apps.get_mut(application) {
            if app.starting {
                break;
            }
            let Some(action) = app.with_machine(application, |machine| machine.poll_action()).flatten()
            else {
                break;
            };
            match action {
                Action::ReportChanged => self.look_at_report(application, now),
                Action::Watch(ids) => {
                    self.routes.set(application, ids, &app.versions);
                    self.watches.set(&self.routes.kinds());
                }
                Action::SaveInventory(ids) => {
                    app.starting = true;
                    app.inventory = Some(ids.clone());
                    self.save_inventory(application, ids);
                }
                request @ (Action::Apply { .. }
                | Action::Delete { .. }
                | Action::Get(_)
                | Action::CreateNamespace { .. }) => self.request(application, request),
            }
        }
        self.set_timer(application);
    }

    /// Enters when the application is to be woken.
    pub(super) fn set_timer(&mut self, application: &AppKey) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let machine =
            app.with_machine(application, |machine| machine.poll_timeout()).flatten().map(|(due, _)| due);
        let due = [machine, app.retry.filter(|_| app.wish.is_some())].into_iter().flatten().min();
        if app.timer != due {
            if let Some(before) = app.timer.take() {
                self.timers.remove(&(before, application.clone()));
            }
            if let Some(due) = due {
                self.timers.insert((due, application.clone()));
                app.timer = Some(due);
            }
        }
    }

    fn save_inventory(&self, application: &AppKey, ids: Vec<shared_manifest::ObjectId>) {
        let (journal, done, application) =
            (Arc::clone(&self.deps.journal), self.done.clone(), application.clone());
        self.deps.tasks.spawn_until_stopped("journal", async move {
            let ids = Arc::new(ids);
            loop {
                let (writer, ids, of) = (Arc::clone(&journal), Arc::clone(&ids), application.clone());
                match tokio::task::spawn_blocking(move || writer.save_inventory(&of, &ids)).await {
                    Ok(Ok(())) => break,
                    Ok(Err(error)) => tracing::error!(
                        %application, %error,
                        "what is about to be written cannot be noted, so nothing is written; make room on the disk"
                    ),
                    Err(_) => tracing::error!(%application, "writing the inventory failed inside the agent"),
                }
                tokio::time::sleep(SAVE_AGAIN).await;
            }
            let _stopping = done.send(Done::Started(application));
        });
    }

    /// Starts a request; the next action waits until it has started.
    fn request(&mut self, application: &AppKey, action: Action) {
        let Some(app) = self.apps.get_mut(application) else { return };
        app.starting = true;
        let settled = app.last.as_ref().is_some_and(|report| report.phase == SyncPhase::Succeeded);
        let heals = settled && matches!(action, Action::Apply { .. });
        let write = action.is_write();
        self.writing += usize::from(write);
        let version = match &action {
            Action::Get(id) => app.versions.get(&(id.group.clone(), id.kind.clone())).cloned(),
            Action::Apply { .. }
            | Action::Delete { .. }
            | Action::CreateNamespace { .. }
            | Action::Watch(_)
            | Action::SaveInventory(_)
            | Action::ReportChanged => None,
        };
        let request = Request {
            cluster: self.deps.cluster.clone(),
            limit: self.limit.clone(),
            priority: if heals { Priority::First } else { Priority::Normal },
            closed: Arc::clone(&self.closed),
            done: self.done.clone(),
            application: application.clone(),
            version,
        };
        self.deps.tasks.spawn_until_stopped("request", request.perform(action, write));
    }

    /// Reads an object for everyone who holds it.
    pub(super) fn read(&self, id: &shared_manifest::ObjectId) {
        for (application, id) in self.routes.holders(id) {
            let version = self.routes.version(&id);
            let (cluster, limit, done) = (self.deps.cluster.clone(), self.limit.clone(), self.done.clone());
            self.deps.tasks.spawn_until_stopped("request", async move {
                let _permit = limit.permit(Priority::Normal).await;
                let event = get(&cluster, id, version.as_deref()).await;
                let _stopping =
                    done.send(Done::Answered { application, event: Box::new(event), write: false });
            });
        }
    }
}

async fn get(cluster: &Cluster, id: shared_manifest::ObjectId, version: Option<&str>) -> Event {
    match cluster.get(&id, version).await {
        Ok(object) => Event::Live(id, object),
        Err(failure) => Event::Unread(id, failure),
    }
}

/// One request of a machine.
#[derive(Debug)]
struct Request {
    cluster: Cluster,
    limit: Limit,
    priority: Priority,
    closed: Arc<AtomicBool>,
    done: mpsc::UnboundedSender<Done>,
    application: AppKey,
    version: Option<String>,
}

impl Request {
    async fn perform(self, action: Action, write: bool) {
        let permit = self.limit.permit(self.priority).await;
        let _stopping = self.done.send(Done::Started(self.application.clone()));
        // The last moment: a pause that came while this waited stops it.
        let event = if write && self.closed.load(Ordering::SeqCst) {
            answer(&action, Failure::Unreachable("not asked: the cluster is paused".to_owned()))
        } else {
            let done = AssertUnwindSafe(self.send(action.clone())).catch_unwind().await;
            done.unwrap_or_else(|_| {
                answer(&action, Failure::Unreachable("the agent failed inside".to_owned()))
            })
        };
        drop(permit);
        let answered = Done::Answered { application: self.application, event: Box::new(event), write };
        let _stopping = self.done.send(answered);
    }

    async fn send(&self, action: Action) -> Event {
        match action {
            Action::Apply { id, object, how } => {
                let result = self.cluster.apply(&id, &object, how).await;
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
            Action::Get(id) => get(&self.cluster, id, self.version.as_deref()).await,
            Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => Event::Tick,
        }
    }
}

/// The answer to an action that failed.
fn answer(action: &Action, failure: Failure) -> Event {
    match action {
        Action::Apply { id, .. } | Action::CreateNamespace { id, .. } => {
            Event::Applied(id.clone(), Err(failure))
        }
        Action::Delete { id, .. } => Event::Deleted(id.clone(), Err(failure)),
        Action::Get(id) => Event::Unread(id.clone(), failure),
        Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => Event::Tick,
    }
}
