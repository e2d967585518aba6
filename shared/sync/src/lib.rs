//! What an agent does for one application on one cluster: a sans-IO state machine.
//!
//! The engine of an agent holds one [`Machine`] per application. It tells it what happened
//! ([`Machine::handle`]), performs what it asks for ([`Machine::poll_action`] until `None`, in order),
//! wakes it at [`Machine::poll_timeout`] with [`Event::Tick`], and sends [`Machine::report`] to the hub when
//! asked to ([`Action::ReportChanged`]).
//!
//! Decides from the assignment, the inventory and the live objects that it is told of: what to apply,
//! in which order, when to heal, what to prune, when the sync has ended, and how it stands.
//!
//! Invariants, each a property test:
//! - *Never backwards*: only the newest position acts; an older assignment or removal is refused.
//! - *Pause means no action*: while paused, or in `Mode::Observe`, no write is ever given out
//!   ([`Action::is_write`]); results still in flight are taken in, observing and reporting go on. A server-side dry
//!   run is a write here: it needs a writer's rights and calls admission webhooks, and an agent that observes is to do
//!   with get, list and watch. So Observe compares the fields that the release sets and nothing else.
//! - *Only ours*: nothing is deleted that is not in the inventory, and nothing whose live object does not
//!   carry our mark.
//! - *Explained*: what cannot be healed, deleted or made says so in the report, with the API server's words or the
//!   finalizers that hold it; nothing waits for another object unless it stands on it (its namespace, its definition).
//! - *Quiet*: an event that tells nothing new gives no action; no failure is tried again without a wait.
//! - *Deterministic*: the same events at the same times give the same actions.
//!
//! ```text
//! Machine::new(assignment: Arc<Assignment>, inventory: Option<Vec<ObjectId>>, now) -> Machine
//! Machine::resume(assignment, inventory, now) -> Machine          // after a restart, when its sync had succeeded
//! Machine::removing(application, position, cascade, inventory: Option<Vec<ObjectId>>, now) -> Machine
//! machine.handle(event, now);  machine.poll_action() -> Option<Action>;  machine.poll_timeout() -> Option<(Timestamp, &'static str)>
//! machine.report() -> Report;  machine.position() -> Position;  machine.inventory() -> impl Iterator<Item = &ObjectId>
//! ```
//!
//! What the caller owes it:
//! - every write gets an answer, sooner or later: a write without one blocks the next write of that object;
//!   a connection that broke is [`Failure::Unreachable`];
//! - `Live(id, None)` and [`Failure::KindUnknown`] are certain: trouble of discovery is `Unreachable`;
//! - ids in events are those of the actions: where discovery says that a kind is cluster-scoped although the id
//!   names a namespace (a custom resource whose definition is not in the release), the caller translates;
//! - the journal keeps assignment, inventory and whether the report said `Succeeded`
//!   ([`Machine::resume`]); a restart in the middle of a sync starts that sync again.
//!
//! What it refuses to know: the network, Kubernetes clients, discovery, the clock, other applications.

mod answers;
mod assignment;
mod event;
mod goal;
mod heal;
mod hooks;
mod inventory;
mod live;
mod machine;
mod operation;
mod options;
mod outbox;
mod plan;
mod prune;
mod reads;
mod removal;
mod report;
mod retry;
mod runs;
mod scope;
mod step;
mod text;

pub use assignment::Assignment;
pub use event::{Action, Event, Failure, Method, Propagation, Write};
pub use machine::Machine;
pub use report::{MOST_DRIFT_LINES, MOST_RESOURCES, Report};
pub use runs::HookRun;

#[cfg(test)]
mod tests;
