//! Charts and overlays of our own, rendered twice: as the hub does it, and by the official tool as a person would
//! call it. Both must say the same.
//!
//! [`disk`] reads a folder of this package into a tree, [`overlay`] a file that holds one; [`run`] runs a tool, confined
//! or not.

pub mod disk;
pub mod overlay;
pub mod run;
