//! What this program is told when it is started again to become a tool.
//!
//! The command line is `OWN __confined SPEC ARGUMENT...`. Why the tool's arguments are not in the spec: one
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
        /// What would be seen.
        place: Place,
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
    /// What is seen.
    pub(super) place: Place,
    /// Its working folder in the view.
    pub(super) folder: String,
    /// Where its root is put together.
    pub(super) root: PathBuf,
}

/// What a tool sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Itself.
    pub(super) tool: PathBuf,
    /// Its files.
    pub(super) view: PathBuf,
    /// An empty folder.
    pub(super) home: PathBuf,
}

/// The command that runs a task.
pub(super) fn command(own: &Path, found: &Found, room: &Room, task: &Task<'_>) -> io::Result<Command> {
    let run = Run {
        parent: std::process::id(),
        impose: found.all().collect(),
        limits: task.limits.clone(),
        place: Place { tool: task.tool.canonicalize()?, view: room.view(), home: room.home() },
        folder: task.folder.to_owned(),
        root: room.root(),
    };
    let mut command = again(own, &Spec::Run(Box::new(run)))?;
    command.args(task.arguments);
    Ok(command)
}

/// What this machine has, as a child found out.
pub(super) fn probe(own: &Path) -> Result<Found, String> {
    let tool = own.canonicalize().map_err(|error| error.to_string())?;
    // Any folder will do for a root: it is seen by the child alone, and nothing is written.
    let other = |folder: &&Path| folder.is_dir() && !tool.starts_with(folder);
    let folders = ["/tmp", "/run", "/mnt", "/var", "/home", "/dev"].map(Path::new);
    let root = folders.iter().find(|folder| other(folder)).ok_or("no folder to try it in")?.to_path_buf();
    let view = tool.parent().unwrap_or(Path::new("/")).to_owned();
    let spec = Spec::Probe { root, place: Place { tool, home: view.clone(), view } };
    let mut command = again(own, &spec).map_err(|error| error.to_string())?;
    let ended = command.output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&ended.stdout).map_err(|_| format!("it ended with {}", ended.status))
}

fn again(own: &Path, spec: &Spec) -> io::Result<Command> {
    let mut command = Command::new(own);
    command.arg(ARGUMENT).arg(serde_json::to_string(spec)?);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}
