//! Sets as published tutorials have them, word for word in style: what newcomers paste first.

use super::{World, expand, set, show};
use expect_test::{Expect, expect};

#[expect(clippy::needless_pass_by_value, reason = "expect_test's values are made in place")]
#[track_caller]
fn check(spec: &str, world: &World, expect: Expect) {
    let expansion = expand(&set(spec), world);
    let lines = show(&expansion);
    let first =
        expansion.applications.first().map(|one| serde_json::to_string_pretty(&one.object()).unwrap());
    expect.assert_eq(&format!("{lines}{}\n", first.unwrap_or_default()));
}

/// One Application per folder; no goTemplate, legacy braces.
#[test]
fn git_directories() {
    let world = World::default()
        .file("cluster-addons/argo-workflows/kustomization.yaml", "")
        .file("cluster-addons/prometheus-operator/Chart.yaml", "")
        .file("cluster-addons/prometheus-operator/templates/x.yaml", "")
        .file("README.md", "");
    check(
        "
generators:
- git:
    repoURL: https://git.example/fleet.git
    revision: HEAD
    directories:
    - path: cluster-addons/*
template:
  metadata:
    name: '{{path.basename}}'
  spec:
    project: default
    source:
      repoURL: https://git.example/fleet.git
      targetRevision: HEAD
      path: '{{path}}'
    destination:
      server: https://kubernetes.default.svc
      namespace: '{{path.basename}}'
    syncPolicy:
      syncOptions:
      - CreateNamespace=true
",
        &world,
        expect![[r#"
            argo-workflows cluster-addons/argo-workflows -> https://kubernetes.default.svc/argo-workflows [spec.generators[0].git]
            prometheus-operator cluster-addons/prometheus-operator -> https://kubernetes.default.svc/prometheus-operator [spec.generators[0].git]
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "finalizers": [
                  "resources-finalizer.argocd.argoproj.io"
                ],
                "name": "argo-workflows",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "namespace": "argo-workflows",
                  "server": "https://kubernetes.default.svc"
                },
                "project": "default",
                "source": {
                  "path": "cluster-addons/argo-workflows",
                  "repoURL": "https://git.example/fleet.git",
                  "targetRevision": "HEAD"
                },
                "syncPolicy": {
                  "syncOptions": [
                    "CreateNamespace=true"
                  ]
                }
              }
            }
        "#]],
    );
}

/// The same folders, Go syntax, but `goTemplate: true` was not copied.
#[test]
fn git_directories_in_go_syntax_without_the_switch() {
    let world = World::default().file("apps/guestbook/x.yaml", "");
    check(
        "
generators:
- git:
    repoURL: https://git.example/fleet.git
    revision: HEAD
    directories:
    - path: apps/*
template:
  metadata:
    name: '{{.path.basename}}'
  spec:
    project: default
    source: {repoURL: https://git.example/fleet.git, targetRevision: HEAD, path: '{{.path.path}}'}
    destination: {server: https://kubernetes.default.svc, namespace: '{{.path.basename}}'}
",
        &world,
        expect![[r#"
            problem: spec.template.metadata.name: `{{.path.basename}}` is left in the generated name: uses Go template syntax: set goTemplate: true

        "#]],
    );
}

/// Configuration files in Git decide which clusters, by a selector rendered from them.
#[test]
fn matrix_of_git_files_and_clusters() {
    let world = World::default()
        .cluster("staging", &[("environment", "staging")])
        .cluster("production-eu", &[("environment", "production")])
        .cluster("production-us", &[("environment", "production")])
        .file(
            "cluster-config/production/config.json",
            r#"{"environment": "production", "replicas": 3, "aws": {"account": "123456"}}"#,
        )
        .file(
            "cluster-config/staging/config.json",
            r#"{"environment": "staging", "replicas": 1, "aws": {"account": "654321"}}"#,
        );
    check(
        "
goTemplate: true
goTemplateOptions: ['missingkey=error']
generators:
- matrix:
    generators:
    - git:
        repoURL: https://git.example/fleet.git
        revision: main
        files:
        - path: 'cluster-config/**/config.json'
    - clusters:
        selector:
          matchLabels:
            argocd.argoproj.io/secret-type: cluster
            environment: '{{.environment}}'
template:
  metadata:
    name: '{{.name}}-guestbook'
    labels: {env: '{{.environment}}'}
  spec:
    project: default
    source:
      repoURL: https://git.example/fleet.git
      targetRevision: main
      path: guestbook/{{.path.basename}}
      helm: {parameters: [{name: account, value: '{{.aws.account}}'}, {name: replicas, value: '{{.replicas}}'}]}
    destination: {server: '{{.server}}', namespace: guestbook}
",
        &world,
        expect![[r#"
            production-eu-guestbook guestbook/production -> https://production-eu.example/guestbook [spec.generators[0].matrix]
            production-us-guestbook guestbook/production -> https://production-us.example/guestbook [spec.generators[0].matrix]
            staging-guestbook guestbook/staging -> https://staging.example/guestbook [spec.generators[0].matrix]
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "finalizers": [
                  "resources-finalizer.argocd.argoproj.io"
                ],
                "labels": {
                  "env": "production"
                },
                "name": "production-eu-guestbook",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "namespace": "guestbook",
                  "server": "https://production-eu.example"
                },
                "project": "default",
                "source": {
                  "helm": {
                    "parameters": [
                      {
                        "name": "account",
                        "value": "123456"
                      },
                      {
                        "name": "replicas",
                        "value": "3"
                      }
                    ]
                  },
                  "path": "guestbook/production",
                  "repoURL": "https://git.example/fleet.git",
                  "targetRevision": "main"
                }
              }
            }
        "#]],
    );
}

/// The first example of the documentation's introduction in its legacy form.
#[test]
fn list_with_legacy_braces() {
    check(
        "
generators:
- list:
    elements:
    - cluster: engineering-dev
      url: https://1.2.3.4
    - cluster: engineering-prod
      url: https://2.4.6.8
    - cluster: finance-preprod
      url: https://9.8.7.6
template:
  metadata:
    name: '{{cluster}}-guestbook'
  spec:
    project: my-project
    source:
      repoURL: https://git.example/fleet.git
      targetRevision: HEAD
      path: guestbook/{{cluster}}
    destination:
      server: '{{url}}'
      namespace: guestbook
",
        &World::default(),
        expect![[r#"
            engineering-dev-guestbook guestbook/engineering-dev -> https://1.2.3.4/guestbook [spec.generators[0].list]
            engineering-prod-guestbook guestbook/engineering-prod -> https://2.4.6.8/guestbook [spec.generators[0].list]
            finance-preprod-guestbook guestbook/finance-preprod -> https://9.8.7.6/guestbook [spec.generators[0].list]
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "finalizers": [
                  "resources-finalizer.argocd.argoproj.io"
                ],
                "name": "engineering-dev-guestbook",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "namespace": "guestbook",
                  "server": "https://1.2.3.4"
                },
                "project": "my-project",
                "source": {
                  "path": "guestbook/engineering-dev",
                  "repoURL": "https://git.example/fleet.git",
                  "targetRevision": "HEAD"
                }
              }
            }
        "#]],
    );
}

/// Clusters by label, with values by ring.
#[test]
fn clusters_by_label() {
    let world = World::default()
        .cluster("eu-1", &[("env", "prod"), ("ring", "canary")])
        .cluster("eu-2", &[("env", "prod")])
        .cluster("dev-1", &[("env", "dev")]);
    check(
        "
goTemplate: true
generators:
- clusters:
    selector:
      matchLabels: {env: prod, ring: canary}
    values: {revision: main}
- clusters:
    selector:
      matchLabels: {env: prod}
      matchExpressions:
      - {key: ring, operator: NotIn, values: [canary]}
    values: {revision: stable}
template:
  metadata:
    name: '{{.name}}-orders'
    labels: {ring: '{{ index .metadata.labels \"ring\" | default \"rest\" }}'}
  spec:
    project: default
    source:
      repoURL: https://git.example/fleet.git
      targetRevision: '{{.values.revision}}'
      path: orders
    destination: {name: '{{.name}}', namespace: orders}
",
        &world,
        expect![[r#"
            eu-1-orders orders -> eu-1/orders [spec.generators[0].clusters]
            eu-2-orders orders -> eu-2/orders [spec.generators[1].clusters]
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "finalizers": [
                  "resources-finalizer.argocd.argoproj.io"
                ],
                "labels": {
                  "ring": "canary"
                },
                "name": "eu-1-orders",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "name": "eu-1",
                  "namespace": "orders"
                },
                "project": "default",
                "source": {
                  "path": "orders",
                  "repoURL": "https://git.example/fleet.git",
                  "targetRevision": "main"
                }
              }
            }
        "#]],
    );
}
