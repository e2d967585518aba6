//! The command is what confines tools, too: started with the hidden argument it limits itself and becomes one.

use hub_render::{
    Confine,
    confine::{ARGUMENT, Limits, Stopped, Task},
};
use std::{collections::BTreeMap, path::PathBuf, process::Command};

/// The command stands for a tool as well.
fn run(arguments: &[&str]) -> Result<String, Stopped> {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_flotilla"));
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let scratch = tempfile::tempdir().expect("a folder");
    let printed = Confine::new(own.clone()).run(&Task {
        tool: &own,
        arguments: &arguments,
        files: &BTreeMap::new(),
        folder: "",
        limits: &Limits::default(),
        scratch: scratch.path(),
        stop: None,
    })?;
    Ok(String::from_utf8_lossy(&printed.stdout).into_owned())
}

#[test]
fn the_command_confines_a_tool() {
    let said = run(&["--version"]).expect("it runs");
    assert!(said.starts_with("flotilla "), "{said}");
    let ended = run(&["no-such-command"]);
    assert!(matches!(&ended, Err(Stopped::Failed { code: 2, .. })), "{ended:?}");
}

#[test]
fn the_hidden_argument_alone_is_an_error_that_says_so() {
    let command = Command::new(env!("CARGO_BIN_EXE_flotilla")).arg(ARGUMENT).output().expect("it starts");
    assert_eq!(command.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&command.stderr).starts_with("not confined: "), "{command:?}");
}
