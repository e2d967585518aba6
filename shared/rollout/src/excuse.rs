//! Going on without members that cannot take part: unreachable, paused, only observing, or pinned.
//!
//! Only the wave under way excuses. A pin (a release that a person chose in the cluster itself) excuses
//! whatever the policy says, a proven member too: what was proven does not run there any more. All else
//! is excused by policy only. Unreachable members are excused after
//! `unreachable.after`, at most `unreachable.atMost` of the wave. An excused member that runs an
//! unproven release gives up its slot and goes to `mayRun`, which the same `atMost` bounds; pins are
//! not bounded, since each is a person's own decision. When the reason is over the member is readmitted: it counts again, or, when its wave
//! has passed meanwhile, catches up without closing the gate again.

use crate::{
    draft::Draft,
    fleet::{ClusterState, Member},
    proof::later,
    record::{Excuse, MemberRecord},
    rows::Marks,
    step::Change,
    terms::Terms,
};
use jiff::Timestamp;
use shared_model::{AppKey, Mode, policy::WaitOrSkip};

/// Readmits whom nothing excuses any more.
pub(crate) fn readmit(draft: &mut Draft<'_>, index: usize) {
    // Of what halted nobody is readmitted before it went back.
    let rejected = draft.head(index).is_rejected();
    let back: Vec<(AppKey, usize)> = draft
        .placed_with(index, Marks::EXCUSED)
        .filter(|(app, member, record, _)| {
            record.excused.is_some_and(|excuse| !lasts(draft, excuse, (app, member), record))
        })
        .filter(|(app, _, record, _)| {
            !(rejected && record.may_run && draft.runs_unproven(&record.cluster, app))
        })
        .map(|(app, _, _, wave)| (app.clone(), wave))
        .collect();
    for (app, wave) in back {
        let late = draft.head(index).waves[wave].passed.is_some();
        draft.step(index, Change::Readmit { app, late });
    }
}

/// Excuses whoever is pinned in the wave under way. Before turns are taken, because what was proven there
/// no longer speaks for the rollout.
pub(crate) fn pins(draft: &mut Draft<'_>, index: usize) {
    let waves = &draft.head(index).waves;
    let Some(open) = waves.iter().position(|wave| wave.passed.is_none() && wave.opened.is_some()) else {
        return;
    };
    let pinned: Vec<_> = draft
        .placed_with(index, Marks::PINNED)
        .filter(|(_, _, record, wave)| *wave == open && record.excused.is_none())
        .filter(|(app, _, record, _)| draft.pin(&record.cluster, app).is_some())
        .map(|(app, _, record, _)| (app.clone(), draft.runs_unproven(&record.cluster, app)))
        .collect();
    for (app, may_run) in pinned {
        draft.step(index, Change::Excuse { app, reason: Excuse::Pinned, may_run });
    }
}

/// Excuses whom the policy lets the open wave go on without.
pub(crate) fn excuse(draft: &mut Draft<'_>, index: usize, wave: usize) {
    let (mut unreachable, mut may_run) = (0, 0);
    let mut wanted = Vec::new();
    for (app, member, record, its) in draft.placed_with(index, Marks::EXCUSED.and(Marks::TROUBLED)) {
        if its != wave {
            continue;
        }
        unreachable += usize::from(record.excused == Some(Excuse::Unreachable));
        may_run += usize::from(record.may_run);
        if record.excused.is_some() {
            continue;
        }
        let reason = if draft.pin(&record.cluster, app).is_some() {
            Some(Excuse::Pinned)
        } else if record.state.is_proven() {
            None
        } else {
            let cluster = draft.cluster(&record.cluster);
            cluster.and_then(|cluster| reason(&draft.terms[index], cluster, member, draft.now))
        };
        if let Some(reason) = reason {
            wanted.push((app.clone(), reason, draft.runs_unproven(&record.cluster, app)));
        }
    }
    let at_most = draft.terms[index].unreachable.at_most.of(draft.tally(index)[wave].total);
    for (app, reason, runs) in wanted {
        let is_unreachable = reason == Excuse::Unreachable;
        let bounded = reason != Excuse::Pinned;
        if bounded && ((is_unreachable && unreachable >= at_most) || (runs && may_run >= at_most)) {
            continue;
        }
        unreachable += usize::from(is_unreachable);
        may_run += usize::from(runs);
        draft.step(index, Change::Excuse { app, reason, may_run: runs });
    }
}

/// Why the policy lets a wave go on without members on the cluster.
fn reason(terms: &Terms<'_>, cluster: &ClusterState, member: &Member, now: Timestamp) -> Option<Excuse> {
    let away = cluster.link.lost_since();
    let gone = away.is_some_and(|since| later(since, terms.unreachable.after) <= now);
    let skip_paused = terms.paused == WaitOrSkip::Skip;
    if skip_paused && cluster.pauses.iter().chain(&member.pauses).any(|pause| pause.is_active(now)) {
        Some(Excuse::Paused)
    } else if skip_paused && cluster.mode == Mode::Observe {
        Some(Excuse::Observing)
    } else if gone && terms.unreachable.action == WaitOrSkip::Skip {
        Some(Excuse::Unreachable)
    } else {
        None
    }
}

/// Whether the reason is still there. Of a cluster that is gone nothing is known to be over.
fn lasts(
    draft: &Draft<'_>,
    excuse: Excuse,
    (app, member): (&AppKey, &Member),
    record: &MemberRecord,
) -> bool {
    let Some(cluster) = draft.cluster(&record.cluster) else { return true };
    match excuse {
        Excuse::Unreachable => cluster.link.lost_since().is_some(),
        Excuse::Paused => cluster.pauses.iter().chain(&member.pauses).any(|pause| pause.is_active(draft.now)),
        Excuse::Observing => cluster.mode == Mode::Observe,
        Excuse::Pinned => draft.pin(&record.cluster, app).is_some(),
    }
}
