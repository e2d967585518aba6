use super::{World, check, expand, set, spec};
use crate::ClusterInput;
use expect_test::expect;
use shared_model::IN_CLUSTER_SERVER;

fn world() -> World {
    World::default()
        .cluster("us_1", &[("env", "prod"), ("region", "us")])
        .cluster("eu-1", &[("env", "prod"), ("region", "eu")])
        .cluster("eu-2", &[("env", "dev"), ("region", "eu")])
}

#[test]
fn every_cluster_and_the_local_one() {
    check(
        &spec("- clusters: {}", "{{nameNormalized}}-web", "p", "{{server}}"),
        &world(),
        expect![[r#"
        eu-1-web p -> https://eu-1.example/web [spec.generators[0].clusters]
        eu-2-web p -> https://eu-2.example/web [spec.generators[0].clusters]
        in-cluster-web p -> https://kubernetes.default.svc/web [spec.generators[0].clusters]
        us-1-web p -> https://us_1.example/web [spec.generators[0].clusters]
    "#]],
    );
}

#[test]
fn a_selector_leaves_the_local_cluster_out() {
    let by_label = "- clusters: {selector: {matchLabels: {env: prod}}, values: {dir: '{{metadata.labels.region}}-{{values.x}}', x: '1'}}";
    check(
        &spec(by_label, "{{nameNormalized}}-web", "{{values.dir}}", "{{server}}"),
        &world(),
        expect![[r#"
        eu-1-web eu-{{values.x}} -> https://eu-1.example/web [spec.generators[0].clusters]
        us-1-web us-{{values.x}} -> https://us_1.example/web [spec.generators[0].clusters]
    "#]],
    );
    let by_type = "- clusters: {selector: {matchLabels: {argocd.argoproj.io/secret-type: cluster}}}";
    check(
        &spec(by_type, "{{nameNormalized}}-web", "p", "{{server}}"),
        &world(),
        expect![[r#"
        eu-1-web p -> https://eu-1.example/web [spec.generators[0].clusters]
        eu-2-web p -> https://eu-2.example/web [spec.generators[0].clusters]
        us-1-web p -> https://us_1.example/web [spec.generators[0].clusters]
    "#]],
    );
    let empty = "- clusters: {selector: {}}";
    check(
        &spec(empty, "{{nameNormalized}}", "p", "{{server}}"),
        &World::default(),
        expect![[r#"
        in-cluster p -> https://kubernetes.default.svc/web [spec.generators[0].clusters]
    "#]],
    );
}

#[test]
fn a_cluster_with_the_local_address_replaces_the_implicit_one() {
    let mut world = World::default();
    world.clusters.push(ClusterInput {
        name: "hub".to_owned(),
        server: IN_CLUSTER_SERVER.to_owned(),
        project: "platform".to_owned(),
        ..ClusterInput::default()
    });
    check(
        &spec("- clusters: {}", "{{name}}-{{project}}", "p", "{{server}}"),
        &world,
        expect![[r#"
        hub-platform p -> https://kubernetes.default.svc/web [spec.generators[0].clusters]
    "#]],
    );
}

#[test]
fn go_templates_see_metadata() {
    let spec = spec(
        "- clusters: {selector: {matchExpressions: [{key: env, operator: Exists}]}, values: {at: '{{.metadata.labels.region}}'}}",
        "{{.nameNormalized}}-{{index .metadata.labels \"nope\"}}x",
        "{{.values.at}}",
        "{{.server}}",
    );
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
        eu-1-x eu -> https://eu-1.example/web [spec.generators[0].clusters]
        eu-2-x eu -> https://eu-2.example/web [spec.generators[0].clusters]
        us-1-x us -> https://us_1.example/web [spec.generators[0].clusters]
    "#]],
    );
}

#[test]
fn flat_list_is_one_parameter_set() {
    let spec = spec(
        "- clusters: {flatList: true, selector: {matchLabels: {region: eu}}}",
        "all{{range .clusters}}-{{.name}}-{{.metadata.labels.env}}{{end}}",
        "p",
        "https://a",
    );
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
        all-eu-1-prod-eu-2-dev p -> https://a/web [spec.generators[0].clusters]
    "#]],
    );
    check(
        &format!("goTemplate: true\n{spec}"),
        &World::default(),
        expect![[r#"
        all p -> https://a/web [spec.generators[0].clusters]
    "#]],
    );
}

#[test]
fn clusters_selector_is_checked() {
    let selector = "- clusters: {selector: {matchExpressions: [{key: env, operator: in, values: [a]}]}}";
    check(
        &spec(selector, "{{name}}", "p", "{{server}}"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].clusters.selector.matchExpressions[0].operator: `in` is not a valid label selector operator: use In, NotIn, Exists or DoesNotExist
    "#]],
    );
    check(
        &spec("- clusters: {selectr: {}}", "{{name}}", "p", "{{server}}"),
        &World::default(),
        expect![[r#"
            in-cluster p -> https://kubernetes.default.svc/web [spec.generators[0].clusters]
            unsupported: spec.generators[0].clusters.selectr: unknown field `selectr`: did you mean `selector`?
        "#]],
    );
}

#[test]
fn hidden_annotations() {
    let mut world = World::default().cluster("a", &[("l", "1")]);
    let marks = ["kubectl.kubernetes.io/last-applied-configuration", "argocd.argoproj.io/refresh", "team"];
    world.clusters[0].annotations = marks.into_iter().map(|key| (key.to_owned(), "x".to_owned())).collect();
    let spec = spec(
        "- clusters: {selector: {matchLabels: {l: '1'}}}",
        "n{{range $key, $_ := .metadata.annotations}}-{{$key}}{{end}}",
        "p",
        "{{.server}}",
    );
    let expansion = expand(&set(&format!("goTemplate: true\n{spec}")), &world);
    assert_eq!(expansion.applications[0].name, "n-team");
}
