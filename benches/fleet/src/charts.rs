//! What a chart costs without us: the official tool, run by itself.

use crate::{ground::Ground, sample};
use anyhow::{Result, ensure};
use std::{
    process::Command,
    time::{Duration, Instant},
};
use tests_e2e::Tool;

/// How often it is run; the median counts.
const TIMES: usize = 9;

/// How long `helm template` takes for a chart of the workload.
pub(crate) fn alone(ground: &Ground) -> Result<Duration> {
    let helm = Tool::Helm.provide().map_err(|error| anyhow::anyhow!("{error}"))?;
    let folder = tempfile::tempdir()?;
    for (path, text) in sample::files(&ground.workload, 0, "r0") {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(path, text)?;
    }
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        let chart = folder.path().join(sample::name(0));
        let output = Command::new(helm)
            .args(["template", "app-0"])
            .arg(chart)
            .args(["--namespace", "app-0", "--include-crds"])
            .env("HOME", folder.path())
            .output()?;
        ensure!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
        times.push(began.elapsed());
    }
    times.sort();
    Ok(times[TIMES / 2])
}
