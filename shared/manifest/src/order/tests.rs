use super::*;
use crate::object::read;
use expect_test::{Expect, expect};

fn one(annotations: &str) -> Manifest {
    let text = format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{generateName: Migrate-, annotations: {annotations}}}}}"
    );
    let (mut manifests, problems) = read(&text, "test");
    assert_eq!(problems, []);
    manifests.remove(0)
}

fn check_role(annotations: &str, expect: &Expect) {
    expect.assert_eq(&format!("{:?}", role(&one(annotations))));
}

#[test]
fn roles_follow_argo_cds_annotation_then_helms() {
    check_role("{}", &expect!["Resource"]);
    check_role("{argocd.argoproj.io/hook: PreSync}", &expect!["Hook({PreSync})"]);
    check_role("{argocd.argoproj.io/hook: 'PostSync, SyncFail'}", &expect!["Hook({PostSync, SyncFail})"]);
    check_role("{argocd.argoproj.io/hook: Skip}", &expect!["Skip"]);
    check_role("{argocd.argoproj.io/hook: 'Skip,Sync'}", &expect!["Hook({Sync})"]);
    check_role("{argocd.argoproj.io/hook: Presync}", &expect![[r#"Unknown(["Presync"])"#]]);
    check_role("{helm.sh/hook: 'pre-install,pre-upgrade'}", &expect!["Hook({PreSync})"]);
    check_role("{helm.sh/hook: 'post-upgrade,pre-delete'}", &expect!["Hook({PostSync, PreDelete})"]);
    check_role("{helm.sh/hook: crd-install}", &expect!["Resource"]);
    check_role("{helm.sh/hook: test}", &expect![[r#"Unknown(["test"])"#]]);
    check_role("{argocd.argoproj.io/hook: Sync, helm.sh/hook: pre-install}", &expect!["Hook({Sync})"]);
}

#[test]
fn waves_are_integers_and_helm_weights_count() {
    let check = |annotations, expect| assert_eq!(wave(&one(annotations)), expect, "{annotations}");
    check("{}", 0);
    check("{argocd.argoproj.io/sync-wave: '-3'}", -3);
    check("{argocd.argoproj.io/sync-wave: '+3', helm.sh/hook-weight: '9'}", 3);
    check("{argocd.argoproj.io/sync-wave: soon, helm.sh/hook-weight: '-9'}", -9);
    check("{argocd.argoproj.io/sync-wave: ' 1'}", 0);
}

#[test]
fn delete_policies_add_up_and_default() {
    let check = |annotations, expect: &[DeletePolicy]| {
        assert_eq!(
            delete_policies(&one(annotations)).into_iter().collect::<Vec<_>>(),
            expect,
            "{annotations}"
        );
    };
    check("{}", &[DeletePolicy::BeforeHookCreation]);
    check("{argocd.argoproj.io/hook-delete-policy: never}", &[DeletePolicy::BeforeHookCreation]);
    check(
        "{argocd.argoproj.io/hook-delete-policy: HookFailed, helm.sh/hook-delete-policy: hook-succeeded}",
        &[DeletePolicy::HookSucceeded, DeletePolicy::HookFailed],
    );
}

#[test]
fn hooks_without_a_name_get_one_of_revision_phase_and_time() {
    let name = hook_name(&one("{}"), "C0FFEE1234", Phase::PreSync, 1_700_000_000);
    assert_eq!(name.as_deref(), Some("Migrate-c0ffee1-presync-1700000000"));
}

#[test]
fn options_are_matched_whole() {
    let job = one("{argocd.argoproj.io/sync-options: 'Prune=false, Replace=true'}");
    assert!(
        has_option(&job, "Prune=false") && has_option(&job, "Replace=true") && !has_option(&job, "Prune")
    );
}

/// The steps of a text's objects, one a line.
fn check_steps(text: &str, expect: &Expect) {
    let (manifests, problems) = read(text, "test");
    assert_eq!(problems, []);
    let lines: Vec<String> = steps(&manifests)
        .iter()
        .map(|step| {
            format!(
                "{} {} {}{}",
                step.phase,
                step.wave,
                step.manifest.id(),
                if step.hook { " (hook)" } else { "" }
            )
        })
        .collect();
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn steps_go_by_phase_wave_kind_and_name() {
    check_steps(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n---\n\
         {apiVersion: x.io/v1, kind: Widget, metadata: {name: w}}\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: b}}\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: a}}\n---\n\
         {apiVersion: v1, kind: ConfigMap, metadata: {name: late, annotations: {argocd.argoproj.io/sync-wave: '1'}}}\n---\n\
         {apiVersion: batch/v1, kind: Job, metadata: {name: after, annotations: {argocd.argoproj.io/hook: 'PostSync,SyncFail'}}}\n---\n\
         {apiVersion: batch/v1, kind: Job, metadata: {name: before, annotations: {helm.sh/hook: pre-install}}}\n---\n\
         {apiVersion: batch/v1, kind: Job, metadata: {name: gone, annotations: {argocd.argoproj.io/hook: PostDelete}}}\n---\n\
         {apiVersion: batch/v1, kind: Job, metadata: {name: skipped, annotations: {argocd.argoproj.io/hook: Skip}}}\n",
        &expect![[r#"
            PreSync 0 batch/Job before (hook)
            Sync 0 Service a
            Sync 0 Service b
            Sync 0 apps/Deployment web
            Sync 0 x.io/Widget w
            Sync 1 ConfigMap late
            PostSync 0 batch/Job after (hook)
            SyncFail 0 batch/Job after (hook)"#]],
    );
}

#[test]
fn namespaces_and_definitions_move_in_front_of_what_needs_them() {
    check_steps(
        "{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, namespace: shop, annotations: {argocd.argoproj.io/hook: PreSync, argocd.argoproj.io/sync-wave: '-1'}}}\n---\n\
         {apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {argocd.argoproj.io/sync-wave: '5'}}}\n---\n\
         {apiVersion: v1, kind: Namespace, metadata: {name: other}}\n---\n\
         {apiVersion: x.io/v1, kind: Widget, metadata: {name: w, annotations: {argocd.argoproj.io/sync-wave: '-2'}}}\n---\n\
         {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.x.io}, spec: {group: x.io, names: {kind: Widget}}}\n",
        &expect![[r#"
            PreSync -1 Namespace shop
            PreSync -1 batch/Job shop/migrate (hook)
            Sync -2 apiextensions.k8s.io/CustomResourceDefinition widgets.x.io
            Sync -2 x.io/Widget w
            Sync 0 Namespace other"#]],
    );
}

#[test]
fn the_kind_order_is_argo_cds() {
    let kinds = [
        "Namespace",
        "Secret",
        "ConfigMap",
        "CustomResourceDefinition",
        "Service",
        "Deployment",
        "Job",
        "Ingress",
        "Widget",
    ];
    assert!(kinds.is_sorted_by_key(|kind| kind_rank(kind)));
    assert_eq!(kind_rank("Widget"), kind_rank("Gadget"));
}
