//! What there is around a tool, and how it is run.

use crate::evil;
use hub_render::{
    Confine,
    confine::{Limits, Mechanism, Printed, Stopped, Task},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};
use tempfile::TempDir;

/// What no tool may ever see.
pub(crate) const SECRET: &str = "the hub's own";

pub(crate) struct World {
    pub(crate) confine: Confine,
    pub(crate) own: PathBuf,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new(confine: Confine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("secret"), SECRET).expect("write");
        fs::create_dir_all(folder.path().join("without/a/b")).expect("a folder");
        Self { confine, own: std::env::current_exe().expect("a path"), folder }
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// The secret's file, by its absolute path.
    pub(crate) fn secret(&self) -> String {
        self.folder.path().join("secret").display().to_string()
    }

    /// The evil tool without any confinement, in a folder as deep as a confined one's.
    pub(crate) fn freely(&self, attempt: &[&str]) -> Output {
        let view = self.folder.path().join("without/a/b");
        fs::write(view.join("file"), "shown").expect("write");
        let mut command = Command::new(&self.own);
        command.arg(evil::ARGUMENT).args(attempt).current_dir(view).env_clear();
        command.env("HOME", self.folder.path().join("without")).output().expect("it starts")
    }

    /// The same, confined.
    pub(crate) fn run(
        &self,
        confine: &Confine,
        attempt: &[&str],
        limits: &Limits,
    ) -> Result<Printed, Stopped> {
        let arguments: Vec<String> =
            [evil::ARGUMENT].iter().chain(attempt).map(|argument| (*argument).to_owned()).collect();
        self.start(confine, &self.own, &arguments, limits)
    }

    pub(crate) fn start(
        &self,
        confine: &Confine,
        tool: &Path,
        arguments: &[String],
        limits: &Limits,
    ) -> Result<Printed, Stopped> {
        confine.run(&Task {
            tool,
            arguments,
            files: &BTreeMap::from([("file".to_owned(), "shown".into())]),
            folder: "",
            limits,
            scratch: &self.scratch(),
            stop: None,
        })
    }

    /// Confined by these alone, as far as the machine has them.
    pub(crate) fn only(&self, wanted: &[Mechanism]) -> Confine {
        let others = Mechanism::ALL.iter().filter(|mechanism| !wanted.contains(mechanism));
        others.fold(self.confine.clone(), |confine, mechanism| confine.without(*mechanism))
    }

    /// Landlock's version; 0 where there is none.
    pub(crate) fn landlock(&self) -> u32 {
        let said = self.confine.to_string();
        let number = said.split("ABI ").nth(1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()));
        number.and_then(|mut parts| parts.next()?.parse().ok()).unwrap_or(0)
    }
}

/// By nothing but what needs no help of the kernel.
pub(crate) fn without_any(confine: &Confine) -> Confine {
    Mechanism::ALL.iter().fold(confine.clone(), |confine, mechanism| confine.without(*mechanism))
}

/// Enough for everything that is not about limits.
pub(crate) fn ample() -> Limits {
    Limits { wall: Duration::from_secs(60), ..Limits::default() }
}

/// The processes with this text in their command line.
pub(crate) fn processes(mark: &str) -> Vec<i32> {
    let all = fs::read_dir("/proc").expect("processes").flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            // One that has ended has no command line.
            let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(mark)
        })
        .collect()
}

/// Waits for what must come about.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
