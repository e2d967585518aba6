//! Three clusters in two regions, and a hub that has the official tools.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use std::collections::BTreeMap;
use tests_e2e::{
    ControlPlane, Fleet, Options, Tool, control_plane, eventually,
    fleet::{SOON, Setup},
};

/// Clusters with their labels.
pub(crate) const THREE: [(&str, &str); 3] =
    [("eu-1", "region=eu"), ("us-1", "region=us"), ("us-2", "region=us")];

/// What the tests stand on, or `None` where it cannot be built.
pub(crate) fn ground() -> Option<(ControlPlane, Vec<String>)> {
    let control_plane = control_plane()?;
    let (helm, kustomize) = (Tool::Helm.path()?, Tool::Kustomize.path()?);
    let options =
        ["--helm".into(), helm.display().to_string(), "--kustomize".into(), kustomize.display().to_string()];
    Some((control_plane, options.into()))
}

/// A hub with the tools and these options, and the three clusters.
pub(crate) async fn fleet(control_plane: ControlPlane, options: &[String], agents: &[&str]) -> Result<Fleet> {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let setup = Setup { hub: &options, agents, ..Setup::default() };
    let mut fleet = Fleet::start_with(control_plane, setup).await?;
    fleet.join(&THREE, Options::default()).await?;
    Ok(fleet)
}

/// An ApplicationSet of one Application for each cluster.
pub(crate) fn set(name: &str, sources: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: {name}, namespace: argocd}}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators: [{{clusters: {{selector: {{matchExpressions: [{{key: region, operator: Exists}}]}}}}}}]
  template:
    metadata: {{name: '{name}-{{{{.name}}}}'}}
    spec:
      project: default
      {sources}
      destination: {{name: '{{{{.name}}}}', namespace: {name}}}
      syncPolicy:
        automated: {{selfHeal: true, prune: true}}
        syncOptions: [CreateNamespace=true]
"
    )
}

/// What a ConfigMap of a cluster holds.
pub(crate) async fn data(
    fleet: &Fleet,
    cluster: &str,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<String, String>> {
    let maps: Api<ConfigMap> = Api::namespaced(fleet.cluster(cluster).client(), namespace);
    maps.get(name).await?.data.context("it holds something")
}

/// Waits until a ConfigMap of a cluster holds this.
pub(crate) async fn holds(
    fleet: &Fleet,
    cluster: &str,
    (namespace, name): (&str, &str),
    expected: &[(&str, &str)],
) {
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    eventually(SOON, &format!("{namespace}/{name} of {cluster} holds {expected:?}"), async || {
        let conditions =
            fleet.kubectl(&["get", "applications", "-A", "--output=jsonpath={.items[*].status.conditions}"]);
        let found = data(fleet, cluster, namespace, name).await;
        if let Ok(found) = &found
            && *found == expected
        {
            return Ok(());
        }
        let conditions = conditions.await?;
        ensure!(false, "{found:?}; {conditions}");
        Ok(())
    })
    .await;
}

/// How many sources the hub has rendered.
pub(crate) async fn renderings(fleet: &Fleet) -> Result<u64> {
    let metrics = fleet.kubectl(&["get", "--raw", "/metrics"]).await?;
    let counts = metrics.lines().filter(|line| line.starts_with("flotilla_render_seconds_count"));
    Ok(counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum())
}
