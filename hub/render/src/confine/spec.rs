//! What this program is told when it is started again to become a tool.
//!
//! The command line is `OWN __confined SPEC TOOL ARGUMENT...`. Why the tool's arguments are not in the spec: one
//! argument may be 128 KiB long, all together 2 MiB.

use super::{
    Task,
    limits::Limits,
    mechanism::{Found, Mechanism},
    room::Room,
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The first argument of a program that confines itself.
pub const ARGUMENT: &str = "__confined";
/// The exit code when it could not; what it says begins with [`MARK`].
pub(super) const FAILED: u8 = 125;
/// See [`FAILED`].
pub(super) const MARK: &str = "not confined: ";

/// What is imposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Spec {
    /// Everything in turn, to see what works; [`Found`] is printed as JSON.
    Probe {
        /// A folder to put a root together in.
        root: PathBuf,
    },
    /// What the probe found, then the tool.
    Run(Box<Run>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    /// Who starts it: when that has ended meanwhile, there is nothing to do.
    pub(super) parent: u32,
    pub(super) impose: Vec<Mechanism>,
    pub(super) limits: Limits,
    /// The files that the tool sees.
    pub(super) view: PathBuf,
    /// Its working folder in the view.
    pub(super) folder: String,
    /// Its home when it has no root of its own.
    pub(super) home: PathBuf,
    /// Where its root is put together.
    pub(super) root: PathBuf,
}

/// The command that runs a task.
pub(super) fn command(own: &Path, found: &Found, room: &Room, task: &Task<'_>) -> io::Result<Command> {
    let run = Run {
        parent: std::process::id(),
        impose: found.all().collect(),
        limits: task.limits.clone(),
        view: room.view(),
        folder: task.folder.to_owned(),
        home: room.home(),
        root: room.root(),
    };
    let mut command = again(own, &Spec::Run(Box::new(run)))?;
    command.arg(task.tool).args(task.arguments);
    Ok(command)
}

/// What this machine has, as a child found out.
pub(super) fn probe(own: &Path) -> Result<Found, String> {
    // Any folder: what is put there is seen by the child alone.
    let real = own.canonicalize().map_err(|error| error.to_string())?;
    let root = real.parent().unwrap_or(Path::new("/")).to_owned();
    let mut command = again(own, &Spec::Probe { root }).map_err(|error| error.to_string())?;
    let ended = command.output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&ended.stdout).map_err(|_| format!("it ended with {}", ended.status))
}

fn again(own: &Path, spec: &Spec) -> io::Result<Command> {
    let mut command = Command::new(own);
    command.arg(ARGUMENT).arg(serde_json::to_string(spec)?);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}
