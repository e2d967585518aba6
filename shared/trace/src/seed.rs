//! What the ids of one rollout's spans are made of.

use crate::{
    LINKED_ABOVE, MOST_IN_TRACE,
    ids::{Context, SpanId, TraceId},
    sampler::Sampler,
};
use shared_model::{AppKey, Digest, FleetRolloutSpec};
use shared_rollout::{MemberRecord, MemberState};

/// The trace of a rollout: frozen with it, so that who joins later changes no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed {
    /// The rollout's own trace.
    pub trace: TraceId,
    /// How many members it had when it was frozen.
    pub members: usize,
}

/// Which trace of a wave: a large wave has several.
pub(crate) type Share = usize;

impl Seed {
    /// That of a rollout; `None` when it has no trace id.
    pub fn of(spec: &FleetRolloutSpec) -> Option<Self> {
        let members = spec.timings.as_ref().map_or(0, |timings| timings.members);
        Some(Self { trace: spec.trace_id.parse().ok()?, members })
    }

    /// Whether each wave is a trace of its own.
    pub const fn is_linked(&self) -> bool {
        self.members > LINKED_ABOVE
    }

    /// The span of the rollout's first attempt, or of a later one.
    pub fn root(&self, attempt: u32) -> SpanId {
        SpanId::of(self.trace, &format!("rollout/{attempt}"))
    }

    /// A part of the rollout's own trace: `commit/0`.
    pub(crate) fn part(&self, part: &str, attempt: u32) -> SpanId {
        SpanId::of(self.trace, &format!("{part}/{attempt}"))
    }

    /// How many traces each wave has, at most.
    pub(crate) const fn shares(&self) -> usize {
        if self.is_linked() { self.members.div_ceil(MOST_IN_TRACE) } else { 1 }
    }

    /// Which of them takes a member.
    pub(crate) fn share(&self, application: &AppKey) -> Share {
        let shares = self.shares();
        if shares < 2 {
            return 0;
        }
        let hash = Digest::of(application.to_string().as_bytes());
        hash.as_bytes()[..8].iter().fold(0, |rest, byte| (rest * 256 + usize::from(*byte)) % shares)
    }

    /// The span of a wave that its members are below.
    pub(crate) fn wave(&self, wave: usize, share: Share, attempt: u32) -> (TraceId, SpanId) {
        let trace = if self.is_linked() {
            TraceId::of(&format!("{}/wave/{wave}/{share}", self.trace))
        } else {
            self.trace
        };
        (trace, SpanId::of(trace, &format!("wave/{wave}/{share}/{attempt}")))
    }

    /// The span of a member, and what it is below; `back` is its way back to what it ran before.
    pub(crate) fn member(
        &self,
        application: &AppKey,
        record: &MemberRecord,
        back: bool,
    ) -> (TraceId, SpanId, SpanId) {
        let (trace, above) = match record.wave {
            Some(wave) => self.wave(wave, self.share(application), record.attempt),
            None => (self.trace, self.root(record.attempt)),
        };
        let part = if back { "back" } else { "member" };
        let text = format!("{part}/{}/{application}/{}", record.cluster, record.attempt);
        (trace, SpanId::of(trace, &text), above)
    }

    /// What the agent of a member is given with its order; `None` while the order is none of this rollout's, or is
    /// carried out and proven.
    pub fn context(&self, application: &AppKey, record: &MemberRecord, sampler: Sampler) -> Option<Context> {
        let back = match record.state {
            MemberState::Waiting | MemberState::Proven { .. } | MemberState::Returned { .. } => return None,
            MemberState::Released { .. } | MemberState::Failed { .. } => false,
            MemberState::Returning { .. } => true,
        };
        let (trace, span, _) = self.member(application, record, back);
        Some(Context { trace, span, sampled: sampler.keeps(span) })
    }
}
