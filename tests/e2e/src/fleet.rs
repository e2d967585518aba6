//! A fleet as its users have it: a Git server, the real `flotilla hub`, real clusters, and a real `flotilla-agent` for
//! each of them that joined by the command that `flotilla cluster token` printed.
//!
//! Nothing here reaches around the product: objects go to the hub by kubectl, clusters join by the printed command,
//! and what a test knows of a cluster it reads from that cluster.

mod said;

pub(crate) use said::waited;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    Cluster, History, Kubectl, Options, Process, Proxy,
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
    git: Option<GitServer>,
    git_address: SocketAddr,
    networks: Option<Networks>,
    agent_options: Vec<String>,
    repository: Repository,
    control_plane: ControlPlane,
    folder: TempDir,
    _room: SemaphorePermit<'static>,
}

/// The networks that a test can cut.
#[derive(Debug)]
struct Networks {
    /// From agents to the hub.
    hub: Proxy,
    /// From the hub to Git.
    git: Proxy,
}

/// What a fleet has beyond the plain one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Whether agents reach the hub, and the hub Git, through proxies.
    pub proxies: bool,
    /// Further options of `flotilla hub`.
    pub hub: &'a [&'a str],
    /// Further options of `flotilla-agent`.
    pub agents: &'a [&'a str],
    /// Environment variables of the hub.
    pub environment: &'a [(&'a str, &'a str)],
}

/// A `flotilla hub` with its data folder; it can be killed and started again.
#[derive(Debug)]
pub struct Hub {
    process: Option<Process>,
    kubectl: Kubectl,
    folder: PathBuf,
    listen: u16,
    agent_listen: u16,
    options: Vec<String>,
    environment: Vec<(String, String)>,
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
    /// What it exited with; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed, standard output first.
    pub text: String,
}

impl Hub {
    /// Starts a hub with its data in `folder` and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn start(control_plane: ControlPlane, folder: &Path) -> Result<Self> {
        Self::start_with(control_plane, folder, free_port(), Vec::new(), Vec::new()).await
    }

    async fn start_with(
        control_plane: ControlPlane,
        folder: &Path,
        agent_listen: u16,
        options: Vec<String>,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let kubectl = Kubectl::new(control_plane, &folder.join("data/admin.kubeconfig"), folder);
        let listen = free_port();
        let mut hub = Self {
            process: None,
            kubectl,
            folder: folder.to_owned(),
            listen,
            agent_listen,
            options,
            environment,
        };
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
            .args(["--poll-interval", "1s", "--log", "info"])
            .args(&self.options);
        alone(&mut command, &self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
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

    /// Asks it to end, as Kubernetes does, and waits until it has.
    ///
    /// # Errors
    /// When it does not end, or not in order.
    pub async fn stop(&mut self) -> Result<()> {
        let Some(process) = self.process.take() else { return Ok(()) };
        process.terminate()?;
        let status = process.wait(SOON).await?;
        ensure!(status.success(), "the hub ended with {status}\n{}", process.tail());
        Ok(())
    }

    /// It, while it was not killed.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
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
        Self::start_with(control_plane, Setup::default()).await
    }

    /// As [`Fleet::start`], with more.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn start_with(control_plane: ControlPlane, setup: Setup<'_>) -> Result<Self> {
        let room = ROOM.acquire().await?;
        let folder = tempfile::Builder::new().prefix("flotilla-e2e-fleet-").tempdir()?;
        let repository = Repository::create("shop")?;
        let git = GitServer::start(repository.root(), None)?;
        let git_address = git.address();
        let agent_listen = free_port();
        let mut options: Vec<String> = setup.hub.iter().map(|&option| option.to_owned()).collect();
        let networks = if setup.proxies {
            let hub = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, agent_listen)))?;
            options.extend(["--agent-address".to_owned(), hub.address().to_string()]);
            Some(Networks { hub, git: Proxy::start(git_address)? })
        } else {
            None
        };
        let environment =
            setup.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let place = folder.path().join("hub");
        let hub =
            Hub::start_with(control_plane, &place, agent_listen, options, environment.collect()).await?;
        Ok(Self {
            members: BTreeMap::new(),
            hub,
            git: Some(git),
            git_address,
            networks,
            agent_options: setup.agents.iter().map(|&option| option.to_owned()).collect(),
            repository,
            control_plane,
            folder,
            _room: room,
        })
    }

    /// The network between agents and the hub.
    ///
    /// # Panics
    /// When the fleet was started without proxies.
    pub fn network(&self) -> &Proxy {
        &self.networks.as_ref().expect("the fleet was started with proxies").hub
    }

    /// The network between the hub and Git.
    ///
    /// # Panics
    /// When the fleet was started without proxies.
    pub fn git_network(&self) -> &Proxy {
        &self.networks.as_ref().expect("the fleet was started with proxies").git
    }

    /// Ends the Git server; what is pushed meanwhile waits in the repository.
    pub fn stop_git(&mut self) {
        self.git = None;
    }

    /// Starts the Git server again, at its address.
    ///
    /// # Errors
    /// When its port was taken meanwhile.
    pub fn start_git(&mut self) -> Result<()> {
        if self.git.is_none() {
            self.git = Some(GitServer::start_on(self.git_address.port(), self.repository.root(), None)?);
        }
        Ok(())
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
                self.agent_tail(name)
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
        self.start_agent_by(name, |command| command)
    }

    /// As [`Fleet::start_agent`], by a command made from the plain one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent_by(&mut self, name: &str, by: impl FnOnce(Command) -> Command) -> Result<()> {
        let folder = self.agent_folder(name);
        let member = self.members.get_mut(name).with_context(|| format!("{name} has not joined"))?;
        let arguments = [&member.arguments[..], &self.agent_options].concat();
        let mut command = by(agent_command(&programs().agent, &member.kubeconfig, &arguments, &folder)?);
        member.agent = Some(Process::start(&format!("agent-{name}"), &mut command, &folder)?);
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

    /// The agent of a cluster, while it was not killed.
    pub fn agent(&self, name: &str) -> Option<&Process> {
        self.members.get(name)?.agent.as_ref()
    }

    /// All that the agents of a cluster have logged, over all their lives.
    pub fn agent_log(&self, name: &str) -> String {
        let log = self.agent_folder(name).join(format!("agent-{name}.log"));
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// The end of what the agent of a cluster logged.
    fn agent_tail(&self, name: &str) -> String {
        self.agent(name).map_or_else(|| format!("{name} has no agent"), Process::tail)
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
        let address = self.networks.as_ref().map_or(self.git_address, |networks| networks.git.address());
        format!("http://{address}/shop.git")
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

    /// Removes these files or folders and pushes.
    ///
    /// # Errors
    /// When git fails.
    pub fn push_removal(&self, paths: &[&str]) -> Result<String> {
        let commit = self.repository.remove(paths)?;
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

    /// Watches a Deployment on some of the clusters. Who waits for it in vain is told how the rollouts stand.
    pub async fn watch<'a>(
        &self,
        clusters: impl IntoIterator<Item = &'a Cluster>,
        namespace: &str,
        name: &str,
    ) -> History {
        History::watch(&self.hub.kubectl, clusters, namespace, name).await
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
}

/// Starts an agent for a cluster with arguments as `flotilla cluster token` printed them.
///
/// # Errors
/// When it cannot be started.
pub fn start_agent(name: &str, cluster: &Cluster, arguments: &[String], folder: &Path) -> Result<Process> {
    start_agent_of(&programs().agent, &[], name, cluster, arguments, folder)
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
    let mut command = agent_command(program, &cluster.kubeconfig(), arguments, folder)?;
    Process::start(name, command.envs(environment.iter().copied()), folder)
}

fn agent_command(program: &Path, kubeconfig: &Path, arguments: &[String], folder: &Path) -> Result<Command> {
    std::fs::create_dir_all(folder)?;
    let mut command = Command::new(program);
    alone(&mut command, folder);
    command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(arguments)
        .arg("--data-dir")
        .arg(folder.join("data"))
        .args(["--log", "info"]);
    Ok(command)
}

/// The program sees nothing of the developer's own setup.
pub fn alone(command: &mut Command, home: &Path) {
    command.current_dir(home).env("HOME", home).env_remove("KUBECONFIG").env_remove("FLOTILLA_LOG");
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_")) {
        command.env_remove(name);
    }
}

async fn said(mut command: tokio::process::Command) -> Result<Said> {
    let output = tokio::time::timeout(SOON, command.output()).await.context("it does not end")??;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Said { success: output.status.success(), code: output.status.code(), text: text.concat() })
}
