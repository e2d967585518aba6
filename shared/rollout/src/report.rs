//! What a plan leaves waiting, and for what.

use crate::{
    back,
    draft::{Draft, Wake},
    fleet::{Member, Seat},
    gate,
    proof::{self, Verdict, later},
    record::{Head, HeldUp, MemberRecord, MemberState, Phase},
    release,
    rows::Marks,
    supersede,
    wait::Wait,
};
use jiff::Timestamp;
use shared_model::{AppKey, Owner, RolloutName, policy::WaitOrSkip};
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// What waits for what, after the plan's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// A report per rollout that is not superseded.
    pub rollouts: BTreeMap<(Owner, RolloutName), RolloutReport>,
    /// When time alone changes something for a line, and what; a line is not here if nothing will.
    pub wakes: BTreeMap<Owner, (Timestamp, &'static str)>,
}

/// How one rollout stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RolloutReport {
    /// How far it is.
    pub phase: Phase,
    /// Its waves, in order.
    pub waves: Vec<WaveReport>,
    /// What the rollout as a whole waits for; `None` when it is done.
    pub waits_for: Option<Wait>,
    /// What each member that is not proven waits for. Thousands may wait for the same.
    pub waits: BTreeMap<AppKey, Arc<Wait>>,
    /// Who may run an unproven release without holding a slot.
    pub may_run: Vec<Seat>,
    /// How many members no wave takes.
    pub in_no_wave: usize,
    /// What people should know besides, a sentence each.
    pub notes: Vec<String>,
}

/// How one wave stands. `total` is the sum of the six counts below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaveReport {
    /// Its name.
    pub name: String,
    /// Whether its members may be released.
    pub open: bool,
    /// Whether its gate was met.
    pub passed: bool,
    /// Its members.
    pub total: usize,
    /// Not released, not excused.
    pub waiting: usize,
    /// Released, neither proven nor failed nor excused.
    pub released: usize,
    /// Proven.
    pub proven: usize,
    /// Failed, not excused.
    pub failed: usize,
    /// Excused and not proven.
    pub excused: usize,
    /// Told to go back, or back.
    pub back: usize,
}

/// Reports on every rollout that is not superseded, and finds when time alone changes something.
pub(crate) fn report(draft: &Draft<'_>, earliest: &mut Wake) -> Report {
    let mut report = Report::default();
    for line in &draft.planned() {
        let (mut wake, lead) = (Wake::default(), draft.lead(line));
        let wake = &mut wake;
        for index in line.clone() {
            let listed = match draft.head(index).phase {
                Phase::Queued => queued(draft, index, lead, wake),
                Phase::Progressing | Phase::Halted | Phase::Done | Phase::RollingBack | Phase::RolledBack
                    if lead == Some(index) =>
                {
                    one(draft, index, wake)
                }
                Phase::Superseded
                | Phase::Progressing
                | Phase::Halted
                | Phase::Done
                | Phase::RollingBack
                | Phase::RolledBack => {
                    note_settling(draft, index, wake);
                    continue;
                }
            };
            report.rollouts.insert((draft.owner(index).clone(), draft.rollout(index).name.clone()), listed);
        }
        note_clusters(draft, line, wake);
        if let Wake(Some((at, why))) = *wake {
            earliest.at(at, why);
            report.wakes.insert(draft.owner(line.start).clone(), (at, why));
        }
    }
    report
}

fn queued(draft: &Draft<'_>, index: usize, lead: Option<usize>, wake: &mut Wake) -> RolloutReport {
    let behind =
        lead.map_or_else(|| draft.rollout(index).name.clone(), |lead| draft.rollout(lead).name.clone());
    // What holds the line holds whoever waits in it.
    if let Some(until) = lead
        .filter(|lead| draft.head(*lead).phase == Phase::Progressing)
        .and_then(|lead| supersede::protected_until(draft, lead, index))
        && until > draft.now
    {
        wake.at(until, "a newer commit may take over");
    }
    let held = lead.into_iter().chain([index]).find_map(|index| {
        let held = draft.head(index).holder(draft.now)?;
        if let Some(until) = held.until {
            wake.at(until, "a person's hold on the rollout ends");
        }
        Some(held_up(draft, index, held))
    });
    let pinned = lead.and_then(|lead| draft.head(lead).rollback.clone()).filter(|rollback| rollback.pins);
    let pinned =
        pinned.map(|rollback| Wait::RolledBack { by: rollback.by, reason: rollback.reason, pins: true });
    let wait = held.or(pinned).unwrap_or(Wait::Queued { behind });
    let shared = Arc::new(wait.clone());
    let waits = draft.rollout(index).members.keys().map(|app| (app.clone(), Arc::clone(&shared))).collect();
    RolloutReport { waits_for: Some(wait), waits, ..RolloutReport::default() }
}

fn one(draft: &Draft<'_>, index: usize, wake: &mut Wake) -> RolloutReport {
    let head = draft.head(index);
    let next = gate::unmet_next(draft, index, draft.tally(index));
    let waits_for = match (head.phase, head.holder(draft.now)) {
        (Phase::Progressing | Phase::RollingBack, Some(held)) => Some(held_up(draft, index, held)),
        (Phase::Halted, _) => Some(halted(draft, index, head)),
        (Phase::Progressing, None) => next,
        (Phase::RollingBack, None) => Some(rolling_back(draft, index)),
        (Phase::RolledBack, _) => head.rollback.as_ref().map(|rollback| Wait::RolledBack {
            by: rollback.by.clone(),
            reason: rollback.reason.clone(),
            pins: rollback.pins,
        }),
        (Phase::Queued | Phase::Done | Phase::Superseded, _) => None,
    };
    if let Some(Wait::Soak { until, .. }) = &waits_for {
        wake.at(*until, "a wave has soaked");
    }
    if let Some(until) = head.holder(draft.now).and_then(|held| held.until) {
        wake.at(until, "a person's hold on the rollout ends");
    }
    let mut report = RolloutReport {
        phase: head.phase,
        waves: waves(draft, index),
        in_no_wave: draft.rollout(index).members.len() - draft.placed(index).count(),
        ..RolloutReport::default()
    };
    let mut waiting = Vec::new();
    let mut rollout = Rollout { index, waits_for: waits_for.as_ref(), closed: Vec::new(), halted: None };
    for row in draft.every(index) {
        let (app, member, record) = (row.app, row.member, row.record());
        if let Some(wait) = waits(draft, &mut rollout, app, member, record, wake) {
            if let Wait::Window { until: Some(until), .. } = &*wait {
                wake.at(*until, "a sync window changes");
            }
            waiting.push((app.clone(), wait));
        }
        if record.is_some_and(|record| record.may_run) {
            report.may_run.push((member.cluster.clone(), app.clone()));
        }
    }
    report.waits = waiting.into_iter().collect();
    report.notes = pins(draft, index);
    if let (Some(held), Phase::Done | Phase::Halted | Phase::RolledBack) =
        (head.holder(draft.now), head.phase)
    {
        report.notes.push(held_up(draft, index, held).to_string());
    }
    report.waits_for = waits_for;
    report
}

fn held_up(draft: &Draft<'_>, index: usize, held: &HeldUp) -> Wait {
    Wait::RolloutPaused {
        rollout: draft.rollout(index).name.clone(),
        reason: held.reason.clone(),
        by: held.by.clone(),
        until: held.until,
    }
}

fn rolling_back(draft: &Draft<'_>, index: usize) -> Wait {
    let (wave, clusters) = back::unfinished(draft, index).unwrap_or_default();
    let rollback = draft.head(index).rollback.as_ref();
    Wait::RollingBack {
        wave: draft.wave(index, wave).name.clone(),
        count: clusters.len(),
        clusters: clusters.into_iter().take(gate::NAMED).cloned().collect(),
        reason: rollback.map(|rollback| rollback.reason.clone()).unwrap_or_default(),
    }
}

/// Members that count as proven and run another release, because a person chose it in their cluster.
fn pins(draft: &Draft<'_>, index: usize) -> Vec<String> {
    let pinned: Vec<_> = draft
        .placed_with(index, Marks::PINNED)
        .filter(|(_, _, record, _)| record.state.is_proven())
        .filter_map(|(app, member, _, _)| {
            Some(Wait::pinned(&member.cluster, app, draft.pin(&member.cluster, app)?))
        })
        .collect();
    let more = pinned.len().saturating_sub(gate::NAMED);
    let mut notes: Vec<String> = pinned.iter().take(gate::NAMED).map(ToString::to_string).collect();
    if more > 0 {
        notes.push(format!("and {more} more members are pinned in their clusters"));
    }
    notes
}

fn waves(draft: &Draft<'_>, index: usize) -> Vec<WaveReport> {
    let heads = &draft.head(index).waves;
    let blank = |(wave, head): (usize, &crate::WaveHead)| WaveReport {
        name: draft.wave(index, wave).name.clone(),
        open: head.opened.is_some(),
        passed: head.passed.is_some(),
        ..WaveReport::default()
    };
    let mut waves: Vec<_> = heads.iter().enumerate().map(blank).collect();
    for (_, _, record, wave) in draft.placed(index) {
        let wave = &mut waves[wave];
        wave.total += 1;
        *match record.state {
            MemberState::Proven { .. } => &mut wave.proven,
            MemberState::Returning { .. } | MemberState::Returned { .. } => &mut wave.back,
            _ if record.excused.is_some() => &mut wave.excused,
            MemberState::Waiting => &mut wave.waiting,
            MemberState::Released { .. } => &mut wave.released,
            MemberState::Failed { .. } => &mut wave.failed,
        } += 1;
    }
    waves
}

/// What is said of one rollout again and again.
struct Rollout<'a> {
    index: usize,
    waits_for: Option<&'a Wait>,
    /// What members of a wave that is not open wait for.
    closed: Vec<Option<Arc<Wait>>>,
    /// What members that are not released wait for when the rollout halted, or a person holds it.
    halted: Option<Arc<Wait>>,
}

/// What one member waits for; `None` when it is proven.
fn waits<'a>(
    draft: &Draft<'a>,
    rollout: &mut Rollout<'_>,
    app: &'a AppKey,
    member: &Member,
    record: Option<&MemberRecord>,
    wake: &mut Wake,
) -> Option<Arc<Wait>> {
    if let Some(record) = record
        && let (MemberState::Waiting, Some(wave)) = (&record.state, record.wave)
        && !matches!(draft.head(rollout.index).phase, Phase::RollingBack | Phase::RolledBack)
    {
        return Some(waiting(draft, rollout, app, member, record, wave));
    }
    under_way(draft, rollout, app, member, record, wake).map(Arc::new)
}

/// As [`waits`], of one that is not merely waiting to be released.
fn under_way<'a>(
    draft: &Draft<'a>,
    all: &mut Rollout<'_>,
    app: &'a AppKey,
    member: &Member,
    record: Option<&MemberRecord>,
    wake: &mut Wake,
) -> Option<Wait> {
    let (index, rollout) = (all.index, all.waits_for);
    let Some(record) = record else {
        return Some(Wait::UnknownCluster { cluster: member.cluster.clone() });
    };
    let Some(wave) = record.wave else { return Some(Wait::NoWave { cluster: member.cluster.clone() }) };
    let leaving = matches!(draft.head(index).phase, Phase::RollingBack | Phase::RolledBack);
    if (leaving || matches!(record.state, MemberState::Returning { .. } | MemberState::Returned { .. }))
        && let Some(wait) = back::waits(draft, index, app, member, record, wave)
    {
        if matches!(record.state, MemberState::Returning { .. }) {
            let verdict = proof::verdict(draft, index, app, record, wave);
            note_member(draft, index, record, wave, &verdict, wake);
        }
        return Some(wait);
    }
    match &record.state {
        MemberState::Proven { .. } => None,
        MemberState::Returning { .. } | MemberState::Returned { .. } => {
            Some(rollout.cloned().unwrap_or(Wait::Unreported { cluster: member.cluster.clone() }))
        }
        MemberState::Waiting => Some(Wait::clone(&waiting(draft, all, app, member, record, wave))),
        MemberState::Released { .. } | MemberState::Failed { .. } => {
            if let Some(pin) = draft.pin(&member.cluster, app) {
                return Some(Wait::pinned(&member.cluster, app, pin));
            }
            let verdict = proof::verdict(draft, index, app, record, wave);
            let settling = note_member(draft, index, record, wave, &verdict, wake);
            if let MemberState::Failed { reason, .. } = &record.state
                && !settling
            {
                return Some(Wait::Failed { cluster: member.cluster.clone(), reason: reason.clone() });
            }
            let wait = match verdict {
                Verdict::Waits(wait) => wait,
                Verdict::Proven => return None,
                Verdict::Failed(reason) => Wait::Failed { cluster: member.cluster.clone(), reason },
            };
            Some(release::away(draft, &member.cluster).unwrap_or(wait))
        }
    }
}

fn waiting<'a>(
    draft: &Draft<'a>,
    rollout: &mut Rollout<'_>,
    app: &'a AppKey,
    member: &Member,
    record: &MemberRecord,
    wave: usize,
) -> Arc<Wait> {
    let index = rollout.index;
    let head = draft.head(index);
    if let Some(wait) = draft.refusal(index, app) {
        return Arc::clone(wait);
    }
    let holder = head.holder(draft.now);
    if head.phase == Phase::Halted || holder.is_some() {
        let wait = rollout.halted.get_or_insert_with(|| {
            let held = holder.filter(|_| head.phase != Phase::Halted);
            Arc::new(held.map_or_else(|| halted(draft, index, head), |held| held_up(draft, index, held)))
        });
        return Arc::clone(wait);
    }
    let cluster = member.cluster.clone();
    if matches!(head.phase, Phase::RollingBack | Phase::RolledBack) {
        return Arc::new(rollout.waits_for.cloned().unwrap_or(Wait::NothingBefore { cluster }));
    }
    if head.waves[wave].opened.is_some() {
        let away = release::blocked(draft, index, app, member);
        return Arc::new(away.unwrap_or(if record.excused.is_some() {
            Wait::Observing { cluster }
        } else {
            // Whatever is open and not refused was released.
            Wait::Unreported { cluster }
        }));
    }
    let idle = draft.assigned(&cluster, app).is_none_or(|assigned| assigned.running().is_none());
    let earlier = draft.line_of(index).start < index;
    let lost = idle && earlier && release::stand_in(draft, index, app, &cluster).is_none();
    if rollout.closed.len() <= wave {
        rollout.closed.resize(wave + 1, None);
    }
    if let (false, Some(wait)) = (lost, &rollout.closed[wave]) {
        return Arc::clone(wait);
    }
    let name = draft.wave(index, wave).name.clone();
    let none = || Wait::Unproven { wave: name.clone(), clusters: Vec::new(), count: 0 };
    let waits_for = Box::new(rollout.waits_for.cloned().unwrap_or_else(none));
    if lost {
        return Arc::new(Wait::NoBaseline { cluster, wave: name, waits_for });
    }
    let wait = Arc::new(Wait::WaveNotOpen { wave: name, waits_for });
    rollout.closed[wave] = Some(Arc::clone(&wait));
    wait
}

fn halted(draft: &Draft<'_>, index: usize, head: &Head) -> Wait {
    let halted = head.halted.as_ref();
    let member = halted.and_then(|halted| halted.member.clone());
    let members = &draft.rollout(index).members;
    let wave = halted.and_then(|halted| draft.terms[index].waves.get(halted.wave));
    Wait::Halted {
        wave: wave.map(|wave| wave.name.clone()).unwrap_or_default(),
        cluster: member.as_ref().and_then(|app| members.get(app)).map(|member| member.cluster.clone()),
        reason: halted.map(|halted| halted.reason.clone()).unwrap_or_default(),
        member,
    }
}

/// When time alone proves or fails the member. Says whether it is settling.
fn note_member(
    draft: &Draft<'_>,
    index: usize,
    record: &MemberRecord,
    wave: usize,
    verdict: &Verdict,
    wake: &mut Wake,
) -> bool {
    let linked = draft.cluster(&record.cluster).is_some_and(|cluster| cluster.link.lost_since().is_none());
    if let Some((at, _)) = proof::deadline(draft, record, draft.wave(index, wave).deadline)
        && at > draft.now
    {
        wake.at(at, "a member's deadline");
    }
    if let Verdict::Waits(Wait::Settle { until, .. }) = verdict {
        if linked {
            wake.at(*until, "a member has settled");
        }
        return true;
    }
    false
}

/// As [`note_member`], for a rollout that no longer leads: only proof matters there.
fn note_settling(draft: &Draft<'_>, index: usize, wake: &mut Wake) {
    for (app, _, record, wave) in draft.unproven(index) {
        let current = draft.assigned(&record.cluster, app).and_then(|assigned| assigned.running());
        let same = record.state.position() == current.map(|(position, _)| position);
        if record.state.is_proven() || !same || !draft.runs_unproven(&record.cluster, app) {
            continue;
        }
        let linked =
            draft.cluster(&record.cluster).is_some_and(|cluster| cluster.link.lost_since().is_none());
        if let Verdict::Waits(Wait::Settle { until, .. }) = proof::verdict(draft, index, app, &record, wave)
            && linked
        {
            wake.at(until, "a member has settled");
        }
    }
}

/// When a pause ends, or a silent cluster counts as unreachable.
fn note_clusters(draft: &Draft<'_>, line: &Range<usize>, wake: &mut Wake) {
    let Some(lead) = draft.lead(line) else { return };
    let terms = &draft.terms[lead];
    for (_, row) in draft.marked(lead, Marks::TROUBLED) {
        let (member, Some(cluster)) = (row.member, row.cluster) else { continue };
        let ends = cluster.pauses.iter().filter(|pause| !pause.local).filter_map(|pause| pause.until);
        let own = member.pauses.iter().filter_map(|pause| pause.until);
        for until in ends.chain(own).filter(|until| *until > draft.now) {
            wake.at(until, "a pause ends");
        }
        if terms.unreachable.action == WaitOrSkip::Skip
            && draft.head(lead).phase == Phase::Progressing
            && let Some(since) = cluster.link.lost_since()
        {
            let at = later(since, terms.unreachable.after);
            if at > draft.now {
                wake.at(at, "a silent cluster counts as unreachable");
            }
        }
    }
}
