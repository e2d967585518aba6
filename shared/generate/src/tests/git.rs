use super::{REPO, World, check, set, spec};
use crate::{GitAnswer, GitRequest, Inputs, Outcome, Repository, generate, repositories};
use expect_test::expect;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

fn world() -> World {
    World::default()
        .file("apps/web/deployment.yaml", "")
        .file("apps/Api_2/sub/x.yaml", "")
        .file("apps/old/x.yaml", "")
        .file(".github/workflows/ci.yaml", "")
        .file("apps/.hidden/x.yaml", "")
        .file("fleet/eu/config.json", r#"{"cluster": {"name": "eu-1", "address": "https://eu-1"}, "num": 1000000, "tags": ["a", "b"], "none": null, "nothing": []}"#)
        .file("fleet/us/config.yaml", "cluster: {name: us-1, address: https://us-1}\nnum: 010\n---\nsecond: document\n")
        .file("fleet/many.yaml", "- cluster: {name: m-1, address: https://m-1}\n- cluster: {name: m-2, address: https://m-2}\n")
        .file("fleet/empty.yml", "")
        .file("root.json", "{}")
}

fn git(rest: &str) -> String {
    format!("- git: {{repoURL: {REPO}, {rest}}}")
}

#[test]
fn directories() {
    let generators = git("directories: [{path: 'apps/*'}, {path: apps/old, exclude: true}]");
    check(
        &spec(&generators, "{{path.basenameNormalized}}-{{path[0]}}", "{{path}}", "https://a"),
        &world(),
        expect![[r#"
            api-2-apps apps/Api_2 -> https://a/web [spec.generators[0].git]
            web-apps apps/web -> https://a/web [spec.generators[0].git]
        "#]],
    );
    let nested = git("revision: main, directories: [{path: '*/*/*'}, {path: '*'}]");
    let go =
        spec(&nested, "n-{{.path.basenameNormalized}}-{{len .path.segments}}", "{{.path.path}}", "https://a");
    check(
        &format!("goTemplate: true\n{go}"),
        &world(),
        expect![[r#"
        n-apps-1 apps -> https://a/web [spec.generators[0].git]
        n-fleet-1 fleet -> https://a/web [spec.generators[0].git]
        n-sub-3 apps/Api_2/sub -> https://a/web [spec.generators[0].git]
    "#]],
    );
}

#[test]
fn the_path_goes_before_what_a_file_says_of_it() {
    let world = World::default()
        .file("fleet/eu/x.yaml", "path: mine\npath.basename: mine\na.b: first\na: {b: second}\n");
    check(
        &spec(&git("files: [{path: 'fleet/*'}]"), "{{path.basename}}-x", "{{path}}|{{a.b}}", "https://a"),
        &world,
        expect![[r#"
            eu-x fleet/eu|first -> https://a/web [spec.generators[0].git]
        "#]],
    );
}

#[test]
fn a_prefix_moves_the_path() {
    let generators =
        git("pathParamPrefix: app, values: {v: '{{app.path.basename}}!'}, directories: [{path: apps/w*}]");
    check(
        &spec(&generators, "{{app.path.basename}}", "{{app.path}}{{values.v}}{{app.path[1]}}", "https://a"),
        &world(),
        expect![[r#"
            web apps/webweb!web -> https://a/web [spec.generators[0].git]
        "#]],
    );
    let generators = git("pathParamPrefix: app, directories: [{path: apps/w*}]");
    let go = spec(&generators, "{{.app.path.basename}}", "{{.app.path.path}}", "https://a");
    check(
        &format!("goTemplate: true\n{go}"),
        &world(),
        expect![[r#"
        web apps/web -> https://a/web [spec.generators[0].git]
    "#]],
    );
}

#[test]
fn files() {
    let generators = git("files: [{path: 'fleet/*/config.*'}, {path: fleet/many.yaml}]");
    check(
        &spec(
            &generators,
            "{{cluster.name}}-{{path.basename}}",
            "{{num}}/{{tags.1}}/{{none}}/{{path.filenameNormalized}}",
            "{{cluster.address}}",
        ),
        &world(),
        expect![[r#"
            eu-1-eu 1e+06/b/<nil>/config.json -> https://eu-1/web [spec.generators[0].git]
            m-1-fleet {{num}}/{{tags.1}}/{{none}}/many.yaml -> https://m-1/web [spec.generators[0].git]
            m-2-fleet {{num}}/{{tags.1}}/{{none}}/many.yaml -> https://m-2/web [spec.generators[0].git]
            us-1-us 8/{{tags.1}}/{{none}}/config.yaml -> https://us-1/web [spec.generators[0].git]
        "#]],
    );
    let go = spec(
        &generators,
        "{{.cluster.name}}",
        "{{.num}}/{{.path.path}}/{{.path.filename}}",
        "{{.cluster.address}}",
    );
    check(
        &format!("goTemplate: true\n{go}"),
        &world(),
        expect![[r#"
        eu-1 1e+06/fleet/eu/config.json -> https://eu-1/web [spec.generators[0].git]
        m-1 <no value>/fleet/many.yaml -> https://m-1/web [spec.generators[0].git]
        m-2 <no value>/fleet/many.yaml -> https://m-2/web [spec.generators[0].git]
        us-1 8/fleet/us/config.yaml -> https://us-1/web [spec.generators[0].git]
    "#]],
    );
}

#[test]
fn file_excludes_and_empty_files() {
    let generators = git(
        "files: [{path: fleet}, {path: 'fleet/*/*', exclude: true}, {path: fleet/many.yaml, exclude: true}]",
    );
    check(
        &spec(&generators, "x-{{path.filenameNormalized}}", "{{path}}", "https://a"),
        &world(),
        expect![[r#"
            x-empty.yml fleet -> https://a/web [spec.generators[0].git]
        "#]],
    );
}

#[test]
fn a_file_at_the_root_has_the_path_dot() {
    let generators = git("files: [{path: root.json}]");
    check(
        &spec(&generators, "x{{path.basenameNormalized}}", "{{path}}|{{path[0]}}", "https://a"),
        &world(),
        expect![[r#"
            x .|. -> https://a/web [spec.generators[0].git]
        "#]],
    );
}

#[test]
fn what_cannot_be_read() {
    let world = World::default().file("a.yaml", "a: [").file("b.yaml", "7").file("c.yaml", "[1]");
    for file in ["a.yaml", "b.yaml", "c.yaml"] {
        let generators = git(&format!("files: [{{path: {file}}}]"));
        let expansion = super::expand(&set(&spec(&generators, "a", "p", "https://a")), &world);
        assert!(expansion.problems[0].message.contains(file), "{:?}", expansion.problems);
    }
    let generators = "- git: {repoURL: 'https://git.example/none', revision: v1, directories: [{path: '*'}]}";
    check(
        &spec(generators, "a", "p", "https://a"),
        &world,
        expect![[r#"
        problem: spec.generators[0].git.repoURL: cannot read the directories of https://git.example/none at `v1`: repository not found
    "#]],
    );
}

#[test]
fn incomplete_generators() {
    check(
        &spec(&git("revision: main"), "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].git: the git generator has neither directories nor files: add `directories: [{path: ...}]` or `files`
    "#]],
    );
    check(
        &spec("- git: {directories: [{path: '*'}]}", "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].git.repoURL: repoURL is required
    "#]],
    );
    check(
        &spec(&git("direcories: []"), "a", "p", "https://a"),
        &world(),
        expect![[r#"
        problem: spec.generators[0].git: the git generator has neither directories nor files: add `directories: [{path: ...}]` or `files`
        unsupported: spec.generators[0].git.direcories: unknown field `direcories`: did you mean `directories`?
    "#]],
    );
    check(
        &spec(
            &git("directories: [{path: 'apps/['}, {path: apps/web}]"),
            "{{path.basename}}",
            "p",
            "https://a",
        ),
        &world(),
        expect![[r#"
            web p -> https://a/web [spec.generators[0].git]
            unsupported: spec.generators[0].git.directories[0].path: `apps/[` is not a valid pattern and matches nothing: close every `[` and end no pattern with `\` (hides Applications)
        "#]],
    );
    check(
        &spec("- git: {repoURL: '{{url}}', directories: [{path: '*'}]}", "a", "p", "https://a"),
        &world(),
        expect![[r#"
            problem: spec.generators[0].git.repoURL: `{{url}}` is not replaced here: only the second generator of a matrix sees parameters, those of the first
        "#]],
    );
}

#[test]
fn asks_first_for_the_tree_and_then_for_the_files() {
    let set = set(&spec(&git("files: [{path: 'fleet/*/config.json'}]"), "a", "p", "https://a"));
    let tree = GitRequest::Paths { repo_url: REPO.to_owned(), revision: "HEAD".to_owned() };
    let mut inputs = Inputs::default();
    assert_eq!(generate(&set, &inputs), Outcome::Needs(BTreeSet::from([tree.clone()])));
    let paths = ["fleet/eu/config.json", "fleet/us/config.json", "other"].map(str::to_owned).to_vec();
    inputs.git = BTreeMap::from([(tree, GitAnswer::Paths(Arc::new(paths)))]);
    let file = |path: &str| GitRequest::File {
        repo_url: REPO.to_owned(),
        revision: "HEAD".to_owned(),
        path: path.to_owned(),
    };
    let files = BTreeSet::from([file("fleet/eu/config.json"), file("fleet/us/config.json")]);
    assert_eq!(generate(&set, &inputs), Outcome::Needs(files));
}

#[test]
fn repositories_and_requeue() {
    let nested = format!(
        "- matrix:\n    generators:\n    - clusters: {{}}\n    - git: {{repoURL: {REPO}, revision: v1, requeueAfterSeconds: 60, directories: [{{path: '*'}}]}}\n- git: {{repoURL: '{{{{x}}}}', directories: [{{path: '*'}}]}}\n- git: {{repoURL: {REPO}, files: [{{path: a}}]}}"
    );
    let found = repositories(&set(&spec(&nested, "a", "p", "https://a")));
    let repository = |revision: &str| Repository { repo_url: REPO.to_owned(), revision: revision.to_owned() };
    assert_eq!(found, BTreeSet::from([repository("HEAD"), repository("v1")]));

    let requeue = |generators: &str| {
        super::expand(&set(&spec(generators, "a", "p", "https://a")), &world()).requeue_after
    };
    assert_eq!(requeue("- clusters: {}\n- list: {elements: []}"), None);
    assert_eq!(requeue(&git("directories: [{path: '*'}]")), Some(Duration::from_secs(180)));
    assert_eq!(
        requeue(&git("requeueAfterSeconds: 30, directories: [{path: '*'}]")),
        Some(Duration::from_secs(30))
    );
}
