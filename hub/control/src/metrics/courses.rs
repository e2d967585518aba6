//! What a step of a plan ends, and how long that took: by the times in the records, so that a restart in between
//! loses nothing.

use crate::index::Index;
use jiff::Timestamp;
use shared_rollout::{Decision, Head, MemberRecord, MemberState, Phase, Rollout, Step, Writes};
use std::time::Duration;

/// Something that took a while and is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(super) part: Part,
    pub(super) took: Duration,
    /// The id of the rollout's trace, in hex; may be empty.
    pub(super) trace: String,
    pub(super) at: Timestamp,
}

/// What it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// A rollout, in this phase now.
    Rollout(Phase),
    /// A wave, whose gate was met.
    Wave,
    /// A member, for the time being: one that failed may recover.
    Member { proven: bool },
}

/// What a step ends of a rollout that was `rollout` before it.
pub(crate) fn ended(
    index: &Index,
    step: &Step,
    rollout: &Rollout,
    writes: &Writes,
    at: Timestamp,
) -> Vec<Ended> {
    let parts = of_head(&rollout.head, writes.head.as_ref()).into_iter().chain(of_member(rollout, writes));
    let parts: Vec<(Part, Timestamp)> = parts.collect();
    if parts.is_empty() {
        return Vec::new();
    }
    let object = index.rollouts.get(&(step.owner.namespace.clone(), step.rollout.clone()));
    let trace = object.map(|object| object.spec.trace_id.clone()).unwrap_or_default();
    let ended = |(part, since): (Part, Timestamp)| Ended {
        part,
        took: Duration::try_from(at.duration_since(since)).unwrap_or_default(),
        trace: trace.clone(),
        at,
    };
    parts.into_iter().map(ended).collect()
}

/// The parts that end, and when they began.
fn of_head(before: &Head, after: Option<&Head>) -> Vec<(Part, Timestamp)> {
    let Some(after) = after else { return Vec::new() };
    let passed = after.waves.iter().enumerate().filter_map(|(wave, now)| {
        let then = before.waves.get(wave).copied().unwrap_or_default();
        let opened = now.opened.filter(|_| then.passed.is_none() && now.passed.is_some())?;
        Some((Part::Wave, opened))
    });
    // What had halted, or went back, ended then: that a newer one takes its place ends nothing.
    let ends = !is_end(before.phase) && is_end(after.phase);
    // One that waited for its turn and never got it took no time.
    let rollout = begun(after).filter(|_| ends).map(|begun| (Part::Rollout(after.phase), begun));
    passed.chain(rollout).collect()
}

/// When what ends now began: the rollout, its present attempt, or that somebody took it back. What was over before that,
/// and for how long it lay, is no part of it.
fn begun(head: &Head) -> Option<Timestamp> {
    let undone = head.rollback.as_ref().filter(|rollback| rollback.by.is_some()).map(|rollback| rollback.at);
    let again = head.decisions.iter().rfind(|decided| decided.what == Decision::Retry);
    let again = again.filter(|_| head.attempt > 0).map(|decided| decided.at);
    undone.or(again).max(head.started)
}

const fn is_end(phase: Phase) -> bool {
    match phase {
        Phase::Done | Phase::Halted | Phase::RolledBack | Phase::Superseded => true,
        Phase::Queued | Phase::Progressing | Phase::RollingBack => false,
    }
}

fn of_member(rollout: &Rollout, writes: &Writes) -> Option<(Part, Timestamp)> {
    let (app, record) = writes.record.as_ref()?;
    let proven = outcome(record)?;
    let before = rollout.members.get(app).and_then(|member| member.record.as_ref());
    let again = before.is_some_and(|before| {
        outcome(before) == Some(proven)
            && before.release == record.release
            && before.attempt == record.attempt
    });
    // What it ran already took no time.
    let released = record.released.filter(|_| !again)?;
    Some((Part::Member { proven }, released))
}

/// Whether it is proven, or failed.
const fn outcome(record: &MemberRecord) -> Option<bool> {
    match record.state {
        MemberState::Proven { .. } => Some(true),
        MemberState::Failed { .. } => Some(false),
        MemberState::Waiting
        | MemberState::Released { .. }
        | MemberState::Returning { .. }
        | MemberState::Returned { .. } => None,
    }
}
