//! Tests of the planner: scripts that read like a manual, and properties over random fleets.

mod world;

mod scripts;
