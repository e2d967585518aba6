//! The ground: a Git server, a hub, and the agents that joined it.

use crate::{
    args::Args,
    hub::Hub,
    sample::{self, REPOSITORY},
    swarm::Seat,
    swarms::Swarms,
    workload::Workload,
};
use anyhow::{Context as _, Result, ensure};
use benches_agent::table::say;
use futures::{StreamExt as _, TryStreamExt as _};
use rand::RngCore as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::{JoinToken, Kind};
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tests_e2e::{
    Tool,
    git::{GitServer, Repository},
};

/// Requests under way at once while the ground is laid.
const AT_ONCE: usize = 64;
/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(900);

/// All of it; it ends with this.
pub(crate) struct Ground {
    // Fields are dropped in this order: clients before servers, processes before their folder.
    pub(crate) agents: Swarms,
    pub(crate) hub: Hub,
    git: GitServer,
    repository: Repository,
    secret: String,
    /// The newest commit.
    commit: String,
    pub(crate) workload: Workload,
    /// How many rollouts each set has had.
    pub(crate) rounds: usize,
    /// How long all agents took to join.
    pub(crate) joined: Duration,
    _folder: TempDir,
}

impl Ground {
    /// Starts everything, and brings every set to its first revision.
    pub(crate) async fn start(args: &Args, workload: Workload, program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("flotilla-bench-").tempdir()?;
        let repository = Repository::create(REPOSITORY)?;
        let git = GitServer::start(repository.root(), None)?;
        let at = args.keep.clone().unwrap_or_else(|| folder.path().to_owned());
        let hub =
            Hub::start(&at.join(format!("{:?}", workload.name).to_lowercase()), args, &tools(&workload)?)
                .await?;
        let seats = seats(&hub, &workload).await?;
        let began = Instant::now();
        let agents = Swarms::start(program, args.processes, &hub.agents(), seats).await?;
        let joined = began.elapsed();
        say(&format!("{} agents joined after {:.1} s", workload.clusters, joined.as_secs_f64()));
        let mut random = [0_u8; 16];
        rand::rng().fill_bytes(&mut random);
        let (secret, commit) = (hex::encode(random), String::new());
        let rounds = 0;
        let mut ground =
            Self { agents, hub, git, repository, secret, commit, workload, rounds, joined, _folder: folder };
        ground.agree().await?;
        if ground.workload.sets > 0 {
            let began = Instant::now();
            ground.write("r0", 0..ground.workload.sets)?;
            ground.repository.push()?;
            ground.sets().await?;
            ground.arrived("r0", ground.workload.sets).await?;
            ground.rounds = 1;
            ground.done().await?;
            say(&format!("the first revision is everywhere after {:.1} s", began.elapsed().as_secs_f64()));
        }
        Ok(ground)
    }

    /// Commits a revision of these sets; nobody sees it before [`Ground::push`].
    pub(crate) fn write(&mut self, revision: &str, sets: std::ops::Range<usize>) -> Result<()> {
        let files: Vec<(String, String)> =
            sets.flat_map(|set| sample::files(&self.workload, set, revision)).collect();
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        self.commit = self.repository.commit(&files)?;
        Ok(())
    }

    /// Publishes what was committed, and tells the hub as a forge does.
    pub(crate) async fn push(&self) -> Result<()> {
        self.repository.push()?;
        let url = self.git.url(REPOSITORY);
        let body = json!({
            "ref": "refs/heads/main", "after": self.commit,
            "repository": {"full_name": format!("bench/{REPOSITORY}"), "clone_url": url, "html_url": url, "default_branch": "main"},
        });
        let body = body.to_string();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, self.secret.as_bytes());
        let signature = hex::encode(ring::hmac::sign(&key, body.as_bytes()));
        let headers = [("x-gitea-event", "push"), ("x-gitea-signature", &signature)];
        let said = self.hub.admin()?.webhook(&headers, body).await?;
        ensure!(said["result"] == "refreshed", "the hub makes nothing of the push: {said}");
        Ok(())
    }

    /// Agrees with the hub on what pushes are signed with.
    async fn agree(&self) -> Result<()> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "argocd-secret", "namespace": "argocd"},
            "stringData": {"webhook.gitea.secret": self.secret},
        });
        self.hub.admin()?.create(Kind::Secret, &secret).await
    }

    async fn sets(&self) -> Result<()> {
        let admin = self.hub.admin()?;
        if self.workload.staged {
            admin.create(Kind::RolloutPolicy, &sample::policy()).await?;
        }
        let url = self.git.url(REPOSITORY);
        let sets = (0..self.workload.sets).map(|set| sample::set(&self.workload, set, &url));
        let created = sets.map(|set| async move { admin.create(Kind::ApplicationSet, &set).await });
        futures::stream::iter(created).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Waits until so many sets' clusters run a revision.
    pub(crate) async fn arrived(&mut self, revision: &str, sets: usize) -> Result<()> {
        let (wanted, began) = (self.workload.members(sets), Instant::now());
        loop {
            let count = self.agents.count(revision).await?;
            if count == wanted {
                return Ok(());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{count} of {wanted} run {revision}\n{}",
                self.hub.complaints().join("\n")
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the agents of all clusters are there.
    pub(crate) async fn connected(&self) -> Result<()> {
        let (wanted, began) = (self.workload.clusters.to_string(), Instant::now());
        loop {
            let metrics = self.hub.admin()?.text("/metrics").await?;
            let count =
                metrics.lines().find_map(|line| line.strip_prefix("flotilla_gateway_agents_connected "));
            if count == Some(&*wanted) {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{count:?} of {wanted} agents are there");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the hub says that every rollout is done; the newest of each set.
    pub(crate) async fn done(&self) -> Result<BTreeMap<String, Value>> {
        let began = Instant::now();
        loop {
            let rollouts = self.hub.admin()?.list(Kind::FleetRollout).await?;
            let done = |rollout: &&Value| rollout["status"]["phase"] == "Done";
            if rollouts.len() >= self.workload.sets && rollouts.iter().all(|rollout| done(&rollout)) {
                return Ok(newest(rollouts));
            }
            let open = rollouts.iter().filter(|rollout| !done(rollout)).count();
            ensure!(began.elapsed() < PATIENCE, "{open} rollouts are not done");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Options of a hub that name the official tools, where the workload has charts; they are built when they are missing.
fn tools(workload: &Workload) -> Result<Vec<String>> {
    if !workload.has_charts() {
        return Ok(Vec::new());
    }
    let helm = Tool::Helm.provide().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(vec!["--helm".to_owned(), helm.display().to_string()])
}

pub(crate) fn newest(rollouts: Vec<Value>) -> BTreeMap<String, Value> {
    let sequence = |rollout: &Value| rollout["spec"]["sequence"].as_u64();
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for rollout in rollouts {
        let owner = rollout["spec"]["owner"]["name"].as_str().unwrap_or_default().to_owned();
        if newest.get(&owner).is_none_or(|known| sequence(known) < sequence(&rollout)) {
            newest.insert(owner, rollout);
        }
    }
    newest
}

/// A token for each cluster, as `flotilla cluster token` makes it.
async fn seats(hub: &Hub, workload: &Workload) -> Result<Vec<Seat>> {
    let admin = hub.admin()?;
    let info = admin.get("/flotilla/v1/info").await?;
    let authority = fingerprint(info["caPem"].as_str().unwrap_or_default())?;
    let expires = shared_runtime::now().checked_add(Duration::from_secs(86_400))?;
    let making = (0..workload.clusters).map(|index| {
        let (labels, authority) = (sample::labels(workload, index), authority.clone());
        async move {
            let cluster = format!("c{index:05}");
            let mut random = [0_u8; 32];
            rand::rng().fill_bytes(&mut random);
            let (id, secret) = (format!("{cluster}-bench"), hex::encode(random));
            let object = json!({
                "apiVersion": "flotilla.dev/v1alpha1", "kind": "EnrollmentToken", "metadata": {"name": id},
                "spec": {
                    "cluster": cluster, "labels": labels, "expires": expires, "authority": authority,
                    "secretHash": hex::encode(Sha256::digest(secret.as_bytes())),
                },
            });
            admin.create(Kind::EnrollmentToken, &object).await?;
            anyhow::Ok(Seat { cluster, token: JoinToken { id, secret, authority }.to_string() })
        }
    });
    futures::stream::iter(making).buffered(AT_ONCE).try_collect().await
}

/// SHA-256 of the first certificate in a PEM text.
fn fingerprint(pem: &str) -> Result<String> {
    use base64::Engine as _;
    let body: String = pem.lines().skip(1).take_while(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).context("the hub's authority")?;
    Ok(hex::encode(Sha256::digest(der)))
}
