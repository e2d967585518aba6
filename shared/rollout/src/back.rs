//! Going back: a rollout that is taken back returns each member to what was last proven on it before.
//!
//! Newest wave first and within `maxUpdate`, so that what was proven longest is disturbed last. A wave is
//! done with when each of its members is back and proven, failed to come back, cannot be told (away,
//! paused, held, pinned, only observing), or has nothing to go back to; then the next older one begins.
//! What a member goes back to comes from its own record, so neither Git nor a render is needed.
//!
//! *Withdrawal*: a member whose cluster is away, or that was excused while it ran, is given back its proven
//! release even while it is away as soon as its rollout halts or is taken back. So that is the first thing
//! it is sent when it returns, and an unproven release never catches up with anybody (invariant 2,
//! *Blast radius*). It replaces an unproven release, so it adds no exposure.
//!
//! Sync windows do not hold any of this: going back restores what the fleet ran before.

use crate::{
    budget::{Budget, Slot, cluster_refuses},
    draft::Draft,
    fleet::{Hold, Member},
    proof::{self, Verdict},
    record::{MemberRecord, MemberState, Phase},
    release,
    step::Change,
    wait::Wait,
};
use shared_model::{AppKey, ClusterName, Mode, ReleaseId, policy::OnFailure};
use std::sync::Arc;

/// How a member of a rollout that is taken back stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// It does not run the rejected release because of this rollout.
    Untouched,
    /// It runs the rejected release, and nothing was proven there before.
    Nothing,
    /// It runs the rejected release and is to go back to this one.
    Due(ReleaseId),
    /// It was told and is not proven again.
    Going,
    /// It is back.
    Back,
}

/// How a member stands.
pub(crate) fn way(draft: &Draft<'_>, app: &AppKey, record: &MemberRecord) -> Way {
    let running = draft.assigned(&record.cluster, app).and_then(|assigned| assigned.running());
    if running.is_none() || running != record.told() {
        return Way::Untouched;
    }
    match &record.state {
        MemberState::Returning { .. } => Way::Going,
        MemberState::Returned { .. } => Way::Back,
        MemberState::Waiting => Way::Untouched,
        MemberState::Released { .. } | MemberState::Proven { .. } | MemberState::Failed { .. } => {
            if record.released.is_none() {
                return Way::Untouched;
            }
            match record.before.filter(|before| before.release != record.release) {
                Some(before) => Way::Due(before.release),
                None => Way::Nothing,
            }
        }
    }
}

/// The rollback that the policy asks for now. A rollout that was done is not taken back because somebody
/// who joined later fails.
pub(crate) fn start(draft: &mut Draft<'_>, index: usize) {
    let head = draft.head(index);
    let asks = draft.terms[index].on_failure == OnFailure::Rollback;
    let Some(halted) = head.halted.as_ref().filter(|halted| halted.by.is_none()) else { return };
    let due = head.phase == Phase::Halted && head.finished.is_none() && head.rollback.is_none();
    if asks && due && head.holder(draft.now).is_none() {
        let app = halted.member.as_ref();
        let member = app.and_then(|app| Some((app, draft.rollout(index).members.get(app)?)));
        let reason = match member {
            Some((app, member)) => format!("{app} on {}: {}", member.cluster, halted.reason),
            None => halted.reason.clone(),
        };
        draft.step(index, Change::RollBack { reason });
    }
}

/// Tells members of a rollout that is taken back, as far as it is their turn.
pub(crate) fn go_back(draft: &mut Draft<'_>, index: usize) {
    let head = draft.head(index);
    if !matches!(head.phase, Phase::RollingBack | Phase::RolledBack) || head.holder(draft.now).is_some() {
        return;
    }
    for wave in (0..head.waves.len()).rev() {
        return_wave(draft, index, wave);
        if draft.head(index).phase == Phase::RollingBack && !is_over(draft, index, wave) {
            return;
        }
    }
    if draft.head(index).phase == Phase::RollingBack {
        draft.step(index, Change::EndRollback);
    }
}

fn return_wave<'a>(draft: &mut Draft<'a>, index: usize, wave: usize) {
    let mut due: Vec<(bool, &'a AppKey, &'a Member, ReleaseId)> = Vec::new();
    for (app, member, record, its) in draft.placed(index) {
        if its == wave
            && let Way::Due(release) = way(draft, app, record)
        {
            let unproven = draft.runs_unproven(&record.cluster, app);
            due.push((!unproven, app, member, release));
        }
    }
    if due.is_empty() {
        return;
    }
    due.sort_by_key(|(proven, app, _, _)| (*proven, *app));
    let mut budget = Budget::of(draft, index);
    for (proven, app, member, release) in due {
        let refused = untellable(draft, app, member, !proven)
            .map(Arc::new)
            .or_else(|| budget.refuses(draft, index, wave, &member.cluster, app))
            .or_else(|| cluster_refuses(draft, &member.cluster, app).map(Arc::new));
        if let Some(wait) = refused {
            draft.refuse(index, app, wait);
            continue;
        }
        budget.take(wave, &member.cluster, if proven { Slot::Own } else { Slot::Replaced });
        write(draft, index, app, member, release);
    }
}

/// Gives back what was proven before to members that are away, or were excused, with an unproven release
/// of a rollout that halted or was taken back. Of one that was taken back and no longer leads, to everybody
/// who still runs it unproven.
pub(crate) fn withdraw(draft: &mut Draft<'_>, index: usize) {
    let head = draft.head(index);
    if !head.is_rejected() || matches!(head.phase, Phase::Queued | Phase::Progressing | Phase::Done) {
        return;
    }
    let left = head.rollback.is_some() && !draft.acts(index);
    if draft.acts(index) && head.holder(draft.now).is_some() {
        return;
    }
    let due: Vec<_> = draft
        .placed(index)
        .filter(|(app, _, record, _)| {
            let away =
                draft.cluster(&record.cluster).is_some_and(|cluster| cluster.link.lost_since().is_some());
            (away || record.may_run || left) && draft.runs_unproven(&record.cluster, app)
        })
        .filter_map(|(app, member, record, _)| match way(draft, app, record) {
            Way::Due(release) if untellable(draft, app, member, true).is_none() => {
                Some((app, member, release))
            }
            Way::Untouched | Way::Nothing | Way::Due(_) | Way::Going | Way::Back => None,
        })
        .collect();
    for (app, member, release) in due {
        write(draft, index, app, member, release);
    }
}

fn write(draft: &mut Draft<'_>, index: usize, app: &AppKey, member: &Member, release: ReleaseId) {
    let seat = (member.cluster.clone(), app.clone());
    let position = draft.position_after(&seat).expect("an agent ahead of the store cannot be told");
    let (app, cluster) = (app.clone(), member.cluster.clone());
    draft.step(index, Change::Return { app, cluster, release, position });
}

/// Why a member cannot be told to go back now. An unproven release is taken back from who is away, too.
fn untellable(draft: &Draft<'_>, app: &AppKey, member: &Member, unproven: bool) -> Option<Wait> {
    let name = &member.cluster;
    match release::away(draft, name) {
        Some(Wait::Unreachable { .. }) if unproven => {}
        Some(wait) => return Some(wait),
        None => {}
    }
    if draft.cluster(name).is_some_and(|cluster| cluster.mode == Mode::Observe) {
        return Some(Wait::Observing { cluster: name.clone() });
    }
    if draft.next_position(name, app).is_none() {
        return Some(Wait::Held { cluster: name.clone(), hold: Hold::HubBehindAgent });
    }
    if let Some(pin) = draft.pin(name, app) {
        return Some(Wait::pinned(name, app, pin));
    }
    release::paused(draft, app, member)
}

/// Whether nothing of the wave is to be done now.
fn is_over(draft: &Draft<'_>, index: usize, wave: usize) -> bool {
    draft.placed(index).filter(|(_, _, _, its)| *its == wave).all(|(app, member, record, _)| {
        let unproven = draft.runs_unproven(&record.cluster, app);
        match way(draft, app, record) {
            Way::Untouched | Way::Nothing | Way::Back => true,
            Way::Due(_) => untellable(draft, app, member, unproven).is_some(),
            // Whoever is away is not waited for.
            Way::Going => {
                untellable(draft, app, member, false).is_some()
                    || matches!(verdict(draft, index, app, record, wave), Verdict::Failed(_))
            }
        }
    })
}

/// Whether every member that can be told was told.
pub(crate) fn all_told(draft: &Draft<'_>, index: usize) -> bool {
    draft.placed(index).all(|(app, member, record, _)| {
        let unproven = draft.runs_unproven(&record.cluster, app);
        !matches!(way(draft, app, record), Way::Due(_)) || untellable(draft, app, member, unproven).is_some()
    })
}

/// What is to be said of a member that was told to go back.
pub(crate) fn verdict<'a>(
    draft: &Draft<'a>,
    index: usize,
    app: &'a AppKey,
    record: &MemberRecord,
    wave: usize,
) -> Verdict {
    proof::verdict(draft, index, app, record, wave)
}

/// What a member of a rollout that is taken back waits for.
pub(crate) fn waits<'a>(
    draft: &Draft<'a>,
    index: usize,
    app: &'a AppKey,
    member: &Member,
    record: &MemberRecord,
    wave: usize,
) -> Option<Wait> {
    let cluster: ClusterName = member.cluster.clone();
    Some(match way(draft, app, record) {
        Way::Untouched => return None,
        Way::Nothing => Wait::NothingBefore { cluster },
        Way::Back => {
            let (_, release) = record.told()?;
            Wait::BackOn { cluster, release }
        }
        Way::Going => {
            let (_, release) = record.told()?;
            let wait = untellable(draft, app, member, true).unwrap_or_else(|| {
                match verdict(draft, index, app, record, wave) {
                    Verdict::Waits(wait) => release::away(draft, &member.cluster).unwrap_or(wait),
                    Verdict::Failed(reason) => Wait::Failed { cluster: cluster.clone(), reason },
                    Verdict::Proven => Wait::Unreported { cluster: cluster.clone() },
                }
            });
            Wait::GoesBack { cluster, release, waits_for: Some(Box::new(wait)) }
        }
        Way::Due(release) => {
            let unproven = draft.runs_unproven(&record.cluster, app);
            let wait = draft.refusal(index, app).map(|wait| Wait::clone(wait));
            let wait = wait.or_else(|| untellable(draft, app, member, unproven));
            Wait::GoesBack { cluster, release, waits_for: wait.map(Box::new) }
        }
    })
}

/// The clusters that a rollback waits for, wave by wave from the newest: the first wave that is not over.
pub(crate) fn unfinished<'a>(draft: &Draft<'a>, index: usize) -> Option<(usize, Vec<&'a ClusterName>)> {
    (0..draft.head(index).waves.len()).rev().find_map(|wave| {
        if is_over(draft, index, wave) {
            return None;
        }
        let mut clusters: Vec<_> = draft
            .placed(index)
            .filter(|(app, _, record, its)| {
                *its == wave && matches!(way(draft, app, record), Way::Due(_) | Way::Going)
            })
            .map(|(_, member, _, _)| &member.cluster)
            .collect();
        clusters.dedup();
        Some((wave, clusters))
    })
}
