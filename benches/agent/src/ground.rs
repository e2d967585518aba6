//! The ground: a cluster full of objects, a hub, a Git server, and the agent as it is shipped.

use crate::{args::Args, others, usage::Watched};
use anyhow::{Context, Result, ensure};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tests_e2e::{
    Cluster, Options, Process, control_plane, eventually,
    fleet::{Hub, SOON, start_agent_of},
    git::{GitServer, Repository},
    programs::small_agent,
};

/// All of it; it ends with this.
pub(crate) struct Ground {
    // Fields are dropped in this order: clients before servers, processes before their folder.
    agent: Option<Process>,
    hub: Hub,
    git: GitServer,
    repository: Repository,
    pub(crate) cluster: Cluster,
    pub(crate) program: PathBuf,
    bare: bool,
    arguments: Vec<String>,
    folder: TempDir,
}

const CLUSTER: &str = "bench";
/// What says how the agent is shipped.
pub(crate) const CONTAINER: &str = include_str!("../../../deploy/agent.Dockerfile");
/// Longer than any sync.
const SYNCED_WITHIN: Duration = Duration::from_secs(300);

impl Ground {
    /// Starts everything but the agent, and fills the cluster.
    pub(crate) async fn start(args: &Args) -> Result<Self> {
        let control_plane = control_plane().context("no control plane: see the README on how it is built")?;
        let program = match &args.agent {
            Some(program) => program.clone(),
            None => small_agent()?,
        };
        let folder = tempfile::Builder::new().prefix("flotilla-bench-").tempdir()?;
        let cluster = Cluster::start(control_plane, CLUSTER, Options::default()).await?;
        others::create(&cluster.client(), args.others).await?;
        let repository = Repository::create("bench")?;
        let git = GitServer::start(repository.root(), None)?;
        let hub = Hub::start(control_plane, &folder.path().join("hub")).await?;
        let arguments = hub.token(CLUSTER, "env=bench", &[]).await?;
        Ok(Self { agent: None, hub, git, repository, cluster, program, bare: args.bare, arguments, folder })
    }

    fn agent_folder(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// Starts the agent, or starts it again, and waits until the hub knows it.
    pub(crate) async fn start_agent(&mut self) -> Result<Watched> {
        self.agent = None;
        let folder = self.agent_folder();
        let environment = if self.bare { Vec::new() } else { shipped(CONTAINER) };
        let agent =
            start_agent_of(&self.program, &environment, "agent", &self.cluster, &self.arguments, &folder)?;
        let connected = r#"jsonpath={.status.connection.state}"#;
        eventually(SOON, "the agent is connected", async || {
            ensure!(agent.exited().is_none(), "the agent has ended\n{}", agent.tail());
            let state = self.hub.kubectl().run(&["get", "cluster", CLUSTER, "--output", connected]).await?;
            ensure!(state == "Connected", "{state}");
            Ok(())
        })
        .await;
        let watched = Watched(agent.id());
        self.agent = Some(agent);
        Ok(watched)
    }

    /// Pushes files and has them run as an Application; how long from the agent's order to its success.
    pub(crate) async fn sync(&self, name: &str, files: &[(String, String)]) -> Result<Duration> {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
        self.repository.commit(&files)?;
        self.repository.push()?;
        self.hub.kubectl().apply(&application(name, &self.git.url("bench"))).await?;
        let agent = self.agent.as_ref().context("the agent was started")?;
        let what = format!("{name} is synced");
        let took =
            eventually(SYNCED_WITHIN, &what, async || took(&agent.log(), name).with_context(|| agent.tail()));
        Ok(took.await)
    }

    /// What the agent logged.
    pub(crate) fn log(&self) -> String {
        self.agent.as_ref().map(Process::log).unwrap_or_default()
    }

    /// How large the agent's journal is, in bytes.
    pub(crate) fn journal(&self) -> u64 {
        size(&self.agent_folder().join("data"))
    }
}

/// The environment that a container file sets.
pub(crate) fn shipped(container: &str) -> Vec<(&str, &str)> {
    container.lines().filter_map(|line| line.strip_prefix("ENV ")?.split_once('=')).collect()
}

/// What is in a folder, in bytes.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(is) if is.is_dir() => size(&entry.path()),
        Ok(is) => is.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

fn application(name: &str, repository: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: '{repository}', targetRevision: main, path: {name}}}
  destination: {{name: {CLUSTER}, namespace: {name}}}
  syncPolicy:
    automated: {{prune: true, selfHeal: true}}
    syncOptions: [CreateNamespace=true]
"
    )
}

/// The time between an application's order and the success of its sync, by the agent's log.
fn took(log: &str, name: &str) -> Option<Duration> {
    let about = format!("application=argocd/{name} ");
    let at = |word: &str| {
        let line = log.lines().find(|line| format!("{line} ").contains(&about) && line.contains(word))?;
        line.split_whitespace().next()?.parse::<jiff::Timestamp>().ok()
    };
    at("SyncSucceeded")?.duration_since(at(" ordered ")?).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_of_the_container_is_read() {
        assert_eq!(shipped("FROM x\nENV A=1\nENV B=2=3\nRUN y\n"), [("A", "1"), ("B", "2=3")]);
        assert!(!shipped(CONTAINER).is_empty());
    }

    #[test]
    fn a_sync_is_timed_by_the_log() {
        let log = "2026-01-01T00:00:00.5Z  INFO x: ordered application=argocd/web position=1.1 removal=false\n\
            2026-01-01T00:00:01.0Z  INFO x: ordered application=argocd/webshop position=1.1 removal=false\n\
            2026-01-01T00:00:02.75Z  INFO x: release 1 is applied application=argocd/web reason=\"SyncSucceeded\"\n";
        assert_eq!(took(log, "web"), Some(Duration::from_millis(2250)));
        assert_eq!(took(log, "webshop"), None);
    }
}
