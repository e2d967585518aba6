use super::*;
use expect_test::{Expect, expect};
use serde_json::json;

/// What [`read`] makes of a text: an id a line, then a problem a line.
fn check(text: &str, expect: &Expect) {
    let (manifests, problems) = read(text, "apps/web.yaml");
    let ids = manifests.iter().map(|manifest| manifest.id().to_string());
    let lines: Vec<String> = ids.chain(problems.iter().map(|problem| format!("! {problem}"))).collect();
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn objects_are_named_by_group_kind_namespace_and_name() {
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: orders-api, namespace: payments}\n---\n\
         # only a comment\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {name: payments}\n---\n\
         apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-, namespace: payments}\n",
        &expect![[r#"
            apps/Deployment payments/orders-api
            Namespace payments
            batch/Job payments/migrate-*"#]],
    );
}

#[test]
fn lists_are_replaced_by_their_items() {
    check(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n\
         - apiVersion: v1\n  kind: ConfigMapList\n  items:\n  - metadata: {name: b}\n\
         ---\napiVersion: v1\nkind: List\n",
        &expect![[r#"
            Service a
            ConfigMap b
            ! apps/web.yaml, line 10: List: items: a List must have a list of items: write the objects under `items:`"#]],
    );
}

#[test]
fn a_kind_of_ones_own_may_have_items_and_a_name() {
    let own = json!({"apiVersion": "x.io/v1", "kind": "AllowList", "metadata": {"name": "a"}, "items": [1]});
    assert_eq!(flatten(own.clone()), vec![own]);
}

#[test]
fn faults_name_place_object_field_and_remedy() {
    check(
        "kind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: a}\n---\n\
         apiVersion: v1\nkind: Service\n---\napiVersion: v1\nkind: Service\nmetadata: {name: 7}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b, labels: {tier: 1}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {enabled: yes}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: []}\n---\n\
         apiVersion: a/b/c\nkind: Service\nmetadata: {name: a}\n---\njust text\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: good, labels: null}}\n",
        &expect![[r#"
            Service good
            ! apps/web.yaml, line 1: Service a: apiVersion: is missing: write the kind's group and version, e.g. `apiVersion: apps/v1`
            ! apps/web.yaml, line 4: a: kind: is missing: write the object's kind, e.g. `kind: Deployment`
            ! apps/web.yaml, line 7: Service: metadata.name: is missing: write `metadata: {name: ...}`
            ! apps/web.yaml, line 10: Service: metadata.name: must be a string, this is a number: put the value in quotes
            ! apps/web.yaml, line 14: Service b/a: metadata.labels["tier"]: must be a string, this is a number: put the value in quotes
            ! apps/web.yaml, line 18: Service a: metadata.annotations["enabled"]: must be a string, this is a boolean: put the value in quotes
            ! apps/web.yaml, line 22: Service a: metadata.annotations: must be a map of strings, this is a list: write one `key: "value"` a line
            ! apps/web.yaml, line 26: a/Service a: apiVersion: must be a version or a group and a version: write e.g. `v1` or `apps/v1`
            ! apps/web.yaml, line 30: a manifest must be an object, this is a string: write an object with apiVersion, kind and metadata, or move the file out of the path"#]],
    );
}

#[test]
fn text_that_is_no_yaml_is_one_problem() {
    check(
        "a: [1\nb: 2\n",
        &expect![[
            r#"! apps/web.yaml: line 2, column 2: a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`"#
        ]],
    );
}

#[test]
fn accessors_read_what_is_there() {
    let manifest = Manifest::new(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "a", "labels": {"tier": "web"}, "annotations": {"x": " b, ,c "}},
    }))
    .unwrap();
    assert_eq!((manifest.group(), manifest.version(), manifest.kind()), ("apps", "v1", "Deployment"));
    assert_eq!((manifest.name(), manifest.namespace()), ("a", None));
    assert_eq!((manifest.label("tier"), manifest.label("none")), (Some("web"), None));
    assert_eq!(manifest.annotation_items("x").collect::<Vec<_>>(), ["b", "c"]);
    assert_eq!(manifest.in_namespace("b").id().to_string(), "apps/Deployment b/a");
}

#[test]
fn debug_shows_no_content() {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"p": "hunter2"}});
    assert_eq!(format!("{:?}", Manifest::new(secret).unwrap()), "Manifest(Secret s)");
}

#[test]
fn names_are_steps_of_a_path_and_namespaces_are_labels() {
    check(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: 'flotilla-agent/secrets?a='}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '../secrets'}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: 'x?watch=1&'}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '..'}\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'system:a.b'}\n",
        &expect![[r#"
            rbac.authorization.k8s.io/ClusterRole system:a.b
            ! apps/web.yaml, line 1: ConfigMap flotilla-agent/secrets?a=/x: metadata.namespace: is no name of a namespace: write at most 63 lower-case letters, digits and `-`
            ! apps/web.yaml, line 5: ConfigMap ../secrets: metadata.name: cannot be the name of an object: write a name without `/`, `%`, `?`, `#` and control characters
            ! apps/web.yaml, line 9: ConfigMap x?watch=1&*: metadata.generateName: cannot be the name of an object: write a name without `/`, `%`, `?`, `#` and control characters
            ! apps/web.yaml, line 13: ConfigMap ..: metadata.name: cannot be the name of an object: write a name without `/`, `%`, `?`, `#` and control characters"#]],
    );
}
