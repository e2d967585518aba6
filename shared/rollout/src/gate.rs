//! Whether a wave's gate is met (invariant 1, *Proven first*), and what is missing otherwise.
//!
//! Met when every member that was there in time is proven or excused, at least `minProven` are
//! proven, and the wave has soaked since the last of them was. A failed member within `maxFailures`
//! is excused by the policy as far as the gate goes; it keeps its slot. An empty wave of a policy is
//! never met; an empty rollingSync step is, as in Argo CD. Members that joined or came back after
//! the wave had passed never close its gate again. Last comes the approval of a person, where the wave asks for one.

use crate::{
    draft::Draft,
    proof::later,
    record::{Evidence, MemberState, Side},
    wait::Wait,
};
use jiff::Timestamp;
use shared_model::ClusterName;

/// How many clusters a sentence names.
pub(crate) const NAMED: usize = 8;

/// The members of one wave, counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally<'a> {
    pub(crate) total: usize,
    pub(crate) proven: usize,
    /// Excused and not proven.
    pub(crate) excused: usize,
    /// Neither proven, excused nor tolerated, and there in time.
    pub(crate) missing: Vec<&'a ClusterName>,
    pub(crate) last_proven: Option<Timestamp>,
    /// How many failed at least once.
    pub(crate) failures: usize,
}

impl Tally<'_> {
    /// What a gate is met with.
    pub(crate) const fn evidence(&self) -> Evidence {
        let Self { total, proven, excused, failures, .. } = *self;
        Evidence { total, proven, excused, failed: failures }
    }
}

/// Counts every wave of a rollout.
pub(crate) fn tally<'a>(draft: &Draft<'a>, index: usize) -> Vec<Tally<'a>> {
    let mut waves = vec![Tally::default(); draft.head(index).waves.len()];
    for (_, member, record, wave) in draft.placed(index) {
        let tally = &mut waves[wave];
        let tolerated = draft.wave(index, wave).max_failures.is_some();
        tally.total += 1;
        tally.failures += usize::from(record.failures > 0);
        match &record.state {
            MemberState::Proven { at, .. } => {
                tally.proven += 1;
                let soaks = (!record.late).then_some(*at);
                tally.last_proven = tally.last_proven.max(soaks);
            }
            MemberState::Waiting
            | MemberState::Released { .. }
            | MemberState::Failed { .. }
            | MemberState::Returning { .. }
            | MemberState::Returned { .. }
                if record.excused.is_some() =>
            {
                tally.excused += 1;
            }
            MemberState::Failed { .. } if tolerated => {}
            MemberState::Waiting
            | MemberState::Released { .. }
            | MemberState::Failed { .. }
            | MemberState::Returning { .. }
            | MemberState::Returned { .. } => {
                if !record.late {
                    tally.missing.push(&member.cluster);
                }
            }
        }
    }
    for tally in &mut waves {
        tally.missing.sort_unstable();
        tally.missing.dedup();
    }
    waves
}

/// What the gate of a wave still waits for; `None` when it is met.
pub(crate) fn unmet(draft: &Draft<'_>, index: usize, wave: usize, tally: &Tally<'_>) -> Option<Wait> {
    let terms = draft.wave(index, wave);
    let name = terms.name.clone();
    if !tally.missing.is_empty() {
        let clusters = tally.missing.iter().take(NAMED).map(|cluster| (*cluster).clone()).collect();
        let count = tally.missing.len();
        return Some(Wait::Unproven { wave: name, clusters, count });
    }
    let needed = terms.min_proven(tally.total);
    if tally.proven < needed {
        let (proven, excused) = (tally.proven, tally.excused);
        return Some(Wait::NothingProven { wave: name, proven, needed, excused });
    }
    let soaked = tally.last_proven.map(|last| later(last, terms.soak)).filter(|until| *until > draft.now);
    soaked
        .map(|until| Wait::Soak { wave: name, until })
        .or_else(|| unapproved(draft, index, wave, Side::After))
}

/// The approval that one side of a wave waits for.
pub(crate) fn unapproved(draft: &Draft<'_>, index: usize, wave: usize, side: Side) -> Option<Wait> {
    let terms = draft.wave(index, wave);
    let asked = terms.approval.is_some_and(|approval| match side {
        Side::Before => approval.before(),
        Side::After => approval.after(),
    });
    // A gate that was met once is never closed again.
    let head = draft.head(index);
    let due = asked && head.waves[wave].passed.is_none() && head.approval(wave, side).is_none();
    due.then(|| Wait::Approval { rollout: draft.rollout(index).name.clone(), wave: terms.name.clone(), side })
}

/// What the waves before `wave` still wait for; `None` when it may open.
pub(crate) fn unmet_before(
    draft: &Draft<'_>,
    index: usize,
    wave: usize,
    tallies: &[Tally<'_>],
) -> Option<Wait> {
    (0..wave).find_map(|earlier| unmet(draft, index, earlier, &tallies[earlier]))
}

/// What the rollout as a whole waits for; `None` when it may finish.
pub(crate) fn unmet_next(draft: &Draft<'_>, index: usize, tallies: &[Tally<'_>]) -> Option<Wait> {
    let waves = &draft.head(index).waves;
    let next = waves.iter().position(|wave| wave.passed.is_none()).unwrap_or(waves.len());
    let closed = waves.get(next).is_some_and(|wave| wave.opened.is_none());
    unmet_before(draft, index, next, tallies)
        .or_else(|| if closed { unapproved(draft, index, next, Side::Before) } else { None })
        .or_else(|| (next < waves.len()).then(|| unmet(draft, index, next, &tallies[next]))?)
}
