//! `flotilla appset lint`.

use super::{Place, piped};
use expect_test::expect;

/// Nothing in it is wrong, but for what the tests change.
const SET: &str = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: fleet
  annotations: {flotilla.dev/rollout-policy: careful}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  syncPolicy: {preserveResourcesOnDeletion: true}
  generators:
  - matrix:
      generators:
      - git: {repoURL: 'https://git.example.com/fleet.git', revision: main, directories: [{path: apps/*}]}
      - clusters:
          selector: {matchLabels: {env: prod}}
          values: {tier: '{{.metadata.labels.env}}'}
  template:
    metadata:
      name: '{{.path.basename}}-{{.name}}'
      labels: {tier: '{{.values.tier}}'}
    spec:
      project: default
      source: {repoURL: 'https://git.example.com/fleet.git', path: '{{.path.path}}', targetRevision: main}
      destination: {name: '{{.name}}', namespace: '{{.path.basename}}'}
      syncPolicy: {automated: {prune: true}}
";

const POLICY: &str = "---
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec:
  waves:
  - {name: canary, match: {matchLabels: {ring: canary}}}
  - {name: rest}
";

const CLUSTERS: &str =
    "- {name: eu-1, labels: {env: prod, ring: canary}}\n- {name: eu-2, labels: {env: prod}}\n";

fn fleet(set: &str) -> Place {
    Place::new(&[("set.yaml", set), ("clusters.yaml", CLUSTERS), ("repo/apps/web/a.yaml", "kind: ConfigMap")])
}

const LINE: &str = "appset lint -f set.yaml --clusters clusters.yaml --repo repo";

#[test]
fn a_set_in_order_has_no_findings() {
    let place = fleet(&format!("{SET}{POLICY}"));
    place.check(
        LINE,
        0,
        &expect![[r#"
        0 errors, 0 warnings in 1 ApplicationSet
    "#]],
    );
    place.check(
        &format!("{LINE} --strict -o json"),
        0,
        &expect![[r#"
        []
        0 errors, 0 warnings in 1 ApplicationSet
    "#]],
    );
    place.check(
        "appset lint -f set.yaml --repo repo --strict",
        0,
        &expect![[r#"
        0 errors, 0 warnings in 1 ApplicationSet
    "#]],
    );
    let (code, said) = piped(&place, "appset lint -f - --repo repo", SET);
    assert_eq!((code, said.as_str()), (Some(0), "0 errors, 0 warnings in 1 ApplicationSet\n"));
}

#[test]
fn findings_have_file_line_rule_and_remedy() {
    let wrong = SET
        .replace("name: '{{.path.basename}}-{{.name}}'", "name: '{{.path.basename}}-{{.nmae}}'")
        .replace("labels: {tier: '{{.values.tier}}'}", "labels: {prio: '1'}")
        .replace("{env: prod}", "{evn: prod}")
        .replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", "");
    let place = fleet(&wrong);
    place.check(LINE, 1, &expect![[r#"
        set.yaml:13: warning generator-gives-nothing: spec.generators[0].matrix.generators[1]: it gives nothing for any parameter set of the generator before it: mend what it takes from there
        set.yaml:14: warning unknown-label: spec.generators[0].matrix.generators[1].clusters.selector.matchLabels.evn: no given cluster has the label evn: did you mean `env`
        set.yaml:15: warning unused-value: spec.generators[0].matrix.generators[1].clusters.values.tier: nothing reads `.values.tier`: remove it, or use it in the template: {{.values.tier}}
        set.yaml:18: error unknown-key: spec.template.metadata.name: `.nmae` is not given by spec.generators[0].matrix, the whole set fails (missingkey=error): did you mean .name; this generator gives: .name, .nameNormalized, .path.basename, .path.basenameNormalized, .path.path, .path.segments, .project, .server, .values.tier
        set.yaml:24: warning unpinned-prune: spec.template.spec.syncPolicy.automated.prune: `main` moves: a commit there that loses manifests deletes their objects, and nothing stages it: give the set waves (strategy.rollingSync, or the annotation flotilla.dev/rollout-policy), or pin targetRevision to a tag or commit
        1 error, 4 warnings in 1 ApplicationSet
    "#]]);
    let wrong = wrong.replace("{prio: '1'}", "{prio: 1}");
    fleet(&wrong).check(LINE, 1, &expect![[r#"
        set.yaml:19: error invalid-object: ApplicationSet.argoproj.io "fleet" is invalid: spec.template.metadata.labels.prio: Invalid value: "integer": spec.template.metadata.labels.prio in body must be of type string: "integer"
        1 error, 0 warnings in 0 ApplicationSets
    "#]]);
    place.check(
        &format!("{LINE} --allow unknown-key,expansion-fails -o json"),
        0,
        &expect![[r#"
            [
              {
                "file": "set.yaml",
                "line": 13,
                "message": "it gives nothing for any parameter set of the generator before it",
                "path": "spec.generators[0].matrix.generators[1]",
                "remedy": "mend what it takes from there",
                "rule": "generator-gives-nothing",
                "set": "fleet",
                "severity": "warning"
              },
              {
                "file": "set.yaml",
                "line": 14,
                "message": "no given cluster has the label evn",
                "path": "spec.generators[0].matrix.generators[1].clusters.selector.matchLabels.evn",
                "remedy": "did you mean `env`",
                "rule": "unknown-label",
                "set": "fleet",
                "severity": "warning"
              },
              {
                "file": "set.yaml",
                "line": 15,
                "message": "nothing reads `.values.tier`",
                "path": "spec.generators[0].matrix.generators[1].clusters.values.tier",
                "remedy": "remove it, or use it in the template: {{.values.tier}}",
                "rule": "unused-value",
                "set": "fleet",
                "severity": "warning"
              },
              {
                "file": "set.yaml",
                "line": 24,
                "message": "`main` moves: a commit there that loses manifests deletes their objects, and nothing stages it",
                "path": "spec.template.spec.syncPolicy.automated.prune",
                "remedy": "give the set waves (strategy.rollingSync, or the annotation flotilla.dev/rollout-policy), or pin targetRevision to a tag or commit",
                "rule": "unpinned-prune",
                "set": "fleet",
                "severity": "warning"
              }
            ]
            0 errors, 4 warnings in 1 ApplicationSet
        "#]],
    );
    let output = place.flotilla(&format!("{LINE} --allow unknown-key,expansion-fails --strict"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn waves_and_steps_that_take_nobody_are_found() {
    let nobody = POLICY.replace("ring: canary", "ring: early").replace("  - {name: rest}\n", "");
    let place = fleet(&format!("{SET}{nobody}"));
    place.check(LINE, 1, &expect![[r#"
        set.yaml:5: error empty-wave: metadata.annotations.flotilla.dev/rollout-policy: wave canary of RolloutPolicy careful takes none of the clusters, and holds the rollout: nothing is proven there: mend the wave's match, or the clusters' labels
        set.yaml:5: error in-no-wave: metadata.annotations.flotilla.dev/rollout-policy: no wave of RolloutPolicy careful takes web-eu-1, web-eu-2: they get no release: add a last wave without match
        2 errors, 0 warnings in 1 ApplicationSet
    "#]]);
    // Without clusters nobody knows who is in a wave.
    place.check(
        "appset lint -f set.yaml --repo repo",
        0,
        &expect![[r#"
        0 errors, 0 warnings in 1 ApplicationSet
    "#]],
    );
    let steps = SET.replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", "")
        + "  strategy: {type: RollingSync, rollingSync: {steps: [{matchExpressions: [{key: tier, operator: In, values: [dev]}]}]}}\n";
    place.write(&[("set.yaml", &steps)]);
    place.check(LINE, 1, &expect![[r#"
        set.yaml:25: error in-no-wave: spec.strategy.rollingSync.steps: no step takes web-eu-1, web-eu-2: they get no release: add a step that takes them, last one without matchExpressions; the Applications have tier
        set.yaml:25: warning empty-wave: spec.strategy.rollingSync.steps[0]: step 1 takes none of the Applications, and passes at once: mend its matchExpressions: they match labels of spec.template.metadata.labels; the Applications have tier
        1 error, 1 warning in 1 ApplicationSet
    "#]]);
}

#[test]
fn what_is_no_set_is_a_finding_too() {
    let place = fleet(&format!(
        "{}---\n{}",
        SET.replace("  generators:", "  generator:"),
        SET.replace("name: fleet", "name: other")
            .replace("      project: default", "      project: default\n      project: shop")
    ));
    place.check(LINE, 1, &expect![[r#"
        set.yaml:10: error invalid-object: ApplicationSet in version "v1alpha1" cannot be handled as a ApplicationSet: strict decoding error: unknown field "spec.generator" (did you mean "spec.generators"?)
        set.yaml:49: error duplicate-key: `spec.template.spec.project` is set again here and this one wins; keep one of them
        2 errors, 0 warnings in 1 ApplicationSet
    "#]]);
    place.write(&[("set.yaml", &format!("{SET}---\n{SET}"))]);
    place.check(LINE, 1, &expect![[r#"
        set.yaml:30: error duplicate-name: metadata.name: ApplicationSet fleet is there already (set.yaml, line 1): rename one of them
        1 error, 0 warnings in 2 ApplicationSets
    "#]]);
    place.write(&[("set.yaml", &format!("{SET}---\n{}", SET.replace("name: fleet", "name: other")))]);
    place.check(LINE, 1, &expect![[r#"
        set.yaml:45: error duplicate-name: spec.template.metadata.name: ApplicationSet fleet (set.yaml, line 1) gives web-eu-1, web-eu-2 too: an Application has one owner, and the later set is refused it: rename one of them
        1 error, 0 warnings in 2 ApplicationSets
    "#]]);
    place.write(&[("set.yaml", "spec: [\n")]);
    place.check(LINE, 1, &expect![[r#"
        set.yaml:2: error invalid-object: a value is expected here: quote it if it starts with a special character
        1 error, 0 warnings in 0 ApplicationSets
    "#]]);
    // Argo CD drops it without a word.
    let patch = SET.to_owned() + "  templatePatch: '{spec: {source: {paht: x}}}'\n";
    place.write(&[("set.yaml", &patch)]);
    place.check(LINE, 0, &expect![[r#"
        set.yaml:26: warning no-effect: spec.templatePatch: spec.source.paht is no field of an Application and is left out: did you mean path? take it out of the patch, or mend its name
        0 errors, 1 warning in 1 ApplicationSet
    "#]]);
}

#[test]
fn rules_are_listed_and_wrong_command_lines_say_what_to_write() {
    let place = fleet(SET);
    let output = place.flotilla("appset lint --rules");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("unknown-key") && output.status.success(), "{said}");
    for (line, part) in [
        ("appset lint", "--file <FILE>"),
        ("appset lint -f gone.yaml", "gone.yaml cannot be read"),
        ("appset lint -f clusters.yaml --clusters gone.yaml", "gone.yaml cannot be read"),
        ("appset lint -f set.yaml --allow unknown-kye", "did you mean unknown-key?"),
    ] {
        let output = place.flotilla(line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}\n{said}");
        assert!(said.contains(part) && output.stdout.is_empty(), "{line}: {part} in {said}");
    }
}

#[test]
fn a_comment_says_that_a_finding_is_meant() {
    let place = fleet(&SET.replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", ""));
    let prune = "      syncPolicy: {automated: {prune: true}}\n";
    let alone = "      # The team wants it so. flotilla:allow is no rule of its own here.\n      # flotilla:allow unpinned-prune, missing-key -- a sandbox\n      # (see the handbook)\n";
    for (meant, rule) in [
        (format!("{alone}{prune}"), ""),
        (prune.replace('\n', " # flotilla:allow unpinned-prune\n"), ""),
        (prune.replace('\n', " # flotilla:allow missing-key\n"), "unpinned-prune"),
        (format!("      # flotilla:allow unpinned-prune\n      info: []\n{prune}"), "unpinned-prune"),
    ] {
        let set = SET.replace("  annotations: {flotilla.dev/rollout-policy: careful}\n", "");
        place.write(&[("set.yaml", &set.replace(prune, &meant))]);
        let output = place.flotilla(LINE);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!((said.contains(rule), said.is_empty()), (true, rule.is_empty()), "{meant}{said}");
    }
    place.write(&[(
        "set.yaml",
        &SET.replace(prune, &format!("      # flotilla:allow unpinned-prnue\n{prune}")),
    )]);
    place.check(
        LINE,
        2,
        &expect![[r#"
            error: set.yaml, line 26: `# flotilla:allow`: there is no rule `unpinned-prnue`: did you mean unpinned-prune?
        "#]],
    );
}

#[test]
fn what_is_merely_worth_knowing_is_told_when_asked_for() {
    let place =
        fleet(&format!("{}{POLICY}", SET.replace("  syncPolicy: {preserveResourcesOnDeletion: true}\n", "")));
    place.check(
        LINE,
        0,
        &expect![[r#"
        0 errors, 0 warnings in 1 ApplicationSet; 1 more to know (--info)
    "#]],
    );
    place.check(&format!("{LINE} --info --strict"), 0, &expect![[r#"
        set.yaml:12: info cascading-deletion: spec.generators[0].matrix.generators[0].git: a folder or file that goes takes the Application and its objects along (only more than a tenth of the set at once is held): set spec.syncPolicy.preserveResourcesOnDeletion: true where the objects must outlive that
        0 errors, 0 warnings in 1 ApplicationSet
    "#]]);
    let output = place.flotilla(&format!("{LINE} -o json"));
    assert!(String::from_utf8(output.stdout).unwrap().contains("cascading-deletion"));
}
