//! A tool, run as a person would: in a folder, with all of the environment that it needs and nothing else.

use anyhow::{Context, bail};
use bytes::Bytes;
use hub_render::confine::{Confine, Limits, Task};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Writes files below `folder`.
///
/// # Errors
/// When one cannot be written.
pub fn write(folder: &Path, files: &BTreeMap<String, Bytes>) -> anyhow::Result<()> {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// What `program` prints in `folder`, without any confinement.
///
/// # Errors
/// When it cannot be started, or fails; then with what it said.
pub fn directly(program: &Path, arguments: &[&str], folder: &Path) -> anyhow::Result<String> {
    let home = tempfile::tempdir()?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", home.path())
        .stdin(Stdio::null())
        .output()
        .with_context(|| program.display().to_string())?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What `program` prints when it is confined and sees just these files.
///
/// # Errors
/// Why it was stopped, or what it said.
pub fn confined(
    confine: &Confine,
    program: &Path,
    arguments: &[String],
    files: &BTreeMap<String, Bytes>,
    folder: &str,
) -> anyhow::Result<String> {
    let scratch = tempfile::tempdir()?;
    let limits = Limits::default();
    let task = Task {
        tool: program,
        arguments,
        files,
        folder,
        limits: &limits,
        scratch: scratch.path(),
        stop: None,
    };
    Ok(String::from_utf8(confine.run(&task)?.stdout.to_vec())?)
}
