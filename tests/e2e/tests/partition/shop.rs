//! The application of these tests: thirteen objects of eleven kinds, what people do to them, and how it is seen
//! that all is as before.

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};
use tests_e2e::{Cluster, Fleet, eventually, fleet::SOON, record::Kinds};

/// Its namespace.
pub(crate) const SHOP: &str = "shop";
/// What it has of each kind: `Kind/name`.
pub(crate) const OBJECTS: [&str; 13] = [
    "ConfigMap/settings-1",
    "ConfigMap/settings-2",
    "ConfigMap/settings-3",
    "ConfigMap/settings-4",
    "Secret/credentials",
    "Service/web",
    "ServiceAccount/web",
    "Role/reader",
    "RoleBinding/reader",
    "Deployment/web",
    "NetworkPolicy/web",
    "LimitRange/limits",
    "PodDisruptionBudget/web",
];
/// All kinds that it has, or had.
pub(crate) const KINDS: Kinds<'static> = &[
    ("", "v1", &["ConfigMap", "Secret", "Service", "ServiceAccount", "LimitRange"]),
    ("apps", "v1", &["Deployment"]),
    ("networking.k8s.io", "v1", &["NetworkPolicy"]),
    ("policy", "v1", &["PodDisruptionBudget"]),
    ("rbac.authorization.k8s.io", "v1", &["Role", "RoleBinding"]),
];
/// What nobody may read in a log.
pub(crate) const PASSWORD: &str = "correct-horse-battery";

/// Its manifests in one version, without those named.
pub(crate) fn manifests(version: &str, without: &[&str]) -> String {
    use base64::Engine as _;
    let password = base64::prelude::BASE64_STANDARD.encode(PASSWORD);
    let mut documents = Vec::new();
    for number in 1..=4 {
        documents.push((
            format!("ConfigMap/settings-{number}"),
            format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings-{number}}}\ndata: {{version: {version}, keep: me}}"
            ),
        ));
    }
    let rest = [
        ("Secret/credentials", format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: credentials}}\ndata: {{password: {password}}}")),
        ("Service/web", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}".to_owned()),
        ("ServiceAccount/web", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\nautomountServiceAccountToken: false".to_owned()),
        ("Role/reader", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: reader}\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]".to_owned()),
        ("RoleBinding/reader", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: reader}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\nsubjects: [{kind: ServiceAccount, name: web, namespace: shop}]".to_owned()),
        ("Deployment/web", format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: 2\n  selector: {{matchLabels: {{app: web}}}}\n  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: main, image: 'shop/web:{version}'}}]}}}}")),
        ("NetworkPolicy/web", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}".to_owned()),
        ("LimitRange/limits", "apiVersion: v1\nkind: LimitRange\nmetadata: {name: limits}\nspec: {limits: [{type: Container, default: {cpu: 100m}, defaultRequest: {cpu: 10m}}]}".to_owned()),
        ("PodDisruptionBudget/web", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: web}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}".to_owned()),
    ];
    documents.extend(rest.map(|(name, document)| (name.to_owned(), document)));
    let kept = documents.into_iter().filter(|(name, _)| !without.contains(&name.as_str()));
    kept.map(|(_, document)| document).collect::<Vec<_>>().join("\n---\n")
}

/// What somebody writes over the password, as the Secret has it.
pub(crate) const BY_HAND: &str = "YnktaGFuZA==";

/// Ten edits: what, and a merge patch.
const EDITS: [(&str, &str); 10] = [
    ("configmap/settings-1", r#"{"data":{"version":"by-hand"}}"#),
    ("configmap/settings-2", r#"{"data":{"keep":null}}"#),
    ("secret/credentials", r#"{"data":{"password":"YnktaGFuZA=="}}"#),
    ("service/web", r#"{"spec":{"ports":[{"port":80,"targetPort":6666}]}}"#),
    ("serviceaccount/web", r#"{"automountServiceAccountToken":true}"#),
    ("role/reader", r#"{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}"#),
    ("rolebinding/reader", r#"{"subjects":[{"kind":"User","name":"mallory"}]}"#),
    ("deployment/web", r#"{"spec":{"replicas":5}}"#),
    ("networkpolicy/web", r#"{"spec":{"podSelector":{"matchLabels":{"app":"other"}}}}"#),
    ("limitrange/limits", r#"{"spec":{"limits":[{"type":"Container","default":{"cpu":"9"}}]}}"#),
];
/// And what is deleted.
pub(crate) const DELETED: &str = "ConfigMap/settings-3";

/// Somebody edits ten objects of the application and deletes one, with kubectl.
pub(crate) async fn tamper(cluster: &Cluster) -> Result<()> {
    let deleted = DELETED.to_lowercase();
    let arguments = ["delete", &deleted, "--namespace", SHOP];
    let delete = cluster.kubectl(&arguments);
    let edits = EDITS.map(|(object, patch)| async move {
        let patched = ["patch", object, "--namespace", SHOP, "--type=merge", "--patch", patch];
        let said = cluster.kubectl(&patched).await?;
        ensure!(!said.contains("no change"), "{said}");
        Ok(())
    });
    let (deleted, _) = futures::try_join!(delete, futures::future::try_join_all(edits))?;
    ensure!(deleted.contains("deleted"), "{deleted}");
    Ok(())
}

/// The application's objects on a cluster, as their owner means them: without what the API server adds and counts.
pub(crate) async fn objects(cluster: &Cluster) -> Result<BTreeMap<String, Value>> {
    let all: Vec<String> = KINDS
        .iter()
        .flat_map(|(group, version, kinds)| {
            let rest = if group.is_empty() { String::new() } else { format!(".{version}.{group}") };
            kinds.iter().map(move |kind| format!("{}{rest}", kind.to_lowercase()))
        })
        .collect();
    let text = cluster.kubectl(&["get", &all.join(","), "--namespace", SHOP, "--output=json"]).await?;
    let mut list: Value = serde_json::from_str(&text)?;
    let items = list["items"].as_array_mut().context("kubectl gives a list")?;
    let mut found = BTreeMap::new();
    for object in items {
        let name = format!("{}/{}", text_at(object, "/kind"), text_at(object, "/metadata/name"));
        if !object["metadata"]["labels"]["flotilla.dev/owner"].is_string() {
            continue;
        }
        for counted in ["resourceVersion", "generation", "uid", "creationTimestamp", "managedFields"] {
            object["metadata"].as_object_mut().context("metadata")?.remove(counted);
        }
        let whole = object.as_object_mut().context("an object")?;
        whole.remove("status");
        if let Some(annotations) = whole["metadata"]["annotations"].as_object_mut() {
            // The Deployment controller's.
            annotations.remove("deployment.kubernetes.io/revision");
        }
        if let Some(spec) = whole.get_mut("spec").and_then(Value::as_object_mut) {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        found.insert(name, object.take());
    }
    Ok(found)
}

fn text_at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The version that the objects of a cluster say they are of: all of the application's, and no other object.
pub(crate) async fn has(
    cluster: &Cluster,
    version: &str,
    without: &[&str],
) -> Result<BTreeMap<String, Value>> {
    let found = objects(cluster).await?;
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let mut wanted = OBJECTS.to_vec();
    wanted.retain(|object| !without.contains(object));
    wanted.sort_unstable();
    ensure!(names == wanted, "{} has {names:?}", cluster.name());
    for (name, object) in &found {
        if name.starts_with("ConfigMap/") {
            ensure!(object["data"]["version"] == version, "{}: {name} is {}", cluster.name(), object["data"]);
        }
    }
    Ok(found)
}

/// Waits until a cluster has that version.
pub(crate) async fn runs(cluster: &Cluster, version: &str, without: &[&str]) -> BTreeMap<String, Value> {
    let what = format!("{} runs {version}", cluster.name());
    eventually(SOON, &what, async || has(cluster, version, without).await).await
}

/// Waits until the objects of a cluster are as they were.
pub(crate) async fn is_back(within: Duration, cluster: &Cluster, before: &BTreeMap<String, Value>) {
    eventually(within, &format!("{} is as it was", cluster.name()), async || {
        let now = objects(cluster).await?;
        for (name, was) in before {
            match now.get(name) {
                Some(is) if is == was => {}
                Some(is) => bail!("{name} is {is}\nand was {was}"),
                None => bail!("{name} is not there"),
            }
        }
        ensure!(now.len() == before.len(), "there is more than there was: {:?}", now.keys());
        Ok(())
    })
    .await;
}

/// Canary first, and whoever is away is waited for.
pub(crate) const POLICY: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}, settle: 1s, deadline: 30m}
  - {name: rest, settle: 1s, deadline: 30m}
  unreachable: {after: 30m, action: Wait}
";

/// One Application for every cluster, from a folder of the repository. Without a policy all of them are one wave.
pub(crate) fn set(fleet: &Fleet, name: &str, path: &str, namespace: &str, policy: Option<&str>) -> String {
    let annotations =
        policy.map(|policy| format!("\n  annotations: {{flotilla.dev/rollout-policy: {policy}}}"));
    let annotations = annotations.unwrap_or_default();
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: {name}
  namespace: argocd{annotations}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators: [{{clusters: {{selector: {{matchLabels: {{env: prod}}}}}}}}]
  template:
    metadata: {{name: '{name}-{{{{.name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: {path}}}
      destination: {{name: '{{{{.name}}}}', namespace: {namespace}}}
      syncPolicy:
        automated: {{selfHeal: true, prune: true}}
        syncOptions: [CreateNamespace=true]
",
        fleet.repository_url()
    )
}

/// The time of the first line of a log that says all of `parts`.
pub(crate) fn logged(log: &str, parts: &[&str]) -> Option<Timestamp> {
    let line = log.lines().find(|line| parts.iter().all(|part| line.contains(part)))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many lines of a log are of WARN or ERROR.
pub(crate) fn alarms(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains(" WARN ") || line.contains("ERROR ")).collect()
}

/// A smaller application: two ConfigMaps.
pub(crate) fn maps(version: &str) -> String {
    let map = |name| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{version: {version}}}\n")
    };
    format!("{}---\n{}", map("one"), map("two"))
}

/// Somebody edits one of them and deletes the other.
pub(crate) async fn tamper_maps(cluster: &Cluster) -> Result<()> {
    let edit = ["patch", "configmap", "one", "--namespace=shop", "--type=merge", "--patch"];
    cluster.kubectl(&[&edit[..], &[r#"{"data":{"version":"by-hand"}}"#]].concat()).await?;
    cluster.kubectl(&["delete", "configmap", "two", "--namespace=shop"]).await?;
    Ok(())
}

/// Waits until a cluster has both in that version.
pub(crate) async fn runs_maps(cluster: &Cluster, version: &str) {
    eventually(SOON, &format!("{} runs {version}", cluster.name()), async || {
        let path = "--output=jsonpath={.items[*].data.version}";
        let versions = cluster.kubectl(&["get", "configmaps", "--namespace=shop", path]).await?;
        ensure!(versions == format!("{version} {version}"), "{versions}");
        Ok(())
    })
    .await;
}
