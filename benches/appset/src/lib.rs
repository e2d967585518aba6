//! What expanding ApplicationSets costs.
//!
//! One set for each generator and template language gives 1,000, 10,000 or 100,000 Applications of a template as the field has it: ten
//! expressions, and a block of Helm values among them. Measured are the expansion from nothing, its peak of memory beside what its output
//! takes, and an update of the same set after one cluster, file or element has changed. All through the interface that the hub uses. Every
//! figure is taken in a process of its own, so that none finds memory that another has left. Nothing is asserted: the figures depend on the machine.

mod ground;
mod run;

pub use run::run;

use clap::{Parser, ValueEnum};

/// What expanding ApplicationSets costs.
#[derive(Debug, Parser)]
pub struct Args {
    /// No set of 100,000 Applications
    #[arg(long)]
    pub quick: bool,
    /// Only this generator
    #[arg(long)]
    pub generator: Option<Generator>,
    /// Only this template language
    #[arg(long)]
    pub mode: Option<Mode>,
    /// Only this many Applications
    #[arg(long)]
    pub applications: Option<usize>,
    /// One measurement, printed as the process that asked for it reads it
    #[arg(long, hide = true)]
    pub part: Option<Part>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// What gives the parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generator {
    /// Elements.
    List,
    /// Clusters by a selector.
    Clusters,
    /// Git directories.
    Directories,
    /// Git files, one for each Application.
    Files,
    /// Clusters times a list.
    Matrix,
}

/// The template language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// fasttemplate.
    Flat,
    /// Go's text/template.
    Go,
}

/// What one process measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The expansion from nothing.
    Scratch,
    /// Updates after a change of one.
    Change,
}
