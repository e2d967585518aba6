//! What the demo rolls out, and how: files in Git, objects on the hub.

use crate::repository::BRANCH;

/// The namespace of the objects on the hub.
pub(crate) const NAMESPACE: &str = shared_model::DEFAULT_NAMESPACE;
/// The ApplicationSet's name.
pub(crate) const SET: &str = "shop";
/// The RolloutPolicy's name.
const POLICY: &str = "careful";
/// The wave of the first cluster.
pub(crate) const CANARY: &str = "canary";

/// A state of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Where the demo starts.
    First,
    /// A good change.
    Second,
    /// A change whose `web` never becomes ready.
    Broken,
}

impl Version {
    /// The commit's message.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::First => "shop 1.0",
            Self::Second => "shop 1.1",
            Self::Broken => "shop 1.1, with a web that never becomes ready",
        }
    }

    /// The tags of the images of (api, web).
    pub(crate) const fn tags(self) -> (&'static str, &'static str) {
        match self {
            Self::First => ("1.0", "1.0"),
            Self::Second => ("1.1", "1.1"),
            Self::Broken => ("1.1", "broken-1.1"),
        }
    }

    /// The Deployments as (namespace, name, image).
    pub(crate) fn images(self) -> [(&'static str, String); 2] {
        let (api, web) = self.tags();
        [("api", image("api", api)), ("web", image("web", web))]
    }

    /// The files.
    pub(crate) fn files(self) -> Vec<(&'static str, String)> {
        let (api, web) = self.tags();
        vec![
            ("README.md", readme()),
            ("apps/api/deployment.yaml", deployment("api", api)),
            ("apps/api/settings.yaml", settings()),
            ("apps/web/deployment.yaml", deployment("web", web)),
            ("apps/web/service.yaml", service()),
        ]
    }
}

fn image(name: &str, tag: &str) -> String {
    format!("registry.example.com/shop/{name}:{tag}")
}

fn readme() -> String {
    "The sample repository of Flotilla's demo: each folder under apps/ goes to every production cluster.\n\
     An image whose tag starts with `broken` never becomes ready.\n"
        .to_owned()
}

fn deployment(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: {name}}}
  template:
    metadata:
      labels: {{app: {name}}}
    spec:
      containers:
      - name: {name}
        image: {}
",
        image(name, tag)
    )
}

fn settings() -> String {
    "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  currency: EUR
"
    .to_owned()
}

fn service() -> String {
    "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  - port: 80
"
    .to_owned()
}

/// The RolloutPolicy, for a fleet of so many clusters. Many agents in one process need more time.
pub(crate) fn policy(clusters: usize) -> String {
    let (canary, patience) = (20 + clusters / 50, 60 + clusters / 4);
    format!(
        "apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata:
  name: {POLICY}
  namespace: {NAMESPACE}
spec:
  waves:
  # One cluster proves the commit for all others.
  - name: {CANARY}
    match: {{matchLabels: {{ring: canary}}}}
    settle: 1s
    deadline: {canary}s
  # Then one cluster of each region,
  - name: regions
    match: {{matchLabels: {{ring: early}}}}
    settle: 1s
    deadline: {patience}s
  # then whatever is left, half of it at a time.
  - name: rest
    maxUpdate: 50%
    settle: 1s
    deadline: {patience}s
"
    )
}

/// The ApplicationSet: a matrix of the repository's folders and the production clusters.
pub(crate) fn set(repository: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: {SET}
  namespace: {NAMESPACE}
  annotations:
    flotilla.dev/rollout-policy: {POLICY}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
  - matrix:
      generators:
      - git:
          repoURL: {repository}
          revision: {BRANCH}
          directories:
          - path: apps/*
      - clusters:
          selector:
            matchLabels: {{env: prod}}
  template:
    metadata:
      name: '{{{{.name}}}}-{{{{.path.basename}}}}'
    spec:
      project: default
      source:
        repoURL: {repository}
        targetRevision: {BRANCH}
        path: '{{{{.path.path}}}}'
      destination:
        server: '{{{{.server}}}}'
        namespace: '{{{{.path.basename}}}}'
      syncPolicy:
        automated: {{prune: true, selfHeal: true}}
        syncOptions: [CreateNamespace=true]
"
    )
}
