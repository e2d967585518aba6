//! What is rolled out: files in Git, objects on the hub.

use crate::workload::{Files, Workload};
use serde_json::{Value, json};

/// The name of the repository on its server.
pub(crate) const REPOSITORY: &str = "fleet";
const POLICY: &str = "stages";

/// The files of set number `set` at a revision.
pub(crate) fn files(workload: &Workload, set: usize, revision: &str) -> Vec<(String, String)> {
    let map = |bytes: usize| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  revision: {revision:?}\n  text: {}\n",
            "x".repeat(bytes)
        )
    };
    let name = name(set);
    match workload.files {
        Files::Stack => vec![
            (
                format!("{name}/namespace.yaml"),
                format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n"),
            ),
            (format!("{name}/settings.yaml"), map(1000)),
            (format!("{name}/deployment.yaml"), deployment()),
        ],
        Files::Map => vec![(format!("{name}/settings.yaml"), map(2000))],
        Files::Chart { own } => {
            let mut files = vec![
                (format!("{name}/Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n")),
                (format!("{name}/values.yaml"), format!("revision: {revision:?}\nlength: 2000\n")),
                (format!("{name}/templates/settings.yaml"), TEMPLATE.to_owned()),
                (format!("{name}/templates/deployment.yaml"), deployment()),
            ];
            let clusters = if own { 0..workload.group } else { 0..0 };
            files.extend(
                clusters.map(|cluster| {
                    (format!("values/c{cluster:05}.yaml"), format!("color: 'blue-{cluster}'\n"))
                }),
            );
            files
        }
    }
}

/// The ConfigMap of a chart.
const TEMPLATE: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  labels: {release: {{ .Release.Name }}}
data:
  revision: {{ .Values.revision | quote }}
  color: {{ .Values.color | default \"grey\" | quote }}
  text: {{ repeat (int .Values.length) \"x\" }}
";

fn deployment() -> String {
    "apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 0
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: registry.example.com/web:1.0
"
    .to_owned()
}

/// The labels of cluster number `index`: its group, and its stage within that.
pub(crate) fn labels(workload: &Workload, index: usize) -> Value {
    let within = index % workload.group;
    // Of a hundred clusters 20, 30 and 50.
    let stage = match within * 100 / workload.group {
        0..20 => "1",
        20..50 => "2",
        _ => "3",
    };
    json!({"group": format!("g{}", index / workload.group), "stage": stage})
}

/// The policy of three stages, half of each at a time.
pub(crate) fn policy() -> Value {
    let wave = |stage: &str| {
        json!({
            "name": format!("stage-{stage}"), "match": {"matchLabels": {"stage": stage}},
            "maxUpdate": "50%", "settle": "0s", "deadline": "10m",
        })
    };
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "RolloutPolicy",
        "metadata": {"name": POLICY, "namespace": "argocd"},
        "spec": {"waves": [wave("1"), wave("2"), wave("3")]},
    })
}

pub(crate) fn name(set: usize) -> String {
    format!("app-{set}")
}

/// The ApplicationSet number `set`: one Application on each cluster of its group.
pub(crate) fn set(workload: &Workload, set: usize, repository: &str) -> Value {
    let name = name(set);
    let groups = workload.clusters.div_ceil(workload.group);
    let mut metadata = json!({"name": name, "namespace": "argocd"});
    if workload.staged {
        metadata["annotations"] = json!({"flotilla.dev/rollout-policy": POLICY});
    }
    let options = match workload.files {
        Files::Stack => json!([]),
        Files::Map | Files::Chart { .. } => json!(["CreateNamespace=true"]),
    };
    let mut source = json!({"repoURL": repository, "targetRevision": "main", "path": name});
    match workload.files {
        Files::Chart { own: true } => {
            source["helm"] = json!({"releaseName": name, "valueFiles": ["../values/{{.name}}.yaml"]});
        }
        Files::Chart { own: false } => source["helm"] = json!({"releaseName": name}),
        Files::Stack | Files::Map => {}
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": metadata,
        "spec": {
            "goTemplate": true,
            "generators": [{"clusters": {"selector": {"matchLabels": {"group": format!("g{}", set % groups)}}}}],
            "template": {
                "metadata": {"name": format!("{name}-{{{{.name}}}}")},
                "spec": {
                    "project": "default",
                    "source": source,
                    "destination": {"name": "{{.name}}", "namespace": name},
                    "syncPolicy": {"automated": {"prune": true, "selfHeal": true}, "syncOptions": options},
                },
            },
        },
    })
}
