//! `flotilla appset generate`.

use super::{Place, SET, clusters, piped};
use expect_test::{Expect, expect};

/// A set: its generators and its Applications' names, in Go mode.
fn set(name: &str, generators: &str, app: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: {name}}}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators:
{generators}
  template:
    metadata: {{name: '{app}'}}
    spec:
      project: default
      source: {{repoURL: 'https://git.example.com/fleet.git', path: guestbook, targetRevision: HEAD}}
      destination: {{server: 'https://kubernetes.default.svc', namespace: guestbook}}
"
    )
}

const SECRETS: &str = "apiVersion: v1
kind: Secret
metadata:
  name: eu-1-secret
  labels: {argocd.argoproj.io/secret-type: cluster, env: prod, region: eu}
stringData: {name: eu-1, server: 'https://1.2.3.4'}
---
apiVersion: v1
kind: Secret
metadata:
  name: us-1-secret
  labels: {argocd.argoproj.io/secret-type: cluster, env: staging, region: us}
data: {name: dXMtMQ==, server: aHR0cHM6Ly81LjYuNy44}
";

fn place() -> Place {
    Place::new(&[
        ("secrets.yaml", SECRETS),
        ("repo/addons/argo-workflows/kustomization.yaml", "resources: []"),
        ("repo/addons/prometheus/Chart.yaml", "name: prometheus"),
        ("repo/addons/exclude-me/Chart.yaml", "name: x"),
        (
            "repo/config/dev/config.json",
            r#"{"cluster": {"name": "dev", "address": "https://dev"}, "asset_id": "11223344"}"#,
        ),
        (
            "repo/config/prod/config.yaml",
            "cluster: {name: prod, address: 'https://prod'}\nasset_id: '44332211'\n",
        ),
        ("repo/README.md", "a file"),
    ])
}

/// The names that a set comes to.
fn names(generators: &str, app: &str, expect: &[&str]) {
    let place = place();
    place.write(&[("set.yaml", &set("examples", generators, app))]);
    let output = place.flotilla("appset generate -f set.yaml --clusters secrets.yaml --repo repo -o name");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let said = text(output.stdout) + &text(output.stderr);
    let expect: String = expect.iter().map(|name| format!("application.argoproj.io/{name}\n")).collect();
    assert_eq!((said, output.status.code()), (expect, Some(0)), "{generators}");
}

#[test]
fn sets_in_the_manner_of_argo_cds_documentation() {
    names(
        "  - list:\n      elements:\n      - {cluster: engineering-dev, url: 'https://1.2.3.4'}\n      - {cluster: engineering-prod, url: 'https://2.4.6.8'}",
        "{{.cluster}}-guestbook",
        &["engineering-dev-guestbook", "engineering-prod-guestbook"],
    );
    names(
        "  - clusters: {}",
        "{{.name}}-guestbook",
        &["eu-1-guestbook", "in-cluster-guestbook", "us-1-guestbook"],
    );
    names(
        "  - clusters:\n      selector: {matchExpressions: [{key: env, operator: In, values: [prod, qa]}]}\n      values: {revision: '{{index .metadata.labels \"region\"}}-stable'}",
        "{{.nameNormalized}}-{{.values.revision}}",
        &["eu-1-eu-stable"],
    );
    names(
        "  - git:\n      repoURL: https://git.example.com/fleet.git\n      revision: HEAD\n      directories: [{path: addons/*}, {path: addons/exclude-me, exclude: true}]",
        "{{.path.basename}}",
        &["argo-workflows", "prometheus"],
    );
    names(
        "  - git: {repoURL: 'https://git.example.com/fleet.git', revision: HEAD, files: [{path: 'config/**/config.*'}]}",
        "{{.cluster.name}}-{{.asset_id}}-{{.path.basename}}",
        &["dev-11223344-dev", "prod-44332211-prod"],
    );
    names(
        "  - matrix:\n      generators:\n      - git: {repoURL: 'https://git.example.com/fleet.git', revision: HEAD, files: [{path: 'config/*/config.*'}]}\n      - clusters: {selector: {matchLabels: {argocd.argoproj.io/secret-type: cluster}}}",
        "{{.cluster.name}}-{{.name}}",
        &["dev-eu-1", "dev-us-1", "prod-eu-1", "prod-us-1"],
    );
    names(
        "  - merge:\n      mergeKeys: [server]\n      generators:\n      - clusters: {selector: {matchLabels: {argocd.argoproj.io/secret-type: cluster}}, values: {kafka: 'true', redis: 'false'}}\n      - list: {elements: [{server: 'https://5.6.7.8', values: {redis: 'true'}}]}",
        "{{.name}}-kafka-{{.values.kafka}}-redis-{{.values.redis}}",
        &["eu-1-kafka-true-redis-false", "us-1-kafka-true-redis-true"],
    );
    names(
        "  - list: {elements: [{cluster: a, env: dev}, {cluster: b, env: prod}]}\n    selector: {matchLabels: {env: prod}}",
        "{{.cluster}}",
        &["b"],
    );
}

#[test]
fn whole_applications_as_yaml_and_json() {
    let place = place();
    let patched = set(
        "patched",
        "  - list: {elements: [{cluster: b, prune: true}, {cluster: a, prune: false}]}",
        "{{.cluster}}",
    ) + "  templatePatch: |\n    spec:\n      syncPolicy:\n        automated: {prune: {{.prune}}}\n";
    place.write(&[("set.yaml", &patched)]);
    place.check(
        "appset generate -f set.yaml",
        0,
        &expect![[r#"
        ---
        # ApplicationSet patched, spec.generators[0].list
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          finalizers:
          - resources-finalizer.argocd.argoproj.io
          name: a
          namespace: argocd
        spec:
          destination:
            namespace: guestbook
            server: https://kubernetes.default.svc
          project: default
          source:
            path: guestbook
            repoURL: https://git.example.com/fleet.git
            targetRevision: HEAD
          syncPolicy:
            automated:
              prune: false
        ---
        # ApplicationSet patched, spec.generators[0].list
        apiVersion: argoproj.io/v1alpha1
        kind: Application
        metadata:
          finalizers:
          - resources-finalizer.argocd.argoproj.io
          name: b
          namespace: argocd
        spec:
          destination:
            namespace: guestbook
            server: https://kubernetes.default.svc
          project: default
          source:
            path: guestbook
            repoURL: https://git.example.com/fleet.git
            targetRevision: HEAD
          syncPolicy:
            automated:
              prune: true
    "#]],
    );
    let json = place.flotilla("appset generate -f set.yaml -o json").stdout;
    let all: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let prunes: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["metadata"]["name"].as_str().unwrap(),
                one["spec"]["syncPolicy"]["automated"]["prune"].as_bool(),
            )
        })
        .collect();
    assert_eq!(prunes, [("a", Some(false)), ("b", Some(true))]);
}

#[test]
fn clusters_come_in_three_forms() {
    let place = place();
    let generator = "  - clusters: {selector: {matchLabels: {env: prod}}}";
    place.write(&[
        ("set.yaml", &set("fleet", generator, "{{.name}}-{{.metadata.labels.region}}")),
        ("list.json", r#"[{"name": "eu-1", "server": "https://1.2.3.4", "labels": {"env": "prod", "region": "eu"}}]"#),
        (
            "clusters.yaml",
            "apiVersion: flotilla.dev/v1alpha1\nkind: Cluster\nmetadata: {name: eu-1, labels: {env: prod, region: eu}}\nspec: {server: 'https://1.2.3.4'}\n",
        ),
    ]);
    let line = |file: &str| format!("appset generate -f set.yaml --clusters {file} -o json");
    let said = |file: &str| String::from_utf8(place.flotilla(&line(file)).stdout).unwrap();
    let expect = said("secrets.yaml");
    assert!(expect.contains("eu-1-eu"), "{expect}");
    assert_eq!((said("list.json"), said("clusters.yaml")), (expect.clone(), expect));
    place.check("appset generate -f set.yaml -o name", 0, &expect![[r#"
        note: set.yaml, line 1: ApplicationSet fleet: it expands to no Application (no clusters are known: give --clusters FILE)
    "#]]);
    place.write(&[("bad.yaml", "- name: eu-1\n- name: us-1\n  lables: {env: prod}\n")]);
    place.check(
        &line("bad.yaml"),
        1,
        &expect![[r#"
        error: bad.yaml, line 3: unknown field `lables`: did you mean labels?
    "#]],
    );
}

#[test]
fn files_hold_many_objects_and_others_are_passed_over() {
    let place = place();
    let element = |name: &str| format!("  - list: {{elements: [{{a: {name}}}]}}");
    let one = set("one", &element("z"), "{{.a}}-one");
    let two = set("two", &element("a"), "{{.a}}-two");
    let other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\n";
    place.write(&[("many.yaml", &format!("{other}---\n{one}---\n{rollout}")), ("two.yaml", &two)]);
    place.check(
        "appset generate -f many.yaml two.yaml -o name",
        0,
        &expect![[r#"
        application.argoproj.io/a-two
        application.argoproj.io/z-one
        note: many.yaml, line 1: ConfigMap settings is passed over
        note: many.yaml, line 20: Rollout web is passed over
    "#]],
    );
    let (code, said) = piped(&place, "appset generate -f - -o name", &two);
    assert_eq!((code, said.as_str()), (Some(0), "application.argoproj.io/a-two\n"));
    place.write(&[("typo.yaml", &two.replace("kind: ApplicationSet", "kind: ApplicationSte"))]);
    place.check("appset generate -f typo.yaml", 1, &expect![[r#"
        error: typo.yaml, line 2: there is no kind ApplicationSte in argoproj.io/v1alpha1: did you mean ApplicationSet?
    "#]]);
    place.write(&[("none.yaml", other)]);
    place.check(
        "appset generate -f none.yaml",
        1,
        &expect![[r#"
        note: none.yaml, line 1: ConfigMap settings is passed over
        error: none.yaml: there is no ApplicationSet in it
    "#]],
    );
    // Two sets of one name, and two sets that give one Application.
    place.write(&[("again.yaml", &one)]);
    place.check("appset generate -f many.yaml -f again.yaml", 1, &expect![[r#"
        note: many.yaml, line 1: ConfigMap settings is passed over
        note: many.yaml, line 20: Rollout web is passed over
        error: again.yaml, line 1: ApplicationSet one is there already (many.yaml, line 5): one of them would replace the other
    "#]]);
    place.write(&[("taken.yaml", &set("three", &element("z"), "{{.a}}-one"))]);
    place.check("appset generate -f many.yaml -f taken.yaml", 1, &expect![[r#"
        note: many.yaml, line 1: ConfigMap settings is passed over
        note: many.yaml, line 20: Rollout web is passed over
        error: taken.yaml, line 10: ApplicationSet three: ApplicationSet one (many.yaml, line 5) gives z-one too: an Application has one owner, and the later set is refused it
    "#]]);
}

#[test]
fn folders_stand_for_repositories_with_and_without_git() {
    let place = place();
    let generator = "  - git: {repoURL: 'https://git.example.com/fleet.git', revision: main, directories: [{path: addons/*}]}";
    place.write(&[("set.yaml", &set("fleet", generator, "{{.path.basename}}"))]);
    let line = "appset generate -f set.yaml --repo https://git.example.com/fleet.git=repo -o name";
    place.check(
        line,
        0,
        &expect![[r#"
        application.argoproj.io/argo-workflows
        application.argoproj.io/exclude-me
        application.argoproj.io/prometheus
    "#]],
    );
    // Without .git there is nothing but what is on disk.
    place.check(&format!("{line} --revision main"), 1, &expect![[r#"
        error: set.yaml, line 8: ApplicationSet fleet: spec.generators[0].git.repoURL: cannot read the directories of https://git.example.com/fleet.git at `main`: repo is no Git repository, so it has no revision `main`: leave the revision out, or leave out its --repo to have https://git.example.com/fleet.git fetched
    "#]]);
    place.commit("first");
    place.git(&["tag", "v1"]);
    std::fs::remove_dir_all(place.path("repo/addons/exclude-me")).unwrap();
    place.check(
        line,
        0,
        &expect![[r#"
        application.argoproj.io/argo-workflows
        application.argoproj.io/prometheus
    "#]],
    );
    place.check(
        &format!("{line} --revision v1"),
        0,
        &expect![[r#"
        application.argoproj.io/argo-workflows
        application.argoproj.io/exclude-me
        application.argoproj.io/prometheus
    "#]],
    );
    place.check(&format!("{line} --revision v2"), 1, &expect![[r#"
        error: set.yaml, line 8: ApplicationSet fleet: spec.generators[0].git.repoURL: cannot read the directories of https://git.example.com/fleet.git at `main`: revision `v2` not found in file://DIR/repo: branches and tags there: v1, main
    "#]]);
    let two = format!("{generator}\n{}", generator.replace("revision: main", "revision: v1"));
    place.write(&[("two.yaml", &set("fleet", &two, "{{.path.basename}}"))]);
    place.check("appset generate -f two.yaml --repo repo -o name", 1, &expect![[r#"
        note: https://git.example.com/fleet.git: main and v1 are all read from the one folder that stands for it, as it is on disk
        error: two.yaml, line 11: ApplicationSet fleet: argo-workflows of spec.generators[0].git: spec.template.metadata.name: 2 applications have the duplicate name `argo-workflows`, all from spec.generators[0].git and spec.generators[1].git; none of them is written: add a parameter that differs, e.g. the cluster's name
               two.yaml, line 11: ApplicationSet fleet: prometheus of spec.generators[0].git: spec.template.metadata.name: 2 applications have the duplicate name `prometheus`, all from spec.generators[0].git and spec.generators[1].git; none of them is written: add a parameter that differs, e.g. the cluster's name
    "#]]);
}

fn fault(from: &str, to: &str, expect: &Expect) {
    let place = super::fleet();
    assert!(SET.contains(from), "{from}");
    place.write(&[("bad.yaml", &SET.replace(from, to)), ("clusters.yaml", &clusters(&["eu-1"]))]);
    let line = "appset generate -f bad.yaml --clusters clusters.yaml --repo repo";
    place.check(line, 1, expect);
    assert!(place.flotilla(line).stdout.is_empty(), "{to}");
}

#[test]
fn faults_are_said_with_file_line_and_field_and_nothing_is_printed() {
    fault(
        "destination:",
        "destnation:",
        &expect![[r#"
        error: bad.yaml, line 16: ApplicationSet in version "v1alpha1" cannot be handled as a ApplicationSet: strict decoding error: unknown field "spec.template.spec.destnation" (did you mean "spec.template.spec.destination"?)
    "#]],
    );
    fault(
        "metadata: {name: '{{.path.basename}}-{{.name}}'}",
        "metadata: {name: '{{.path.basenme}}'}",
        &expect![[r#"
            error: bad.yaml, line 12: ApplicationSet fleet: spec.template.metadata.name: the generated name is `<no value>`: a parameter has no value: did you mean .path.basename; this generator gives: index .metadata.labels "argocd.argoproj.io/secret-type", .metadata.labels.env, .name, .nameNormalized, .path.basename, .path.basenameNormalized, .path.path, .path.segments, .project, .server
        "#]],
    );
    fault(
        "'{{.path.path}}'",
        "'{{.path.path'",
        &expect![[r#"
        error: bad.yaml, line 15: ApplicationSet fleet: spec.template.spec.source.path: template: path:1: unclosed action
    "#]],
    );
    // Within a block, the line of the template.
    fault(
        "  template:\n",
        "  templatePatch: |\n    spec:\n      project: '{{ .nothing | nofunction }}'\n  template:\n",
        &expect![[r#"
        error: bad.yaml, line 13: ApplicationSet fleet: spec.templatePatch: template: templatePatch:2: function "nofunction" not defined
    "#]],
    );
    fault(
        "clusters: {selector: {matchLabels: {env: prod}}}",
        "clutsers: {}",
        &expect![[r#"
        error: bad.yaml, line 10: ApplicationSet in version "v1alpha1" cannot be handled as a ApplicationSet: strict decoding error: unknown field "spec.generators[0].matrix.generators[1].clutsers" (did you mean "spec.generators[0].matrix.generators[1].clusters"?)
    "#]],
    );
    fault(
        "project: default",
        "project: ''",
        &expect![[r#"
        error: bad.yaml, line 14: ApplicationSet fleet: web-eu-1 of spec.generators[0].matrix: spec.template.spec.project: project is required, e.g. default
    "#]],
    );
    fault(
        "metadata: {name: '{{.path.basename}}-{{.name}}'}",
        "metadata: {name: 'Web'}",
        &expect![[r#"
        error: bad.yaml, line 12: ApplicationSet fleet: Web of spec.generators[0].matrix: spec.template.metadata.name: `Web` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
    "#]],
    );
    fault(
        "  goTemplate: true",
        "\tgoTemplate: true",
        &expect![[r#"
        error: bad.yaml: line 5, column 1: a tab cannot indent YAML: replace tabs at the start of lines by spaces
    "#]],
    );
    fault(
        "  goTemplate: true",
        "  goTemplate: true\n  goTemplate: false",
        &expect![[r#"
        error: bad.yaml, line 6, column 3: `spec.goTemplate` is set again here and this one wins; keep one of them
    "#]],
    );
}

#[test]
fn wrong_command_lines_say_what_to_write() {
    let place = super::fleet();
    for (line, part) in [
        ("appset generate", "--file <FILE>"),
        ("appset generate -f set.yaml --repo nowhere", "there is no folder `nowhere`"),
        ("appset generate -f set.yaml -o xml", "possible values: yaml, json, name"),
        ("appset generate -f set.yaml --revision main", "--repo"),
        ("appset generate -f set.yaml --repo repo --revision HEAD~1", "git rev-parse 'HEAD~1'"),
    ] {
        let output = place.flotilla(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}\n{said}");
        assert!(said.contains(part) && output.stdout.is_empty(), "{line}: {part} in {said}");
    }
    place.check(
        "appset generate -f missing.yaml",
        1,
        &expect![[r#"
        error: missing.yaml cannot be read: No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn the_standard_input_is_read_once_and_called_so() {
    let place = place();
    place.write(&[("set.yaml", &set("examples", "  - clusters: {}", "{{.name}}"))]);
    for (line, input, part) in [
        ("appset generate -f - --clusters -", "", "the standard input can be read once"),
        ("appset lint -f - -f -", "", "the standard input can be read once"),
        ("appset generate -f -", "", "standard input: there is no ApplicationSet in it"),
        ("appset generate -f -", "a: [\n", "standard input: line 2"),
        ("appset generate -f set.yaml --clusters -", "", "standard input: there is no Cluster in it"),
        ("appset generate -f set.yaml --clusters -", "clusters: [{name: a}]", "leave `clusters:` out"),
    ] {
        let (code, said) = piped(&place, line, input);
        assert!(code != Some(0) && said.contains(part), "{line}: {part} in {said}");
    }
    let (code, said) = piped(&place, "appset generate -f set.yaml --clusters - -o name", "- {name: eu-1}\n");
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "application.argoproj.io/eu-1\napplication.argoproj.io/in-cluster\n")
    );
}
