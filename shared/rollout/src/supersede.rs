//! Whose turn it is in a line: which rollout starts, and which gives way to it.
//!
//! Of those that wait only the latest counts. It starts when none is under way, when the one under
//! way halted, at once when its plan says so (rollingSync as in Argo CD, no policy, `Restart`), and
//! otherwise only while nobody in wave one has proven what the one under way ships.

use crate::{
    draft::Draft,
    record::{MemberState, Phase},
    step::Change,
};
use std::ops::Range;

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
    if newest != latest {
        return;
    }
    if let Some(lead) = lead {
        let gives_way = match draft.head(lead).phase {
            Phase::Progressing => draft.terms[latest].at_once || !has_shown_itself(draft, lead),
            Phase::Halted => true,
            Phase::Queued | Phase::Superseded | Phase::Done | Phase::RollingBack | Phase::RolledBack => false,
        };
        if gives_way {
            let by = draft.rollout(latest).name.clone();
            draft.step(lead, Change::Supersede { by });
        } else if draft.head(lead).phase != Phase::Done {
            return;
        }
    }
    let waves = draft.terms[latest].waves.len();
    draft.step(latest, Change::Start { waves });
}

/// Whether somebody in wave one has proven what the rollout released, or wave one has passed.
fn has_shown_itself(draft: &Draft<'_>, index: usize) -> bool {
    let passed = draft.head(index).waves.first().is_some_and(|wave| wave.passed.is_some());
    passed
        || draft.placed(index).any(|(_, _, record, wave)| {
            wave == 0 && record.released.is_some() && matches!(record.state, MemberState::Proven { .. })
        })
}
