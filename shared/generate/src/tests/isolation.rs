//! One generator that fails: the whole set stands still, or that generator's Applications alone.

use super::{REPO, World, set, show, spec};
use crate::{Expander, Expansion, Inputs, Update, conditions, reconcile};
use expect_test::{Expect, expect};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

const OTHERS: &str = "- list: {elements: [{app: a}, {app: b}]}";

fn git(repository: &str) -> String {
    format!("- git: {{repoURL: {repository}, files: [{{path: '*.yaml'}}]}}")
}

fn isolating(generators: &str) -> Value {
    let mut set = set(&spec(generators, "{{app}}", "p", "https://a"));
    set["metadata"]["annotations"] = json!({"flotilla.dev/on-generator-failure": "Isolate"});
    set
}

fn world() -> World {
    World::default().file("x.yaml", "app: x").file("y.yaml", "app: y")
}

#[expect(clippy::needless_pass_by_value, reason = "expect_test's values are made in place")]
#[track_caller]
fn check(set: &Value, world: &World, expect: Expect) {
    expect.assert_eq(&show(&super::expand(set, world)));
}

#[test]
fn a_set_stands_still_as_a_whole_unless_it_says_otherwise() {
    let generators = format!("{OTHERS}\n{}", git("https://git.example/none"));
    check(
        &set(&spec(&generators, "{{app}}", "p", "https://a")),
        &world(),
        expect![[r#"
            problem: spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found
        "#]],
    );
    check(
        &isolating(&generators),
        &world(),
        expect![[r#"
        a p -> https://a/web [spec.generators[0].list]
        b p -> https://a/web [spec.generators[0].list]
        frozen spec.generators[1].git: spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found
    "#]],
    );
    let mut unknown = isolating(&generators);
    unknown["metadata"]["annotations"]["flotilla.dev/on-generator-failure"] = json!("isolate");
    check(
        &unknown,
        &world(),
        expect![[r#"
        problem: spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found
        unsupported: metadata.annotations.flotilla.dev/on-generator-failure: `isolate` means nothing here, `Freeze` holds: use Freeze or Isolate
    "#]],
    );
}

#[test]
fn a_template_that_fails_on_one_generators_parameters_is_that_generators() {
    let generators = format!("{OTHERS}\n- list: {{elements: [{{app: c}}, {{ap: d}}]}}\n- gti: {{}}");
    check(
        &isolating(&generators),
        &world(),
        expect![[r#"
        a p -> https://a/web [spec.generators[0].list]
        b p -> https://a/web [spec.generators[0].list]
        frozen spec.generators[1].list: spec.template.metadata.name: `{{app}}` is left in the generated name: did you mean ap; this generator gives: ap
        frozen spec.generators[2]: spec.generators[2].gti: unknown generator `gti`: did you mean `git`?
    "#]],
    );
}

#[test]
fn a_set_that_cannot_be_read_has_no_generator_to_isolate() {
    let mut broken = isolating(OTHERS);
    broken["spec"]["syncPolicy"] = json!({"applicationsSync": "never"});
    check(
        &broken,
        &world(),
        expect![[r#"
        problem: spec.syncPolicy.applicationsSync: `never` is not a policy: use create-only, create-update, create-delete or sync
    "#]],
    );
}

/// What an expander says once Git has answered from `world`.
fn told(expander: &mut Expander, set: &Value, world: &World, lost: bool) -> Expansion {
    let mut inputs: Inputs = world.inputs();
    loop {
        match expander.update(&Arc::new(set.clone()), &inputs) {
            Update::Done { .. } => return expander.expansion(),
            Update::Needs(requests) => inputs.git.extend(requests.into_iter().map(|request| {
                let answer =
                    if lost { crate::GitAnswer::Failed("away".to_owned()) } else { world.answer(&request) };
                (request, answer)
            })),
        }
    }
}

fn names(expansion: &Expansion, existing: &[Value], set: &Value) -> (Vec<String>, Vec<String>, bool) {
    let changes = reconcile(set, existing, expansion);
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    (changes.create.iter().map(name).collect(), changes.delete, changes.held.is_some())
}

#[test]
fn what_a_generator_gave_stays_while_it_fails_and_the_others_go_on() {
    let mut expander = Expander::default();
    let full = isolating(&format!("{OTHERS}\n{}", git(REPO)));
    let existing = reconcile(&full, &[], &told(&mut expander, &full, &world(), false)).create;
    assert_eq!(existing.len(), 4);
    let fewer =
        isolating(&format!("- list: {{elements: [{{app: a}}, {{app: c}}, {{app: x}}]}}\n{}", git(REPO)));
    let expansion = told(&mut expander, &fewer, &world(), true);
    // `b` is the list's and goes; `x` and `y` are the git generator's, whatever the list says meanwhile.
    assert_eq!(names(&expansion, &existing, &fewer), (vec!["c".to_owned()], vec!["b".to_owned()], false));
    let mut edited = existing.clone();
    edited.iter_mut().for_each(|application| application["spec"]["source"]["path"] = json!("edited"));
    let changes = reconcile(&fewer, &edited, &expansion);
    assert_eq!(
        changes.update.iter().map(|object| object["metadata"]["name"].clone()).collect::<Vec<_>>(),
        ["a"]
    );

    // Nobody remembers: then nothing is deleted unless a person says so.
    let expansion = told(&mut Expander::default(), &fewer, &world(), true);
    let (created, deleted, held) = names(&expansion, &existing, &fewer);
    assert_eq!((created, deleted.len(), held), (vec!["c".to_owned()], 0, true));
    let message = reconcile(&fewer, &existing, &expansion).held.unwrap().message;
    assert!(
        message.contains("they may be missing only because of spec.generators[1].git.repoURL: cannot read"),
        "{message}"
    );

    // It answers again: duplicates are duplicates again, and the rest is as if nothing had been.
    let expansion = told(&mut expander, &fewer, &world(), false);
    assert_eq!(expansion, super::expand(&fewer, &world()));
    assert_eq!(expansion.rejected.len(), 1);
}

#[test]
fn a_generator_that_fails_alone_is_in_the_conditions() {
    let set = isolating(&format!("{OTHERS}\n{}", git("https://git.example/none")));
    let conditions = conditions(&set, &super::expand(&set, &world()), None, None, &[], Timestamp::UNIX_EPOCH);
    let lines: Vec<String> = conditions
        .iter()
        .map(|one| format!("{}={} {}: {}", one["type"], one["status"], one["reason"], one["message"]))
        .collect();
    expect![[r#"
        "ErrorOccurred"="True" "ApplicationGenerationFromParamsError": "spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found; the Applications of spec.generators[1].git stay as they are"
        "ParametersGenerated"="False" "ErrorOccurred": "spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found; the Applications of spec.generators[1].git stay as they are"
        "ResourcesUpToDate"="False" "ErrorOccurred": "spec.generators[1].git.repoURL: cannot read the files of https://git.example/none at `HEAD`: repository not found; the Applications of spec.generators[1].git stay as they are""#]]
    .assert_eq(&lines.join("\n"));
}
