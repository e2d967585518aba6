//! Charts and overlays of our own, rendered twice: as the hub does it, and by the official tool as a person would
//! call it. Both must say the same.
//!
//! [`disk`] reads a folder of this package into a tree; [`run`] runs a tool, confined or not.

pub mod disk;
pub mod run;
