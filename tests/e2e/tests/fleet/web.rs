//! The application that the tests roll out, and how.

use anyhow::{Context, Result, bail, ensure};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::DeleteParams,
    runtime::{WatchStreamExt, watcher},
};
use std::{
    pin::pin,
    time::{Duration, Instant},
};
use tests_e2e::{
    ControlPlane, Fleet, History, Options, control_plane, eventually,
    fleet::{SOON, Setup},
};

/// Its namespace and its name on every cluster.
pub(crate) const WEB: &str = "web";
/// Clusters, canary first, with their labels.
pub(crate) const THREE: [(&str, &str); 3] =
    [("eu-1", "env=prod,ring=canary"), ("us-1", "env=prod,ring=rest"), ("us-2", "env=prod,ring=rest")];
pub(crate) const OTHERS: [&str; 2] = ["us-1", "us-2"];
/// Within this time an agent takes back what somebody changed by hand.
pub(crate) const HEALED: Duration = Duration::from_secs(2);

/// Its image in one version.
pub(crate) fn image(tag: &str) -> String {
    format!("shop/web:{tag}")
}

/// Its manifest in one version: a Deployment of two replicas and a ConfigMap.
pub(crate) fn manifest(tag: &str) -> String {
    // A Pod that is never ready makes the Deployment Degraded after this time. Others must not be in a hurry: the
    // machine may be busy.
    let patience = if tag.starts_with("broken") { 2 } else { 600 };
    format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{version: '{tag}'}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {WEB}}}
spec:
  replicas: 2
  progressDeadlineSeconds: {patience}
  selector: {{matchLabels: {{app: {WEB}}}}}
  template:
    metadata: {{labels: {{app: {WEB}}}}}
    spec: {{containers: [{{name: main, image: '{}'}}]}}
",
        image(tag)
    )
}

/// Commits one version and pushes it.
pub(crate) fn push(fleet: &Fleet, tag: &str) -> Result<Instant> {
    fleet.push(&[("web/web.yaml", &manifest(tag))])?;
    Ok(Instant::now())
}

/// A policy of a canary wave and the rest, one by one.
pub(crate) const CAREFUL: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s}
  - {name: rest, maxUpdate: 1, settle: 1s}
";

/// A set of one Application for every cluster with these labels, under the policy.
pub(crate) fn set(fleet: &Fleet, name: &str, labels: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: {name}
  namespace: argocd
  annotations: {{flotilla.dev/rollout-policy: careful}}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators: [{{clusters: {{selector: {{matchLabels: {{{labels}}}}}}}}}]
  template:
    metadata: {{name: '{name}-{{{{.name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: web}}
      destination: {{name: '{{{{.name}}}}', namespace: {name}}}
      syncPolicy:
        automated: {{selfHeal: true, prune: true}}
        syncOptions: [CreateNamespace=true]
",
        fleet.repository_url()
    )
}

/// The control plane, with everything.
pub(crate) const FULL: Options = Options { controllers: true };

/// Three clusters that all run the version `v1`, and the watch on them.
pub(crate) async fn running(control_plane: ControlPlane) -> Result<(Fleet, History)> {
    running_with(control_plane, Setup::default()).await
}

/// As [`running`], with more.
pub(crate) async fn running_with(control_plane: ControlPlane, setup: Setup<'_>) -> Result<(Fleet, History)> {
    let began = Instant::now();
    let mut fleet = Fleet::start_with(control_plane, setup).await?;
    push(&fleet, "v1")?;
    fleet.join(&THREE, FULL).await?;
    println!("a hub and three clusters were there after {:?}", began.elapsed());
    let history = fleet.watch(fleet.clusters(), WEB, WEB).await;
    fleet.apply(CAREFUL).await?;
    fleet.apply(&set(&fleet, WEB, "env: prod")).await?;
    let applied = Instant::now();
    history.runs(SOON, &THREE.map(|(name, _)| name), &image("v1")).await;
    fleet.rollout("web-1", "Done").await;
    println!("the first commit was everywhere after {:?}", applied.elapsed());
    Ok((fleet, history))
}

/// The control plane, or `None` where it cannot be built.
pub(crate) fn ground() -> Option<ControlPlane> {
    control_plane()
}

/// Waits until the newest state of every cluster satisfies `is`.
pub(crate) async fn until(
    history: &History,
    what: &str,
    is: impl Fn(&tests_e2e::history::Seen) -> bool,
    cluster: &str,
) {
    eventually(SOON, what, async || {
        let last = history.last(cluster);
        anyhow::ensure!(last.as_ref().is_some_and(&is), "{history:?}");
        Ok(())
    })
    .await;
}

/// Somebody deletes the ConfigMap: how long until it is there again, with what belongs in it.
pub(crate) async fn heals_a_deletion(fleet: &Fleet, cluster: &str) -> Result<Duration> {
    let took = comes_back(fleet, cluster).await?;
    ensure!(took < HEALED, "back only after {took:?}");
    Ok(took)
}

/// As [`heals_a_deletion`], of what may have been healed a moment ago: the agent waits longer before it writes the
/// same object again.
pub(crate) async fn comes_back(fleet: &Fleet, cluster: &str) -> Result<Duration> {
    let maps: Api<ConfigMap> = Api::namespaced(fleet.cluster(cluster).client(), WEB);
    let before = maps.get("settings").await?;
    let changes = watcher(maps.clone(), watcher::Config::default().fields("metadata.name=settings"));
    let mut changes = pin!(changes.applied_objects());
    let deleted = Instant::now();
    maps.delete("settings", &DeleteParams::default()).await?;
    let back = async {
        while let Some(map) = changes.try_next().await? {
            if map.metadata.uid != before.metadata.uid {
                ensure!(map.data == before.data, "it came back with {:?}", map.data);
                return Ok(deleted.elapsed());
            }
        }
        bail!("the watch ended")
    };
    tokio::time::timeout(SOON, back).await.context("the ConfigMap did not come back")?
}
