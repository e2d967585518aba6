//! Where files are and how long.

use crate::{
    fault::{self, Fault},
    tracked::files,
};
use std::collections::BTreeSet;

/// What a newcomer sees first. Tool files are dotted.
const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "proto",
    "hub",
    "agent",
    "shared",
    "deploy",
    "tests",
    "benches",
];

/// Beyond this nobody reads a file whole.
const LINES: usize = 700;

#[test]
fn the_top_level_is_what_the_readme_shows() {
    let top: BTreeSet<&str> = files().iter().filter_map(|file| file.path.split('/').next()).collect();
    let strange = top.into_iter().filter(|name| !name.starts_with('.') && !TOP.contains(name));
    let fault =
        |name| Fault::new(name, "is at the top level", format!("move it below one of {}", TOP.join(", ")));
    fault::none("The top level stays small.", strange.map(fault));
}

#[test]
fn files_are_short() {
    let long = files().iter().filter(|file| !file.is_recorded()).filter_map(|file| {
        let lines = file.text.lines().count();
        let remedy =
            format!("split it by meaning, {LINES} lines at most; recorded data belongs below vectors/");
        (lines > LINES).then(|| Fault::new(&file.path, format!("has {lines} lines"), remedy))
    });
    fault::none("A file can be read whole.", long);
}

#[test]
fn modules_are_named_by_their_file() {
    let named = files().iter().filter(|file| file.path.ends_with("/mod.rs"));
    let fault =
        |file: &crate::tracked::File| Fault::new(&file.path, "is a mod.rs", "name it foo.rs, beside foo/");
    fault::none("`foo.rs` beside `foo/`, never `mod.rs`.", named.map(fault));
}
