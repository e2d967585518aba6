//! Machines are told, and their actions become work.

use super::{Engine, Request, Work};
use jiff::{SignedDuration, Timestamp};
use shared_manifest::ObjectId;
use shared_model::{AppKey, SyncPhase};
use shared_sync::{Action, Event};

/// How long after a panic a machine is made again.
const AFTER_PANIC: SignedDuration = SignedDuration::from_secs(30);

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
            Event::Applied(id, Ok(object)) => self.routes.answered(id, Some(object)),
            Event::Live(id, object) => self.routes.answered(id, object.as_deref()),
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
                    self.work.push_back(Work::Watch(self.routes.kinds()));
                }
                // Nothing whole to keep before a search has ended.
                Action::SaveInventory(_) if app.inventory.is_none() => {}
                Action::SaveInventory(ids) => {
                    app.starting = true;
                    app.inventory = Some(ids.clone());
                    self.work.push_back(Work::SaveInventory { application: application.clone(), ids });
                }
                // It is let go as if it were gone: whose release has it looks after it.
                Action::Delete { id, .. } if self.is_of_another(application, &id) => {
                    tracing::info!(%application, object = %id, "left to the Application whose release has it");
                    if let Some(app) = self.apps.get_mut(application) {
                        app.with_machine(application, |machine| {
                            machine.handle(Event::Deleted(id.clone(), Ok(())), now);
                            machine.handle(Event::Live(id, None), now);
                        });
                    }
                }
                request @ (Action::Apply { .. }
                | Action::Delete { .. }
                | Action::Get(_)
                | Action::CreateNamespace { .. }) => self.request(application, request),
            }
        }
        self.set_timer(application, now);
    }

    /// Enters when the application is to be woken.
    pub(super) fn set_timer(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let machine =
            app.with_machine(application, |machine| machine.poll_timeout()).flatten().map(|(due, _)| due);
        if std::mem::take(&mut app.panicked) {
            app.retry = now.checked_add(AFTER_PANIC).ok();
            return self.look_at_report(application, now);
        }
        let waits = app.wish.is_some() || app.pin_to_follow().is_some();
        let due = [machine, app.retry.filter(|_| waits)].into_iter().flatten().min();
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

    /// Whether another application's release has the object: whoever no longer has it may not take it from that one.
    fn is_of_another(&self, application: &AppKey, id: &ObjectId) -> bool {
        let holders = self.routes.holders(id);
        let others = holders.iter().filter(|(holder, _)| holder != application);
        others
            .filter_map(|(holder, id)| Some((self.apps.get(holder)?.machine.as_ref()?, id)))
            .any(|(machine, id)| machine.desires(id))
    }

    /// Asks for a request; the next action waits until it has started.
    fn request(&mut self, application: &AppKey, action: Action) {
        let Some(app) = self.apps.get_mut(application) else { return };
        app.starting = true;
        let settled = app.last.as_ref().is_some_and(|report| report.phase == SyncPhase::Succeeded);
        let heals = settled && matches!(action, Action::Apply { .. });
        let write = action.is_write();
        self.writing += usize::from(write);
        app.writing += usize::from(write);
        let version = match &action {
            Action::Get(id) => app.versions.get(&(id.group.clone(), id.kind.clone())).cloned(),
            Action::Apply { .. }
            | Action::Delete { .. }
            | Action::CreateNamespace { .. }
            | Action::Watch(_)
            | Action::SaveInventory(_)
            | Action::ReportChanged => None,
        };
        let application = application.clone();
        let forbidden = self.known.ceiling.forbids(&action);
        self.work.push_back(Work::Request(Request { application, action, version, heals, write, forbidden }));
    }
}
