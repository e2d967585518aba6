//! Rollouts: how many in which phase, what they wait for, how long they and their parts took.

use super::courses::{Ended, Part};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use shared_rollout::{Phase, WAIT_KINDS};
use shared_runtime::metrics::{Lapse, Registry, from_the_start};
use std::sync::atomic::AtomicU64;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct InPhase {
    pub(super) phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct For {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct InState {
    pub(super) state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct With {
    outcome: &'static str,
}

/// The phases in which a rollout is counted; one that was superseded is history.
pub(super) const PHASES: [Phase; 6] =
    [Phase::Queued, Phase::Progressing, Phase::Halted, Phase::Done, Phase::RollingBack, Phase::RolledBack];
/// How members of open and closed waves stand.
pub(super) const STATES: [&str; 6] = ["waiting", "released", "proven", "failed", "excused", "back"];

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Rollouts {
    pub(super) phases: Family<InPhase, Gauge>,
    pub(super) oldest: Family<InPhase, Gauge<f64, AtomicU64>>,
    pub(super) waits: Family<For, Gauge>,
    pub(super) members: Family<InState, Gauge>,
    pub(super) member_waits: Family<For, Gauge>,
    rollouts_took: Family<With, Lapse>,
    waves_took: Lapse,
    members_took: Family<With, Lapse>,
}

impl Rollouts {
    pub(super) fn register(&self, registry: &mut Registry) {
        from_the_start(&self.phases, PHASES.map(|phase| InPhase { phase: word(phase) }));
        registry.register(
            "flotilla_rollouts",
            "Rollouts that were not superseded, by phase: the leading one of each line, and those behind it",
            self.phases.clone(),
        );
        registry.register(
            "flotilla_rollout_oldest_start_timestamp_seconds",
            "When the oldest rollout of those that are in a phase began; a phase without any is not shown",
            self.oldest.clone(),
        );
        from_the_start(&self.waits, WAIT_KINDS.map(|reason| For { reason }));
        registry.register(
            "flotilla_rollouts_waiting",
            "What rollouts wait for as a whole",
            self.waits.clone(),
        );
        from_the_start(&self.members, STATES.map(|state| InState { state }));
        registry.register(
            "flotilla_rollout_members",
            "Members of those rollouts by how far they are",
            self.members.clone(),
        );
        from_the_start(&self.member_waits, WAIT_KINDS.map(|reason| For { reason }));
        registry.register(
            "flotilla_rollout_members_waiting",
            "Members that are not proven, by what they wait for; flotilla rollout why names them",
            self.member_waits.clone(),
        );
        self.register_durations(registry);
    }

    fn register_durations(&self, registry: &mut Registry) {
        let outcomes = [Phase::Done, Phase::Halted, Phase::RolledBack, Phase::Superseded];
        from_the_start(&self.rollouts_took, outcomes.map(|phase| With { outcome: word(phase) }));
        registry.register(
            "flotilla_rollout_seconds",
            "How long rollouts took until they were done, halted, taken back or superseded: from their start, from the last retry, or from the undo; those that somebody aborted are left out",
            self.rollouts_took.clone(),
        );
        registry.register(
            "flotilla_rollout_wave_seconds",
            "How long waves took from their opening until their gate was met",
            self.waves_took.clone(),
        );
        from_the_start(&self.members_took, ["Proven", "Failed"].map(|outcome| With { outcome }));
        registry.register(
            "flotilla_rollout_member_seconds",
            "How long members took from their release until they were proven, or failed",
            self.members_took.clone(),
        );
    }

    fn took(&self, ended: &Ended) {
        let trace = Some(ended.trace.as_str()).filter(|trace| !trace.is_empty());
        match ended.part {
            Part::Rollout(phase) => {
                let took = self.rollouts_took.get_or_create(&With { outcome: word(phase) });
                took.took(ended.took, trace, ended.at);
            }
            Part::Wave => self.waves_took.took(ended.took, trace, ended.at),
            Part::Member { proven } => {
                let outcome = if proven { "Proven" } else { "Failed" };
                self.members_took.get_or_create(&With { outcome }).took(ended.took, trace, ended.at);
            }
        }
    }
}

impl super::Metrics {
    /// These ended, for good: they are in the store.
    pub(crate) fn took(&self, ended: &[Ended]) {
        ended.iter().for_each(|ended| self.rollouts.took(ended));
    }
}

/// A phase in one word.
pub(super) const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Queued => "Queued",
        Phase::Progressing => "Progressing",
        Phase::Halted => "Halted",
        Phase::Done => "Done",
        Phase::RollingBack => "RollingBack",
        Phase::RolledBack => "RolledBack",
        Phase::Superseded => "Superseded",
    }
}
