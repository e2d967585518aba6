//! What taking turns in a line would break.

use super::{Broken, Rule, view::View};
use crate::Phase;
use shared_model::{RolloutName, fleet_rollout::PlanSpec, policy::Supersede};

/// A person's hold on the line that the rollout `by` would slip past.
pub(super) fn held(view: &View<'_>, by: &RolloutName) -> Option<Broken> {
    let line = &view.fleet.lines[view.owner];
    let newer = line.get(by)?;
    let passed = |lead: &&crate::Rollout| {
        let between = lead.sequence + 1..newer.sequence;
        line.rollouts.iter().any(|other| between.contains(&other.sequence) && other.head.started.is_some())
    };
    let lead = line.lead().filter(|lead| lead.name != *by && !passed(lead));
    let holds = |paused: &Option<crate::HeldUp>| {
        paused.as_ref().is_some_and(|paused| paused.until.is_none_or(|until| until > view.now))
    };
    if holds(&newer.head.paused) {
        return Some((Rule::Pause, format!("{by} would start although a person paused it")));
    }
    if !newer.head.expedited.is_empty() {
        return None;
    }
    let lead = lead?;
    if holds(&lead.head.paused) {
        return Some((Rule::Pause, format!("{by} would start although a person paused {}", lead.name)));
    }
    let pins = lead.head.rollback.as_ref().is_some_and(|rollback| rollback.pins);
    pins.then(|| (Rule::Halt, format!("{by} would start although a person took {} back", lead.name)))
}

/// A rollout that would be given up once too often, so that a busy repository starves it.
pub(super) fn starves(view: &View<'_>, by: &RolloutName) -> Option<Broken> {
    let line = &view.fleet.lines[view.owner];
    let newer = line.get(by)?;
    let head = &view.rollout.head;
    if head.phase != Phase::Progressing || !newer.head.expedited.is_empty() {
        return None;
    }
    let PlanSpec::Policy(policy) = &newer.plan else { return None };
    let most = if policy.supersede == Supersede::Restart { 3 } else { 1 };
    let patience = 15 * 60 * 2_i64.pow(head.replaced.saturating_sub(most).min(10));
    let had = head.started.map_or(0, |started| view.now.duration_since(started).as_secs());
    (head.replaced >= most && had < patience).then(|| {
        (
            Rule::Halt,
            format!("{} would be given up although {} were before it", view.rollout.name, head.replaced),
        )
    })
}
