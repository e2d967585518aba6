//! A tool runs shut in: it sees the files that it is given, prints, and can do nothing else.
//!
//! # How
//! [`Confine::run`] starts *this program again*, with the hidden argument [`ARGUMENT`]; that one limits itself
//! ([`enter`]), puts the files where only it sees them, and becomes the tool. Why not limit a child between fork and exec:
//! that is unsafe code, in a process with many threads. What is limited, each where the kernel has it ([`Mechanism`]):
//! - **limits**: memory, processor time, open files, no file may be written at all, no core dump;
//! - **namespaces**: a root folder of its own that holds the tool and the files, read-only, and nothing else; no
//!   network, no other's shared memory, no capability;
//! - **Landlock**: reads the tool and the files; writes, connects and signals nowhere;
//! - **seccomp**: only what a program needs that reads, computes and prints: no sockets, no new processes, no way out
//!   of its process group.
//!
//! # Invariants
//! - What [`Confine`] says is in force is in force for every run: a run in which one of them fails is [`Stopped::NotStarted`].
//! - The tool inherits nothing: no environment, no descriptor but its input (empty), output and errors.
//! - However a run ends, its process group is killed and its folder removed. The kernel kills the tool when the thread
//!   that runs it ends, so also with the hub.
//!
//! # What it costs
//! 3 to 4 ms of a run, most of it the start of this program: a small chart, with which helm 4.3 itself takes 56 ms, took
//! 59, a small overlay 17 and kustomize 5.8 itself 13, on two busy cores and with a small program that confines. A build
//! of the command for tests (130 MB, with more pointers to set right at each start) takes 4 ms more. Without a root of
//! its own for the tool the files go through a folder on disk, which took up to 15 ms more while others wrote to that
//! disk.
//!
//! # What it does not do
//! No namespace for process ids: that takes a process of ours that waits beside each tool. A tool cannot start
//! processes (seccomp), and sees none (its root has no `/proc`). Without seccomp, a tool that starts a process in a
//! session of its own leaves that behind.
//!
//! No other user: outside its namespace a tool is the hub's user still, so files are kept from it by its root folder
//! and Landlock, not by their owners. Where a machine has neither of the two, a tool reads what the hub can read.

mod calls;
mod child;
mod libraries;
mod limits;
mod mechanism;
mod namespaces;
mod parcel;
mod paths;
mod room;
mod root;
mod spec;
mod stopped;
#[cfg(test)]
mod tests;
mod watch;

pub use child::enter;
pub use limits::Limits;
pub use mechanism::Mechanism;
pub use spec::ARGUMENT;
pub use stopped::Stopped;

use bytes::Bytes;
use mechanism::Found;
use room::SHOWN_AT;
use spec::Shown;
use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Runs tools, shut in.
#[derive(Debug, Clone)]
pub struct Confine {
    own: PathBuf,
    found: Found,
    /// Nothing is run that could read what the hub can read.
    only_apart: bool,
}

/// What is run, and what it is shown. `Debug` shows neither arguments nor files.
#[derive(Clone, Copy)]
pub struct Task<'a> {
    /// The tool's program: a file, no script.
    pub tool: &'a Path,
    /// Its arguments; paths in them are relative to `folder`.
    pub arguments: &'a [String],
    /// The files that it sees, by their paths as [`View`](crate::View) has them.
    pub files: &'a BTreeMap<String, Bytes>,
    /// Its working folder among them; empty for their root.
    pub folder: &'a str,
    /// What it may use up.
    pub limits: &'a Limits,
    /// A folder of ours for large views, and for all where a tool has no root of its own; it is made if need be.
    pub scratch: &'a Path,
    /// To give up early.
    pub stop: Option<&'a Stop>,
}

impl fmt::Debug for Task<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tool, arguments, files) = (self.tool.display(), self.arguments.len(), self.files.len());
        write!(f, "{tool} with {arguments} arguments and {files} files")
    }
}

/// What a tool printed, having ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// Its output.
    pub stdout: Bytes,
    /// The end of what it said beside.
    pub stderr: String,
    /// How long it took, from its start to its end.
    pub wall: Duration,
    /// The most memory that it was seen to have, in bytes. A lower bound, and not known of every run.
    pub peak_memory: Option<u64>,
}

/// Ends a run from another thread, within a tenth of a second.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends the run.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Ends the run when the result is dropped: for a future that waits for it on a blocking thread.
    #[must_use]
    pub fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// See [`Stop::on_drop`].
#[derive(Debug)]
pub struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Confine {
    /// Finds out what this machine has, by trying it in a child. Blocks for some milliseconds.
    ///
    /// `own` is a program whose `main` begins with [`enter`].
    pub fn new(own: PathBuf) -> Self {
        let found = Found::probe(&own);
        Self { own, found, only_apart: false }
    }

    /// Confines by this very program, also after its file was replaced by a newer one.
    pub fn by_this_program() -> Self {
        Self::new(PathBuf::from("/proc/self/exe"))
    }

    /// The same without one of its mechanisms: for tests, and for a machine where it is in the way.
    #[must_use]
    pub fn without(mut self, mechanism: Mechanism) -> Self {
        self.found.leave_out(mechanism);
        self
    }

    /// The same, but nothing is run where a tool would have neither a root of its own nor Landlock, and so could read what
    /// the hub can.
    #[must_use]
    pub const fn only_apart(mut self, only: bool) -> Self {
        self.only_apart = only;
        self
    }

    /// Whether this machine has it.
    pub fn has(&self, mechanism: Mechanism) -> bool {
        self.found.has(mechanism)
    }

    /// Runs a tool to its end and gives what it printed. Blocks: call it on a thread for that.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn run(&self, task: &Task<'_>) -> Result<Printed, Stopped> {
        room::check(task.files.keys())?;
        let has_root = self.has(Mechanism::Root);
        if self.only_apart && !has_root && !self.has(Mechanism::Landlock) {
            return Err(Stopped::NotStarted(std::io::Error::other(
                "this machine has neither namespaces nor Landlock to keep a tool from the hub's files, and the hub was told to run none without (--render-only-confined): let it have user namespaces, or a kernel with Landlock",
            )));
        }
        if let Some((files, shown)) = has_root.then(|| parcel::pack(task.files)).flatten() {
            let command = spec::command(&self.own, &self.found, shown, task)?;
            let printed = watch::watch(command, files, task.limits, task.stop);
            return room::nameless(printed, Path::new(SHOWN_AT));
        }
        let room = room::Room::new(task.scratch, task.files)?;
        let view = room.view();
        let shown = Shown::There { view: view.clone(), home: room.home() };
        let command = spec::command(&self.own, &self.found, shown, task)?;
        let printed = watch::watch(command, Vec::new(), task.limits, task.stop);
        room::nameless(printed, if has_root { Path::new(SHOWN_AT) } else { &view })
    }

    /// Removes what runs left behind in a scratch folder when the hub was killed. Call it while no run uses it.
    pub fn clear(scratch: &Path) {
        room::clear(scratch);
    }
}

/// The line for the log at start.
impl fmt::Display for Confine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rendering is confined by: {}", self.found)
    }
}
