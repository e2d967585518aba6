//! What must hold, during the day and after it.

use crate::{hub::Seat, release::says, world::World};
use shared_manifest::{ObjectId, tracking};
use shared_model::{AppKey, Position, SyncPhase, SyncState};
use std::collections::BTreeMap;

/// At most so many problems are told.
const MOST: usize = 20;
/// The most requests that an agent makes of its cluster in a day: a few syncs, and polite retries through outages.
const MOST_REQUESTS: u64 = 40_000;

/// What did not hold.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pub(crate) problems: Vec<String>,
}

impl Verdicts {
    pub(crate) fn problem(&mut self, text: String) {
        if self.problems.len() < MOST {
            self.problems.push(text);
        }
    }
}

/// A write that an agent makes now.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Write<'a> {
    Apply,
    Delete(&'a ObjectId),
}

/// Whether an order that was given does not have an object.
fn gives_up(seat: &Seat, application: &AppKey, position: Position, id: &ObjectId) -> bool {
    match seat.history.get(&(application.clone(), position)) {
        Some(Some(release)) => !release.ids().contains(id),
        Some(None) => true,
        None => false,
    }
}

impl World {
    /// Checks a write at the moment when it is made; it was sent under `order`, and another may be held by now.
    pub(crate) fn check_write(
        &mut self,
        agent: usize,
        (application, order): (&AppKey, Position),
        write: Write<'_>,
    ) {
        let name = &self.agents[agent].name;
        let Some(seat) = self.hub.seats.get(name) else { return };
        let paused = seat.object.spec.pause.as_ref().filter(|pause| pause.is_active(self.now));
        if let Some(pause) = paused
            && seat.acknowledged == hub_gateway::pause_id(pause)
        {
            let text = format!("{} {name}: {write:?} under a pause that was acknowledged", self.now);
            return self.verdicts.problem(text);
        }
        let alone = seat.paused.get(application).filter(|pause| pause.is_active(self.now));
        if let Some(pause) = alone
            && seat.acknowledged_applications.get(application) == Some(&hub_gateway::pause_id(pause))
        {
            let text = format!(
                "{} {name}: {write:?} of {application} under its pause that was acknowledged",
                self.now
            );
            return self.verdicts.problem(text);
        }
        let Write::Delete(id) = write else { return };
        // The order that the agent holds, by its own journal.
        let Some(process) = &self.agents[agent].process else { return };
        // What was taken back runs an earlier one. A write of the order before may still be under way when that
        // changes, so either of the two may give the object up.
        let pinned = process.journal.local().pins.get(application).map(|pin| pin.position);
        let held = process.engine.held(application);
        if pinned.is_some_and(|pinned| gives_up(seat, application, pinned, id)) {
            return;
        }
        if !gives_up(seat, application, held, id) && !gives_up(seat, application, order, id) {
            let text = format!(
                "{} {name}: {id} is deleted though {application} at {held} does not give it up",
                self.now
            );
            self.verdicts.problem(text);
        }
    }

    /// After all trouble: every cluster equals its assignment, and hub and agent agree.
    pub(crate) fn judge(&mut self) {
        let mut problems = Vec::new();
        for agent in &self.agents {
            let seat = &self.hub.seats[&agent.name];
            let mut wanted = BTreeMap::new();
            for (application, assigned) in &seat.assigned {
                let release = seat.history[&(application.clone(), assigned.position)].as_ref();
                wanted.extend(release.into_iter().flat_map(|release| release.content.objects.clone()));
                let seen = seat.observed.get(application);
                let told = seen.is_some_and(|seen| {
                    let done = if release.is_some() {
                        seen.phase == SyncPhase::Succeeded && seen.sync == SyncState::Synced
                    } else {
                        seen.removed
                    };
                    done && seen.position == assigned.position
                });
                if !told {
                    problems.push(format!(
                        "{}: the hub believes of {application} at {}: {seen:?}",
                        agent.name, assigned.position
                    ));
                }
            }
            let ours =
                agent.cluster.objects.iter().filter(|(_, object)| tracking::owner_of(object).is_some());
            let live: BTreeMap<ObjectId, String> =
                ours.map(|(id, object)| (id.clone(), says(object).to_owned())).collect();
            if live != wanted {
                problems.push(format!("{}: runs {live:?}, not {wanted:?}", agent.name));
            }
            if agent.cluster.requests > MOST_REQUESTS {
                problems.push(format!("{}: made {} requests", agent.name, agent.cluster.requests));
            }
        }
        problems.into_iter().for_each(|problem| self.verdicts.problem(problem));
    }
}
