//! One cluster, its hub, its agent on a way that counts, and the applications that are tampered with.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tests_e2e::{Cluster, ControlPlane, Fleet, Options, Way, eventually, fleet::SOON};

/// The cluster.
pub(crate) const EU: &str = "eu-1";
/// The user that the agent is in its cluster.
pub(crate) const AGENT: &str = "system:serviceaccount:flotilla:agent";

/// Requests that an honest heal may make in no time: a read and a write for each object, and watches that begin anew.
const AT_ONCE: f64 = 30.0;

/// What the agent may do while it only observes.
const READER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: flotilla}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent, namespace: flotilla}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: looks-only}
rules: [{apiGroups: ['*'], resources: ['*'], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: looks-only}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: looks-only}
subjects: [{kind: ServiceAccount, name: agent, namespace: flotilla}]
";

/// What `deploy/agent.yaml` binds.
pub(crate) const WRITER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: agent}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, name: agent, namespace: flotilla}]
";

/// A folder of manifests for each application, by its name.
const MANIFESTS: [(&str, &str); 12] = [
    ("objects/all.yaml", crate::objects::MANIFEST),
    ("others/all.yaml", crate::objects::OTHERS),
    ("immutable/all.yaml", crate::objects::IMMUTABLE),
    ("kinds/all.yaml", crate::kinds::MANIFEST),
    ("gone/all.yaml", crate::namespaces::MANIFEST),
    ("brought/all.yaml", crate::namespaces::BROUGHT),
    ("stuck/all.yaml", crate::finalizers::MANIFEST),
    ("policy/all.yaml", crate::refusals::MANIFEST),
    ("one/all.yaml", crate::shared::ONE),
    ("two/all.yaml", crate::shared::TWO),
    ("waves/all.yaml", crate::waves::MANIFEST),
    ("trouble/all.yaml", crate::outages::MANIFEST),
];

/// Name, folder and namespace of the applications; a set makes that of `waves`.
const APPLICATIONS: [(&str, &str); 11] = [
    ("objects", "objects"),
    ("others", "others"),
    ("immutable", "immutable"),
    ("kinds", "kinds"),
    ("gone", "gone"),
    ("brought", "brought"),
    ("stuck", "stuck"),
    ("policy", "policy"),
    ("one", "shared"),
    ("two", "shared"),
    ("trouble", "trouble"),
];

#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) fleet: Fleet,
    pub(crate) way: Way,
}

impl Ground {
    /// A hub and a cluster whose agent may look and nothing else.
    pub(crate) async fn start(control_plane: ControlPlane) -> Result<Self> {
        let mut fleet = Fleet::start(control_plane).await?;
        fleet.push(&[("observed/all.yaml", crate::observe::MANIFEST)])?;
        let cluster = Cluster::start(control_plane, EU, Options { controllers: true }).await?;
        cluster.apply(READER).await?;
        let token = cluster.kubectl(&["create", "token", "agent", "--namespace=flotilla"]).await?;
        let way = Way::to(&cluster, token.trim()).await?;
        fleet.join_by(cluster, "env=prod", way.kubeconfig()).await?;
        Ok(Self { fleet, way })
    }

    /// Pushes all manifests and waits until every application runs.
    pub(crate) async fn deploy(&self) -> Result<()> {
        self.fleet.push(&MANIFESTS)?;
        let all: Vec<String> =
            APPLICATIONS.iter().map(|(name, namespace)| self.application(name, namespace)).collect();
        self.fleet.apply(&all.join("---")).await?;
        self.fleet.apply(&crate::waves::set(&self.fleet, "")).await?;
        for (name, _) in APPLICATIONS.iter().filter(|(_, namespace)| *namespace != "shared") {
            self.is_settled(name).await;
        }
        self.is_settled("waves-eu-1").await;
        Ok(())
    }

    /// An Application of the folder that is called as it is.
    pub(crate) fn application(&self, name: &str, namespace: &str) -> String {
        format!(
            "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: '{}', targetRevision: main, path: {name}}}
  destination: {{name: {EU}, namespace: {namespace}}}
  syncPolicy:
    automated: {{selfHeal: true, prune: true}}
    syncOptions: [CreateNamespace=true]
",
            self.fleet.repository_url()
        )
    }

    /// The cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        self.fleet.cluster(EU)
    }

    /// Its administrator at work.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.cluster().kubectl(arguments).await
    }

    /// An object of the cluster.
    pub(crate) async fn object(&self, namespace: &str, kind: &str, name: &str) -> Result<Value> {
        let namespace = format!("--namespace={namespace}");
        let text = self.kubectl(&["get", kind, name, &namespace, "--output=json"]).await?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Patches an object as somebody who knows no Git.
    pub(crate) async fn patch(&self, namespace: &str, object: &str, patch: &str) -> Result<()> {
        let namespace = format!("--namespace={namespace}");
        self.kubectl(&["patch", object, &namespace, "--type=merge", "--patch", patch]).await?;
        Ok(())
    }

    /// An application's status on the hub.
    pub(crate) async fn status(&self, name: &str) -> Result<Value> {
        Ok(self.fleet.object("application", name).await?["status"].clone())
    }

    /// Waits until an application is as Git says, all of it, with nothing to complain of.
    pub(crate) async fn is_settled(&self, name: &str) {
        eventually(SOON, &format!("{name} is as Git says"), async || {
            let status = self.status(name).await?;
            let operation = &status["operationState"];
            let settled = status["sync"]["status"] == "Synced" && operation["phase"] == "Succeeded";
            ensure!(settled && operation["message"] == "", "{status:#}");
            Ok(())
        })
        .await;
    }

    /// Waits until an application's message on the hub has all these parts.
    pub(crate) async fn says(&self, name: &str, parts: &[&str]) -> String {
        eventually(SOON, &format!("{name} says {parts:?}"), async || {
            let status = self.status(name).await?;
            let message = status["operationState"]["message"].as_str().unwrap_or_default();
            ensure!(parts.iter().all(|part| message.contains(part)), "{status:#}");
            Ok(message.to_owned())
        })
        .await
    }

    /// Waits until a field of an object of the cluster is so.
    pub(crate) async fn becomes(&self, namespace: &str, kind: &str, name: &str, pointer: &str, value: Value) {
        eventually(SOON, &format!("{kind} {namespace}/{name} has {value} at {pointer}"), async || {
            let object = self.object(namespace, kind, name).await?;
            ensure!(object.pointer(pointer) == Some(&value), "{object:#}");
            Ok(())
        })
        .await;
    }

    /// Waits until the agent has asked often enough since the mark for paths that contain `path`, and says how often that
    /// was.
    ///
    /// The bound is some at once and some each second, and not on time, so that neither a slow nor a quick machine
    /// matters; a loop without a wait makes hundreds.
    pub(crate) async fn stays_polite(
        &self,
        mark: usize,
        tries: usize,
        path: &str,
        a_second: f64,
    ) -> Result<()> {
        let from = Instant::now();
        let asked = eventually(SOON, &format!("{tries} tries of {path}"), async || {
            let mut asked = self.way.since(mark);
            asked.retain(|asked| asked.path.contains(path));
            ensure!(asked.len() >= tries, "only {asked:#?}");
            Ok(asked)
        })
        .await;
        let since = asked.first().map_or(from, |first| first.at);
        let seconds = since.elapsed().max(Duration::from_secs(1)).as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a few hundred requests")]
        let count = asked.len() as f64;
        println!("{path}: {count} requests in {seconds:.1} s");
        ensure!(count <= AT_ONCE + a_second * seconds, "{count} requests in {seconds:.1} s: {asked:#?}");
        Ok(())
    }

    /// The agent that was started first still runs, or the one that a test started after it killed it.
    pub(crate) fn agent_never_restarted(&self) -> Result<()> {
        ensure!(self.fleet.agent_runs(EU), "the agent has ended");
        let log = std::fs::read_to_string(self.fleet.agent_folder(EU).join(format!("agent-{EU}.log")))
            .context("read the agent's log")?;
        ensure!(!log.contains("failed inside the agent"), "{log}");
        Ok(())
    }
}
