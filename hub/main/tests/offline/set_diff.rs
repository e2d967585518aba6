//! `flotilla appset diff`, with no hub.

use super::{Place, piped};
use expect_test::expect;

const SET: &str = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: fleet
  annotations: {flotilla.dev/rollout-policy: careful}
spec:
  goTemplate: true
  generators:
  - matrix:
      generators:
      - git: {repoURL: 'https://git.example.com/fleet.git', revision: main, directories: [{path: apps/*}]}
      - clusters: {selector: {matchLabels: {env: prod}}}
  template:
    metadata: {name: '{{.path.basename}}-{{.name}}'}
    spec:
      project: default
      source: {repoURL: 'https://git.example.com/fleet.git', path: '{{.path.path}}', targetRevision: main}
      destination: {name: '{{.name}}', namespace: '{{.path.basename}}'}
";

const POLICY: &str = "apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}}
  - {name: rest}
";

const CLUSTERS: &str = "- {name: eu-1, labels: {env: prod, ring: canary}}
- {name: eu-2, labels: {env: prod}}
- {name: us-1, labels: {env: prod}}
- {name: us-2, labels: {env: dev}}
";

fn fleet() -> Place {
    let place = Place::new(&[
        ("set.yaml", SET),
        ("policy.yaml", POLICY),
        ("clusters.yaml", CLUSTERS),
        ("repo/apps/web/a.yaml", "kind: ConfigMap"),
        ("repo/apps/api/a.yaml", "kind: ConfigMap"),
    ]);
    place.commit("first");
    place
}

const LINE: &str = "appset diff -f set.yaml policy.yaml --clusters clusters.yaml --repo repo";

#[test]
fn a_branch_adds_and_removes_applications() {
    let fleet = fleet();
    fleet.check(
        &format!("{LINE} --revisions main.."),
        0,
        &expect![[r#"
        no difference (6 applications)
    "#]],
    );
    fleet.write(&[("repo/apps/job/a.yaml", "kind: ConfigMap")]);
    std::fs::remove_dir_all(fleet.path("repo/apps/api")).unwrap();
    let expected = expect![[r#"
        ApplicationSet argocd/fleet: 3 added, 0 changed, 3 removed, 3 equal
        + job-eu-1 on eu-1, wave canary
        + job-eu-2 on eu-2, wave rest
        + job-us-1 on us-1, wave rest
        - api-eu-1 on eu-1, wave canary (its objects go too)
        - api-eu-2 on eu-2, wave rest (its objects go too)
        - api-us-1 on us-1, wave rest (its objects go too)

        Blast radius: 6 of 9 applications, 3 of 4 clusters
          WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
          canary   1 of 1     1       0         1         eu-1
          rest     2 of 2     2       0         2         eu-2, us-1
        note: argocd/fleet: 3 of 6 Applications would be deleted (api-eu-1, api-eu-2, api-us-1), and that is more than a tenth of the set: they are held until `flotilla appset approve fleet`
    "#]];
    fleet.check(&format!("{LINE} --revisions main.."), 1, &expected);
    fleet.git(&["checkout", "--quiet", "-b", "next"]);
    fleet.commit("second");
    fleet.check(&format!("{LINE} --revisions main..next"), 1, &expected);
    fleet.check(
        &format!("{LINE} --revisions next..next"),
        0,
        &expect![[r#"
        no difference (6 applications)
    "#]],
    );
    fleet.check(&format!("{LINE} --revisions gone..next"), 2, &expect![[r#"
        error: at gone: set.yaml, line 11: ApplicationSet fleet: spec.generators[0].matrix.generators[0].git.repoURL: cannot read the directories of https://git.example.com/fleet.git at `main`: revision `gone` not found in file://DIR/repo: branches and tags there: main, next
    "#]]);
}

#[test]
fn a_template_changes_every_application_alike() {
    let fleet = fleet();
    fleet.write(&[("next.yaml", &SET.replace("targetRevision: main}", "targetRevision: v2}"))]);
    fleet.check(
        "appset diff -f next.yaml policy.yaml --against set.yaml --clusters clusters.yaml --repo repo --unified 1",
        1,
        &expect![[r#"
            ApplicationSet argocd/fleet: 0 added, 6 changed, 0 removed, 0 equal
            ! 6 applications: api-eu-1, api-eu-2, api-us-1, web-eu-1, web-eu-2, web-us-1
            --- Application (before)
            +++ Application (after)
            @@ -11,2 +11,2 @@
                 repoURL: https://git.example.com/fleet.git
            -    targetRevision: main
            +    targetRevision: v2

            Blast radius: 6 of 6 applications, 3 of 4 clusters
              WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
              canary   1 of 1     0       2         0         eu-1
              rest     2 of 2     0       4         0         eu-2, us-1
        "#]],
    );
    // The old set by the standard input, as `git show main:set.yaml` gives it.
    let line = "appset diff -f set.yaml policy.yaml --against - --clusters clusters.yaml --repo repo";
    let (code, said) = piped(&fleet, line, SET);
    assert_eq!((code, said.as_str()), (Some(0), "no difference (6 applications)\n"));
    // A set that goes, and one that comes.
    fleet.write(&[(
        "other.yaml",
        &SET.replace("name: fleet", "name: other").replace("{{.name}}'}", "{{.name}}-x'}"),
    )]);
    let output = fleet.flotilla("appset diff -f other.yaml policy.yaml --against set.yaml --clusters clusters.yaml --repo repo -o json");
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let shown: Vec<String> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|set| {
            let changes = set["changes"].as_array().unwrap();
            format!("{} {} {}", set["set"], changes[0]["change"], changes.len())
        })
        .collect();
    assert_eq!(shown, [r#""argocd/fleet" "removed" 6"#, r#""argocd/other" "added" 6"#]);
    assert_eq!(output.status.code(), Some(1));
    let first = &all[0]["changes"][0];
    assert_eq!((first["cluster"].as_str(), first["wave"].as_str()), (Some("eu-1"), Some("canary")));
    assert_eq!(all[0]["waves"][1]["clusters"], serde_json::json!(["eu-2", "us-1"]));
}

#[test]
fn labels_of_clusters_move_applications_in_out_and_between_waves() {
    let fleet = fleet();
    let next = CLUSTERS
        .replace("us-2, labels: {env: dev}", "us-2, labels: {env: prod}")
        .replace("us-1, labels: {env: prod}", "us-1, labels: {env: dev}")
        .replace("eu-2, labels: {env: prod}", "eu-2, labels: {env: prod, ring: canary}");
    fleet.write(&[("next.yaml", &next)]);
    fleet.check(
        "appset diff -f set.yaml policy.yaml --clusters next.yaml --against-clusters clusters.yaml --repo repo",
        1,
        &expect![[r#"
            ApplicationSet argocd/fleet: 2 added, 0 changed, 2 removed, 2 in another wave, 2 equal
            + api-us-2 on us-2, wave rest
            + web-us-2 on us-2, wave rest
            - api-us-1 on us-1, wave rest (its objects go too)
            - web-us-1 on us-1, wave rest (its objects go too)
            ~ api-eu-2 on eu-2, wave canary (it was in wave rest)
            ~ web-eu-2 on eu-2, wave canary (it was in wave rest)

            Blast radius: 4 of 8 applications, 2 of 4 clusters
              WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
              rest   2          2       0         2         us-1, us-2
            note: argocd/fleet: 2 of 6 Applications would be deleted (api-us-1, web-us-1), and that is more than a tenth of the set: they are held until `flotilla appset approve fleet`
        "#]],
    );
}

#[test]
fn waves_are_those_of_the_set_where_it_has_no_policy() {
    let fleet = fleet();
    let bare = SET.replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", "");
    let next = |set: &str| set.replace("namespace: '{{.path.basename}}'", "namespace: shop");
    let line = "appset diff -f next.yaml --against old.yaml --clusters clusters.yaml --repo repo --unified 0";
    fleet.write(&[("old.yaml", &bare), ("next.yaml", &next(&bare))]);
    fleet.check(
        line,
        1,
        &expect![[r#"
        ApplicationSet argocd/fleet: 0 added, 6 changed, 0 removed, 0 equal
        ! 3 applications: api-eu-1, api-eu-2, api-us-1
        --- Application (before)
        +++ Application (after)
        @@ -7 +7 @@
        -    namespace: api
        +    namespace: shop
        ! 3 applications: web-eu-1, web-eu-2, web-us-1
        --- Application (before)
        +++ Application (after)
        @@ -7 +7 @@
        -    namespace: web
        +    namespace: shop

        Blast radius: 6 of 6 applications, 3 of 4 clusters
          WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
          all    3 of 3     0       6         0         eu-1, eu-2, us-1
    "#]],
    );
    let steps = bare.clone().replace(
        "metadata: {name: '{{.path.basename}}-{{.name}}'}",
        "metadata: {name: '{{.path.basename}}-{{.name}}', labels: {app: '{{.path.basename}}'}}",
    ) + "  strategy: {type: RollingSync, rollingSync: {steps: [{matchExpressions: [{key: app, operator: In, values: [api]}]}]}}\n";
    fleet.write(&[("old.yaml", &steps), ("next.yaml", &next(&steps))]);
    fleet.check(
        line,
        1,
        &expect![[r#"
        ApplicationSet argocd/fleet: 0 added, 6 changed, 0 removed, 0 equal
        ! 3 applications: api-eu-1, api-eu-2, api-us-1
        --- Application (before)
        +++ Application (after)
        @@ -9 +9 @@
        -    namespace: api
        +    namespace: shop
        ! 3 applications: web-eu-1, web-eu-2, web-us-1
        --- Application (before)
        +++ Application (after)
        @@ -9 +9 @@
        -    namespace: web
        +    namespace: shop

        Blast radius: 6 of 6 applications, 3 of 4 clusters
          WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
          1      3 of 3     0       3         0         eu-1, eu-2, us-1
          none   3          0       3         0         eu-1, eu-2, us-1
    "#]],
    );
    // A policy that is in none of the files.
    fleet.write(&[("old.yaml", SET), ("next.yaml", &next(SET))]);
    fleet.check(
        line,
        1,
        &expect![[r#"
            ApplicationSet argocd/fleet: 0 added, 6 changed, 0 removed, 0 equal
            ! 3 applications: api-eu-1, api-eu-2, api-us-1
            --- Application (before)
            +++ Application (after)
            @@ -7 +7 @@
            -    namespace: api
            +    namespace: shop
            ! 3 applications: web-eu-1, web-eu-2, web-us-1
            --- Application (before)
            +++ Application (after)
            @@ -7 +7 @@
            -    namespace: web
            +    namespace: shop

            Blast radius: 6 of 6 applications, 3 of 4 clusters
              WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
              ?      3          0       6         0         eu-1, eu-2, us-1
            note: argocd/fleet: RolloutPolicy careful is not known here, and so no wave: give its file with -f too
        "#]],
    );
}

#[test]
fn the_sets_own_policy_counts() {
    let fleet = fleet();
    let kept = SET.to_owned() + "  syncPolicy: {applicationsSync: create-only}\n";
    let next = kept.replace("targetRevision: main}", "targetRevision: v2}").replace("env: prod", "env: dev");
    fleet.write(&[("old.yaml", &kept), ("next.yaml", &next)]);
    fleet.check(
        "appset diff -f next.yaml policy.yaml --against old.yaml --clusters clusters.yaml --repo repo",
        1,
        &expect![[r#"
            ApplicationSet argocd/fleet: 2 added, 0 changed, 0 removed, 6 equal
            + api-us-2 on us-2, wave rest
            + web-us-2 on us-2, wave rest

            Blast radius: 2 of 8 applications, 1 of 4 clusters
              WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
              rest   1 of 1     2       0         0         us-2
            note: argocd/fleet: applicationsSync: create-only keeps 0 changes and 6 removals from being made
        "#]],
    );
}

#[test]
fn wrong_command_lines_say_what_to_write() {
    let fleet = fleet();
    for (line, part) in [
        ("appset diff", "<NAME>..."),
        ("appset diff fleet", "there is no kubeconfig"),
        ("appset diff fleet -f set.yaml", "cannot be used with"),
        ("appset diff -f set.yaml", "there is no kubeconfig"),
        (
            "appset diff -f set.yaml --against hub --revisions main.. --repo repo",
            "leave --against-clusters, --revisions",
        ),
        ("appset diff -f set.yaml --against set.yaml", "names the same files as -f"),
        ("appset diff -f - --against -", "can be read once"),
        ("appset diff -f set.yaml --revisions main..", "--repo"),
        ("appset diff -f set.yaml --revisions main --repo repo", "write A..B"),
        ("appset diff -f set.yaml --against-clusters clusters.yaml", "--clusters <FILE>"),
        ("appset diff -f set.yaml --against gone.yaml", "gone.yaml cannot be read"),
    ] {
        let output = fleet.flotilla(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}\n{said}");
        assert!(said.contains(part) && output.stdout.is_empty(), "{line}: {part} in {said}");
    }
}
