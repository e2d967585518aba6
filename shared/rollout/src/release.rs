//! Telling agents to run a release: who may have it now, and why the others may not.
//!
//! A member may be released by the line's newest rollout when its wave is open, or when what it
//! gets is what was last proven on that very seat (a `git revert`), or when a person expedites it. A
//! joiner with nothing to run whose wave is not open gets its *baseline*: the newest earlier rollout in
//! which its wave passed. So does a member that was away while that went by and runs something older: it
//! catches up with what was proven, never with what is not. A rollout that halted is nobody's baseline
//! and releases nothing.
//!
//! Never released to: clusters that are unknown, paused, held or not connected (an order left
//! behind for them could be carried out long after the rollout halted), agents ahead of the store,
//! applications that are paused, members in a closed sync window or behind a set that goes first,
//! members that are pinned in their cluster, members that wait for a person's sync, and members whose
//! release was adopted from their agent, unless it is plain that this is newer.

use crate::{
    budget::{Budget, Slot, cluster_refuses},
    closed::Closed,
    draft::Draft,
    fleet::{Link, Member},
    record::{Excuse, MemberRecord, MemberState, Order, Phase},
    rows::Marks,
    step::Change,
    wait::Wait,
    waves,
};
use shared_model::{AppKey, ClusterName};
use std::sync::Arc;

/// Releases whatever may be released by the line's newest rollout.
pub(crate) fn release(draft: &mut Draft<'_>, index: usize) {
    if !matches!(draft.head(index).phase, Phase::Progressing | Phase::Done)
        || draft.head(index).holder(draft.now).is_some()
    {
        return;
    }
    let candidates: Vec<_> = draft
        .marked(index, Marks::WAITING)
        .filter_map(|(marks, row)| Some((marks, row.app, row.member, row.record()?)))
        .filter_map(|(marks, app, member, record)| Some((marks, app, member, record, record.wave?)))
        .filter(|(marks, _, member, record, wave)| is_candidate(draft, index, *marks, member, record, *wave))
        .map(|(marks, app, member, _, wave)| (marks, app, member, wave))
        .collect();
    if candidates.is_empty() {
        return;
    }
    let mut budget = Budget::of(draft, index);
    let mut closed = Closed::of(draft, index);
    for (marks, app, member, wave) in candidates {
        let blocked = if marks.any(Marks::TROUBLED) { blocked(draft, index, app, member) } else { None };
        let refused = blocked
            .or_else(|| closed.refuses(draft, app, member, Some(wave)))
            .map(Arc::new)
            .or_else(|| budget.refuses(draft, index, wave, &member.cluster, app))
            .or_else(|| cluster_refuses(draft, &member.cluster, app).map(Arc::new));
        if let Some(wait) = refused {
            draft.refuse(index, app, wait);
            continue;
        }
        let slot = if draft.runs_unproven(&member.cluster, app) { Slot::Replaced } else { Slot::Own };
        budget.take(wave, &member.cluster, slot);
        write(draft, index, app, member, false);
    }
}

fn is_candidate(
    draft: &Draft<'_>,
    index: usize,
    marks: Marks,
    member: &Member,
    record: &MemberRecord,
    wave: usize,
) -> bool {
    let head = draft.head(index);
    let skipped = record.excused == Some(Excuse::Observing) && head.phase == Phase::Progressing;
    let may =
        head.waves[wave].opened.is_some() || marks.any(Marks::RETURNS) || head.expedites(&member.cluster);
    record.state == MemberState::Waiting && !skipped && may
}

/// Gives members whose wave is not open what an earlier rollout shipped to their wave: joiners with nothing
/// to run, and those that were away when it did.
pub(crate) fn baselines(draft: &mut Draft<'_>, lead: usize) {
    let head = draft.head(lead);
    if head.holder(draft.now).is_some() {
        return;
    }
    let moves = matches!(head.phase, Phase::Progressing | Phase::Done);
    if moves && head.waves.iter().all(|wave| wave.opened.is_some()) {
        return;
    }
    let newest = newest_baseline(draft, lead);
    let joiners: Vec<_> = draft
        .placed_with(lead, Marks::WAITING)
        .filter(|(app, member, _, _)| !runs_since(draft, lead, newest, app, &member.cluster))
        .filter(|(app, member, record, wave)| {
            let closed = head.waves[*wave].opened.is_none() || !moves;
            closed && record.state == MemberState::Waiting && is_behind(draft, lead, app, &member.cluster)
        })
        .map(|(app, member, _, wave)| (app, &member.cluster, wave))
        .collect();
    if joiners.is_empty() {
        return;
    }
    let mut leading = Budget::of(draft, lead).forwards();
    let mut closed = Closed::of(draft, lead);
    for (app, cluster, wave) in joiners {
        if let Some(wait) = baseline(draft, lead, (&mut leading, &mut closed), app, cluster, wave) {
            draft.refuse(lead, app, wait);
        }
    }
}

/// Releases one baseline; or says what it waits for, if it is not the wave itself.
fn baseline<'a>(
    draft: &mut Draft<'a>,
    lead: usize,
    (leading, closed): (&mut Budget<'a>, &mut Closed<'a>),
    app: &'a AppKey,
    cluster: &'a ClusterName,
    wave: usize,
) -> Option<Arc<Wait>> {
    let Some((older, its_wave)) = stand_in(draft, lead, app, cluster) else {
        // What its own wave waits for is said by the report.
        return None;
    };
    let member = draft.rollout(older).members.get(app)?;
    let refused = blocked(draft, older, app, member)
        .or_else(|| closed.refuses(draft, app, member, None))
        .map(Arc::new)
        .or_else(|| leading.refuses(draft, lead, wave, cluster, app))
        .or_else(|| cluster_refuses(draft, cluster, app).map(Arc::new));
    if refused.is_some() {
        return refused;
    }
    if draft.record(older, app).is_none_or(|record| record.state != MemberState::Waiting) {
        let change = Change::Place { app: app.clone(), wave: Some(its_wave), late: true, fills: false };
        draft.step(older, change);
    }
    let refused = Budget::of(draft, older).refuses(draft, older, its_wave, cluster, app);
    if refused.is_none() {
        leading.take(wave, cluster, Slot::Inherited);
        write(draft, older, app, member, true);
    }
    refused
}

/// The newest earlier rollout that could be anybody's baseline.
fn newest_baseline(draft: &Draft<'_>, lead: usize) -> Option<usize> {
    (draft.line_of(lead).start..lead).rev().find(|older| {
        let head = draft.head(*older);
        matches!(head.phase, Phase::Done | Phase::Superseded) && !head.is_rejected()
    })
}

/// Whether the seat runs what came no earlier than the newest baseline: then it is not behind.
fn runs_since(
    draft: &Draft<'_>,
    lead: usize,
    newest: Option<usize>,
    app: &AppKey,
    cluster: &ClusterName,
) -> bool {
    let assigned = draft.assigned(cluster, app);
    let Some(Order::Run { rollout, .. }) = assigned.map(|assigned| &assigned.order) else { return false };
    let Some(newest) = newest else { return true };
    (newest..draft.line_of(lead).end).any(|index| draft.rollout(index).name == *rollout)
}

/// Whether the seat runs nothing, or something older than what an earlier rollout proved in its wave.
pub(crate) fn is_behind(draft: &Draft<'_>, lead: usize, app: &AppKey, cluster: &ClusterName) -> bool {
    let Some(assigned) = draft.assigned(cluster, app) else { return true };
    let Order::Run { release, rollout, .. } = &assigned.order else { return true };
    if assigned.adopted.is_some() {
        return false;
    }
    let Some((older, _)) = stand_in(draft, lead, app, cluster) else { return false };
    let mut line = draft.line_of(lead).clone();
    let ran = line.find(|index| draft.rollout(*index).name == *rollout);
    let differs = draft.rollout(older).members.get(app).is_some_and(|member| member.release != *release);
    differs && ran.is_some_and(|ran| ran < older)
}

/// The newest earlier rollout in which the joiner's wave passed, and that wave there.
pub(crate) fn stand_in(
    draft: &Draft<'_>,
    lead: usize,
    app: &AppKey,
    cluster: &ClusterName,
) -> Option<(usize, usize)> {
    (draft.line_of(lead).start..lead).rev().find_map(|older| {
        let head = draft.head(older);
        let ended = matches!(head.phase, Phase::Done | Phase::Superseded) && !head.is_rejected();
        let member = draft.rollout(older).members.get(app).filter(|member| member.cluster == *cluster)?;
        let wave = waves::wave_of(draft, older, app, member)?;
        let passed = head.waves.get(wave).is_some_and(|wave| wave.passed.is_some());
        (ended && passed).then_some((older, wave))
    })
}

fn write(draft: &mut Draft<'_>, index: usize, app: &AppKey, member: &Member, baseline: bool) {
    let seat = (member.cluster.clone(), app.clone());
    let position = draft.position_after(&seat).expect("an agent ahead of the store blocks the release");
    let (app, cluster, release) = (app.clone(), member.cluster.clone(), member.release);
    draft.step(index, Change::Release { app, cluster, release, position, baseline });
}

/// Why the member may not be released to whatever its wave says; `None` when it may.
pub(crate) fn blocked(draft: &Draft<'_>, index: usize, app: &AppKey, member: &Member) -> Option<Wait> {
    let name = &member.cluster;
    away(draft, name).or_else(|| {
        if draft.next_position(name, app).is_none() {
            let hold = crate::fleet::Hold::HubBehindAgent;
            return Some(Wait::Held { cluster: name.clone(), hold });
        }
        if let Some(pin) = draft.pin(name, app) {
            return Some(Wait::pinned(name, app, pin));
        }
        if let Some(wait) = paused(draft, app, member).or_else(|| adopted(draft, index, app, member)) {
            return Some(wait);
        }
        draft.terms[index]
            .awaits_sync(member)
            .then(|| Wait::AwaitingSync { app: app.clone(), release: member.release })
    })
}

/// The pause of this application alone.
pub(crate) fn paused(draft: &Draft<'_>, app: &AppKey, member: &Member) -> Option<Wait> {
    let pause = member.pauses.iter().find(|pause| pause.is_active(draft.now))?;
    Some(Wait::ApplicationPaused {
        app: app.clone(),
        cluster: member.cluster.clone(),
        reason: pause.reason.clone(),
        by: pause.by.clone(),
        until: pause.until,
        acknowledged: pause.acknowledged,
    })
}

/// Why a member whose release was adopted from its agent may not be moved by this rollout.
fn adopted(draft: &Draft<'_>, index: usize, app: &AppKey, member: &Member) -> Option<Wait> {
    let told = draft.assigned(&member.cluster, app)?;
    let adopted = told.adopted?;
    let created = draft.rollout(index).created;
    let asked = member.sync_requested == Some(member.release);
    let running = told.running().map(|(_, release)| release);
    let mut earlier = draft.line_of(index).start..index;
    let is_older = running.is_some_and(|running| {
        earlier.any(|older| {
            let then = draft.rollout(older).members.get(app);
            then.is_some_and(|then| then.cluster == member.cluster && then.release == running)
        })
    });
    let newer = created > adopted.at || (created > adopted.since && is_older);
    let (cluster, app) = (member.cluster.clone(), app.clone());
    (!asked && !newer).then_some(Wait::Adopted { cluster, app, running, at: adopted.at })
}

/// Why nothing may be released to the cluster; `None` when something may.
pub(crate) fn away(draft: &Draft<'_>, name: &ClusterName) -> Option<Wait> {
    let cluster = name.clone();
    let Some(state) = draft.cluster(name) else { return Some(Wait::UnknownCluster { cluster }) };
    if let Some(pause) = state.pauses.iter().find(|pause| pause.is_active(draft.now)) {
        return Some(Wait::Paused {
            cluster,
            reason: pause.reason.clone(),
            by: pause.by.clone(),
            until: pause.until,
            acknowledged: pause.acknowledged,
            local: pause.local,
        });
    }
    if let Some(hold) = &state.hold {
        return Some(Wait::Held { cluster, hold: hold.clone() });
    }
    match state.link {
        Link::Connected => None,
        Link::LostSince(since) => Some(Wait::Unreachable { cluster, since, seen: true }),
        Link::NeverSeen { since } => Some(Wait::Unreachable { cluster, since, seen: false }),
    }
}
