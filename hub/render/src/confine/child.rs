//! The other side: this program, started again, limits itself and becomes the tool.
//!
//! It runs before anything else of `main`: with one thread, no settings, nothing open.

use super::{
    Limits, calls,
    libraries::Libraries,
    mechanism::{Found, Mechanism},
    namespaces, paths, root,
    spec::{ARGUMENT, FAILED, MARK, Run, Shown, Spec},
};
use nix::{
    fcntl::OFlag,
    sys::{prctl, signal::Signal},
};
use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::{CommandExt as _, parent_id},
    path::PathBuf,
    process::{Command, ExitCode},
};

/// Becomes the tool if the arguments (the program's name first) say so, and then returns only to end with the code.
///
/// Call it first thing in `main`: before threads are started and files opened.
pub fn enter(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let Err(error) = confined(arguments) else { return Some(ExitCode::SUCCESS) };
    let _ = io::Write::write_all(&mut io::stderr(), format!("{MARK}{error}\n").as_bytes());
    Some(ExitCode::from(FAILED))
}

fn confined(mut arguments: impl Iterator<Item = OsString>) -> io::Result<()> {
    let spec = arguments.next().unwrap_or_default();
    match serde_json::from_str(&spec.to_string_lossy())? {
        Spec::Probe { root, tool } => {
            let view = Shown::Sent { size: 0, inodes: 0 };
            probe(Confined::new(root, tool, view, Limits::default())?)
        }
        Spec::Run(run) => Err(become_tool(*run, arguments)),
    }
}

fn probe(mut confined: Confined) -> io::Result<()> {
    let mut found = Found::default();
    for mechanism in Mechanism::ALL {
        let tried = if *mechanism == Mechanism::Root && !found.has(Mechanism::Namespaces) {
            Err(io::Error::other("it takes namespaces"))
        } else {
            confined.impose(*mechanism)
        };
        found.add(*mechanism, tried.map_err(|error| error.to_string()));
    }
    io::Write::write_all(&mut io::stdout(), serde_json::to_string(&found)?.as_bytes())
}

/// Where everything is for this process.
pub(super) struct Place {
    pub(super) tool: PathBuf,
    /// The files that the tool sees.
    pub(super) view: PathBuf,
    /// An empty folder.
    pub(super) home: PathBuf,
}

/// A process that limits itself step by step.
struct Confined {
    root: PathBuf,
    place: Place,
    view: Shown,
    libraries: Libraries,
    limits: Limits,
    /// Whether its user is its own.
    is_alone: bool,
}

impl Confined {
    fn new(root: PathBuf, tool: PathBuf, view: Shown, limits: Limits) -> io::Result<Self> {
        let libraries = Libraries::of(&tool)?;
        let place = match &view {
            Shown::There { view, home } => Place { tool, view: view.clone(), home: home.clone() },
            // Of the root that will be; until there is one, nothing is there.
            Shown::Sent { .. } => Place { tool, view: "/".into(), home: "/".into() },
        };
        Ok(Self { root, place, view, libraries, limits, is_alone: false })
    }

    /// Imposes one for good, and gives a detail for people.
    fn impose(&mut self, mechanism: Mechanism) -> io::Result<String> {
        match mechanism {
            Mechanism::Namespaces => {
                namespaces::leave()?;
                self.is_alone = true;
            }
            Mechanism::Root => {
                self.place = root::change(&self.root, &self.place.tool, &self.view, &self.libraries)?;
            }
            Mechanism::Limits => self.limits.impose(self.is_alone)?,
            Mechanism::Landlock => return paths::only(&self.place, &self.libraries),
            Mechanism::Seccomp => calls::only()?,
        }
        Ok(String::new())
    }
}

/// Returns only what went wrong.
fn become_tool(run: Run, arguments: impl Iterator<Item = OsString>) -> io::Error {
    match prepare(run) {
        Ok(mut command) => {
            let error = command.args(arguments).exec();
            named(&format!("start {}", command.get_program().display()), &error)
        }
        Err(error) => error,
    }
}

fn prepare(run: Run) -> io::Result<Command> {
    close_all();
    let mut confined = Confined::new(run.root, run.tool, run.view, run.limits)?;
    for mechanism in run.impose.iter().filter(|mechanism| **mechanism != Mechanism::Seccomp) {
        confined.impose(*mechanism).map_err(|error| named(&mechanism.to_string(), &error))?;
    }
    // A change of the user takes it back, so not before; and the filter does not let it be changed.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(|errno| named("end with the hub", &errno.into()))?;
    if parent_id() != run.parent {
        return Err(io::Error::other("who asked for it has ended"));
    }
    // What was read from is at its end; the tool has nothing to read, and no device to have it from.
    let (nothing, _) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::unistd::dup2_stdin(&nothing)?;
    let folder = confined.place.view.join(&run.folder);
    std::env::set_current_dir(&folder).map_err(|error| named(&format!("enter `{}`", run.folder), &error))?;
    if run.impose.contains(&Mechanism::Seccomp) {
        calls::only().map_err(|error| named(&Mechanism::Seccomp.to_string(), &error))?;
    }
    Ok(command(&confined.place, &confined.limits))
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// The tool, with an environment of its own.
fn command(place: &Place, limits: &Limits) -> Command {
    let home = &place.home;
    let mut command = Command::new(&place.tool);
    command.env_clear().env("PATH", "").env("TZ", "UTC").env("HOME", home).env("TMPDIR", home);
    // A quarter is left for what the Go runtime does not count; the garbage collector works harder near the limit.
    command.env("GOMAXPROCS", "2").env("GOMEMLIMIT", (limits.memory / 4 * 3).to_string());
    for (name, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("HELM_PLUGINS", "plugins"),
        // It makes this one if it is not there.
        ("HELM_REPOSITORY_CACHE", ""),
        ("HELM_REPOSITORY_CONFIG", "repositories.yaml"),
        ("HELM_REGISTRY_CONFIG", "registry.json"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
    ] {
        command.env(name, home.join(folder));
    }
    command
}

/// Closes what was inherited by mistake: what this program opens closes by itself, a library's may not.
fn close_all() {
    /// Without `/proc`: more than any mistake has.
    const MOST: i32 = 1024;
    let listed = fs::read_dir("/proc/self/fd").map(|entries| {
        let number = |entry: fs::DirEntry| entry.file_name().to_str().and_then(|name| name.parse().ok());
        entries.flatten().filter_map(number).collect::<Vec<i32>>()
    });
    for descriptor in listed.unwrap_or_else(|_| (3..MOST).collect()) {
        if descriptor > 2 {
            // The listing's own is closed already.
            let _ = nix::unistd::close(descriptor);
        }
    }
}
