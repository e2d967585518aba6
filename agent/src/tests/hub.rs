//! A real gateway over a store in memory, and agents that join it.

use super::kubernetes::Kubernetes;
use crate::{Agent, Ceiling, Cluster, Config, Error, LinkConfig, Metrics, Place, Reach, status::Status};
use hub_gateway::{Authority, Gateway};
use hub_records::{Bundles, Records, keys};
use hub_store::Memory;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_manifest::{Bundle, Manifest};
use shared_model::*;
use shared_rollout::{Assigned, Order};
use shared_runtime::Tasks;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

pub(super) struct Hub {
    pub(super) records: Records,
    pub(super) authority: Arc<Authority>,
    pub(super) address: String,
    pub(super) folder: TempDir,
    pub(super) tasks: Tasks,
    pub(super) links: hub_gateway::Links,
    bundles: Bundles,
}

pub(super) fn app() -> AppKey {
    AppKey::new("argocd", "orders")
}

pub(super) fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

/// The path of a ConfigMap in the namespace of [`app`].
pub(super) fn path(name: &str) -> String {
    format!("/api/v1/namespaces/shop/configmaps/{name}")
}

impl Hub {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(Arc::new(Memory::new(hub_store::Config::default())));
        Self::start_with(records, folder, "127.0.0.1:0").await
    }

    /// A hub on an address, with what another one left.
    pub(super) async fn start_with(records: Records, folder: TempDir, listen: &str) -> Self {
        shared_runtime::install_crypto();
        let now = shared_runtime::now();
        let authority = Arc::new(Authority::open(&folder.path().join("ca"), "test", now).unwrap());
        let bundles = Bundles::open(&folder.path().join("bundles")).unwrap();
        let tasks = Tasks::new();
        let config = hub_gateway::Config {
            listen: listen.parse().unwrap(),
            names: vec!["127.0.0.1".into()],
            keepalive: hub_gateway::KEEPALIVE,
            lost_after: hub_gateway::LOST_AFTER,
            tracing: shared_runtime::otlp::Tracing::default(),
            metrics: hub_gateway::Metrics::default(),
        };
        let gateway =
            Gateway::build(config, Arc::clone(&authority), records.clone(), bundles.clone(), tasks.clone())
                .await
                .unwrap();
        let address = gateway.address.to_string();
        Self { records, authority, address, folder, tasks, links: gateway.links, bundles }
    }

    /// Stops, keeping everything but the process.
    pub(super) async fn stop(self) -> (Records, TempDir, String) {
        assert!(self.tasks.drain(Duration::from_secs(10)).await);
        (self.records, self.folder, self.address)
    }

    /// A token that lets `cluster` join within so many seconds.
    pub(super) async fn token(&self, cluster: &str, seconds: i64) -> JoinToken {
        self.make_token(cluster, seconds, false).await
    }

    /// A token that replaces the identity of a cluster that has joined.
    pub(super) async fn reenrol(&self, cluster: &str) -> JoinToken {
        self.make_token(cluster, 60, true).await
    }

    async fn make_token(&self, cluster: &str, seconds: i64, reenrol: bool) -> JoinToken {
        let id = format!("t-{}", uuid::Uuid::new_v4());
        let expires = shared_runtime::now().checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        let object = json!({
            "metadata": {"name": id},
            "spec": {"cluster": cluster, "secretHash": hex::encode(Sha256::digest(b"secret")), "expires": expires, "reenrol": reenrol},
        });
        self.records.create(Kind::EnrollmentToken, object, shared_runtime::now()).await.unwrap();
        JoinToken { id, secret: "secret".into(), authority: self.authority.fingerprint() }
    }

    /// Makes a release of these objects; its id.
    pub(super) async fn release(
        &self,
        objects: &[Value],
        change: impl FnOnce(&mut ReleaseSpec),
    ) -> ReleaseId {
        let manifests = objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
        let (bundle, _) = Bundle::new(manifests);
        let bytes = bundle.to_bytes();
        let digest = self.bundles.put(&bytes).unwrap();
        let mut spec = ReleaseSpec {
            application: app(),
            bundle: digest,
            bundle_bytes: bytes.len() as u64,
            namespace: "shop".into(),
            project: "default".into(),
            sync_policy: SyncPolicy::default(),
            ignore_differences: Vec::new(),
            self_heal: true,
            prune: true,
            revisions: Vec::new(),
            versions: Vec::new(),
        };
        change(&mut spec);
        self.records.write(&keys::release(&spec.id()), &spec).await.unwrap();
        spec.id()
    }

    pub(super) async fn assign(&self, cluster: &str, generation: u64, objects: &[Value]) -> ReleaseId {
        let release = self.release(objects, |_| {}).await;
        let at = shared_runtime::now();
        self.order(cluster, generation, Order::Run { release, rollout: RolloutName::new("r"), at }).await;
        release
    }

    pub(super) async fn order(&self, cluster: &str, generation: u64, order: Order) {
        let position = Position { incarnation: 1, generation };
        let assigned = Assigned { position, order, proof: None, adopted: None };
        self.records.write(&keys::assignment(&ClusterName::new(cluster), &app()), &assigned).await.unwrap();
    }

    /// Changes the Cluster's spec.
    pub(super) async fn edit_cluster(&self, cluster: &str, edit: impl Fn(&mut Value) + Send + Sync) {
        let change = |stored: &Value| {
            let mut object = stored.clone();
            edit(&mut object["spec"]);
            Some(object)
        };
        self.records.modify(Kind::Cluster, "", cluster, change).await.unwrap();
    }

    /// Waits until a record says what is wished.
    pub(super) async fn until(&self, key: &str, wish: impl Fn(&Value) -> bool) -> Value {
        let store = self.records.store();
        let revision = store.list(key, hub_store::Page::default()).await.unwrap().revision;
        let mut watch = store.watch(key, revision).await.unwrap();
        let wished = async {
            loop {
                if let Some((found, _)) = self.records.read::<Value>(key).await.unwrap()
                    && wish(&found)
                {
                    return found;
                }
                watch.next().await.unwrap().unwrap();
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), wished).await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("{key}: {:#?}", self.records.read::<Value>(key).await),
        }
    }

    /// Waits for an observation.
    pub(super) async fn observed(&self, cluster: &str, wish: impl Fn(&Value) -> bool) -> Value {
        self.until(&keys::observation(&ClusterName::new(cluster), &app()), wish).await
    }

    /// Waits until an application is applied at a generation.
    pub(super) async fn succeeded(&self, cluster: &str, generation: u64) -> Value {
        self.observed(cluster, |seen| {
            seen["position"]["generation"] == generation
                && seen["phase"] == "Succeeded"
                && seen["sync"] == "Synced"
        })
        .await
    }
}

/// An agent's surroundings: a cluster and a data folder.
pub(super) struct Spoke {
    pub(super) kubernetes: Kubernetes,
    pub(super) folder: TempDir,
}

impl Spoke {
    pub(super) fn new(uid: &str) -> Self {
        Self { kubernetes: Kubernetes::new(uid), folder: tempfile::tempdir().unwrap() }
    }

    /// Where its agent keeps everything.
    pub(super) fn place(&self) -> Place {
        self.folder.path().to_owned().into()
    }

    pub(super) async fn start(&self, hub: &str, token: Option<JoinToken>) -> Result<(Agent, Tasks), Error> {
        self.start_with(LinkConfig::of(hub), token).await
    }

    pub(super) async fn start_with(
        &self,
        link: LinkConfig,
        token: Option<JoinToken>,
    ) -> Result<(Agent, Tasks), Error> {
        shared_runtime::install_crypto();
        let config = Config {
            link,
            token,
            place: self.place(),
            ceiling: Ceiling::default(),
            metrics: Metrics::default(),
            traces: shared_runtime::otlp::Choice::default(),
            sops_keys: None,
            sops_reach: Reach::Bound,
        };
        let tasks = Tasks::new();
        let cluster = Cluster::from_service(self.kubernetes.clone(), "default");
        Agent::build(config, cluster, &tasks).await.map(|agent| (agent, tasks))
    }
}

impl Spoke {
    /// An agent that is counted.
    pub(super) async fn start_on(
        &self,
        cluster: Cluster,
        metrics: Metrics,
        hub: &str,
        token: JoinToken,
    ) -> Tasks {
        shared_runtime::install_crypto();
        let (link, token) = (LinkConfig::of(hub), Some(token));
        let config = Config {
            link,
            token,
            place: self.place(),
            ceiling: Ceiling::default(),
            metrics,
            traces: shared_runtime::otlp::Choice::default(),
            sops_keys: None,
            sops_reach: Reach::Bound,
        };
        let tasks = Tasks::new();
        Agent::build(config, cluster, &tasks).await.unwrap();
        tasks
    }

    /// Waits until the status file says what is wished.
    pub(super) async fn status(&self, wish: impl Fn(&Status) -> bool) -> Status {
        let wished = async {
            loop {
                let found = crate::status::read(&self.place()).ok().flatten().filter(&wish);
                if let Some(status) = found {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(30), wished).await;
        found.unwrap_or_else(|_| panic!("{:#?}", crate::status::read(&self.place())))
    }
}

/// Ends an agent.
pub(super) async fn end(tasks: &Tasks) {
    assert!(tasks.drain(Duration::from_secs(10)).await);
}
