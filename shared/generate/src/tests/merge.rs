use super::{World, check, spec};
use expect_test::expect;

fn world() -> World {
    World::default().cluster("eu-1", &[("env", "prod")]).cluster("us-1", &[("env", "dev")])
}

fn merge(keys: &str, generators: &[&str]) -> String {
    let entries: String = generators.iter().map(|entry| format!("    - {entry}\n")).collect();
    format!("- merge:\n    mergeKeys: [{keys}]\n    generators:\n{entries}")
}

#[test]
fn later_generators_override_matching_sets() {
    let labelled = "clusters: {selector: {matchExpressions: [{key: env, operator: Exists}]}, values: {size: small, kind: std}}";
    let large = "clusters: {selector: {matchLabels: {env: prod}}, values: {size: large}}";
    let listed =
        "list: {elements: [{server: 'https://us-1.example', values: {kind: odd}}, {server: 'https://none'}]}";
    let generators = merge("server", &[labelled, large, listed]);
    check(
        &spec(&generators, "{{name}}", "{{values.size}}-{{values.kind}}", "{{server}}"),
        &world(),
        expect![[r#"
            eu-1 large-std -> https://eu-1.example/web [spec.generators[0].merge]
            us-1 small-odd -> https://us-1.example/web [spec.generators[0].merge]
        "#]],
    );
}

#[test]
fn go_mode_merges_deeply() {
    let labelled = "clusters: {selector: {matchExpressions: [{key: env, operator: Exists}]}, values: {size: small, kind: std}}";
    let listed = "list: {elements: [{name: us-1, values: {kind: odd}}]}";
    let spec = spec(
        &merge("name", &[labelled, listed]),
        "{{.name}}",
        "{{.values.size}}-{{.values.kind}}",
        "{{.server}}",
    );
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
        eu-1 small-std -> https://eu-1.example/web [spec.generators[0].merge]
        us-1 small-odd -> https://us-1.example/web [spec.generators[0].merge]
    "#]],
    );
}

#[test]
fn keys_must_be_unique() {
    let doubled = "list: {elements: [{k: a}, {k: a}]}";
    let plain = "list: {elements: [{k: a}]}";
    check(
        &spec(&merge("k", &[plain, doubled]), "{{k}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].merge.generators[1]: the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets to be unique. Duplicate key was {"k":"a"}: name mergeKeys that every set has with values of its own
    "#]],
    );
    check(
        &spec(&merge("absent", &[plain, plain]), "{{k}}", "p", "https://a"),
        &world(),
        expect![[r#"
        a p -> https://a/web [spec.generators[0].merge]
    "#]],
    );
}

#[test]
fn incomplete_merges() {
    let plain = "list: {elements: [{k: a}]}";
    check(
        &spec(&merge("", &[plain, plain]), "{{k}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].merge.mergeKeys: no merge keys were specified, Merge requires at least one: name the parameters that tell which sets belong together, e.g. [server]
    "#]],
    );
    check(
        &spec(&merge("k", &[plain]), "{{k}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].merge.generators: found less than two generators, Merge requires two or more: add a generator, or use this one without merge
    "#]],
    );
}
