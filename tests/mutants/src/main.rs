//! `cargo mutants-rollout [NAME ...] [--write]`: makes each mutant in a copy of the workspace, runs the tests
//! of `shared/rollout` there, and the explorer where they find nothing.

#![allow(clippy::print_stdout, reason = "what caught each mutant is what it is asked for")]

use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use tests_mutants::{MUTANTS, Mutant, Row, parse, write};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

/// Whether every mutant was caught.
fn run() -> io::Result<bool> {
    let (options, names): (Vec<String>, Vec<String>) = env::args().skip(1).partition(|arg| arg == "--write");
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.join("../..").canonicalize()?;
    let copy = Copy::of(&root)?;
    let readme = package.join("README.md");
    let mut results: BTreeMap<String, Row> = parse(&fs::read_to_string(&readme)?);
    let mut fine = true;
    for mutant in
        MUTANTS.iter().filter(|mutant| names.is_empty() || names.iter().any(|name| name == mutant.name))
    {
        let by = copy.caught(mutant)?;
        println!(
            "{} ({}): {}",
            mutant.name,
            mutant.rule,
            if by.is_empty() { "SURVIVED".to_owned() } else { by.join(", ") }
        );
        fine &= !by.is_empty();
        results.insert(mutant.name.to_owned(), by);
        if !options.is_empty() {
            fs::write(&readme, write(&fs::read_to_string(&readme)?, &results))?;
        }
    }
    Ok(fine)
}

/// A copy of the workspace to break, with a target of its own.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn of(root: &Path) -> io::Result<Self> {
        let place = env::temp_dir().join(format!("flotilla-mutants-{}", std::process::id()));
        let copy = Self { tree: place.join("tree"), target: place.join("target") };
        let listed = Command::new("git").arg("-C").arg(root).args(["ls-files", "-z"]).output()?;
        for path in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|path| !path.is_empty()) {
            let (from, to) = (root.join(path), copy.tree.join(path));
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap_or(&copy.tree))?;
                fs::copy(from, to)?;
            }
        }
        Ok(copy)
    }

    /// The tests that fail because of the mutant, at most three.
    fn caught(&self, mutant: &Mutant) -> io::Result<Row> {
        let file = self.tree.join("shared/rollout/src").join(mutant.file);
        let text = fs::read_to_string(&file)?;
        if text.matches(mutant.text).count() != 1 {
            return Err(io::Error::other(format!("{}: `{}` is not there once", mutant.name, mutant.text)));
        }
        fs::write(&file, text.replacen(mutant.text, mutant.instead, 1))?;
        // The scripts are fast and the random stories are not.
        let stages: [&[&str]; 3] = [
            &["shared-rollout", "--lib", "--", "--skip", "tests::invariants", "--skip", "tests::people"],
            &["shared-rollout", "--lib", "--", "tests::invariants", "tests::people"],
            &["tests-explore", "--lib"],
        ];
        let mut found = Vec::new();
        for stage in stages {
            found = self.test(mutant, stage)?;
            if !found.is_empty() {
                break;
            }
        }
        fs::write(&file, text)?;
        Ok(found)
    }

    fn test(&self, mutant: &Mutant, stage: &[&str]) -> io::Result<Row> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let ran = Command::new(cargo)
            .current_dir(&self.tree)
            .args(["test", "--locked", "--offline", "--package"])
            .args(stage)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUST_BACKTRACE", "0")
            .output()?;
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        if err.contains("error: could not compile") {
            return Err(io::Error::other(format!("{} does not compile:\n{err}", mutant.name)));
        }
        let failed = out.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
        let short = failed.map(|name| name.trim_start_matches("tests::").to_owned());
        Ok(short.take(3).collect())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(place) = self.tree.parent() {
            drop(fs::remove_dir_all(place));
        }
    }
}
