//! The official tools of charts and overlays: where they are, and what they may use up.

use anyhow::Context as _;
use clap::Args as Group;
use hub_render::{Confine, Tooling, confine::Limits, tools::Places};
use shared_model::parse_duration;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Where helm and kustomize are, and what they may use up.
#[derive(Debug, Clone, Group)]
pub(crate) struct ToolOptions {
    /// The helm program (4.x) that renders charts; the one on PATH when left out
    #[arg(long, env = "FLOTILLA_HELM", value_name = "FILE")]
    helm: Option<PathBuf>,
    /// The kustomize program (5.x) that builds overlays; the one on PATH when left out
    #[arg(long, env = "FLOTILLA_KUSTOMIZE", value_name = "FILE")]
    kustomize: Option<PathBuf>,
    /// How long one run of them may take
    #[arg(long, env = "FLOTILLA_RENDER_TIMEOUT", value_name = "TIME", default_value = "90s", value_parser = timeout)]
    render_timeout: Duration,
    /// How much memory one run of them may have, in MiB
    #[arg(long, env = "FLOTILLA_RENDER_MEMORY", value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(64..=65_536))]
    render_memory: u64,
    /// Render nothing where a tool could read the hub's own files: on a machine without user namespaces (as in most pods)
    /// and without Landlock
    #[arg(long, env = "FLOTILLA_RENDER_ONLY_CONFINED")]
    render_only_confined: bool,
}

impl ToolOptions {
    /// What the tools run with, in a folder of their own below `folder`.
    pub(crate) fn tooling(self, folder: &Path) -> anyhow::Result<Tooling> {
        let whole = |path: Option<PathBuf>, flag: &'static str| {
            path.map(|path| std::path::absolute(path).context(flag)).transpose()
        };
        let wall = self.render_timeout;
        let default = Limits::default();
        Ok(Tooling {
            confine: Confine::by_this_program().only_apart(self.render_only_confined),
            scratch: folder.join("rendering"),
            places: Places {
                helm: whole(self.helm, "--helm")?,
                kustomize: whole(self.kustomize, "--kustomize")?,
                search: std::env::var_os("PATH"),
            },
            limits: Limits {
                cpu: default.cpu.max(wall + wall / 3),
                wall,
                memory: self.render_memory << 20,
                ..default
            },
        })
    }
}

fn timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(time) if time >= Duration::from_secs(1) => Ok(time),
        Ok(_) => Err("at least 1s".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
