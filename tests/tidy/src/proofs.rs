//! Tests that prove something, each time.

use crate::{
    fault::{self, Fault},
    tracked::{File, sources},
};

/// Never in a source.
const NEVER: &[(&str, &str)] = &[
    (concat!("#[ign", "ore"), "let it run, or take it out"),
    (concat!("to", "do!("), "build it, or answer with an error that says what is missing"),
    (concat!("unimple", "mented!("), "build it, or answer with an error that says what is missing"),
];

/// Never in a test.
const SLEEPS: &[&str] = &[concat!("thread::sl", "eep"), concat!("time::sl", "eep")];

/// The tests that may sleep, and why.
const MAY_SLEEP: &[(&str, &str)] = &[
    ("tests/e2e/src/eventually.rs", "the one helper that waits for a condition, with a deadline"),
    ("hub/source/tests/git/access.rs", "a server that sends a byte at a time: the slowness is the input"),
    ("tests/e2e/src/proxy.rs", "the delay of the network that it plays"),
];

#[test]
fn nothing_is_left_open() {
    fault::none("Every test runs, and nothing is a placeholder.", sources().flat_map(open));
}

fn open(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, line) in file.lines() {
        let found = NEVER.iter().filter(|(text, _)| line.contains(text));
        faults.extend(found.map(|(text, remedy)| Fault::new(place.clone(), format!("says {text}"), *remedy)));
    }
    faults
}

#[test]
fn tests_wait_for_conditions_and_never_sleep() {
    let tests = || sources().filter(|file| file.is_test());
    let listed = |path: &str| MAY_SLEEP.iter().any(|(may, _)| *may == path);
    let asleep = tests().filter(|file| !listed(&file.path)).flat_map(sleeps);
    fault::none("A test waits for what it needs, by an event or a condition with a deadline.", asleep);

    let idle = MAY_SLEEP
        .iter()
        .filter(|(path, _)| !tests().any(|file| file.path == *path && !sleeps(file).is_empty()));
    let fault = |(path, why): &(&str, &str)| {
        Fault::new(*path, format!("need not sleep any more ({why})"), "take it off MAY_SLEEP")
    };
    fault::none("Every exception is needed.", idle.map(fault));
}

fn sleeps(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, line) in file.lines().filter(|(_, line)| SLEEPS.iter().any(|text| line.contains(text))) {
        let remedy =
            "wait for the event, pause tokio's clock, or ask again until it is so (tests/e2e: eventually)";
        faults.push(Fault::new(place, format!("sleeps: {}", line.trim()), remedy));
    }
    faults
}

#[test]
fn what_is_never_said_is_found() {
    let line = format!("    {}] // slow\n    std::{}(WAIT);\n", NEVER[0].0, SLEEPS[0]);
    let file = File { path: "a/tests.rs".to_owned(), text: line };
    assert_eq!(open(&file)[0].place, "a/tests.rs:1");
    assert_eq!(sleeps(&file)[0].place, "a/tests.rs:2");
}
