use super::{World, expand, set, spec};
use crate::{Failed, conditions, reconcile};
use expect_test::{Expect, expect};
use jiff::Timestamp;
use serde_json::Value;

const NOW: &str = "2026-11-21T12:00:00.7Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn lines(conditions: &[Value]) -> String {
    let line = |condition: &Value| {
        let text = |key: &str| condition[key].as_str().unwrap().to_owned();
        format!(
            "{}={} {} {}: {}\n",
            text("type"),
            text("status"),
            text("lastTransitionTime"),
            text("reason"),
            text("message")
        )
    };
    conditions.iter().map(line).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "expect_test's values are made in place")]
#[track_caller]
fn check(spec: &str, failed: Option<&Failed>, expect: Expect) {
    let set = set(spec);
    let expansion = expand(&set, &World::default());
    expect.assert_eq(&lines(&conditions(&set, &expansion, None, failed, &[], now())));
}

#[test]
fn all_is_well() {
    check(
        &spec("- list: {elements: [{app: a}]}", "{{app}}", "p", "https://a"),
        None,
        expect![[r#"
            ErrorOccurred=False 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
            ParametersGenerated=True 2026-11-21T12:00:00Z ParametersGenerated: Successfully generated parameters for all Applications
            ResourcesUpToDate=True 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
        "#]],
    );
}

#[test]
fn a_write_failed() {
    check(
        &spec("- list: {elements: [{app: a}]}", "{{app}}", "p", "https://a"),
        Some(&Failed::Write("application `a` belongs to another set".to_owned())),
        expect![[r#"
            ErrorOccurred=True 2026-11-21T12:00:00Z UpdateApplicationError: application `a` belongs to another set
            ParametersGenerated=True 2026-11-21T12:00:00Z ParametersGenerated: Successfully generated parameters for all Applications
            ResourcesUpToDate=False 2026-11-21T12:00:00Z ErrorOccurred: application `a` belongs to another set
        "#]],
    );
}

#[test]
fn a_deletion_and_a_refresh_failed() {
    let set = set(&spec("- list: {elements: [{app: a}]}", "{{app}}", "p", "https://a"));
    let expansion = expand(&set, &World::default());
    let reason = |failed: Failed| {
        let conditions = conditions(&set, &expansion, None, Some(&failed), &[], now());
        format!("{} {}", conditions[0]["reason"], conditions[2]["reason"])
    };
    assert_eq!(reason(Failed::Delete("gone".to_owned())), r#""DeleteApplicationError" "ErrorOccurred""#);
    assert_eq!(reason(Failed::Refresh("no".to_owned())), r#""RefreshApplicationError" "ErrorOccurred""#);
}

#[test]
fn a_generator_failed() {
    check(
        &spec("- gti: {}", "{{app}}", "p", "https://a"),
        None,
        expect![[r#"
            ErrorOccurred=True 2026-11-21T12:00:00Z ApplicationGenerationFromParamsError: spec.generators[0].gti: unknown generator `gti`: did you mean `git`?
            ParametersGenerated=False 2026-11-21T12:00:00Z ErrorOccurred: spec.generators[0].gti: unknown generator `gti`: did you mean `git`?
            ResourcesUpToDate=False 2026-11-21T12:00:00Z ErrorOccurred: spec.generators[0].gti: unknown generator `gti`: did you mean `git`?
        "#]],
    );
}

#[test]
fn a_template_failed() {
    check(
        &spec("- list: {elements: [{app: a}]}", "{{.app}}", "p", "https://a"),
        None,
        expect![[r#"
            ErrorOccurred=True 2026-11-21T12:00:00Z RenderTemplateParamsError: spec.template.metadata.name: `{{.app}}` is left in the generated name: uses Go template syntax: set goTemplate: true
            ParametersGenerated=False 2026-11-21T12:00:00Z ErrorOccurred: spec.template.metadata.name: `{{.app}}` is left in the generated name: uses Go template syntax: set goTemplate: true
            ResourcesUpToDate=False 2026-11-21T12:00:00Z ErrorOccurred: spec.template.metadata.name: `{{.app}}` is left in the generated name: uses Go template syntax: set goTemplate: true
        "#]],
    );
}

#[test]
fn an_application_is_not_valid() {
    check(
        &spec("- list: {elements: [{app: a}, {app: A}]}", "{{app}}", "p", "https://a"),
        None,
        expect![[r#"
            ErrorOccurred=True 2026-11-21T12:00:00Z ApplicationValidationError: application `A`: spec.template.metadata.name: `A` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
            ParametersGenerated=True 2026-11-21T12:00:00Z ParametersGenerated: Successfully generated parameters for all Applications
            ResourcesUpToDate=False 2026-11-21T12:00:00Z ErrorOccurred: application `A`: spec.template.metadata.name: `A` cannot be the name of an Application: use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate
        "#]],
    );
}

#[test]
fn fields_without_effect_are_named() {
    let spec =
        spec("- list: {elements: [{app: a}], elemnts: []}\n- pullRequest: {}", "{{app}}", "p", "https://a");
    check(
        &spec.replace("path: 'p'", "plugin: {name: a}"),
        None,
        expect![[r#"
            ErrorOccurred=False 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
            ParametersGenerated=True 2026-11-21T12:00:00Z ParametersGenerated: Successfully generated parameters for all Applications
            ResourcesUpToDate=True 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
            UnsupportedFields=True 2026-11-21T12:00:00Z NoEffectYet: spec.generators[0].list.elemnts: unknown field `elemnts`: did you mean `elements`?; spec.generators[1].pullRequest: the `pullRequest` generator is not acted on yet and gives no Applications: use list, clusters, git, matrix or merge; spec.template.spec.source.plugin: config management plugins are not run; commit the rendered manifests
        "#]],
    );
}

#[test]
fn held_deletions_and_transition_times() {
    let full = set(&spec("- list: {elements: [{app: a}]}", "{{app}}", "p", "https://a"));
    let existing = reconcile(&full, &[], &expand(&full, &World::default())).create;
    let empty = set(&spec("- list: {elements: []}", "{{app}}", "p", "https://a"));
    let expansion = expand(&empty, &World::default());
    let held = reconcile(&empty, &existing, &expansion).held;
    let before = conditions(
        &full,
        &expansion,
        None,
        Some(&Failed::Write("failed".to_owned())),
        &[],
        "2026-01-01T00:00:00Z".parse().unwrap(),
    );
    expect![[r#"
        ErrorOccurred=False 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
        ParametersGenerated=True 2026-01-01T00:00:00Z ParametersGenerated: Successfully generated parameters for all Applications
        ResourcesUpToDate=True 2026-11-21T12:00:00Z ApplicationSetUpToDate: All applications have been generated successfully
        DeletionsHeld=True 2026-11-21T12:00:00Z AwaitingApproval: 1 of 1 Applications would be deleted (a), and the set generates no Application now; nothing is deleted until it is approved: kubectl annotate applicationset fleet -n argocd --overwrite flotilla.dev/approve-deletions=ca978112ca1b
    "#]].assert_eq(&lines(&conditions(&empty, &expansion, held.as_ref(), None, &before, now())));
}
