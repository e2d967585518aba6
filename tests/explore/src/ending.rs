//! Whether a story ends: from any moment on, with everything up and healthy, the newest rollout is done, or
//! what it waits for is a person's decision.

use crate::{
    action::{Action, Planned, apply},
    canon,
    judge::Broken,
    setup::Setup,
    state::{Condition, State},
};
use shared_rollout::{Link, Phase};
use std::{collections::HashSet, time::Duration};

/// More rounds than any story needs.
const ROUNDS: usize = 60;

/// The moments from which a story is known to end.
#[derive(Debug, Default)]
pub(crate) struct Endings {
    known: HashSet<u128>,
}

impl Endings {
    /// Lets everything go well from here on.
    pub(crate) fn reach(&mut self, setup: &Setup, state: &State) -> Result<(), Broken> {
        let mut state = state.clone();
        state.left = crate::setup::Quota::default();
        state.batch = None;
        let mut path = Vec::new();
        for _ in 0..ROUNDS {
            well(&mut state);
            let key = canon::key(setup, &state);
            if !self.known.insert(key) {
                return Ok(());
            }
            path.push(key);
            let planned = Planned::of(&state)?;
            let idle = planned.plan.steps.is_empty();
            if let Some(next) = apply(setup, &state, &planned, &Action::Run)? {
                state = next;
            }
            if idle && state.fleet.clusters.keys().all(|cluster| !state.lags(cluster)) {
                state.now += Duration::from_secs(200);
                well(&mut state);
                if Planned::of(&state)?.plan.steps.is_empty() {
                    return at_rest(&state).inspect_err(|_| self.forget(&path));
                }
            }
        }
        self.forget(&path);
        Err(("Ends", format!("after {ROUNDS} rounds in which all went well it is still under way")))
    }

    fn forget(&mut self, path: &[u128]) {
        for key in path {
            self.known.remove(key);
        }
    }
}

/// Everything is up, and every agent takes its order and is healthy for a while.
fn well(state: &mut State) {
    let clusters: Vec<_> = state.fleet.clusters.keys().cloned().collect();
    for cluster in &clusters {
        if let Some(known) = state.fleet.clusters.get_mut(cluster) {
            known.link = Link::Connected;
            known.pauses.clear();
        }
        if state.lags(cluster) {
            state.take(cluster);
        }
        state.report(cluster, Condition::Healthy);
    }
    state.now += Duration::from_secs(10);
}

fn at_rest(state: &State) -> Result<(), Broken> {
    let (_, report) = shared_rollout::plan(&state.fleet, state.now);
    let line = state.line();
    let Some(lead) = line.lead() else { return Ok(()) };
    let listed = report.rollouts.values().find(|listed| listed.phase == lead.head.phase);
    let says = listed.and_then(|listed| listed.waits_for.as_ref()).map(ToString::to_string);
    let by_person = says.as_ref().is_some_and(|says| says.contains("person") || says.contains("approve"));
    let newest = line.rollouts.last().is_some_and(|newest| newest.name == lead.name);
    let pinned = lead.head.rollback.as_ref().is_some_and(|rollback| rollback.pins);
    let held = lead.head.paused.as_ref().is_some_and(|held| held.is_active(state.now));
    let fine = match lead.head.phase {
        Phase::Done => {
            let proven = |member: &shared_rollout::Member| {
                member.current().is_some_and(|record| record.state.is_proven())
            };
            held || newest && lead.members.values().all(proven)
        }
        Phase::Halted => held || (newest && by_person),
        Phase::RolledBack => newest || pinned || held,
        Phase::Progressing => held || by_person,
        Phase::RollingBack => held,
        Phase::Queued | Phase::Superseded => false,
    };
    fine.then_some(()).ok_or_else(|| {
        ("Ends", format!("{} stays {} for ever and waits for {says:?}", lead.name, lead.head.phase))
    })
}
