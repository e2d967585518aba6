//! A hub as a process has it.

use crate::{Config, Hub};
use std::path::Path;

/// A hub on ports that are free, in a folder below.
pub(crate) fn config(folder: &Path) -> Config {
    Config::local(folder.join("hub"), "test")
}

/// What follows a word in the admin's kubeconfig.
pub(crate) fn field(hub: &Hub, name: &str) -> String {
    let text = std::fs::read_to_string(&hub.kubeconfig).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap().trim().to_owned()
}
