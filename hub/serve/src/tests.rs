//! A hub as a process has it.

use crate::{Config, Hub};
use hub_source::poll::Settings;
use std::{path::Path, time::Duration};

/// A hub on ports that are free.
pub(crate) fn config(folder: &Path) -> Config {
    Config {
        data_dir: folder.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        metrics_listen: None,
        agent_listen: "127.0.0.1:0".parse().unwrap(),
        agent_address: None,
        names: Vec::new(),
        allow_file: false,
        poll: Settings::default(),
        git_authorities: Vec::new(),
        git_timeout: Duration::from_secs(10),
        trust_domain: "test".to_owned(),
        keepalive: crate::KEEPALIVE,
        lost_after: crate::LOST_AFTER,
        history: crate::Retention::default(),
        agent_lifetime: crate::AGENT_LIFETIME,
        traces: shared_runtime::otlp::Choice::default(),
    }
}

/// What follows a word in the admin's kubeconfig.
pub(crate) fn field(hub: &Hub, name: &str) -> String {
    let text = std::fs::read_to_string(&hub.kubeconfig).unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
    line.unwrap().trim().to_owned()
}
