//! The fleet planner: which application on which cluster may take its release now, and why the others wait.
//!
//! [`plan`] decides from values alone: the [`Fleet`] (clusters, rollouts, what agents were told and
//! what they reported) and the time. Its [`Plan`] is a list of steps, each safe alone and in order;
//! [`Step::writes`] says what one changes in the store, [`apply`] what it changes in a fleet.
//! [`Report`] says of everything that waits what it waits for. [`check`] is an independent linter:
//! it refuses plans that break an invariant of the design, by name.
//!
//! Invariants (design, "Rollout invariants"), each a [`Rule`]: *Proven first*, *Blast radius*,
//! *Pinned*, *Halt*, *Pause means no action*, *Never backwards by accident*, *Heal always*,
//! *Stable*, *Explained*. No step of a plan removes anything: *Deletes are staged too* is [`removals`], with
//! [`check_removals`] as its linter.
//!
//! What it refuses to know: storage, transport, Git, rendering and clocks. Times that decide are
//! the hub's, at receipt; an agent's clock never counts.

mod back;
mod budget;
mod check;
mod closed;
mod decide;
mod draft;
mod excuse;
mod fleet;
mod gate;
mod observe;
mod places;
mod plan;
mod proof;
mod record;
mod release;
mod removal;
mod report;
mod rows;
mod seats;
mod status;
mod step;
mod supersede;
mod terms;
mod wait;
mod waves;

pub use check::{Rule, Violation, check, check_lines};
pub use decide::{Refused, decide};
pub use fleet::{ClusterState, Fleet, Hold, Line, Link, Member, Pause, Rollout, Seat};
pub use observe::observe;
pub use places::{Places, WavePlace, places};
pub use plan::{plan, plan_lines};
pub use record::{
    Adopted, Approved, Assigned, DECISIONS, Decided, Decision, Evidence, Excuse, Expedited, Halted, Head,
    HeldUp, MemberRecord, MemberState, Order, Phase, Proof, Rollback, Side, WaveHead,
};
pub use removal::{
    DeletionOrder, Family, Going, Leaving, Removable, RemovalViolation, RemovalWait, Removals, Tell, Told,
    at_once, check_removals, removals,
};
pub use report::{Report, RolloutReport, WaveReport};
pub use seats::Seats;
pub use status::{application_status, status, waits_for};
pub use step::{Change, Plan, Step, Writes, apply, apply_step};
pub use wait::{WAIT_KINDS, Wait};

#[cfg(test)]
mod tests;
