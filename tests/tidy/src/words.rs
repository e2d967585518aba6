//! What no file may say.

use crate::{
    fault::{self, Fault},
    tracked::{File, files},
};

/// Texts (in pieces here, as this file is read too), and why not.
const WORDS: &[(&str, &str)] = &[
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (concat!("/tmp/", "plan"), "a path of one machine"),
    (concat!("GOPRO", "XY="), "where one machine gets its Go modules"),
    (concat!("replace-", "with"), "where one machine gets its crates"),
    (concat!("[regis", "tries"), "where one machine gets its crates"),
    (concat!("index", "-url"), "where one machine gets its packages"),
];

#[test]
fn no_file_tells_of_a_machine() {
    fault::none("The repository builds anywhere, and tells of no machine.", files().iter().flat_map(told));
}

fn told(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, line) in file.lines() {
        for (word, why) in WORDS.iter().filter(|(word, _)| line.contains(word)) {
            faults.push(Fault::new(
                place.clone(),
                format!("says `{word}`, {why}"),
                "say it without, or by an option",
            ));
        }
    }
    faults
}

#[test]
fn a_path_is_found() {
    let text = format!("fine\nlet path = \"{}x\";\n", WORDS[0].0);
    let faults = told(&File { path: "a.rs".to_owned(), text });
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].place, "a.rs:2");
}

#[test]
fn crates_come_from_the_public_index() {
    let lock = files().iter().find(|file| file.path == "Cargo.lock").expect("Cargo.lock is tracked");
    let elsewhere = lock.lines().filter(|(_, line)| {
        line.starts_with("source = ")
            && *line != "source = \"registry+https://github.com/rust-lang/crates.io-index\""
    });
    let fault = |(place, line): (String, &str)| {
        Fault::new(place, format!("says {line}"), "use a release from crates.io")
    };
    fault::none("Every crate is a release on crates.io.", elsewhere.map(fault));
}
