//! Whose turn it is in a line: which rollout starts, and which gives way to it.
//!
//! Of those that wait only the latest counts. It starts when none is under way, when the one under way
//! halted or everybody who could be told went back, when a person expedites it, at once when its plan
//! says so (rollingSync as in Argo CD, no policy, `Restart`), and otherwise only while nobody in wave one
//! has proven what the one under way ships. A person's pause, and a person's undo until it is resumed,
//! hold the line.
//!
//! So that a busy repository starves nobody, a rollout that took the place of an unfinished one is left its
//! time: under `Queue` from the first, under `Restart` after [`RESTARTS`] in a row. The time doubles with
//! every one that was given up, so a canary that takes however long is proven in the end; and it ends, so a
//! fix is not stuck for ever behind a canary that neither fails nor becomes Healthy.

use crate::{
    back,
    draft::Draft,
    proof::later,
    record::{MemberState, Phase},
    step::Change,
    terms::TakesOver,
};
use jiff::Timestamp;
use std::{ops::Range, time::Duration};

/// How many rollouts in a row `Restart` gives up unfinished.
pub(crate) const RESTARTS: u32 = 3;

/// How long a rollout that took the place of an unfinished one is left alone at first.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Starts the latest waiting rollout if it is its turn.
pub(crate) fn take_turns(draft: &mut Draft<'_>, line: &Range<usize>) {
    let queued: Vec<_> = line.clone().filter(|index| draft.head(*index).phase == Phase::Queued).collect();
    let Some(latest) = queued.last().copied() else { return };
    let lead = draft.lead(line);
    let newest = lead.filter(|lead| *lead > latest).unwrap_or(latest);
    for old in queued.into_iter().filter(|index| *index < newest) {
        let by = draft.rollout(newest).name.clone();
        draft.step(old, Change::Supersede { by });
    }
    if newest != latest || holds(draft, lead, latest) {
        return;
    }
    if let Some(lead) = lead {
        if gives_way(draft, lead, latest) {
            let by = draft.rollout(latest).name.clone();
            draft.step(lead, Change::Supersede { by });
        } else if !matches!(draft.head(lead).phase, Phase::Done | Phase::RolledBack) {
            return;
        }
    }
    let waves = draft.terms[latest].waves.len();
    let replaced = given_up(draft, line, latest);
    draft.step(latest, Change::Start { waves, replaced });
}

/// How many in a row were given up unfinished before this one starts. Read from what is durable, so that
/// a crash between giving way and starting changes nothing.
fn given_up(draft: &Draft<'_>, line: &Range<usize>, latest: usize) -> u32 {
    let before = (line.start..latest).rfind(|index| draft.head(*index).started.is_some());
    let head = before.map(|index| draft.head(index));
    let unfinished = head.filter(|head| head.phase == Phase::Superseded && !head.is_rejected());
    unfinished.map_or(0, |head| head.replaced + 1)
}

/// Whether a person holds the line.
pub(crate) fn holds(draft: &Draft<'_>, lead: Option<usize>, latest: usize) -> bool {
    let paused = |index: usize| draft.head(index).holder(draft.now).is_some();
    // What something newer was let past holds nothing any more.
    let lead = lead.filter(|lead| !(lead + 1..latest).any(|newer| draft.head(newer).started.is_some()));
    let head = lead.map(|lead| draft.head(lead));
    let pinned = head.is_some_and(|head| head.rollback.as_ref().is_some_and(|rollback| rollback.pins));
    paused(latest) || (!is_expedited(draft, latest) && (pinned || lead.is_some_and(paused)))
}

fn gives_way(draft: &Draft<'_>, lead: usize, latest: usize) -> bool {
    match draft.head(lead).phase {
        Phase::Progressing => {
            is_expedited(draft, latest)
                || match draft.terms[latest].takes_over {
                    TakesOver::Always => true,
                    TakesOver::AtOnce | TakesOver::Unproven => {
                        protected_until(draft, lead, latest).is_some_and(|until| until <= draft.now)
                    }
                }
        }
        Phase::Halted => true,
        Phase::RollingBack => is_expedited(draft, latest) || back::all_told(draft, lead),
        Phase::Queued | Phase::Superseded | Phase::Done | Phase::RolledBack => false,
    }
}

/// Until when the one under way goes on whatever waits behind it; `None` until it ends.
pub(crate) fn protected_until(draft: &Draft<'_>, lead: usize, latest: usize) -> Option<Timestamp> {
    let head = draft.head(lead);
    let free = match draft.terms[latest].takes_over {
        TakesOver::Always => return Some(Timestamp::MIN),
        TakesOver::AtOnce => RESTARTS,
        TakesOver::Unproven if has_shown_itself(draft, lead) => return None,
        TakesOver::Unproven => 1,
    };
    let Some(more) = head.replaced.checked_sub(free) else { return Some(Timestamp::MIN) };
    Some(later(head.started?, PATIENCE * 2_u32.pow(more.min(10))))
}

fn is_expedited(draft: &Draft<'_>, index: usize) -> bool {
    !draft.head(index).expedited.is_empty()
}

/// Whether somebody in wave one has proven what the rollout released, or wave one has passed.
fn has_shown_itself(draft: &Draft<'_>, index: usize) -> bool {
    let passed = draft.head(index).waves.first().is_some_and(|wave| wave.passed.is_some());
    passed
        || draft.placed(index).any(|(_, _, record, wave)| {
            wave == 0 && record.released.is_some() && matches!(record.state, MemberState::Proven { .. })
        })
}
