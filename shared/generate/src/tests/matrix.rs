use super::{REPO, World, check, spec};
use expect_test::expect;

fn world() -> World {
    World::default()
        .cluster("eu-1", &[("env", "prod")])
        .cluster("us-1", &[("env", "dev")])
        .file("apps/web/prod.yaml", "replicas: 3")
        .file("apps/api/prod.yaml", "replicas: 2")
        .file("apps/api/dev.yaml", "replicas: 1")
        .file("env/prod.yaml", "env: prod\nname: production\nempty: ''")
}

fn matrix(first: &str, second: &str) -> String {
    format!("- matrix:\n    generators:\n    - {first}\n    - {second}\n")
}

#[test]
fn pairs_of_directories_and_clusters() {
    let generators = matrix(
        &format!("git: {{repoURL: {REPO}, directories: [{{path: 'apps/*'}}]}}"),
        "clusters: {selector: {matchExpressions: [{key: env, operator: Exists}]}}",
    );
    check(
        &spec(&generators, "{{name}}-{{path.basename}}", "{{path}}", "{{server}}"),
        &world(),
        expect![[r#"
            eu-1-api apps/api -> https://eu-1.example/web [spec.generators[0].matrix]
            eu-1-web apps/web -> https://eu-1.example/web [spec.generators[0].matrix]
            us-1-api apps/api -> https://us-1.example/web [spec.generators[0].matrix]
            us-1-web apps/web -> https://us-1.example/web [spec.generators[0].matrix]
        "#]],
    );
}

#[test]
fn the_second_generator_sees_the_first() {
    let generators = matrix(
        "list: {elements: [{env: prod}, {env: dev}, {env: none}]}",
        "clusters: {selector: {matchLabels: {env: '{{env}}'}}, values: {both: '{{env}}-{{name}}'}}",
    );
    check(
        &spec(&generators, "{{name}}", "{{values.both}}", "{{server}}"),
        &world(),
        expect![[r#"
        eu-1 prod-eu-1 -> https://eu-1.example/web [spec.generators[0].matrix]
        us-1 dev-us-1 -> https://us-1.example/web [spec.generators[0].matrix]
    "#]],
    );
    let generators = matrix(
        "clusters: {selector: {matchLabels: {env: prod}}}",
        &format!("git: {{repoURL: {REPO}, files: [{{path: 'apps/*/{{{{metadata.labels.env}}}}.yaml'}}]}}"),
    );
    check(
        &spec(&generators, "{{name}}-{{path.basename}}", "{{path}}-{{replicas}}", "{{server}}"),
        &world(),
        expect![[r#"
            eu-1-api apps/api-2 -> https://eu-1.example/web [spec.generators[0].matrix]
            eu-1-web apps/web-3 -> https://eu-1.example/web [spec.generators[0].matrix]
        "#]],
    );
}

#[test]
fn go_values_are_resolved_as_far_as_they_go() {
    let generators = matrix(
        "list: {elements: [{env: prod}]}",
        "clusters: {selector: {matchLabels: {env: '{{.env}}'}}, values: {outer: '{{.env}}', own: '{{.name}}'}}",
    );
    let spec = spec(&generators, "{{.name}}", "{{.values.outer}}-{{.values.own}}", "{{.server}}");
    check(
        &format!("goTemplate: true\ngoTemplateOptions: [missingkey=error]\n{spec}"),
        &world(),
        expect![[r#"
            eu-1 prod-eu-1 -> https://eu-1.example/web [spec.generators[0].matrix]
        "#]],
    );
}

#[test]
fn elements_yaml_takes_a_list_of_the_first() {
    let generators = matrix(
        "list: {elements: [{app: web, targets: [{to: a}, {to: b}]}]}",
        "list: {elementsYaml: '{{ .targets | toJson }}'}",
    );
    check(
        &format!("goTemplate: true\n{}", spec(&generators, "{{.app}}-{{.to}}", "p", "https://{{.to}}")),
        &world(),
        expect![[r#"
            web-a p -> https://a/web [spec.generators[0].matrix]
            web-b p -> https://b/web [spec.generators[0].matrix]
        "#]],
    );
}

#[test]
fn go_mode_merges_deeply_and_the_first_wins() {
    let generators = matrix(
        "list: {elements: [{name: a, deep: {x: '1', e: ''}}]}",
        "list: {elements: [{name: b, deep: {x: '2', z: '3', e: full}}]}",
    );
    let spec = spec(&generators, "{{.name}}", "{{.deep.x}}{{.deep.z}}[{{.deep.e}}]", "https://a");
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
            a 13[] -> https://a/web [spec.generators[0].matrix]
        "#]],
    );
}

#[test]
fn flat_mode_refuses_two_values_of_a_key() {
    let generators = matrix("list: {elements: [{name: a}]}", "list: {elements: [{name: b}]}");
    check(
        &spec(&generators, "{{name}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].matrix: found duplicate key name with different value, a: a ,b: b: give one git generator a pathParamPrefix, rename the key, or set goTemplate: true
    "#]],
    );
}

#[test]
fn nesting_goes_one_level() {
    let inner = "matrix: {generators: [{list: {elements: [{b: '1'}, {b: '2'}]}}, {list: {elements: [{c: '{{b}}x'}]}}]}";
    let generators = matrix("list: {elements: [{a: a}]}", inner);
    check(
        &spec(&generators, "{{a}}-{{b}}-{{c}}", "p", "https://a"),
        &world(),
        expect![[r#"
        a-1-1x p -> https://a/web [spec.generators[0].matrix]
        a-2-2x p -> https://a/web [spec.generators[0].matrix]
    "#]],
    );
    let deeper = format!("matrix: {{generators: [{{list: {{elements: [{{z: z}}]}}}}, {{{inner}}}]}}");
    let generators = matrix("list: {elements: [{a: a}]}", &deeper);
    check(
        &spec(&generators, "{{a}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].matrix.generators[1].matrix.generators[1].matrix: `matrix` is nested too deep: child generator generated no parameters: a matrix or merge may hold one more matrix or merge, not two
    "#]],
    );
}

#[test]
fn members_are_exactly_two_generators() {
    check(
        &spec("- matrix: {generators: [{list: {elements: []}}]}", "a", "p", "https://a"),
        &world(),
        expect![[r#"
            problem: spec.generators[0].matrix.generators: a matrix needs exactly two generators: put the two into one matrix, and nest a matrix for a third
        "#]],
    );
    let both = "- matrix: {generators: [{list: {elements: []}, clusters: {}}, {list: {elements: []}}]}";
    check(
        &spec(both, "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].matrix.generators[0]: found more than one generator: list, clusters: give each its own entry
    "#]],
    );
    let none = "- matrix: {generators: [{}, {list: {elements: []}}]}";
    check(
        &spec(none, "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].matrix.generators[0]: child generator generated no parameters: name one generator here, e.g. `list`
        unsupported: spec.generators[0].matrix.generators[0]: names no generator and generates nothing: name one, e.g. `list`, or remove it (hides Applications)
    "#]],
    );
}

#[test]
fn selectors_of_members_and_of_the_matrix() {
    let generators = "- matrix:\n    generators:\n    - list: {elements: [{a: '1'}, {a: '2'}]}\n      selector: {matchLabels: {a: '2'}}\n    - list: {elements: [{b: '1'}, {b: '2'}]}\n  selector: {matchExpressions: [{key: b, operator: In, values: ['1']}]}";
    check(
        &spec(generators, "n{{a}}{{b}}", "p", "https://a"),
        &world(),
        expect![[r#"
        n21 p -> https://a/web [spec.generators[0].matrix]
    "#]],
    );
}

#[test]
fn two_git_generators_need_a_prefix() {
    let one = format!("git: {{repoURL: {REPO}, directories: [{{path: 'apps/*'}}]}}");
    let two = format!("git: {{repoURL: {REPO}, pathParamPrefix: env, files: [{{path: 'env/*'}}]}}");
    check(
        &spec(
            &matrix(&one, &two),
            "{{path.basename}}-{{env}}",
            "{{path}}:{{env.path.filename}}",
            "https://a",
        ),
        &world(),
        expect![[r#"
            api-prod apps/api:prod.yaml -> https://a/web [spec.generators[0].matrix]
            web-prod apps/web:prod.yaml -> https://a/web [spec.generators[0].matrix]
        "#]],
    );
}
