//! What a plan leaves waiting, and for what.

use crate::{fleet::Seat, record::Phase, wait::Wait};
use shared_model::{AppKey, Owner, RolloutName};
use std::collections::BTreeMap;

/// What waits for what, after the plan's steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// A report per rollout that is not superseded.
    pub rollouts: BTreeMap<(Owner, RolloutName), RolloutReport>,
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
    /// What each member that is not proven waits for.
    pub waits: BTreeMap<AppKey, Wait>,
    /// Who may run an unproven release without holding a slot.
    pub may_run: Vec<Seat>,
    /// How many members no wave takes.
    pub in_no_wave: usize,
    /// What people should know besides, a sentence each.
    pub notes: Vec<String>,
}

/// How one wave stands. `total` is the sum of the five counts below it.
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
}
