//! Tests of the planner: scripts that read like a manual, and properties over random fleets.

mod events;
mod oracle;
mod world;

mod broken;
mod invariants;
mod observe;
mod people;
mod places;
mod scripts;
mod status;
