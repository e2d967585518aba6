//! The invariants, judged step by step from what the onlooker remembers ([`Ghost`]) and from what agents
//! were told; never from the planner's own records.

#![allow(clippy::wildcard_enum_match_arm, reason = "a judge looks at a few kinds of steps only")]

use crate::{
    ghost::Ghost,
    setup::Setup,
    state::{State, seat, shipped},
};
use jiff::SignedDuration;
use shared_model::{ClusterName, Position, RolloutName, policy::Supersede, policy::WaitOrSkip};
use shared_rollout::{Assigned, Change, Excuse, Fleet, Order, Phase, Step, Writes};
use std::collections::BTreeSet;

/// A broken invariant: its name and a sentence.
pub(crate) type Broken = (&'static str, String);

/// How a step came to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landing {
    /// At the moment it was planned: all that was known then must speak for it.
    AtOnce,
    /// Later: what was known when it was planned was judged then, and only what a transaction can compare counts.
    Later,
}

/// Writes a step, judged before and after, and remembers it.
pub(crate) fn write(
    setup: &Setup,
    state: &mut State,
    (step, writes): &(Step, Writes),
    landing: Landing,
) -> Result<(), Broken> {
    let right = held_back(state, step).and_then(|()| match landing {
        Landing::AtOnce => known(setup, state, step),
        Landing::Later => Ok(()),
    });
    let order = writes.assigned.as_ref().filter(|(seat, is)| {
        let was = state.fleet.assigned.get(seat);
        was.is_none_or(|was| was.order != is.order || was.position != is.position)
    });
    let before = order.map(|(seat, _)| {
        let was = state.fleet.assigned.get(seat).map(|was| was.position);
        (was, exposed(setup, &state.fleet, &state.ghost, &seat.0))
    });
    state.write(step, writes);
    let told = match (order, before) {
        (Some((seat, is)), Some(before)) => told(setup, state, step, (&seat.0, is), before),
        _ => Ok(()),
    };
    remember(state, step);
    right.and(told)
}

/// What must hold of every order that an agent is given, however late.
fn told(
    setup: &Setup,
    after: &State,
    step: &Step,
    (cluster, is): (&ClusterName, &Assigned),
    (was, exposed_before): (Option<Position>, usize),
) -> Result<(), Broken> {
    let position = is.position;
    if was >= Some(position) {
        return Err(("NeverBackwards", format!("{cluster} is told {position} after a higher position")));
    }
    if after.agents.get(cluster).is_some_and(|agent| agent.0 >= position) {
        return Err(("NeverBackwards", format!("the agent of {cluster} is further than {position}")));
    }
    let Some((_, release)) = is.running() else {
        return Err(("HealAlways", format!("{cluster} has nothing to heal to")));
    };
    let frozen = after.line().rollouts.iter().any(|rollout| shipped(&rollout.name, cluster) == release);
    let own = !matches!(step.change, Change::Release { .. }) || release == shipped(&step.rollout, cluster);
    if let Change::Return { release: back, .. } = &step.change
        && (*back == shipped(&step.rollout, cluster) || !after.ghost.good.contains(&(cluster.clone(), *back)))
    {
        return Err(("Pinned", format!("{cluster} goes back to what was never proven there")));
    }
    if !frozen || !own {
        return Err(("Pinned", format!("{cluster} is told what {} did not freeze", step.rollout)));
    }
    if !after.fleet.clusters[cluster].pauses.is_empty() {
        return Err(("Pause", format!("{cluster} is paused and is told something")));
    }
    let exposed = exposed(setup, &after.fleet, &after.ghost, cluster);
    let wave = &setup.policy.waves[setup.wave_of(cluster.as_str())];
    let max = wave.max_update.map_or(usize::MAX, |max| max.of(in_wave(setup, cluster).len()));
    if exposed > max && exposed > exposed_before {
        return Err(("BlastRadius", format!("{exposed} of wave {} are exposed and {max} may be", wave.name)));
    }
    Ok(())
}

/// The clusters of the wave that the cluster is in.
fn in_wave(setup: &Setup, cluster: &ClusterName) -> Vec<ClusterName> {
    let wave = setup.wave_of(cluster.as_str());
    let same = setup.clusters.iter().filter(|(name, _)| setup.wave_of(name) == wave);
    same.map(|(name, _)| ClusterName::new(*name)).collect()
}

/// How many of the cluster's wave were told to run what is not proven there. One that was rightly excused
/// is listed by name and holds no slot.
fn exposed(setup: &Setup, fleet: &Fleet, ghost: &Ghost, cluster: &ClusterName) -> usize {
    let lead = fleet.lines.values().find_map(|line| line.lead());
    let may_run: BTreeSet<ClusterName> =
        lead.map(|lead| Ghost::at(&ghost.listed, &lead.name)).unwrap_or_default();
    let wave = in_wave(setup, cluster).into_iter().filter(|name| !may_run.contains(name));
    let running = wave.filter_map(|name| {
        let position = fleet.assigned.get(&seat(&name))?.running()?.0;
        Some((name, position))
    });
    running.filter(|at| !ghost.proven.contains(at)).count()
}

/// What must hold by all that was known when the step was planned.
fn known(setup: &Setup, state: &State, step: &Step) -> Result<(), Broken> {
    let rollout = state.line().get(&step.rollout).expect("a step is of a rollout that is there");
    let ghost = &state.ghost;
    match &step.change {
        Change::Release { cluster, baseline: true, .. } => {
            gates(setup, ghost, &step.rollout, setup.wave_of(cluster.as_str()) + 1)
        }
        Change::Release { cluster, release, baseline: false, .. } => {
            let proof = state.fleet.assigned.get(&seat(cluster)).and_then(|told| told.proof);
            let reverts = proof.is_some_and(|proof| proof.release == *release);
            let wave = setup.wave_of(cluster.as_str());
            stopped(setup, state, step, &format!("{cluster} is told"))?;
            if reverts || ghost.expedited.contains(&step.rollout) {
                return Ok(());
            }
            gates(setup, ghost, &step.rollout, wave)
        }
        Change::Open { wave } => {
            stopped(setup, state, step, &format!("wave {wave} opens"))?;
            gates(setup, ghost, &step.rollout, *wave)
        }
        Change::Pass { wave, .. } => gates(setup, ghost, &step.rollout, wave + 1),
        Change::Finish => gates(setup, ghost, &step.rollout, setup.policy.waves.len()),
        Change::Start { .. } => starts(state, step),
        Change::Return { cluster, .. } => goes_back(setup, state, step, cluster),
        Change::Prove { app, position } | Change::Back { app, position } => {
            let cluster = &rollout.members[app].cluster;
            let settle = setup.policy.waves[setup.wave_of(cluster.as_str())].settle;
            let settle =
                settle.map_or(SignedDuration::from_secs(5), |settle| settle.try_into().unwrap_or_default());
            let connected = state.fleet.clusters[cluster].link.lost_since().is_none();
            let healthy = ghost.healthy_for(cluster, *position, settle, (state.now, connected));
            let before = ghost.proven.contains(&(cluster.clone(), *position));
            let right = before || healthy;
            right
                .then_some(())
                .ok_or_else(|| ("ProvenFirst", format!("{cluster} was not healthy for long enough")))
        }
        Change::Excuse { app, reason, .. } => {
            let cluster = &rollout.members[app].cluster;
            let known = &state.fleet.clusters[cluster];
            let after_all = SignedDuration::try_from(setup.policy.unreachable.after).unwrap_or_default();
            let away =
                known.link.lost_since().is_some_and(|since| state.now.duration_since(since) >= after_all);
            let right = match reason {
                Excuse::Unreachable => away && setup.policy.unreachable.action == WaitOrSkip::Skip,
                Excuse::Paused => !known.pauses.is_empty() && setup.policy.paused == WaitOrSkip::Skip,
                Excuse::Observing | Excuse::Pinned => false,
            };
            let mut excused = Ghost::at(&ghost.excused, &step.rollout);
            excused.insert(cluster.clone());
            let wave = in_wave(setup, cluster);
            let many = wave.iter().filter(|name| excused.contains(*name)).count();
            if !right {
                return Err(("ProvenFirst", format!("{cluster} is excused as {reason:?} and is not")));
            }
            let at_most = setup.policy.unreachable.at_most.of(wave.len());
            (*reason != Excuse::Unreachable || many <= at_most)
                .then_some(())
                .ok_or_else(|| ("BlastRadius", format!("{many} of a wave are excused")))
        }
        Change::Supersede { by } => {
            let shows = |name: &ClusterName| {
                let told = state.fleet.assigned.get(&seat(name)).and_then(|told| told.running());
                told.is_some_and(|(position, release)| {
                    release == shipped(&step.rollout, name)
                        && ghost.proven.contains(&(name.clone(), position))
                })
            };
            let canaries = setup.clusters.iter().filter(|(name, _)| setup.wave_of(name) == 0);
            let shown = canaries.map(|(name, _)| ClusterName::new(*name)).any(|name| shows(&name));
            let busy = rollout.head.phase == Phase::Progressing && shown;
            let queues = setup.policy.supersede == Supersede::Queue && !ghost.expedited.contains(by);
            (!busy || !queues).then_some(()).ok_or_else(|| {
                ("Pinned", format!("{by} does not wait for {}, which has shown itself", step.rollout))
            })
        }
        _ => Ok(()),
    }
}

/// Nothing is sent or opened by a rollout that halted, or that a person stopped, however late it lands.
fn held_back(state: &State, step: &Step) -> Result<(), Broken> {
    let what = match &step.change {
        Change::Release { cluster, .. } => format!("{cluster} is told"),
        Change::Open { wave } => format!("wave {wave} opens"),
        _ => return Ok(()),
    };
    if state.ghost.stopped.contains(&step.rollout) {
        return Err(("Halt", format!("{what} although {} was stopped", step.rollout)));
    }
    let head = state.line().get(&step.rollout).map(|rollout| &rollout.head);
    let paused = head.and_then(|head| head.paused.as_ref()).is_some_and(|held| held.is_active(state.now));
    (!paused)
        .then_some(())
        .ok_or_else(|| ("Pause", format!("{what} although a person paused {}", step.rollout)))
}

/// Nothing is sent or opened by a rollout past its failures.
fn stopped(setup: &Setup, after: &State, step: &Step, what: &str) -> Result<(), Broken> {
    let failed = Ghost::at(&after.ghost.failed, &step.rollout);
    for (index, wave) in setup.policy.waves.iter().enumerate() {
        let many = failed.iter().filter(|cluster| setup.wave_of(cluster.as_str()) == index).count();
        if many > wave.max_failures.unwrap_or(0) as usize {
            return Err(("Halt", format!("{what} although {many} of wave {} failed", wave.name)));
        }
    }
    Ok(())
}

/// Nothing starts while a person holds the line, unless a person lets it go ahead.
fn starts(state: &State, step: &Step) -> Result<(), Broken> {
    let Some(lead) = state.line().lead() else { return Ok(()) };
    let pinned = lead.head.rollback.as_ref().is_some_and(|rollback| rollback.pins);
    let paused = lead.head.paused.as_ref().is_some_and(|held| held.is_active(state.now));
    let holds = (pinned || paused) && !state.ghost.expedited.contains(&step.rollout);
    (!holds).then_some(()).ok_or_else(|| {
        ("Halt", format!("{} starts although a person holds the line at {}", step.rollout, lead.name))
    })
}

/// Only what was stopped goes back, newest wave first; who is away, or was excused while it ran, at once.
fn goes_back(setup: &Setup, state: &State, step: &Step, cluster: &ClusterName) -> Result<(), Broken> {
    let ghost = &state.ghost;
    if !ghost.stopped.contains(&step.rollout) {
        return Err(("Halt", format!("{cluster} goes back although nothing stopped {}", step.rollout)));
    }
    let leads = state.line().lead().is_some_and(|lead| lead.name == step.rollout);
    let away = |name: &ClusterName| state.fleet.clusters[name].link.lost_since().is_some();
    if !leads || away(cluster) || Ghost::at(&ghost.listed, &step.rollout).contains(cluster) {
        return Ok(());
    }
    let wave = setup.wave_of(cluster.as_str());
    let newer = setup.clusters.iter().filter(|(name, _)| setup.wave_of(name) > wave);
    for name in newer.map(|(name, _)| ClusterName::new(*name)) {
        let Some(told) = state.fleet.assigned.get(&seat(&name)) else { continue };
        let Order::Run { release, rollout, .. } = &told.order else { continue };
        if away(&name) || !state.fleet.clusters[&name].pauses.is_empty() || *rollout != step.rollout {
            continue;
        }
        let has_before = ghost.good.iter().any(|(known, good)| *known == name && *good != *release);
        let due = *release == shipped(&step.rollout, &name) && has_before;
        let going = *release != shipped(&step.rollout, &name)
            && !ghost.proven.contains(&(name.clone(), told.position))
            && !ghost.is_bad(&name, told.position);
        if due || going {
            return Err(("Halt", format!("{cluster} goes back before {name} of a newer wave")));
        }
    }
    Ok(())
}

/// Every wave before `wave` is proven or excused, and somebody in each is proven.
fn gates(setup: &Setup, ghost: &Ghost, rollout: &RolloutName, wave: usize) -> Result<(), Broken> {
    let shown = Ghost::at(&ghost.shown, rollout);
    let excused = Ghost::at(&ghost.excused, rollout);
    let failed = Ghost::at(&ghost.failed, rollout);
    for (index, terms) in setup.policy.waves.iter().enumerate().take(wave) {
        let members: Vec<_> = setup
            .clusters
            .iter()
            .filter(|(name, _)| setup.wave_of(name) == index)
            .map(|(name, _)| ClusterName::new(*name))
            .collect();
        let tolerated = |cluster: &ClusterName| terms.max_failures.is_some() && failed.contains(cluster);
        let missing = members
            .iter()
            .find(|cluster| !shown.contains(*cluster) && !excused.contains(*cluster) && !tolerated(cluster));
        if let Some(cluster) = missing {
            return Err((
                "ProvenFirst",
                format!("{cluster} of wave {} has not proven {rollout}", terms.name),
            ));
        }
        let proven = members.iter().filter(|cluster| shown.contains(*cluster)).count();
        let least = terms.min_proven.map_or(1, |least| least.quorum_of(members.len()).max(1));
        if proven < least {
            return Err((
                "ProvenFirst",
                format!("only {proven} of wave {} have proven {rollout}", terms.name),
            ));
        }
    }
    Ok(())
}

fn remember(after: &mut State, step: &Step) {
    let State { fleet, ghost, .. } = after;
    let rollout = fleet.lines.values().find_map(|line| line.get(&step.rollout));
    let cluster = step.change.app().zip(rollout).map(|(app, rollout)| rollout.members[app].cluster.clone());
    match (&step.change, cluster) {
        (Change::Prove { position, .. }, Some(cluster)) => {
            ghost.proven.insert((cluster.clone(), *position));
            ghost.good.insert((cluster.clone(), shipped(&step.rollout, &cluster)));
            ghost.shown.entry(step.rollout.clone()).or_default().insert(cluster);
        }
        (Change::Back { position, .. }, Some(cluster)) => {
            ghost.proven.insert((cluster, *position));
        }
        (Change::Fail { .. }, Some(cluster)) => {
            ghost.good.remove(&(cluster.clone(), shipped(&step.rollout, &cluster)));
            ghost.proven.retain(|(known, _)| *known != cluster);
            ghost.failed.entry(step.rollout.clone()).or_default().insert(cluster);
        }
        (Change::Excuse { may_run, .. }, Some(cluster)) => {
            if *may_run {
                ghost.listed.entry(step.rollout.clone()).or_default().insert(cluster.clone());
            }
            ghost.excused.entry(step.rollout.clone()).or_default().insert(cluster);
        }
        (Change::Readmit { late, .. }, Some(cluster)) => {
            ghost.listed.entry(step.rollout.clone()).or_default().remove(&cluster);
            if !late {
                ghost.excused.entry(step.rollout.clone()).or_default().remove(&cluster);
            }
        }
        (Change::Halt { .. }, _) => {
            ghost.stopped.insert(step.rollout.clone());
        }
        _ => {}
    }
}

/// What was already known to have failed when a plan is made: it counts before anything is released.
pub(crate) fn take_in(setup: &Setup, state: &mut State) {
    let State { fleet, ghost, .. } = state;
    let line = fleet.lines.values().next().expect("there is one line");
    let Some(lead) = line.lead().filter(|lead| lead.head.phase == Phase::Progressing) else { return };
    for (name, _) in &setup.clusters {
        let cluster = ClusterName::new(*name);
        let Some(told) = fleet.assigned.get(&seat(&cluster)) else { continue };
        let of_lead = told.running().is_some_and(|(_, release)| release == shipped(&lead.name, &cluster));
        let forgiven = ghost.forgiven.contains(&(cluster.clone(), told.position));
        if of_lead && !forgiven && ghost.is_bad(&cluster, told.position) {
            ghost.failed.entry(lead.name.clone()).or_default().insert(cluster);
        }
    }
}

/// What must hold of every state after a whole plan.
pub(crate) fn rest(setup: &Setup, state: &State) -> Result<(), Broken> {
    let Some(lead) = state.line().lead() else { return Ok(()) };
    for member in lead.members.values() {
        let Some(record) = member.current().and_then(|record| record.told()) else { continue };
        let told = state.fleet.assigned.get(&seat(&member.cluster)).and_then(|told| told.running());
        if told != Some(record) {
            return Err((
                "HealAlways",
                format!("{} counts as released and is told otherwise", member.cluster),
            ));
        }
    }
    if lead.head.phase == Phase::Progressing {
        stopped_lead(setup, state, &lead.name)?;
    }
    Ok(())
}

fn stopped_lead(setup: &Setup, state: &State, lead: &RolloutName) -> Result<(), Broken> {
    let failed = Ghost::at(&state.ghost.failed, lead);
    for (index, wave) in setup.policy.waves.iter().enumerate() {
        let many = failed.iter().filter(|cluster| setup.wave_of(cluster.as_str()) == index).count();
        if many > wave.max_failures.unwrap_or(0) as usize {
            return Err(("Halt", format!("{lead} goes on although {many} of wave {} failed", wave.name)));
        }
    }
    Ok(())
}
