use super::{World, expand, set};
use expect_test::{Expect, expect};

/// The first Application, or what is wrong, as JSON.
#[expect(clippy::needless_pass_by_value, reason = "expect_test's values are made in place")]
#[track_caller]
fn check(spec: &str, expect: Expect) {
    let expansion = expand(&set(spec), &World::default());
    let shown = match expansion.applications.first() {
        Some(first) => serde_json::to_string_pretty(&first.object()).unwrap(),
        None => super::show(&expansion),
    };
    expect.assert_eq(&shown);
}

const TEMPLATE: &str = "template:\n  metadata: {name: '{{app}}', labels: {'{{app}}-key': '{{app}}'}}\n  spec: {project: default, destination: {name: eu}, source: {repoURL: r, path: p}}\n";

#[test]
fn map_keys_are_templates_and_nulls_are_lost() {
    let spec = "generators: [{list: {elements: [{app: a}]}}]\ntemplate:\n  metadata: {name: '{{app}}', namespace: elsewhere, labels: {'{{app}}-key': '{{app}}'}, annotations: {}}\n  spec:\n    project: default\n    destination: {name: eu}\n    source: {repoURL: r, helm: {valuesObject: {'{{app}}': ['{{app}}', 1, true], gone: null, keep: '{{unknown}}'}}}\n    syncPolicy: {automated: {prune: true}}\n";
    check(
        spec,
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "finalizers": [
              "resources-finalizer.argocd.argoproj.io"
            ],
            "labels": {
              "a-key": "a"
            },
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu"
            },
            "project": "default",
            "source": {
              "helm": {
                "valuesObject": {
                  "a": [
                    "a",
                    1,
                    true
                  ],
                  "keep": "{{unknown}}"
                }
              },
              "repoURL": "r"
            },
            "syncPolicy": {
              "automated": {
                "prune": true
              }
            }
          }
        }"#]],
    );
}

#[test]
fn finalizers() {
    let list = "generators: [{list: {elements: [{app: a}]}}]\n";
    let preserving = format!("syncPolicy: {{preserveResourcesOnDeletion: true}}\n{list}{TEMPLATE}");
    check(
        &preserving,
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "labels": {
              "a-key": "a"
            },
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu"
            },
            "project": "default",
            "source": {
              "path": "p",
              "repoURL": "r"
            }
          }
        }"#]],
    );
    let own = format!("{list}{}", TEMPLATE.replace("labels:", "finalizers: [mine], labels:"));
    check(
        &own,
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "finalizers": [
              "mine"
            ],
            "labels": {
              "a-key": "a"
            },
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu"
            },
            "project": "default",
            "source": {
              "path": "p",
              "repoURL": "r"
            }
          }
        }"#]],
    );
}

#[test]
fn an_empty_parameter_set_is_not_rendered() {
    check(
        &format!(
            "generators: [{{list: {{elements: [{{}}]}}}}]\n{}",
            TEMPLATE.replace("name: '{{app}}'", "name: fixed")
        ),
        expect![[r#"
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "labels": {
                  "{{app}}-key": "{{app}}"
                },
                "name": "fixed",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "name": "eu"
                },
                "project": "default",
                "source": {
                  "path": "p",
                  "repoURL": "r"
                }
              }
            }"#]],
    );
}

#[test]
fn a_generators_template_goes_first() {
    let spec = "generators:\n- list:\n    elements: [{app: a}]\n    template:\n      metadata: {name: '', labels: {tier: '{{app}}'}}\n      spec:\n        project: other\n        destination: {namespace: 'ns-{{app}}'}\n        syncPolicy: {automated: {prune: false, selfHeal: true}, syncOptions: [A=1]}\ntemplate:\n  metadata: {name: '{{app}}', labels: {base: '1'}}\n  spec:\n    project: default\n    destination: {name: eu, namespace: base}\n    source: {repoURL: r, path: p}\n    syncPolicy: {automated: {prune: true}, syncOptions: [B=1, C=1]}\n";
    check(
        spec,
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "finalizers": [
              "resources-finalizer.argocd.argoproj.io"
            ],
            "labels": {
              "base": "1",
              "tier": "a"
            },
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu",
              "namespace": "ns-a"
            },
            "project": "other",
            "source": {
              "path": "p",
              "repoURL": "r"
            },
            "syncPolicy": {
              "automated": {
                "prune": true,
                "selfHeal": true
              },
              "syncOptions": [
                "A=1"
              ]
            }
          }
        }"#]],
    );
}

#[test]
fn template_patch() {
    let patch = "templatePatch: |\n  metadata:\n    finalizers: [also]\n    name: '{{app}}-patched'\n    namespace: elsewhere\n  spec:\n    project: stolen\n    source: {path: null, targetRevision: '{{app}}'}\n    syncPolicy: {syncOptions: [X=1]}\n";
    check(
        &format!("generators: [{{list: {{elements: [{{app: a}}]}}}}]\n{patch}{TEMPLATE}"),
        expect![[r#"
            {
              "apiVersion": "argoproj.io/v1alpha1",
              "kind": "Application",
              "metadata": {
                "finalizers": [
                  "also",
                  "resources-finalizer.argocd.argoproj.io"
                ],
                "labels": {
                  "a-key": "a"
                },
                "name": "a-patched",
                "namespace": "argocd"
              },
              "spec": {
                "destination": {
                  "name": "eu"
                },
                "project": "default",
                "source": {
                  "repoURL": "r",
                  "targetRevision": "a"
                },
                "syncPolicy": {
                  "syncOptions": [
                    "X=1"
                  ]
                }
              }
            }"#]],
    );
}

#[test]
fn template_patches_that_do_nothing_or_fail() {
    let with = |patch: &str| {
        format!(
            "goTemplate: true\ngenerators: [{{list: {{elements: [{{app: a}}]}}}}]\ntemplatePatch: |\n  {patch}\n{}",
            TEMPLATE.replace("{{app}}", "{{.app}}")
        )
    };
    check(
        &with("{{ if eq .app \"b\" }}spec: {}{{ end }}"),
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "finalizers": [
              "resources-finalizer.argocd.argoproj.io"
            ],
            "labels": {
              "a-key": "a"
            },
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu"
            },
            "project": "default",
            "source": {
              "path": "p",
              "repoURL": "r"
            }
          }
        }"#]],
    );
    check(
        &with("- list"),
        expect![[r#"
        problem: spec.templatePatch: the rendered patch is not a map: write `spec:` and below it what to change
    "#]],
    );
    check(
        &with("spec: {a: [}"),
        expect![[r#"
        problem: spec.templatePatch: the rendered patch is not YAML: line 1, column 12: a value is expected here: quote it if it starts with a special character
    "#]],
    );
    let object = with("spec: {source: {helm: {valuesObject: {a: 1}}}}");
    check(
        &object.replace("path: p", "helm: {valuesObject: {b: 2}}"),
        expect![[r#"
        problem: spec.templatePatch.spec.source.helm.valuesObject: a valuesObject that the template sets cannot be patched: set it in one place only
    "#]],
    );
}

#[test]
fn parameters_are_one_object_across_fields() {
    let spec = "goTemplate: true\ngenerators: [{list: {elements: [{app: a}]}}]\ntemplate:\n  metadata: {name: '{{ $_ := set . \"x\" \"seen\" }}{{.app}}'}\n  spec: {project: default, destination: {name: eu, namespace: '{{.x}}'}}\n";
    check(
        spec,
        expect![[r#"
        {
          "apiVersion": "argoproj.io/v1alpha1",
          "kind": "Application",
          "metadata": {
            "finalizers": [
              "resources-finalizer.argocd.argoproj.io"
            ],
            "name": "a",
            "namespace": "argocd"
          },
          "spec": {
            "destination": {
              "name": "eu",
              "namespace": "seen"
            },
            "project": "default"
          }
        }"#]],
    );
}

#[test]
fn directives_of_template_patches() {
    let patch = "templatePatch: |\n  metadata:\n    $setElementOrder/finalizers: [c, b]\n    $deleteFromPrimitiveList/finalizers: [a]\n    finalizers: [c]\n    labels: {$patch: replace, only: x}\n  spec:\n    source: {$retainKeys: [repoURL], chart: web}\n    destination: {namespace: other}\n";
    let template = TEMPLATE.replace("labels:", "finalizers: [a, b], labels:");
    let spec = format!("generators: [{{list: {{elements: [{{app: a}}]}}}}]\n{patch}{template}");
    let expansion = expand(&set(&spec), &World::default());
    let object =
        expansion.applications.first().unwrap_or_else(|| panic!("{}", super::show(&expansion))).object();
    assert_eq!(object["metadata"]["finalizers"], serde_json::json!(["c", "b"]));
    assert_eq!(object["metadata"]["labels"], serde_json::json!({"only": "x"}));
    assert_eq!(object["spec"]["source"], serde_json::json!({"repoURL": "r", "chart": "web"}));
    assert_eq!(object["spec"]["destination"], serde_json::json!({"name": "eu", "namespace": "other"}));
    let wrong = expand(
        &set(&spec.replace("{namespace: other}", "{$patch: merge, namespace: other}")),
        &World::default(),
    );
    assert_eq!(
        wrong.problems[0].to_string(),
        "spec.templatePatch.spec.destination.$patch: the directive is not replace or delete"
    );
}
