use super::*;
use expect_test::expect;

const CLUSTERS: &str = "[{clusters: {selector: {matchLabels: {env: prod}}}}]";

fn one(generators: &str) -> String {
    set(generators, &named("{{.name}}"), "")
}

/// The template with one of its parts put in another's place.
fn with(from: &str, to: &str) -> String {
    let whole = set(CLUSTERS, &named("{{.name}}"), "");
    assert!(whole.contains(from), "{from}");
    whole.replace(from, to)
}

#[test]
fn expansion_fails() {
    check(
        Rule::ExpansionFails,
        &one("[{matrix: {generators: [{clusters: {}}]}}]"),
        &expect![[r#"
        error spec.generators[0].matrix.generators: a matrix needs exactly two generators: put the two into one matrix, and nest a matrix for a third
    "#]],
    );
    check(
        Rule::ExpansionFails,
        &one("[{clutsers: {}}]"),
        &expect![[r#"
        error spec.generators[0].clutsers: unknown generator `clutsers`: did you mean `clusters`?
    "#]],
    );
    silent(Rule::ExpansionFails, &one(CLUSTERS));
}

#[test]
fn generator_gives_nothing() {
    check(
        Rule::GivesNothing,
        &one("[{clusters: {selector: {matchLabels: {env: test}}}}]"),
        &expect![[r#"
        warning spec.generators[0].clusters: none of the 2 given clusters matches its selector: mend the selector, or the clusters' labels
    "#]],
    );
    check(
        Rule::GivesNothing,
        &one("[{list: {elements: []}}]"),
        &expect![[r#"
        warning spec.generators[0].list: it has no elements: add elements, or remove it
    "#]],
    );
    check(
        Rule::GivesNothing,
        &one("[{git: {repoURL: r, directories: [{path: charts/*}]}}]"),
        &expect![[r#"
            warning spec.generators[0].git: nothing in r matches its paths: mend the paths; `*` stands for one folder, and names that begin with `.` never match
        "#]],
    );
    // The innermost one.
    check(
        Rule::GivesNothing,
        &one("[{matrix: {generators: [{list: {elements: []}}, {clusters: {}}]}}]"),
        &expect![[r#"
            warning spec.generators[0].matrix.generators[0].list: it has no elements: add elements, or remove it
        "#]],
    );
    check(
        Rule::GivesNothing,
        &one(
            "[{matrix: {generators: [{list: {elements: [{env: test}]}}, {clusters: {selector: {matchLabels: {env: '{{.env}}'}}}}]}}]",
        ),
        &expect![[r#"
            warning spec.generators[0].matrix.generators[1]: it gives nothing for any parameter set of the generator before it: mend what it takes from there
        "#]],
    );
    check(
        Rule::GivesNothing,
        &one("[{clusters: {}, selector: {matchLabels: {metadata.labels.evn: prod}}}]"),
        &expect![[r#"
            warning spec.generators[0].selector: its selector lets none of 3 parameter sets through: no parameter set has `metadata.labels.evn`: did you mean metadata.labels.env; this generator gives: metadata.labels.argocd.argoproj.io/secret-type, metadata.labels.env, metadata.labels.team, name, nameNormalized, project, server
        "#]],
    );
    silent(Rule::GivesNothing, &one(CLUSTERS));
    // Without clusters nobody knows.
    let unknown =
        found(&one("[{clusters: {selector: {matchLabels: {env: test}}}}]"), None, &Staging::Immediate);
    assert_eq!(told(&unknown, Rule::GivesNothing), "");
}

#[test]
fn path_matches_nothing() {
    let git = |paths: &str| one(&format!("[{{git: {{repoURL: r, {paths}}}}}]"));
    check(
        Rule::PathMatchesNothing,
        &git("directories: [{path: apps/*}, {path: charts/*}, {path: apps/job, exclude: true}]"),
        &expect![[r#"
            warning spec.generators[0].git.directories[1].path: `charts/*` matches nothing: mend the path, or remove it
            warning spec.generators[0].git.directories[2].path: `apps/job` excludes nothing: mend the path, or remove it
        "#]],
    );
    check(
        Rule::PathMatchesNothing,
        &git("files: [{path: envs/*.yaml}, {path: envs/*.json}]"),
        &expect![[r#"
            warning spec.generators[0].git.files[1].path: `envs/*.json` matches nothing: mend the path, or remove it
        "#]],
    );
    silent(
        Rule::PathMatchesNothing,
        &git("directories: [{path: apps/*}, {path: envs}, {path: apps/api, exclude: true}]"),
    );
}

#[test]
fn generator_dropped() {
    let merge = |overrides: &str| {
        one(&format!(
            "[{{merge: {{mergeKeys: [name], generators: [{{clusters: {{}}}}, {{list: {{elements: [{overrides}]}}}}]}}}}]"
        ))
    };
    check(
        Rule::GeneratorDropped,
        &merge("{name: eu-2, size: big}"),
        &expect![[r#"
        warning spec.generators[0].merge.generators[1].list: no parameter set of it agrees with one of the first generator in name, or it changes nothing there: mend mergeKeys or the values; sets that match nothing are dropped, never added
    "#]],
    );
    silent(Rule::GeneratorDropped, &merge("{name: eu-1, size: big}"));
    let three = "[{merge: {mergeKeys: [name], generators: [{clusters: {}}, {list: {elements: [{name: eu-1, a: b}]}}, {list: {elements: [{name: no, c: d}]}}]}}]";
    check(
        Rule::GeneratorDropped,
        &one(three),
        &expect![[r#"
        warning spec.generators[0].merge.generators[2].list: no parameter set of it agrees with one of the first generator in name, or it changes nothing there: mend mergeKeys or the values; sets that match nothing are dropped, never added
    "#]],
    );
}

#[test]
fn template_ignored() {
    let own = "template: {metadata: {}, spec: {destination: {}}}";
    check(
        Rule::TemplateIgnored,
        &one(&format!(
            "[{{matrix: {{generators: [{{clusters: {{{own}}}}}, {{list: {{elements: [{{a: b}}]}}}}]}}}}]"
        )),
        &expect![[r#"
            warning spec.generators[0].matrix.generators[0].clusters.template: templates of generators within matrix and merge are ignored: move it to the matrix or merge itself, or into spec.template
        "#]],
    );
    silent(Rule::TemplateIgnored, &one(&format!("[{{clusters: {{{own}}}}}]")));
}

#[test]
fn no_effect() {
    check(
        Rule::NoEffect,
        &one("[{plugin: {configMapRef: {name: p}}}]"),
        &expect![[r#"
        error spec.generators[0].plugin: the `plugin` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge
    "#]],
    );
    check(
        Rule::NoEffect,
        &one("[{git: {repoURL: r, directories: [{path: apps/*}], files: [{path: envs/*}]}}]"),
        &expect![[r#"
            warning spec.generators[0].git.files: files are ignored beside directories: give each a generator of its own
        "#]],
    );
    silent(Rule::NoEffect, &one(CLUSTERS));
}

#[test]
fn unknown_label() {
    check(
        Rule::UnknownLabel,
        &one("[{clusters: {selector: {matchLabels: {evn: prod}}}}]"),
        &expect![[r#"
        warning spec.generators[0].clusters.selector.matchLabels.evn: no given cluster has the label evn: did you mean `env`
    "#]],
    );
    check(
        Rule::UnknownLabel,
        &one("[{clusters: {selector: {matchExpressions: [{key: env, operator: In, values: [prod, prd]}]}}}]"),
        &expect![[r#"
            warning spec.generators[0].clusters.selector.matchExpressions[0]: no given cluster has the label env with the value `prd`: did you mean `prod`; the clusters have dev, prod
        "#]],
    );
    silent(Rule::UnknownLabel, &one(CLUSTERS));
    silent(
        Rule::UnknownLabel,
        &one("[{clusters: {selector: {matchLabels: {argocd.argoproj.io/secret-type: cluster}}}}]"),
    );
}

#[test]
fn languages() {
    let flat = |name: &str| {
        set("[{list: {elements: [{name: a}]}}]", &named(name), "")
            .replace("goTemplate: true", "goTemplate: false")
    };
    check(
        Rule::GoSyntax,
        &flat("{{.name}}"),
        &expect![[r#"
        error spec.template.metadata.name: `{{.name}}` is Go template syntax, and without goTemplate it stays as it is written: set goTemplate: true, or write {{name}}
    "#]],
    );
    check(
        Rule::GoSyntax,
        &flat("{{ name | lower }}"),
        &expect![[r#"
        error spec.template.metadata.name: `{{ name | lower }}` is Go template syntax, and without goTemplate it stays as it is written: set goTemplate: true
    "#]],
    );
    silent(Rule::GoSyntax, &flat("{{name}}"));
    check(
        Rule::FlatSyntax,
        &one(CLUSTERS).replace("{{.name}}", "{{name}}"),
        &expect![[r#"
        error spec.template.metadata.name: template: name:1: function "name" not defined: did you mean .name
    "#]],
    );
    check(
        Rule::TemplateSyntax,
        &one(CLUSTERS).replace("{{.name}}", "{{ if .name }}x"),
        &expect![[r#"
            error spec.template.metadata.name: template: name:1: unexpected EOF
        "#]],
    );
    silent(Rule::FlatSyntax, &one(CLUSTERS));
    silent(Rule::TemplateSyntax, &one(CLUSTERS));
    let options = "  goTemplateOptions: [missingkey=error]\n";
    check(
        Rule::OptionsIgnored,
        &format!("{}{options}", flat("{{name}}")),
        &expect![[r#"
        warning spec.goTemplateOptions: goTemplateOptions count with goTemplate: true only: set goTemplate: true, or remove them
    "#]],
    );
    silent(Rule::OptionsIgnored, &format!("{}{options}", one(CLUSTERS)));
}

#[test]
fn wrong_type() {
    check(
        Rule::WrongType,
        &with(
            "project: default",
            "project: default, syncPolicy: {automated: {prune: '{{.prune}}', selfHeal: 'true'}}",
        ),
        &expect![[r#"
            error spec.template.spec.syncPolicy.automated.prune: must be true or false, is a text: templates give texts: set this field in templatePatch
            error spec.template.spec.syncPolicy.automated.selfHeal: must be true or false, is a text: remove the quotes
        "#]],
    );
    check(
        Rule::WrongType,
        &with("metadata: {name: '{{.name}}'}", "metadata: {name: '{{.name}}', labels: {a: true, b: 1}}"),
        &expect![[r#"
        error spec.template.metadata.labels.a: must be a text, is a boolean: put it in quotes
        error spec.template.metadata.labels.b: must be a text, is a number: put it in quotes
    "#]],
    );
    check(
        Rule::WrongType,
        &with("path: a", "path: a, helm: {values: {a: b}, parameters: [{name: x, value: 1}]}"),
        &expect![[r#"
        error spec.template.spec.source.helm.parameters[0].value: must be a text, is a number: put it in quotes
        error spec.template.spec.source.helm.values: must be a text, is a map: name it valuesObject, or write `values: |`
    "#]],
    );
    silent(
        Rule::WrongType,
        &with("path: a", "path: a, helm: {valuesObject: {a: b}, parameters: [{name: x, value: '1'}]}"),
    );
}

#[test]
fn null_lost() {
    check(
        Rule::NullLost,
        &with("path: a", "path: a, helm: {valuesObject: {a: {b: null}}}"),
        &expect![[r#"
        warning spec.template.spec.source.helm.valuesObject.a.b: null entries of valuesObject are dropped, so that the chart's default stays: write it into `values: |`, where null takes a default away
    "#]],
    );
    silent(Rule::NullLost, &with("path: a", "path: a, helm: {valuesObject: {a: {b: ''}}}"));
}

#[test]
fn names() {
    check(
        Rule::DuplicateName,
        &one("[{clusters: {}}]").replace("{{.name}}", "web"),
        &expect![[r#"
        error spec.template.metadata.name: 3 applications have the duplicate name `web`, all from spec.generators[0].clusters; none of them is written: add a parameter that differs, e.g. the cluster's name
    "#]],
    );
    silent(Rule::DuplicateName, &one("[{clusters: {}}]"));
    check(
        Rule::InvalidName,
        &one(CLUSTERS).replace("{{.name}}", "Web_{{.name}}"),
        &expect![[r#"
        error spec.template.metadata.name: `Web_eu-1` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
    "#]],
    );
    check(
        Rule::InvalidName,
        &one(CLUSTERS).replace("{{.name}}", &"x".repeat(254)),
        &expect![[r#"
        error spec.template.metadata.name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
    "#]],
    );
    silent(Rule::InvalidName, &one(CLUSTERS));
    let sixty = "{{.name}}-".to_owned() + &"x".repeat(60);
    check(
        Rule::LongName,
        &one(CLUSTERS).replace("{{.name}}", &sixty),
        &expect![[r#"
        warning spec.template.metadata.name: `eu-1-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 65 characters, and a label takes at most 63: shorten it, e.g. with trunc: what copies the name into a label (tracking by label, label selectors) fails
    "#]],
    );
    let fifty = "{{.name}}-".to_owned() + &"x".repeat(50);
    let chart = with("path: a", "chart: a").replace("{{.name}}", &fifty);
    check(
        Rule::LongName,
        &chart,
        &expect![[r#"
        error spec.template.metadata.name: `eu-1-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` has 55 characters, and helm takes names of releases of at most 53: set source.helm.releaseName, or shorten the name, e.g. with trunc
    "#]],
    );
    silent(Rule::LongName, &one(CLUSTERS).replace("{{.name}}", &fifty));
    silent(Rule::LongName, &chart.replace("chart: a", "chart: a, helm: {releaseName: a}"));
    check(
        Rule::InvalidApplication,
        &with("project: default", "project: ''"),
        &expect![[r#"
        error spec.template.spec.project: eu-1: project is required, e.g. default
    "#]],
    );
    silent(Rule::InvalidApplication, &one(CLUSTERS));
}

fn staged(rule: Rule, set: &str, staging: &Staging, expect: &Expect) {
    expect.assert_eq(&told(&found(set, Some(fleet()), staging), rule));
}

#[test]
fn waves() {
    let steps = |kind: &str, operator: &str| {
        set(
            "[{clusters: {}}]",
            &named("{{.name}}"),
            &format!(
                "  strategy: {{{kind}rollingSync: {{steps: [{{matchExpressions: [{{key: env, operator: {operator}, values: [prod]}}]}}]}}}}\n"
            ),
        )
    };
    let rolling = steps("type: RollingSync, ", "In");
    let placed = |waves: &[(&str, usize)], nowhere: &[&str]| {
        Some(Placed {
            waves: waves.iter().map(|(name, members)| ((*name).to_owned(), *members)).collect(),
            nowhere: nowhere.iter().map(|name| (*name).to_owned()).collect(),
        })
    };
    let none = Staging::Steps(placed(&[("1", 0)], &["eu-1", "us-1"]));
    staged(
        Rule::EmptyWave,
        &rolling,
        &none,
        &expect![[r#"
        warning spec.strategy.rollingSync.steps[0]: step 1 takes none of the Applications, and passes at once: mend its matchExpressions: they match labels of spec.template.metadata.labels; the Applications have no labels
    "#]],
    );
    staged(
        Rule::InNoWave,
        &rolling,
        &none,
        &expect![[r#"
        error spec.strategy.rollingSync.steps: no step takes eu-1, us-1: they get no release: add a step that takes them, last one without matchExpressions; the Applications have no labels
    "#]],
    );
    let all = Staging::Steps(placed(&[("1", 2)], &[]));
    staged(Rule::EmptyWave, &rolling, &all, &expect![""]);
    staged(Rule::InNoWave, &rolling, &all, &expect![""]);
    let policy = Staging::Policy {
        policy: "careful".to_owned(),
        placed: placed(&[("canary", 0), ("rest", 1)], &["us-1"]),
    };
    staged(
        Rule::EmptyWave,
        &one(CLUSTERS),
        &policy,
        &expect![[r#"
        error metadata.annotations.flotilla.dev/rollout-policy: wave canary of RolloutPolicy careful takes none of the clusters, and holds the rollout: nothing is proven there: mend the wave's match, or the clusters' labels
    "#]],
    );
    staged(
        Rule::InNoWave,
        &one(CLUSTERS),
        &policy,
        &expect![[r#"
        error metadata.annotations.flotilla.dev/rollout-policy: no wave of RolloutPolicy careful takes us-1: they get no release: add a last wave without match
    "#]],
    );

    check(
        Rule::StepsIgnored,
        &steps("", "In"),
        &expect![[r#"
        warning spec.strategy.rollingSync: the steps are not followed without type: RollingSync: write type: RollingSync beside them
    "#]],
    );
    check(
        Rule::StepsIgnored,
        &rolling.replace(
            "namespace: argocd",
            "namespace: argocd, annotations: {flotilla.dev/rollout-policy: careful}",
        ),
        &expect![[r#"
            warning spec.strategy.rollingSync: RolloutPolicy careful rules, and the steps are not followed: remove the steps, or the annotation
        "#]],
    );
    silent(Rule::StepsIgnored, &rolling);
    check(
        Rule::StepOperator,
        &steps("type: RollingSync, ", "Exists"),
        &expect![[r#"
        error spec.strategy.rollingSync.steps[0].matchExpressions[0].operator: steps know In and NotIn only: with `Exists` the step takes every Application that lacks the label: write In or NotIn with values
    "#]],
    );
    silent(Rule::StepOperator, &rolling);
}

#[test]
fn prune() {
    let automated = |options: &str| {
        with("project: default", &format!("project: default, syncPolicy: {{automated: {{{options}}}}}"))
    };
    let moving = |options: &str| automated(options).replace("targetRevision: v1.0.0", "targetRevision: main");
    check(
        Rule::UnpinnedPrune,
        &moving("prune: true"),
        &expect![[r#"
        warning spec.template.spec.syncPolicy.automated.prune: `main` moves: a commit there that loses manifests deletes their objects, and nothing stages it: give the set waves (strategy.rollingSync, or the annotation flotilla.dev/rollout-policy), or pin targetRevision to a tag or commit
    "#]],
    );
    check(
        Rule::UnpinnedPrune,
        &automated("prune: true").replace(", targetRevision: v1.0.0", ""),
        &expect![[r#"
            warning spec.template.spec.syncPolicy.automated.prune: `HEAD` moves: a commit there that loses manifests deletes their objects, and nothing stages it: give the set waves (strategy.rollingSync, or the annotation flotilla.dev/rollout-policy), or pin targetRevision to a tag or commit
        "#]],
    );
    silent(Rule::UnpinnedPrune, &automated("prune: true"));
    silent(Rule::UnpinnedPrune, &moving("prune: false"));
    silent(
        Rule::UnpinnedPrune,
        &moving("prune: true")
            .replace("targetRevision: main", &format!("targetRevision: {}", "a1".repeat(20))),
    );
    // Waves stop it at the canary.
    let unknown = Staging::Unknown { policy: "careful".to_owned() };
    staged(Rule::UnpinnedPrune, &moving("prune: true"), &unknown, &expect![""]);

    check(
        Rule::PruneToNothing,
        &automated("prune: true, allowEmpty: true"),
        &expect![[r#"
        warning spec.template.spec.syncPolicy.automated.allowEmpty: with prune, a source that comes out empty (a moved folder, a chart that is off) deletes everything of the Application: leave allowEmpty out
    "#]],
    );
    silent(Rule::PruneToNothing, &automated("prune: true"));

    check(
        Rule::CascadingDeletion,
        &one(CLUSTERS),
        &expect![[r#"
        info spec.generators[0].clusters: a label that is changed takes the Application and its objects along (only more than a tenth of the set at once is held): set spec.syncPolicy.preserveResourcesOnDeletion: true where the objects must outlive that
    "#]],
    );
    silent(
        Rule::CascadingDeletion,
        &set(CLUSTERS, &named("{{.name}}"), "  syncPolicy: {preserveResourcesOnDeletion: true}\n"),
    );
    silent(Rule::CascadingDeletion, &set("[{list: {elements: [{name: a}]}}]", &named("{{.name}}"), ""));
}

#[test]
fn what_is_no_set_at_all_does_not_panic() {
    for text in [
        "{}",
        "spec: 1",
        "spec: {generators: 1, template: []}",
        "spec: {goTemplate: true, goTemplateOptions: [x]}",
        "spec: {generators: [null, 1, {list: 1}, {matrix: {generators: [{merge: {generators: [{merge: {}}]}}]}}], template: {metadata: 1, spec: {source: [], sources: {}}}}",
    ] {
        found(text, Some(fleet()), &Staging::Immediate);
    }
}

#[test]
fn rules_have_names() {
    for rule in Rule::ALL {
        assert_eq!(rule.name().parse::<Rule>().as_ref(), Ok(rule));
    }
    assert!("unknwon-key".parse::<Rule>().unwrap_err().contains("did you mean unknown-key?"));
}
