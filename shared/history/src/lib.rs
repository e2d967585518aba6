//! What happened in a fleet, one [`Entry`] each: what `flotilla timeline` lists and notifications tell.
//!
//! Decides, from two states of one thing (an object that a person wrote, a Cluster's status), which entries the step
//! between them is, in which words; and which entries a reader asked for ([`Filter`]).
//!
//! Invariants:
//! 1. The key of an entry follows from when and to what it happened, so that telling it twice leaves one.
//! 2. No body of an object is in an entry: who did what to which object is, and what people gave as their reason.
//! 3. An entry is bounded, whatever its texts were made of.
//!
//! Refuses to know: where entries are kept and for how long, who reads them, and what time it is.

mod clusters;
mod entry;
mod filter;
mod objects;
mod what;

pub use clusters::of_status;
pub use entry::{Commit, Entry, LONGEST, Named, key_at};
pub use filter::{Filter, InvalidKind, Kind};
pub use objects::of_object;
pub use what::{Tone, Topic, What};

#[cfg(test)]
mod tests;
