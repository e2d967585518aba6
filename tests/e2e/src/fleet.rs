//! A fleet as its users have it: a Git server, the real `flotilla hub`, real clusters, and a real `flotilla-agent` for
//! each of them that joined by the command that `flotilla cluster token` printed.
//!
//! Nothing here reaches around the product: objects go to the hub by kubectl, clusters join by the printed command,
//! and what a test knows of a cluster it reads from that cluster.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    Cluster, Kubectl, Options, Process,
    binaries::ControlPlane,
    eventually, free_port,
    git::{GitServer, Repository},
    programs,
};

/// As long as anything may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(90);
/// A fleet of three clusters takes 1.5 GB of memory and all of two processors while it starts.
static ROOM: Semaphore = Semaphore::const_new(2);

/// A hub, its Git server, and the clusters that joined it. All of it ends with the test.
#[derive(Debug)]
pub struct Fleet {
    // Fields are dropped in this order: clients before servers, processes before their folder.
    members: BTreeMap<String, Member>,
    hub: Hub,
    git: GitServer,
    repository: Repository,
    control_plane: ControlPlane,
    folder: TempDir,
    _room: SemaphorePermit<'static>,
}

/// A `flotilla hub` with its data folder; it can be killed and started again.
#[derive(Debug)]
pub struct Hub {
    process: Option<Process>,
    kubectl: Kubectl,
    folder: PathBuf,
    listen: u16,
    agent_listen: u16,
}

/// A cluster with its agent.
#[derive(Debug)]
struct Member {
    agent: Option<Process>,
    /// What the agent reaches its cluster by.
    kubeconfig: PathBuf,
    /// What `flotilla cluster token` said to run, from `--hub` on.
    arguments: Vec<String>,
    cluster: Cluster,
}

/// What one of our programs said and whether it was content.
#[derive(Debug)]
pub struct Said {
    /// Whether it exited with 0.
    pub success: bool,
    /// What it printed, standard output first.
    pub text: String,
}

impl Hub {
    /// Starts a hub with its data in `folder` and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(control_plane: ControlPlane, folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let kubectl = Kubectl::new(control_plane, &folder.join("data/admin.kubeconfig"), folder);
        let (listen, agent_listen) = (free_port(), free_port());
        let mut hub = Self { process: None, kubectl, folder: folder.to_owned(), listen, agent_listen };
        hub.restart().await?;
        Ok(hub)
    }

    /// Starts it, also again after [`Hub::kill`]: on the same ports and with all it had.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill();
        let mut command = Command::new(&programs().flotilla);
        command
            .arg("hub")
            .arg("--data-dir")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.listen)])
            .args(["--agent-listen", &self.agents()])
            .args(["--poll-interval", "1s", "--log", "info"]);
        alone(&mut command, &self.folder);
        let process = Process::start("hub", &mut command, &self.folder)?;
        eventually(SOON, "the hub answers", async || {
            if let Some(status) = process.exited() {
                panic!("the hub has ended: {status}\n{}", process.tail());
            }
            self.kubectl.run(&["get", "clusters"]).await
        })
        .await;
        self.process = Some(process);
        Ok(())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// The real kubectl with the admin's kubeconfig that the hub made.
    pub fn kubectl(&self) -> &Kubectl {
        &self.kubectl
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The address that agents dial.
    pub fn agents(&self) -> String {
        format!("127.0.0.1:{}", self.agent_listen)
    }

    /// All that it has logged, over all its lives.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("hub.log")).unwrap_or_default()
    }

    /// Runs the `flotilla` command line as its admin.
    ///
    /// # Errors
    /// When it cannot be started; what it exits with is in the answer.
    pub async fn run(&self, arguments: &[&str]) -> Result<Said> {
        let mut command = tokio::process::Command::new(&programs().flotilla);
        alone(command.as_std_mut(), &self.folder);
        command.args(arguments).env("KUBECONFIG", self.data().join("admin.kubeconfig")).kill_on_drop(true);
        said(command).await
    }

    /// The one command that joins a cluster, without the program and its kubeconfig: `--hub ADDR --token T`.
    ///
    /// # Errors
    /// When no command was printed, with what was.
    pub async fn token(&self, name: &str, labels: &str, more: &[&str]) -> Result<Vec<String>> {
        let arguments = [&["cluster", "token", "--name", name, "--labels", labels], more].concat();
        let said = self.run(&arguments).await?;
        let printed = said.text.lines().find_map(|line| line.trim().strip_prefix("flotilla-agent "));
        let printed = printed.filter(|_| said.success).with_context(|| said.text.clone())?;
        let mut words = printed.split_whitespace().map(str::to_owned);
        // Its place is for the person who runs the command.
        ensure!(words.next().as_deref() == Some("--kubeconfig") && words.next().is_some(), "{printed}");
        Ok(words.collect())
    }
}

impl Fleet {
    /// A hub and a Git server, and no cluster yet. Waits while two other fleets are there.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn start(control_plane: ControlPlane) -> Result<Self> {
        let room = ROOM.acquire().await?;
        let folder = tempfile::Builder::new().prefix("flotilla-e2e-fleet-").tempdir()?;
        let repository = Repository::create("shop")?;
        let git = GitServer::start(repository.root(), None)?;
        let hub = Hub::start(control_plane, &folder.path().join("hub")).await?;
        Ok(Self { members: BTreeMap::new(), hub, git, repository, control_plane, folder, _room: room })
    }

    /// Starts clusters, all at once, and joins them with these labels.
    ///
    /// # Errors
    /// When one cannot be started or cannot join.
    pub async fn join(&mut self, clusters: &[(&str, &str)], options: Options) -> Result<()> {
        let started = clusters.iter().map(|(name, _)| Cluster::start(self.control_plane, name, options));
        let started = futures::future::try_join_all(started).await?;
        for (cluster, (name, labels)) in started.into_iter().zip(clusters) {
            let arguments = self.hub.token(name, labels, &[]).await?;
            let kubeconfig = cluster.kubeconfig();
            self.members.insert((*name).to_owned(), Member { agent: None, kubeconfig, arguments, cluster });
            self.start_agent(name)?;
        }
        for (name, _) in clusters {
            self.connected(name).await;
        }
        Ok(())
    }

    /// Joins a cluster whose agent has a kubeconfig of its own, as one with fewer rights or another way to the API.
    ///
    /// # Errors
    /// When it cannot join.
    pub async fn join_by(&mut self, cluster: Cluster, labels: &str, kubeconfig: PathBuf) -> Result<()> {
        let name = cluster.name().to_owned();
        let arguments = self.hub.token(&name, labels, &[]).await?;
        self.members.insert(name.clone(), Member { agent: None, kubeconfig, arguments, cluster });
        self.start_agent(&name)?;
        self.connected(&name).await;
        Ok(())
    }

    /// Waits until the hub has a session with the agent of this cluster.
    pub async fn connected(&self, name: &str) {
        eventually(SOON, &format!("{name} is connected"), async || {
            let cluster = self.object("cluster", name).await?;
            ensure!(
                cluster["status"]["connection"]["state"] == "Connected",
                "{}\n{}",
                cluster["status"],
                self.agent_log(name)
            );
            Ok(())
        })
        .await;
    }

    /// Runs the command that joined the cluster, again after [`Fleet::kill_agent`]: with the folder it had.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&mut self, name: &str) -> Result<()> {
        let folder = self.agent_folder(name);
        let member = self.members.get_mut(name).with_context(|| format!("{name} has not joined"))?;
        let name = format!("agent-{name}");
        let program = &programs().agent;
        let agent = start(program, &[], &name, &member.kubeconfig, &member.arguments, &folder)?;
        member.agent = Some(agent);
        Ok(())
    }

    /// `kill -9` for the agent of a cluster.
    pub fn kill_agent(&mut self, name: &str) {
        if let Some(member) = self.members.get_mut(name) {
            member.agent = None;
        }
    }

    /// The folder that the agent of a cluster keeps.
    pub fn agent_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("agent-{name}"))
    }

    /// What `flotilla-agent status` says in a cluster: from the agent's own folder, without the hub.
    ///
    /// # Errors
    /// When it cannot be started, or exits with an error.
    pub async fn agent_status(&self, name: &str) -> Result<String> {
        let folder = self.agent_folder(name);
        let mut command = tokio::process::Command::new(&programs().agent);
        alone(command.as_std_mut(), &folder);
        command.arg("status").arg("--data-dir").arg(folder.join("data")).kill_on_drop(true);
        let said = said(command).await?;
        ensure!(said.success, "flotilla-agent status: {}", said.text);
        Ok(said.text)
    }

    /// The end of what the agent of a cluster logged.
    fn agent_log(&self, name: &str) -> String {
        let agent = self.members.get(name).and_then(|member| member.agent.as_ref());
        agent.map_or_else(|| format!("{name} has no agent"), Process::tail)
    }

    /// The command that joined a cluster, from `--hub` on.
    pub fn join_arguments(&self, name: &str) -> &[String] {
        &self.members[name].arguments
    }

    /// A cluster that joined.
    pub fn cluster(&self, name: &str) -> &Cluster {
        &self.members[name].cluster
    }

    /// A cluster that joined, to end and begin outages of its API server.
    pub fn cluster_mut(&mut self, name: &str) -> Option<&mut Cluster> {
        self.members.get_mut(name).map(|member| &mut member.cluster)
    }

    /// Whether the agent of a cluster runs.
    pub fn agent_runs(&self, name: &str) -> bool {
        let agent = self.members.get(name).and_then(|member| member.agent.as_ref());
        agent.is_some_and(|agent| agent.exited().is_none())
    }

    /// All clusters that joined.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.members.values().map(|member| &member.cluster)
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The hub, to kill it and to start it again.
    pub fn hub_mut(&mut self) -> &mut Hub {
        &mut self.hub
    }

    /// What its processes are made of.
    pub const fn control_plane(&self) -> ControlPlane {
        self.control_plane
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of the Git repository.
    pub fn repository_url(&self) -> String {
        self.git.url("shop")
    }

    /// Commits these files, path and content, and pushes.
    ///
    /// # Errors
    /// When git fails.
    pub fn push(&self, files: &[(&str, &str)]) -> Result<String> {
        let commit = self.repository.commit(files)?;
        self.repository.push()?;
        Ok(commit)
    }

    /// `kubectl apply` of these YAML documents on the hub.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.hub.kubectl.apply(yaml).await
    }

    /// Runs kubectl on the hub and gives what it printed.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.hub.kubectl.run(arguments).await
    }

    /// An object of the hub, by `kubectl get`.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn object(&self, kind: &str, name: &str) -> Result<Value> {
        let text = self.kubectl(&["get", kind, name, "--output=json"]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Runs the `flotilla` command line as the admin; an error is an error here.
    ///
    /// # Errors
    /// When it exits with an error, with what it said.
    pub async fn flotilla(&self, arguments: &[&str]) -> Result<String> {
        let said = self.hub.run(arguments).await?;
        if !said.success {
            bail!("flotilla {}: {}", arguments.join(" "), said.text);
        }
        Ok(said.text)
    }

    /// Waits until the FleetRollout says that it is in this phase, and gives its status.
    pub async fn rollout(&self, name: &str, phase: &str) -> Value {
        eventually(SOON, &format!("{name} is {phase}"), async || {
            let status = self.object("fleetrollout", name).await?["status"].clone();
            ensure!(status["phase"] == phase, "{status:#}");
            Ok(status)
        })
        .await
    }

    /// Waits until a condition of that type on an object of the hub says all of `parts`.
    pub async fn condition(&self, kind: &str, name: &str, condition: &str, parts: &[&str]) -> String {
        eventually(SOON, &format!("{kind} {name} says {condition} with {parts:?}"), async || {
            let status = self.object(kind, name).await?["status"].clone();
            let all = status["conditions"].as_array().cloned().unwrap_or_default();
            let found = all.iter().find(|one| one["type"] == condition && one["status"] != "False");
            let message = found.and_then(|one| one["message"].as_str()).unwrap_or_default();
            ensure!(found.is_some() && parts.iter().all(|part| message.contains(part)), "{status:#}");
            Ok(message.to_owned())
        })
        .await
    }
}

/// Starts an agent for a cluster with arguments as `flotilla cluster token` printed them.
///
/// # Errors
/// When it cannot be started.
pub fn start_agent(name: &str, cluster: &Cluster, arguments: &[String], folder: &Path) -> Result<Process> {
    start(&programs().agent, &[], name, &cluster.kubeconfig(), arguments, folder)
}

/// [`start_agent`] of another build, with this environment on top.
///
/// # Errors
/// When it cannot be started.
pub fn start_agent_of(
    program: &Path,
    environment: &[(&str, &str)],
    name: &str,
    cluster: &Cluster,
    arguments: &[String],
    folder: &Path,
) -> Result<Process> {
    start(program, environment, name, &cluster.kubeconfig(), arguments, folder)
}

fn start(
    program: &Path,
    environment: &[(&str, &str)],
    name: &str,
    kubeconfig: &Path,
    arguments: &[String],
    folder: &Path,
) -> Result<Process> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(program);
    alone(&mut command, folder);
    command
        .envs(environment.iter().copied())
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(arguments)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--log", "info"]);
    Process::start(name, &mut command, folder)
}

/// The program sees nothing of the developer's own setup.
pub fn alone(command: &mut Command, home: &Path) {
    command.current_dir(home).env("HOME", home).env_remove("KUBECONFIG").env_remove("FLOTILLA_LOG");
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
}

async fn said(mut command: tokio::process::Command) -> Result<Said> {
    let output = tokio::time::timeout(SOON, command.output()).await.context("it does not end")??;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Said { success: output.status.success(), text: text.concat() })
}
