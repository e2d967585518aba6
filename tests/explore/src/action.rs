//! What can happen next, and what it makes of the world.

#![allow(clippy::wildcard_enum_match_arm, reason = "actions are told apart by what they concern")]

use crate::{
    canon,
    judge::{self, Broken, Landing},
    setup::Setup,
    state::{Batch, Condition, State, seat, shipped},
};
use jiff::Timestamp;
use shared_model::ClusterName;
use shared_rollout::{Decided, Decision, Link, Pause, Phase, Plan, decide};
use std::fmt;

/// Who decides.
const PERSON: &str = "ann";

/// One thing that happens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Git moves.
    Commit,
    /// The hub plans, and all of it is written.
    Run,
    /// The hub plans, writes so many steps, and dies.
    Die(usize),
    /// The hub plans; nothing is written yet.
    Plan,
    /// What is on its way is written, or refused.
    Land,
    /// Another hub takes the planning lease while a plan is on its way.
    Takeover,
    /// The agent takes its order.
    Take(ClusterName),
    /// The agent reports on what it runs.
    Report(ClusterName, Condition),
    /// The link breaks.
    Lose(ClusterName),
    /// It is there again.
    Back(ClusterName),
    /// Somebody asks for a pause.
    Pause(ClusterName),
    /// Somebody lifts it.
    Unpause(ClusterName),
    /// Time passes until something changes by time alone.
    Tick(Timestamp),
    /// A person decides about the line's rollout.
    Decide(Decision),
}

/// What planning says of a moment.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
}

impl Planned {
    /// Plans, and has the linter judge the plan.
    pub(crate) fn of(state: &State) -> Result<Self, Broken> {
        let (plan, report) = shared_rollout::plan(&state.fleet, state.now);
        let violations = shared_rollout::check(&state.fleet, &plan, &report, state.now);
        if let Some(violation) = violations.first() {
            return Err(("check", violation.to_string()));
        }
        explained(state, &plan, &report)?;
        Ok(Self { plan })
    }
}

/// Whoever waits says for what, and names a cluster, a wave, a rollout or a person.
fn explained(state: &State, plan: &Plan, report: &shared_rollout::Report) -> Result<(), Broken> {
    if !plan.steps.is_empty() {
        return Ok(());
    }
    for ((_, name), listed) in &report.rollouts {
        for wait in listed.waits.values().map(|wait| &**wait).chain(&listed.waits_for) {
            let sentence = wait.to_string();
            let mut clusters = state.fleet.clusters.keys();
            let names = clusters.any(|cluster| sentence.contains(cluster.as_str()))
                || listed.waves.iter().any(|wave| sentence.contains(&wave.name))
                || state.line().rollouts.iter().any(|rollout| sentence.contains(rollout.name.as_str()))
                || sentence.contains("a person")
                || sentence.contains(PERSON);
            if !names {
                return Err(("Explained", format!("{name} waits for nobody: {sentence}")));
            }
        }
    }
    Ok(())
}

/// Everything that can happen now.
pub(crate) fn actions(setup: &Setup, state: &State, planned: &Planned) -> Vec<Action> {
    let mut all = Vec::new();
    let (left, steps) = (&state.left, planned.plan.steps.len());
    let hub_is_free = state.batch.as_ref().is_none_or(|batch| !batch.leads);
    if left.commits > 0 {
        all.push(Action::Commit);
    }
    if steps > 0 && hub_is_free {
        all.push(Action::Run);
        if left.deaths > 0 {
            all.extend((1..steps).map(Action::Die));
        }
        if left.flights > 0 && state.batch.is_none() {
            all.push(Action::Plan);
        }
    }
    if let Some(batch) = &state.batch {
        all.push(Action::Land);
        if batch.leads && left.takeovers > 0 {
            all.push(Action::Takeover);
        }
    }
    // A hub that is up plans before time passes.
    if let Some((at, _)) = planned.plan.wake.filter(|_| steps == 0 || !hub_is_free) {
        all.push(Action::Tick(at));
    }
    for cluster in state.fleet.clusters.keys() {
        of_cluster(state, cluster, &mut all);
    }
    if left.decisions > 0 && state.line().lead().is_some() {
        all.extend(setup.decisions.iter().cloned().map(Action::Decide));
    }
    all
}

fn of_cluster(state: &State, cluster: &ClusterName, all: &mut Vec<Action>) {
    let (left, known) = (&state.left, &state.fleet.clusters[cluster]);
    if state.lags(cluster) {
        all.push(Action::Take(cluster.clone()));
    }
    if known.link == Link::Connected {
        if let Some((position, _)) = state.agents.get(cluster) {
            let heard = state.ghost.heard.get(cluster).filter(|heard| heard.position == *position);
            let new = |condition| heard.is_none_or(|heard| heard.condition != condition);
            let may = |condition| condition == Condition::Healthy || left.bad > 0;
            let conditions = [Condition::Healthy, Condition::Degraded, Condition::Failed];
            let said = conditions.into_iter().filter(|condition| new(*condition) && may(*condition));
            all.extend(said.map(|condition| Action::Report(cluster.clone(), condition)));
        }
        if left.losses > 0 {
            all.push(Action::Lose(cluster.clone()));
        }
    } else {
        all.push(Action::Back(cluster.clone()));
    }
    if !known.pauses.is_empty() {
        all.push(Action::Unpause(cluster.clone()));
    } else if left.pauses > 0 {
        all.push(Action::Pause(cluster.clone()));
    }
}

/// What the action makes of the state; `None` when it changes nothing.
pub(crate) fn apply(
    setup: &Setup,
    state: &State,
    planned: &Planned,
    action: &Action,
) -> Result<Option<State>, Broken> {
    let mut next = state.clone();
    match action {
        Action::Commit => {
            next.left.commits -= 1;
            next.commit(setup);
        }
        Action::Run => {
            judge::take_in(setup, &mut next);
            let batch = next.batch(&planned.plan);
            write(setup, &mut next, &batch, batch.writes.len(), Landing::AtOnce)?;
            judge::rest(setup, &next)?;
            let again = Planned::of(&next)?.plan;
            if !again.steps.is_empty() {
                return Err(("Stable", format!("planned again at once: {:?}", again.steps)));
            }
        }
        Action::Die(after) => {
            next.left.deaths -= 1;
            judge::take_in(setup, &mut next);
            let batch = next.batch(&planned.plan);
            let mut whole = next.clone();
            write(setup, &mut whole, &batch, batch.writes.len(), Landing::AtOnce)?;
            write(setup, &mut next, &batch, *after, Landing::AtOnce)?;
            resumed(&next, &whole)?;
        }
        Action::Plan => {
            next.left.flights -= 1;
            // Judged as if it were written at once: all that is known now must speak for it.
            let mut at_once = next.clone();
            judge::take_in(setup, &mut at_once);
            let batch = next.batch(&planned.plan);
            write(setup, &mut at_once, &batch, batch.writes.len(), Landing::AtOnce)?;
            next.batch = Some(batch);
        }
        Action::Land => {
            let batch = next.batch.take().expect("there is a plan on its way");
            if next.takes(&batch, setup.fences) {
                write(setup, &mut next, &batch, batch.writes.len(), Landing::Later)?;
            }
        }
        Action::Takeover => {
            next.left.takeovers -= 1;
            if let Some(batch) = &mut next.batch {
                batch.leads = false;
            }
        }
        Action::Tick(at) => next.now = *at,
        Action::Decide(decision) => return Ok(decided(next, decision)),
        Action::Take(cluster)
        | Action::Report(cluster, _)
        | Action::Lose(cluster)
        | Action::Back(cluster)
        | Action::Pause(cluster)
        | Action::Unpause(cluster) => return Ok(in_cluster(next, cluster, action)),
    }
    Ok(Some(next))
}

fn in_cluster(mut next: State, cluster: &ClusterName, action: &Action) -> Option<State> {
    let now = next.now;
    match action {
        Action::Take(_) => next.take(cluster),
        Action::Report(_, condition) => {
            next.left.bad -= u8::from(*condition != Condition::Healthy);
            next.report(cluster, *condition);
        }
        Action::Lose(_) => {
            next.left.losses -= 1;
            next.fleet.clusters.get_mut(cluster)?.link = Link::LostSince(now);
        }
        Action::Back(_) => next.fleet.clusters.get_mut(cluster)?.link = Link::Connected,
        Action::Pause(_) => {
            next.left.pauses -= 1;
            next.touch_cluster(cluster);
            next.fleet.clusters.get_mut(cluster)?.pauses.push(Pause::default());
        }
        Action::Unpause(_) => {
            next.touch_cluster(cluster);
            next.fleet.clusters.get_mut(cluster)?.pauses.clear();
        }
        _ => {}
    }
    Some(next)
}

/// A person's decision about the lead, or about the newest that waits where it is about starting; refused
/// ones change nothing.
fn decided(mut next: State, decision: &Decision) -> Option<State> {
    next.left.decisions -= 1;
    let line = next.line();
    // A fix that waits is what people expedite.
    let queued = line.rollouts.last().filter(|newest| newest.head.phase == Phase::Queued);
    let queued = queued.filter(|_| matches!(decision, Decision::Expedite { .. }));
    let target = queued.or(line.lead())?;
    let leads = line.lead().is_some_and(|lead| lead.name == target.name);
    let (name, head, plan) = (target.name.clone(), target.head.clone(), target.plan.clone());
    let what =
        Decided { what: decision.clone(), by: PERSON.into(), at: next.now, reason: "she knows".into() };
    let Ok(after) = decide(&plan, &head, leads, &what) else { return None };
    match decision {
        Decision::Retry => {
            let State { fleet, ghost, .. } = &mut next;
            let told = |cluster: &ClusterName| fleet.assigned.get(&seat(cluster))?.running();
            let runs = |cluster: &ClusterName| {
                told(cluster).is_some_and(|(_, release)| release == shipped(&name, cluster))
            };
            ghost.retry(&name, runs, |cluster| told(cluster).map(|(position, _)| position));
        }
        Decision::Expedite { .. } => {
            next.ghost.expedited.insert(name.clone());
        }
        Decision::Abort | Decision::Undo { .. } => {
            next.ghost.stopped.insert(name.clone());
        }
        Decision::Approve { .. } | Decision::Pause { .. } | Decision::Resume => {}
    }
    next.write_head(&name, after);
    Some(next)
}

/// Writes the first steps of a batch, each judged.
fn write(
    setup: &Setup,
    state: &mut State,
    batch: &Batch,
    steps: usize,
    landing: Landing,
) -> Result<(), Broken> {
    for write in &batch.writes[..steps] {
        judge::write(setup, state, write, landing)?;
    }
    Ok(())
}

/// The next hub leads to where the one that died was going.
fn resumed(half: &State, whole: &State) -> Result<(), Broken> {
    let rest = Planned::of(half)?.plan;
    let mut fleet = half.fleet.clone();
    shared_rollout::apply(&mut fleet, &rest);
    if fleet == whole.fleet {
        Ok(())
    } else {
        Err(("Stable", format!("a hub that starts again decides otherwise: {:?}", rest.steps)))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit => f.write_str("Git moves"),
            Self::Run => f.write_str("the hub plans and writes all of it"),
            Self::Die(after) => write!(f, "the hub plans, writes {after} steps, and starts again"),
            Self::Plan => f.write_str("the hub plans; nothing is written yet"),
            Self::Land => f.write_str("the plan on its way comes to the store"),
            Self::Takeover => f.write_str("another hub takes the planning lease"),
            Self::Take(cluster) => write!(f, "{cluster} takes its order"),
            Self::Report(cluster, condition) => write!(f, "{cluster} reports {}", canon::word(*condition)),
            Self::Lose(cluster) => write!(f, "{cluster} is cut off"),
            Self::Back(cluster) => write!(f, "{cluster} is back"),
            Self::Pause(cluster) => write!(f, "{cluster} is paused"),
            Self::Unpause(cluster) => write!(f, "{cluster} is not paused any more"),
            Self::Tick(at) => write!(f, "it is {at}"),
            Self::Decide(decision) => write!(f, "a person decides: {decision:?}"),
        }
    }
}
