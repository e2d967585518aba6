use super::{REPO, World, check, spec};
use expect_test::expect;

fn world() -> World {
    World::default().cluster("eu-1", &[("env", "prod")]).file("apps/web/a.yaml", "")
}

fn directories() -> String {
    format!("- git: {{repoURL: {REPO}, directories: [{{path: 'apps/*'}}]}}")
}

const LIST: &str = "- list: {elements: [{cluster: eu, url: 'https://eu'}, {cluster: us, url: 'https://us'}]}";

#[test]
fn go_syntax_without_go_template() {
    check(
        &spec(&directories(), "{{ .path.basename }}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{ .path.basename }}` is left in the generated name: uses Go template syntax: set goTemplate: true
    "#]],
    );
    check(
        &spec(LIST, "{{cluster}}", "p", "{{.url | lower}}"),
        &world(),
        expect![[r#"
        problem: spec.template.spec.destination.server: `{{.url | lower}}` is left in the generated destination server: uses Go template syntax: set goTemplate: true
    "#]],
    );
    check(
        &spec(LIST, "{{ lower .cluster }}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{ lower .cluster }}` is left in the generated name: uses Go template syntax: set goTemplate: true
    "#]],
    );
}

#[test]
fn flat_names_with_go_template() {
    let go = |name: &str| format!("goTemplate: true\n{}", spec(&directories(), name, "p", "https://a"));
    check(
        &go("{{path}}"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: template: name:1: function "path" not defined: did you mean .path.path
    "#]],
    );
    check(
        &go("x-{{path.basename}}"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: template: name:1: function "path" not defined: did you mean .path.basename
    "#]],
    );
    check(
        &go("{{path[0]}}"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: template: name:1: bad character U+005B '[': did you mean index .path.segments 0
    "#]],
    );
    check(
        &go("{{ .path }}"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: the generated name is a whole object, `.path`: did you mean .path.path; this generator gives: .path.basename, .path.basenameNormalized, .path.path, .path.segments
    "#]],
    );
    check(
        &go("{{ .path.basenam }}"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: the generated name is `<no value>`: a parameter has no value: did you mean .path.basename; this generator gives: .path.basename, .path.basenameNormalized, .path.path, .path.segments
    "#]],
    );
    check(
        &format!("goTemplateOptions: [missingkey=error]\n{}", go("{{ .path.basenam }}")),
        &world(),
        expect![[r#"
            problem: spec.template.metadata.name: template: name:1:8: executing "name" at <.path.basenam>: map has no entry for key "basenam": did you mean .path.basename; this generator gives: .path.basename, .path.basenameNormalized, .path.path, .path.segments
        "#]],
    );
    let cluster = format!(
        "goTemplate: true\n{}",
        spec("- clusters: {}", "{{metadata.labels.env}}", "p", "{{.server}}")
    );
    check(
        &cluster,
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: template: name:1: function "metadata" not defined: did you mean .metadata.labels.env
    "#]],
    );
}

#[test]
fn mistyped_flat_names() {
    check(
        &spec(LIST, "{{clster}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{clster}}` is left in the generated name: did you mean cluster; this generator gives: cluster, url
    "#]],
    );
    check(
        &spec(LIST, "{{name}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{name}}` is left in the generated name: this generator gives: cluster, url
    "#]],
    );
    check(
        &spec(&directories(), "{{basename}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{basename}}` is left in the generated name: did you mean path.basename; this generator gives: path, path.basename, path.basenameNormalized, path[0], path[1]
    "#]],
    );
    check(
        &spec(LIST, "{{cluster}}", "p", "{{ur}}"),
        &world(),
        expect![[r#"
        problem: spec.template.spec.destination.server: `{{ur}}` is left in the generated destination server: did you mean url; this generator gives: cluster, url
    "#]],
    );
    check(
        &spec(LIST, "{{cluster", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{cluster` is left in the generated name: close the tag with `}}`
    "#]],
    );
    check(
        &spec("- list: {elements: [{}]}", "{{cluster}}", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.template.metadata.name: `{{cluster}}` is left in the generated name: this generator gives no parameters
    "#]],
    );
}

#[test]
fn a_tag_in_a_value_is_not_rendered_again() {
    let generators = "- list: {elements: [{cluster: '{{path}}'}]}";
    check(
        &format!("goTemplate: true\n{}", spec(generators, "{{.cluster}}", "p", "https://a")),
        &world(),
        expect![[r#"
            problem: spec.template.metadata.name: `{{path}}` is left in the generated name: did you mean .path.path; it stands in a parameter's value, which is not rendered again
        "#]],
    );
}

#[test]
fn project_is_required() {
    let spec = spec(LIST, "{{cluster}}", "p", "https://a").replace("    project: default\n", "");
    check(
        &spec,
        &world(),
        expect![[r#"
        rejected "eu": spec.template.spec.project: project is required, e.g. default
        rejected "us": spec.template.spec.project: project is required, e.g. default
    "#]],
    );
    check(
        &spec.replace("  spec:\n", "  spec:\n    project: '{{team}}'\n"),
        &world(),
        expect![[r#"
        problem: spec.template.spec.project: `{{team}}` is left in the generated project: this generator gives: cluster, url
    "#]],
    );
}

#[test]
fn destinations() {
    check(
        &spec(LIST, "{{cluster}}", "p", ""),
        &world(),
        expect![[r#"
        rejected "eu": spec.template.spec.destination: the destination names no cluster: set destination.name or destination.server
        rejected "us": spec.template.spec.destination: the destination names no cluster: set destination.name or destination.server
    "#]],
    );
    let both = spec(LIST, "{{cluster}}", "p", "https://a").replace("namespace: web", "name: a");
    check(
        &both,
        &world(),
        expect![[r#"
        rejected "eu": spec.template.spec.destination: application destination can't have both name and server defined: a https://a: keep one of them
        rejected "us": spec.template.spec.destination: application destination can't have both name and server defined: a https://a: keep one of them
    "#]],
    );
}

#[test]
fn names() {
    let generators = "- list: {elements: [{app: a}, {app: B_c}, {app: ''}, {app: a}, {app: d}, {app: '-x'}]}";
    check(
        &spec(generators, "{{app}}", "p", "https://a"),
        &world(),
        expect![[r#"
        d p -> https://a/web [spec.generators[0].list]
        rejected "": spec.template.metadata.name: the generated name is empty: use a parameter that every parameter set has
        rejected "-x": spec.template.metadata.name: `-x` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
        rejected "B_c": spec.template.metadata.name: `B_c` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
        rejected "a": spec.template.metadata.name: 2 applications have the duplicate name `a`, all from spec.generators[0].list; none of them is written: add a parameter that differs, e.g. the cluster's name
    "#]],
    );
}

#[test]
fn unknown_generators() {
    check(
        &spec("- gti: {}", "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].gti: unknown generator `gti`: did you mean `git`?
    "#]],
    );
    check(
        &spec("- kubernetes: {}", "a", "p", "https://a"),
        &world(),
        expect![[r#"
            problem: spec.generators[0].kubernetes: unknown generator `kubernetes`: known are list, clusters, git, scmProvider, clusterDecisionResource, pullRequest, matrix, merge, plugin
        "#]],
    );
    let others = "- scmProvider: {}\n- pullRequest: {}\n- plugin: {}\n- clusterDecisionResource: {}\n- clusters: null\n- {}\n- list: {elements: [{app: a}]}";
    check(
        &spec(others, "{{app}}", "p", "https://a"),
        &world(),
        expect![[r#"
        a p -> https://a/web [spec.generators[6].list]
        unsupported: spec.generators[0].scmProvider: the `scmProvider` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge (hides Applications)
        unsupported: spec.generators[1].pullRequest: the `pullRequest` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge (hides Applications)
        unsupported: spec.generators[2].plugin: the `plugin` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge (hides Applications)
        unsupported: spec.generators[3].clusterDecisionResource: the `clusterDecisionResource` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge (hides Applications)
        unsupported: spec.generators[4].clusters: the `clusters` generator is null and generates nothing: write `clusters: {}` (hides Applications)
        unsupported: spec.generators[5]: names no generator and generates nothing: name one, e.g. `list`, or remove it (hides Applications)
    "#]],
    );
}

#[test]
fn malformed_sets() {
    check(
        "{}",
        &world(),
        expect![[r#"
        problem: spec.template: template is required: write the Application to generate: metadata and spec
    "#]],
    );
    check(
        "generators: 7",
        &world(),
        expect![[r#"
        problem: spec.template: template is required: write the Application to generate: metadata and spec
    "#]],
    );
    check(
        "{generators: [7], template: {}}",
        &world(),
        expect![[r#"
        problem: spec.generators[0]: must be an object, is a number
    "#]],
    );
    check(
        "{template: {}, syncPolicy: {applicationsSync: never}}",
        &world(),
        expect![[r#"
        problem: spec.syncPolicy.applicationsSync: `never` is not a policy: use create-only, create-update, create-delete or sync
    "#]],
    );
    check(
        "{template: {}, goTemplate: true, goTemplateOptions: [missingkey=x]}",
        &world(),
        expect![[r#"
        problem: spec.goTemplateOptions: unrecognized option: missingkey=x; known are missingkey=default, missingkey=invalid, missingkey=zero and missingkey=error
    "#]],
    );
    check(
        "{generators: [{list: {}}], template: {}, templatePatch: [1]}",
        &world(),
        expect![[r#"
        problem: spec.templatePatch: must be a string, is a list: put the value in quotes
    "#]],
    );
}

#[test]
fn template_errors_carry_field_line_and_column() {
    let spec = spec(LIST, "{{.cluster}}", "p", "https://a")
        .replace("targetRevision: main", "targetRevision: \"a\\n  {{ index .cluster 99 }}\"");
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
        problem: spec.template.spec.source.targetRevision: template: targetRevision:2:5: executing "targetRevision" at <index .cluster 99>: error calling index: index out of range: 99
    "#]],
    );
    let spec = spec.replace("index .cluster 99", "if");
    check(
        &format!("goTemplate: true\n{spec}"),
        &world(),
        expect![[r#"
        problem: spec.template.spec.source.targetRevision: template: targetRevision:2: missing value for if
    "#]],
    );
}
