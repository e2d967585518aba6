//! What this program is told when it is started again to become a tool.
//!
//! The command line is `OWN __confined SPEC ARGUMENT...`. Why the tool's arguments are not in the spec: one
//! argument may be 128 KiB long, all together 2 MiB.

use super::{
    Task,
    limits::Limits,
    mechanism::{Found, Mechanism},
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
        /// What would be run.
        tool: PathBuf,
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
    /// The tool's program.
    pub(super) tool: PathBuf,
    /// The files that it sees.
    pub(super) view: Shown,
    /// Its working folder in the view.
    pub(super) folder: String,
    /// A folder to put its root together in.
    pub(super) root: PathBuf,
}

/// How the files come to where the tool sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Shown {
    /// They are in a folder; beside it is an empty one.
    There {
        /// The files.
        view: PathBuf,
        /// The empty one.
        home: PathBuf,
    },
    /// They come on the input ([`super::parcel`]), and need this much of a file system in memory.
    Sent {
        /// In bytes.
        size: u64,
        /// Files and folders.
        inodes: u64,
    },
}

/// The command that runs a task whose files are in a room, or are sent.
pub(super) fn command(own: &Path, found: &Found, view: Shown, task: &Task<'_>) -> io::Result<Command> {
    let tool = task.tool.canonicalize()?;
    let run = Run {
        parent: std::process::id(),
        impose: found.all().collect(),
        limits: task.limits.clone(),
        view,
        folder: task.folder.to_owned(),
        root: mount_point(&tool)?,
        tool,
    };
    let mut command = again(own, &Spec::Run(Box::new(run)))?;
    command.args(task.arguments);
    Ok(command)
}

/// Any folder: what is mounted there is seen by the child alone. What the tool needs must not be below it.
fn mount_point(tool: &Path) -> io::Result<PathBuf> {
    let folders = ["/dev", "/mnt", "/run", "/tmp", "/proc"].map(Path::new);
    let mut free = folders.iter().filter(|folder| folder.is_dir() && !tool.starts_with(folder));
    free.next()
        .map(|folder| folder.to_path_buf())
        .ok_or_else(|| io::Error::other("no folder to put a root in"))
}

/// What this machine has, as a child found out.
pub(super) fn probe(own: &Path) -> Result<Found, String> {
    let text = |error: io::Error| error.to_string();
    let tool = own.canonicalize().map_err(text)?;
    let spec = Spec::Probe { root: mount_point(&tool).map_err(text)?, tool };
    let ended = again(own, &spec).and_then(|mut command| command.output()).map_err(text)?;
    serde_json::from_slice(&ended.stdout).map_err(|_| format!("it ended with {}", ended.status))
}

fn again(own: &Path, spec: &Spec) -> io::Result<Command> {
    let mut command = Command::new(own);
    command.arg(ARGUMENT).arg(serde_json::to_string(spec)?);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(command)
}
