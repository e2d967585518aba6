//! Charts and overlays of our own, rendered twice: as the hub does it, and by the official tool as a person would
//! call it. Both must say the same.
//!
//! [`disk`] reads a folder of this package into a tree, [`overlay`] a file that holds one, [`chart`] a folder with a chart,
//! the Application's source and the commands of a person; [`shelf`] is what a chart finds on the web; [`run`] runs a tool,
//! confined or not.

pub mod chart;
pub mod disk;
pub mod overlay;
pub mod run;
pub mod shelf;
