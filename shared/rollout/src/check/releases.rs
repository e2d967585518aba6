//! What a release would break. Most of what can go wrong, goes wrong here.

use super::{Broken, Rule, closed::Closed, view::View};
use crate::{Hold, Order, Phase, Rollout};
use shared_model::{AppKey, ClusterName, Position, ReleaseId};
use std::collections::BTreeMap;

/// What is counted once for releases of one rollout that follow each other: a release adds to the
/// slots of its wave, and to nothing else here.
#[derive(Debug, Default)]
pub(super) struct Counts {
    failed: Option<Option<String>>,
    /// Per wave: held by this rollout, held by older ones, and how many may be.
    slots: BTreeMap<usize, (usize, usize, usize)>,
    closed: Closed,
}

impl Counts {
    /// Why the rollout should have halted.
    fn failed(&mut self, view: &View<'_>) -> Option<String> {
        let find = || {
            let often = view.failed_wave().map(|wave| format!("wave {wave} failed too often"));
            often.or_else(|| view.overlooked().map(|app| format!("the sync of {app} failed")))
        };
        self.failed.get_or_insert_with(find).clone()
    }

    /// The slots of the wave before one more release, which this counts.
    fn take(&mut self, view: &View<'_>, wave: usize, replaces: bool) -> (usize, usize, usize) {
        let count = || {
            let (own, inherited) = view.holders(wave);
            (own, inherited, view.max_update(wave))
        };
        let slots = self.slots.entry(wave).or_insert_with(count);
        let before = *slots;
        slots.0 += 1;
        slots.1 = slots.1.saturating_sub(usize::from(replaces));
        before
    }
}

pub(super) fn judge(
    view: &View<'_>,
    app: &AppKey,
    (cluster, release, position): (&ClusterName, ReleaseId, Position),
    baseline: bool,
    counts: &mut Counts,
    broken: &mut Vec<Broken>,
) {
    let mut say = |rule, message: String| broken.push((rule, message));
    let member = &view.rollout.members[app];
    if member.release != release || member.cluster != *cluster {
        say(Rule::Pinned, format!("{app} would get what the rollout did not freeze for {cluster}"));
    }
    let again = view.record(app).is_some_and(|record| record.again);
    if !again && view.told(app, cluster).is_some_and(|(_, running)| running == release) {
        say(Rule::Stable, format!("{app} on {cluster} runs that release already"));
    }
    for (rule, message) in
        backwards(view, app, cluster, position).into_iter().chain(left_alone(view, cluster))
    {
        say(rule, message);
    }
    if let Some(message) = adopted(view, app, cluster) {
        say(Rule::NeverBackwards, message);
    }
    if view.is_pinned(app, cluster) {
        say(Rule::Pause, format!("{app} is pinned in {cluster} and would be released to"));
    }
    if !matches!(view.rollout.head.phase, Phase::Progressing | Phase::Done | Phase::Superseded)
        || view.rollout.head.is_rejected()
    {
        say(Rule::Halt, format!("{app} would be released although the rollout halted"));
    }
    let lead = view.fleet.lines[view.owner].lead();
    let leads = View { rollout: lead.unwrap_or(view.rollout), ..*view };
    if let Some((rule, message)) = leads.held(&format!("{app} would be released")) {
        say(rule, message);
    }
    if let Some((rule, message)) = counts.closed.judge(&leads, app, cluster) {
        say(rule, message);
    }
    if !baseline && let Some(failed) = counts.failed(view) {
        say(Rule::Halt, format!("{app} would be released although {failed}"));
    }
    let Some(wave) = view.record(app).and_then(|record| record.wave) else {
        say(Rule::ProvenFirst, format!("{app} would be released although it is in no wave"));
        return;
    };
    if baseline {
        for (rule, message) in stands_in(view, app, wave, lead) {
            say(rule, message);
        }
    } else {
        if lead.is_none_or(|lead| lead.name != view.rollout.name) {
            say(Rule::Pinned, format!("{app} would be released by a rollout that does not lead"));
        }
        let proven = view.fleet.assigned.get(&(cluster.clone(), app.clone())).and_then(|told| told.proof);
        let returns = proven.is_some_and(|proof| proof.release == release);
        let open = view.rollout.head.waves.get(wave).is_some_and(|wave| wave.opened.is_some());
        if !open && !returns && !view.rollout.head.expedites(cluster) {
            say(Rule::ProvenFirst, format!("{app} would be released although wave {wave} has not opened"));
        }
    }
    let replaces = view.is_unproven(app, cluster);
    let slots = counts.take(view, wave, replaces);
    for message in radius(view, app, cluster, (wave, slots), lead.filter(|_| baseline)) {
        say(Rule::BlastRadius, message);
    }
}

pub(super) fn backwards(
    view: &View<'_>,
    app: &AppKey,
    cluster: &ClusterName,
    position: Position,
) -> Option<Broken> {
    let seat = (cluster.clone(), app.clone());
    let told = view.fleet.assigned.get(&seat).map(|told| told.position);
    let seen = view.fleet.observed.get(&seat);
    if seen
        .is_some_and(|seen| told.is_none_or(|told| seen.position > told) && !(seen.removed && told.is_none()))
    {
        return Some((Rule::NeverBackwards, format!("the agent of {cluster} is ahead of the store")));
    }
    let last = told.max(seen.map(|seen| seen.position));
    let grows = last.is_none_or(|last| position > last) && position.incarnation == view.fleet.incarnation;
    (!grows).then(|| {
        (Rule::NeverBackwards, format!("{app} on {cluster} would go to {position}, which does not follow"))
    })
}

pub(super) fn left_alone(view: &View<'_>, cluster: &ClusterName) -> Option<Broken> {
    let Some(state) = view.fleet.clusters.get(cluster) else {
        return Some((Rule::Pause, format!("there is no cluster {cluster}")));
    };
    if view.is_paused(cluster) {
        return Some((Rule::Pause, format!("{cluster} is paused")));
    }
    match &state.hold {
        None => None,
        Some(Hold::HubBehindAgent | Hold::HubRestored) => {
            Some((Rule::NeverBackwards, format!("the agent of {cluster} is ahead of the store")))
        }
        Some(hold @ (Hold::ClusterReplaced | Hold::DuplicateAgent | Hold::Other(_))) => {
            Some((Rule::Pause, format!("{cluster} must not be told anything: {hold}")))
        }
    }
}

/// What was adopted from an agent is moved by what came after, or by a person.
fn adopted(view: &View<'_>, app: &AppKey, cluster: &ClusterName) -> Option<String> {
    let told = view.fleet.assigned.get(&(cluster.clone(), app.clone()))?;
    let adopted = told.adopted?;
    let member = &view.rollout.members[app];
    let after = view.rollout.created > adopted.at || member.sync_requested == Some(member.release);
    let known_before = view.fleet.lines[view.owner]
        .rollouts
        .iter()
        .filter(|rollout| rollout.sequence < view.rollout.sequence)
        .filter_map(|rollout| rollout.members.get(app))
        .any(|then| then.cluster == *cluster && Some(then.release) == told.running().map(|(_, runs)| runs));
    let may = after || (view.rollout.created > adopted.since && known_before);
    (!may).then(|| {
        format!("{app} on {cluster} was adopted from its agent and would be moved by what may be older")
    })
}

/// A baseline is for joiners with nothing to run, from an earlier rollout that got that far.
fn stands_in(view: &View<'_>, app: &AppKey, wave: usize, lead: Option<&Rollout>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let rollout = view.rollout;
    let passed = rollout.head.waves.get(wave).is_some_and(|wave| wave.passed.is_some());
    if !passed || !matches!(rollout.head.phase, Phase::Done | Phase::Superseded) {
        let message = format!("{app} would get a baseline that never passed wave {wave}");
        broken.push((Rule::ProvenFirst, message));
    }
    let member = &rollout.members[app];
    if let Some(told) = view.fleet.assigned.get(&(member.cluster.clone(), app.clone()))
        && let Order::Run { rollout: ran, .. } = &told.order
    {
        let sequence = view.fleet.lines[view.owner].get(ran).map(|ran| ran.sequence);
        if sequence.is_none_or(|ran| ran >= rollout.sequence) {
            let message = format!("{app} would go back to a baseline although it runs something newer");
            broken.push((Rule::Pinned, message));
        }
    }
    if lead.is_none_or(|lead| lead.sequence <= rollout.sequence) {
        broken.push((Rule::Pinned, format!("{app} would get a baseline that is not an earlier rollout")));
    }
    broken
}

/// The limits that one more unproven release would pass.
fn radius(
    view: &View<'_>,
    app: &AppKey,
    cluster: &ClusterName,
    (wave, (own, inherited, max)): (usize, (usize, usize, usize)),
    lead: Option<&Rollout>,
) -> Vec<String> {
    let mut passed = Vec::new();
    let replaces = view.is_unproven(app, cluster);
    if own + 1 > max || (!replaces && own + inherited + 1 > max) {
        passed.push(format!("{app} would be one more than the {max} that wave {wave} updates at once"));
    }
    let leading = lead.map(|rollout| View { rollout, ..*view });
    let its_wave = leading.and_then(|view| view.record(app)).and_then(|record| record.wave);
    if let (Some(leading), Some(wave)) = (leading, its_wave) {
        let (own, inherited) = leading.holders(wave);
        if own + inherited + 1 > leading.max_update(wave) {
            passed.push(format!("{app} as a baseline would be one too many of wave {wave}"));
        }
    }
    let here = view.fleet.assigned.on(cluster);
    let counts = |other: &AppKey| view.is_unproven(other, cluster) && !view.is_pinned(other, cluster);
    let others = here.filter(|(other, _)| *other != app && counts(other));
    if let Some(limit) = view.fleet.max_per_cluster
        && others.count() >= limit
    {
        passed.push(format!("{cluster} would update more than {limit} applications at once"));
    }
    passed
}
