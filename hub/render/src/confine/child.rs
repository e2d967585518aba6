//! The other side: this program, started again, limits itself and becomes the tool.
//!
//! It runs before anything else of `main`: with one thread, no settings, nothing open.

use super::{
    mechanism::{Found, Mechanism},
    spec::{ARGUMENT, FAILED, MARK, Run, Spec},
};
use nix::sys::{prctl, signal::Signal};
use std::{
    ffi::OsString,
    fs, io,
    os::unix::process::{CommandExt as _, parent_id},
    path::Path,
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
        Spec::Probe { .. } => {
            let mut found = Found::default();
            for mechanism in Mechanism::ALL {
                let tried = match mechanism {
                    Mechanism::Limits => super::Limits::default().impose(false),
                };
                found.add(*mechanism, tried.map(|()| String::new()).map_err(|error| error.to_string()));
            }
            io::Write::write_all(&mut io::stdout(), serde_json::to_string(&found)?.as_bytes())
        }
        Spec::Run(run) => {
            let tool = arguments.next().ok_or_else(|| io::Error::other("no tool is named"))?;
            Err(become_tool(&run, Path::new(&tool), arguments))
        }
    }
}

/// Returns only what went wrong.
fn become_tool(run: &Run, tool: &Path, arguments: impl Iterator<Item = OsString>) -> io::Error {
    let doing = |what: &str, error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"));
    if let Err(errno) = prctl::set_pdeathsig(Signal::SIGKILL) {
        return doing("end with the hub", errno.into());
    }
    if parent_id() != run.parent {
        return io::Error::other("who asked for it has ended");
    }
    close_all();
    let folder = run.view.join(&run.folder);
    if let Err(error) = std::env::set_current_dir(&folder) {
        return doing(&format!("enter `{}`", run.folder), error);
    }
    for mechanism in &run.impose {
        let imposed = match mechanism {
            Mechanism::Limits => run.limits.impose(false),
        };
        if let Err(error) = imposed {
            return doing(&format!("{mechanism:?}"), error);
        }
    }
    let home = &run.home;
    let mut command = Command::new(tool);
    command.args(arguments).env_clear();
    command.env("PATH", "").env("TZ", "UTC").env("HOME", home).env("TMPDIR", home);
    // A quarter is left for what the Go runtime does not count; the garbage collector works harder near the limit.
    command.env("GOMAXPROCS", "2").env("GOMEMLIMIT", (run.limits.memory / 4 * 3).to_string());
    for (name, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
        ("HELM_PLUGINS", "plugins"),
        ("HELM_REPOSITORY_CACHE", "repositories"),
        ("HELM_REPOSITORY_CONFIG", "repositories.yaml"),
        ("HELM_REGISTRY_CONFIG", "registry.json"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
        ("XDG_DATA_HOME", "data"),
    ] {
        command.env(name, home.join(folder));
    }
    let error = command.exec();
    doing(&format!("start {}", tool.display()), error)
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
