//! The next rollout in virtual time, before anything moves.
//!
//! [`Scenario`] is the fleet as it is (labels, pauses, who is away) with the plan that is to be tried;
//! [`Assumptions`] say how its clusters will behave. [`run`] drives the real planner
//! (`shared_rollout::plan`, `apply`, `observe`, `decide`) through one possible course of events until the
//! rollout is done, has halted, is back where it began, or waits for somebody; [`forecast`] makes of
//! many courses the waves, how long they take, how often it halts, and what it puts at risk.
//!
//! Invariants: the same scenario, assumptions and seed give the same [`Run`]; what happens to one member
//! does not depend on how many others there are.
//!
//! What it refuses to know: how the planner decides. Nothing here opens a wave or counts a budget.

mod chance;
mod fleet;
mod forecast;
mod run;
mod scenario;

pub use forecast::{Ends, Exposure, Forecast, WavePlan, forecast};
pub use run::{Ending, Run, Trial, WaveRun, run};
pub use scenario::{Assumptions, Scenario, Subject};

#[cfg(test)]
mod tests;
