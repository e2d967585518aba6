//! A real Kubernetes cluster of processes: an API server on a shared etcd and, when asked for, the controllers and one
//! Node on which kwok makes Pods run.
//!
//! What is real: the API with authentication, RBAC and admission, every controller, the scheduler. What is played: the
//! kubelet. A Pod runs at once, except that an image whose tag starts with `broken` is never pulled; see
//! `controlplane/kwok/stages.yaml`.
//!
//! What it cannot do without controllers: Deployments get no Pods, namespaces are never gone after their deletion,
//! nothing is garbage collected, and no namespace has its service account, so it refuses Pods.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use credentials::Credentials;
use etcd::Etcd;
use k8s_openapi::{
    api::core::v1::{Node, NodeStatus, ServiceAccount},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;

use crate::{
    Kubectl,
    binaries::{ControlPlane, Program},
    eventually::poll,
    port::free_port,
    process::Process,
};

mod credentials;
mod etcd;

/// An API server is ready after 3 s on two idle processors; a busy machine may take much longer.
const READY: Duration = Duration::from_secs(120);
/// Starts on other ports before giving up.
const ATTEMPTS: usize = 5;

/// What a cluster consists of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Also the controller manager, the scheduler, kwok, and a Node. They take another 240 MB of memory.
    pub controllers: bool,
}

/// A running cluster. Dropping it ends its processes and deletes all it had.
pub struct Cluster {
    // Fields are dropped in this order: clients before servers, processes before their folder.
    controllers: Vec<Process>,
    api_server: Option<Process>,
    client: Client,
    kubectl: Kubectl,
    port: u16,
    site: Site,
}

/// What stays the same when the API server is started again.
struct Site {
    name: String,
    control_plane: ControlPlane,
    etcd: Arc<Etcd>,
    prefix: String,
    credentials: Credentials,
    dir: TempDir,
}

impl Cluster {
    /// Starts a cluster and waits until it is ready for Deployments, or for objects alone if it has no controllers.
    ///
    /// `name` is that of the context in its kubeconfig. Several may start at the same time.
    ///
    /// # Errors
    /// When a process ends or is not ready within two minutes, with the end of its log.
    pub async fn start(control_plane: ControlPlane, name: &str, options: Options) -> Result<Self> {
        install_tls();
        let site = Site::create(control_plane, name).await?;
        let (api_server, port, client) = site.start_anywhere().await?;
        let kubectl = Kubectl::new(control_plane, &site.kubeconfig(), site.dir.path());
        let mut cluster =
            Self { controllers: Vec::new(), api_server: Some(api_server), client, kubectl, port, site };
        if options.controllers {
            cluster.start_controllers().await?;
        }
        Ok(cluster)
    }

    /// The name given at its start.
    pub fn name(&self) -> &str {
        &self.site.name
    }

    /// The file with an administrator's kubeconfig. All is in that file, so that it can be copied.
    pub fn kubeconfig(&self) -> PathBuf {
        self.site.kubeconfig()
    }

    /// Where its API is.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A client with an administrator's rights.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Runs kubectl on it and gives what it printed.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.kubectl.run(arguments).await
    }

    /// `kubectl apply` of these YAML documents.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.kubectl.apply(yaml).await
    }

    /// `kubectl apply --server-side` of these YAML documents as another field manager, such as a controller's.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn apply_as(&self, manager: &str, yaml: &str) -> Result<String> {
        let manager = format!("--field-manager={manager}");
        self.kubectl.run_with_input(&["apply", "--server-side", &manager, "-f", "-"], yaml).await
    }

    /// `kubectl replace --force`: deletes the objects and makes others of the same names.
    ///
    /// # Errors
    /// When kubectl exits with an error, with what it said.
    pub async fn replace_by_force(&self, yaml: &str) -> Result<String> {
        self.kubectl.run_with_input(&["replace", "--force", "-f", "-"], yaml).await
    }

    /// Begins an outage: kills the API server. Controllers and clients find nobody until [`Cluster::start_api_server`].
    pub fn stop_api_server(&mut self) {
        self.api_server = None;
    }

    /// Ends the outage: the API server comes back at the same address with all it had. Nothing happens if it runs.
    ///
    /// # Errors
    /// When it is not ready within two minutes, with the end of its log.
    pub async fn start_api_server(&mut self) -> Result<()> {
        if self.api_server.is_some() {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let api_server = self.site.spawn_api_server(self.port)?;
            match self.site.ready(&api_server, &self.client).await {
                Ok(()) => {
                    self.api_server = Some(api_server);
                    return Ok(());
                }
                Err(error) if !port_was_taken(&api_server) => return Err(error),
                Err(_) => {}
            }
        }
        bail!("port {} of {} was taken by another process during the outage", self.port, self.site.name)
    }

    /// Ends it now, with all that it had.
    pub fn delete(self) {
        drop(self);
    }

    async fn start_controllers(&mut self) -> Result<()> {
        for program in [Program::KubeControllerManager, Program::KubeScheduler, Program::Kwok] {
            self.controllers.push(self.site.spawn_controller(program)?);
        }
        let nodes: Api<Node> = Api::all(self.client());
        nodes.create(&PostParams::default(), &node()).await.context("create the Node")?;
        let accounts: Api<ServiceAccount> = Api::default_namespaced(self.client());
        let ended = poll(READY, async || {
            if let Some(ended) = self.controllers.iter().find(|process| process.exited().is_some()) {
                return Ok(Err(ended));
            }
            let node = nodes.get("node").await?;
            let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref()).map_or(0, Vec::len);
            ensure!(is_ready(&node) && taints == 0, "the Node is not ready, or has {taints} taints");
            accounts.get("default").await.context("the namespace default has no service account")?;
            Ok(Ok(()))
        });
        match ended.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(process)) => {
                bail!("{} of {} has ended\n{}", process.name(), self.site.name, process.tail())
            }
            Err(seen) => {
                let logs: Vec<_> = self.controllers.iter().map(Process::tail).collect();
                bail!("{} is not ready after {READY:?}: {seen}\n{}", self.site.name, logs.join("\n"))
            }
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.site.name)
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

impl Site {
    async fn create(control_plane: ControlPlane, name: &str) -> Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let dir = tempfile::Builder::new().prefix(&format!("flotilla-e2e-{name}-")).tempdir()?;
        Ok(Self {
            name: name.to_owned(),
            control_plane,
            etcd: Etcd::shared(control_plane).await?,
            prefix: format!("/{name}-{}", STARTED.fetch_add(1, Ordering::Relaxed)),
            credentials: Credentials::create(dir.path())?,
            dir,
        })
    }

    fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("kubeconfig")
    }

    /// Starts the API server on a port that nobody else has, and writes the kubeconfig for it.
    async fn start_anywhere(&self) -> Result<(Process, u16, Client)> {
        for _ in 0..ATTEMPTS {
            let port = free_port();
            self.credentials.write_kubeconfig(&self.name, port)?;
            let client = client(&self.kubeconfig()).await?;
            let api_server = self.spawn_api_server(port)?;
            match self.ready(&api_server, &client).await {
                Ok(()) => return Ok((api_server, port, client)),
                Err(error) if !port_was_taken(&api_server) => return Err(error),
                Err(_) => {}
            }
        }
        bail!("kube-apiserver of {} found no free port in {ATTEMPTS} attempts", self.name)
    }

    fn spawn_api_server(&self, port: u16) -> Result<Process> {
        let file = |name| self.credentials.file(name);
        let mut command = self.command(Program::KubeApiserver);
        command.args([
            &format!("--etcd-servers={}", self.etcd.url()),
            &format!("--etcd-prefix={}", self.prefix),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            // Nobody reaches the API through its Service here, and a loopback address may not be an endpoint.
            "--endpoint-reconciler-type=none",
            &format!("--secure-port={port}"),
            &format!("--tls-cert-file={}", file("server.crt")),
            &format!("--tls-private-key-file={}", file("server.key")),
            &format!("--token-auth-file={}", file("tokens.csv")),
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            &format!("--service-account-key-file={}", file("service-accounts.pub")),
            &format!("--service-account-signing-key-file={}", file("service-accounts.key")),
            "--service-cluster-ip-range=10.0.0.0/24",
            "--profiling=false",
        ]);
        Process::start("kube-apiserver", &mut command, self.dir.path())
    }

    fn spawn_controller(&self, program: Program) -> Result<Process> {
        let mut command = self.command(program);
        command.arg(format!("--kubeconfig={}", self.kubeconfig().display()));
        let name = match program {
            Program::KubeControllerManager => {
                let file = |name| self.credentials.file(name);
                command.args([
                    &format!("--service-account-private-key-file={}", file("service-accounts.key")),
                    &format!("--root-ca-file={}", file("authority.crt")),
                    "--controllers=*,-nodeipam",
                    // No test is about a Node that is lost, and a busy machine's kwok comes late.
                    "--node-monitor-grace-period=1h",
                    "--leader-elect=false",
                    "--secure-port=0",
                    // The default of 20 requests a second is felt when a wave reaches several namespaces.
                    "--kube-api-qps=200",
                    "--kube-api-burst=400",
                ]);
                "kube-controller-manager"
            }
            Program::KubeScheduler => {
                command.args(["--leader-elect=false", "--secure-port=0"]);
                "kube-scheduler"
            }
            Program::Kwok => {
                let stages = Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane/kwok/stages.yaml");
                command.arg("--config").arg(stages).args(["--manage-all-nodes=true", "--node-port=0"]);
                "kwok"
            }
            Program::Etcd | Program::KubeApiserver | Program::Kubectl => {
                bail!("{program:?} is not a controller")
            }
        };
        Process::start(name, &mut command, self.dir.path())
    }

    /// A command that sees nothing of the developer's own setup.
    fn command(&self, program: Program) -> Command {
        let mut command = Command::new(self.control_plane.binaries().path(program));
        let dir = self.dir.path();
        command.current_dir(dir).env("HOME", dir).env("KWOK_WORKDIR", dir).env_remove("KUBECONFIG");
        command
    }

    async fn ready(&self, api_server: &Process, client: &Client) -> Result<()> {
        let ended = poll(READY, async || {
            if let Err(ended) = self.etcd.check() {
                return Ok(Err(ended));
            }
            if let Some(status) = api_server.exited() {
                return Ok(Err(anyhow::anyhow!("{status}\n{}", api_server.tail())));
            }
            let request = http::Request::get("/readyz").body(Vec::new())?;
            client.request_text(request).await?;
            Ok(Ok(()))
        });
        match ended.await {
            Ok(outcome) => outcome.with_context(|| format!("kube-apiserver of {} has ended", self.name)),
            Err(seen) => {
                let tail = api_server.tail();
                bail!("kube-apiserver of {} is not ready after {READY:?}: {seen}\n{tail}", self.name)
            }
        }
    }
}

/// Whether it ended because another process was quicker to take the port that [`free_port`] found.
fn port_was_taken(process: &Process) -> bool {
    process.exited().is_some() && process.log().contains("address already in use")
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default())
            .await?;
    // A developer's proxy does not lead to loopback.
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

/// The TLS library wants to be told once per process who does its arithmetic.
fn install_tls() {
    static ONCE: Once = Once::new();
    // An error says that the test has chosen already.
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

fn node() -> Node {
    let resources = [("cpu", "1000"), ("memory", "1Ti"), ("pods", "10000")];
    let resources: BTreeMap<_, _> =
        resources.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect();
    Node {
        metadata: ObjectMeta { name: Some("node".to_owned()), ..ObjectMeta::default() },
        status: Some(NodeStatus {
            allocatable: Some(resources.clone()),
            capacity: Some(resources),
            ..NodeStatus::default()
        }),
        ..Node::default()
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}
