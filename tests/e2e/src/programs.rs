//! Our own programs, `flotilla` and `flotilla-agent`, built by the cargo that runs the tests.
//!
//! Why cargo is called again: it tells a test where the programs of *its own* package are, and builds only those
//! before the test. These two belong to other packages. Why with a test target beside them: cargo chooses the features
//! of dependencies for all that it is asked to build, development dependencies included. Asked for the same set as
//! `cargo test` it finds everything compiled and links two programs; asked for those two alone it would compile
//! their dependencies once more.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, bail};

use crate::{process::Process, terminal};

/// Where our programs are.
#[derive(Debug)]
pub struct Programs {
    /// The hub and its command line.
    pub flotilla: PathBuf,
    /// The agent.
    pub agent: PathBuf,
}

/// Our programs, as of the sources that the tests were built from. Cargo's own lock holds back who asks at the same
/// time in another process.
///
/// # Panics
/// When cargo cannot build them, with what it said.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Result<Programs>> = OnceLock::new();
    match PROGRAMS.get_or_init(build) {
        Ok(programs) => programs,
        Err(error) => panic!("could not build flotilla and flotilla-agent: {error:#}"),
    }
}

/// The agent as it is shipped: with the profile `agent`, alone, so that it links nothing of the hub.
///
/// # Errors
/// When cargo cannot build it, with what it said.
pub fn small_agent() -> Result<PathBuf> {
    let (_, target_dir) = target()?;
    cargo(&["build", "--package=agent", "--bin=flotilla-agent", "--profile=agent"], &target_dir)?;
    Ok(target_dir.join("agent").join(program("flotilla-agent")))
}

fn build() -> Result<Programs> {
    let (profile_dir, target_dir) = target()?;
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => bail!("no profile is named {}", profile_dir.display()),
    };
    let all = ["build", "--workspace", "--bin=flotilla", "--bin=flotilla-agent", "--test=harness"];
    cargo(&[&all[..], &["--profile", profile]].concat(), &target_dir)?;
    Ok(Programs {
        flotilla: profile_dir.join(program("flotilla")),
        agent: profile_dir.join(program("flotilla-agent")),
    })
}

/// The folder of this program's profile, and cargo's target folder.
fn target() -> Result<(PathBuf, PathBuf)> {
    let exe = std::env::current_exe().context("find the path of this test")?;
    // target/PROFILE/deps/TEST
    let profile_dir = exe.ancestors().nth(2).context("this test is not in a target folder")?;
    let target_dir = profile_dir.parent().context("this test is not in a target folder")?;
    Ok((profile_dir.to_owned(), target_dir.to_owned()))
}

fn program(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

fn cargo(arguments: &[&str], target_dir: &Path) -> Result<()> {
    let logs = tempfile::tempdir().context("make a folder for the log of cargo")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .arg("--target-dir")
        .arg(target_dir)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    // Cargo describes this package to its tests. Build scripts that look at these would run again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "LD_LIBRARY_PATH"
        {
            command.env_remove(name);
        }
    }
    let cargo = Process::start("cargo", &mut command, logs.path())?;
    let last_line = || cargo.log().lines().last().map(|line| line.trim().to_owned());
    let status = terminal::alive(
        "building flotilla and flotilla-agent",
        terminal::HEARTBEAT,
        last_line,
        &terminal::show,
        || cargo.wait_blocking(),
    )?;
    if !status.success() {
        bail!("{status}\n{}", cargo.tail());
    }
    Ok(())
}
