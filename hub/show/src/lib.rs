//! How a rollout looks to people who watch it: on a terminal a block of waves and clusters that is drawn anew
//! in its place, elsewhere a line for each change.
//!
//! [`frame`] and [`changes`] are functions of a [`Rollout`] alone; [`Screen`] is the only one that prints.
//!
//! What it refuses to know: where the rollout was read. The demo reads its hub's records, the command line
//! the API.

mod changes;
mod frame;
mod rollout;
mod screen;
mod style;
pub mod summary;
mod timeline;

pub use changes::{FEW, changes};
pub use frame::{counts, frame};
pub use rollout::{Cluster, Halt, Rollout, State, Wave, natural, short};
pub use screen::Screen;
pub use style::{Style, bar};
pub use timeline::{Detail, timeline_line};

#[cfg(test)]
mod tests;
