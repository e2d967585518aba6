use crate::{Place, allow, allow_namespace, allow_resource, default_project, names_source, unsupported};
use proptest::prelude::*;
use serde_json::{Value, json};
use shared_model::ApplicationSpec;

fn project(spec: impl Into<Value>) -> Value {
    json!({"metadata": {"name": "team"}, "spec": spec.into()})
}

fn application(repo: &str, namespace: &str) -> ApplicationSpec {
    let spec = json!({"project": "team", "source": {"repoURL": repo}, "destination": {"name": "eu-1", "namespace": namespace}});
    serde_json::from_value(spec).unwrap()
}

#[track_caller]
fn check_source(rules: &[&str], repo: &str, expect: &str) {
    let project = project(json!({"sourceRepos": rules, "destinations": [{"server": "*", "namespace": "*"}]}));
    let problems = allow(&project, &application(repo, "web"), "eu-1", "https://eu-1");
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), expect);
}

#[test]
fn sources() {
    check_source(&["*"], "https://git.example/a/b", "");
    check_source(&["https://git.example/a/*"], "https://GIT.example/a/b.git", "");
    check_source(
        &["https://git.example/a/*"],
        "https://user:secret@git.example/a/b/c",
        "spec.source.repoURL: application repo https://git.example/a/b/c is not permitted in project 'team': add `https://git.example/a/b/c` or a pattern for it to spec.sourceRepos of the project",
    );
    check_source(
        &["*", "!https://git.example/secret/**"],
        "https://git.example/secret/x",
        "spec.source.repoURL: application repo https://git.example/secret/x is not permitted in project 'team': `!https://git.example/secret/**` in spec.sourceRepos of the project refuses it; remove that rule or choose another project",
    );
    check_source(
        &["*", "!https://git.example/["],
        "https://git.example/x",
        "spec.source.repoURL: application repo https://git.example/x is not permitted in project 'team': `!https://git.example/[` in spec.sourceRepos of the project is not a pattern that can be read; correct it",
    );
    check_source(&["!https://git.example/secret"], "https://git.example/x", "");
}

#[test]
fn registries_have_two_names() {
    let check = |rules: &[&str], repo: &str, expect: &str| {
        let project =
            project(json!({"sourceRepos": rules, "destinations": [{"server": "*", "namespace": "*"}]}));
        let mut application = application(repo, "web");
        application.source.as_mut().unwrap().chart = "web".to_owned();
        let problems = allow(&project, &application, "eu-1", "https://eu-1");
        let said = problems.first().map(ToString::to_string).unwrap_or_default();
        assert!(said.contains(expect) && said.is_empty() == expect.is_empty(), "{rules:?} {repo}: {said}");
    };
    for repo in ["r.example/team/charts", "oci://r.example/team/charts", "OCI://R.example/team/charts/"] {
        check(&["r.example/team/*"], repo, "");
        check(&["oci://r.example/team/*"], repo, "");
        check(
            &["*", "!r.example/team/**"],
            repo,
            "`!r.example/team/**` in spec.sourceRepos of the project refuses",
        );
        check(&["*", "!oci://r.example/team/*"], repo, "refuses it");
        check(&["oci://r.example/others/*"], repo, "is not permitted in project 'team'");
    }
    check(&["r.example/team/*"], "https://r.example/team/charts", "is not permitted");
}

#[test]
fn a_bare_star_names_no_host() {
    let check = |rule: &str, expect: bool| {
        let project = project(json!({"sourceRepos": ["!https://x.example/**", rule]}));
        let called = [shared_model::RepoUrl::new("https://charts.example/stable")];
        assert_eq!(names_source(&project, &called), expect, "{rule}");
    };
    for rule in ["*", "**", "https://**", "http*://**", "{https,oci}://**", "https://other.example/*"] {
        check(rule, false);
    }
    for rule in ["https://charts.example/*", "https://*.example/**", "https://charts.example/stable/"] {
        check(rule, true);
    }
}

#[track_caller]
fn check_destination(rules: impl Into<Value>, namespace: &str, expect: &str) {
    let project = project(json!({"sourceRepos": ["*"], "destinations": rules.into()}));
    let problems = allow(&project, &application("r", namespace), "eu-1", "https://eu-1");
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), expect);
}

#[test]
fn destinations() {
    check_destination(json!([{"server": "*", "namespace": "*"}]), "web", "");
    check_destination(json!([{"server": "https://eu-*", "namespace": "team-*"}]), "team-a", "");
    check_destination(json!([{"name": "eu-1", "namespace": "web"}]), "web", "");
    check_destination(json!([{"name": "us-1", "server": "https://eu-1", "namespace": "web"}]), "web", "");
    check_destination(
        json!([{"name": "us-1", "namespace": "*"}]),
        "web",
        "spec.destination: application destination server 'https://eu-1' and namespace 'web' do not match any of the allowed destinations in project 'team': add {name: eu-1, namespace: web} to spec.destinations of the project",
    );
    let no_system = json!([{"server": "*", "namespace": "!kube-*"}, {"server": "*", "namespace": "*"}]);
    check_destination(no_system.clone(), "web", "");
    check_destination(
        no_system,
        "kube-system",
        "spec.destination: application destination server 'https://eu-1' and namespace 'kube-system' do not match any of the allowed destinations in project 'team': `{server: *, name: , namespace: !kube-*}` in spec.destinations of the project refuses it; remove that rule or choose another project",
    );
    let only_there = json!([{"name": "!eu-*", "namespace": "kube-*"}, {"server": "*", "namespace": "*"}]);
    check_destination(only_there, "web", "");
}

#[test]
fn namespaces_of_objects() {
    let project = project(json!({"destinations": [{"server": "*", "namespace": "web"}]}));
    let place = |namespace| Place { cluster: "eu-1", server: "https://eu-1", namespace };
    assert_eq!(allow_namespace(&project, place("web")), Ok(()));
    assert_eq!(
        allow_namespace(&project, place("kube-system")).unwrap_err().to_string(),
        "spec.destinations: namespace kube-system is not permitted in project 'team': add {name: eu-1, namespace: kube-system} to spec.destinations of the project"
    );
}

#[track_caller]
fn check_resource(spec: Value, resource: (&str, &str, &str), namespaced: bool, expect: &str) {
    let (group, kind, name) = resource;
    let denied = allow_resource(&project(spec), group, kind, name, namespaced).err();
    assert_eq!(denied.map(|denied| denied.to_string()).unwrap_or_default(), expect);
}

#[test]
fn cluster_wide_kinds_need_permission() {
    let namespace = ("", "Namespace", "web");
    check_resource(json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}), namespace, false, "");
    check_resource(
        json!({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "web*"}]}),
        namespace,
        false,
        "",
    );
    check_resource(
        json!({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "api"}]}),
        namespace,
        false,
        "spec.clusterResourceWhitelist: resource :Namespace is not permitted in project team: add {group: '', kind: Namespace} to it",
    );
    check_resource(
        json!({}),
        ("rbac.authorization.k8s.io", "ClusterRole", "a"),
        false,
        "spec.clusterResourceWhitelist: resource rbac.authorization.k8s.io:ClusterRole is not permitted in project team: add {group: 'rbac.authorization.k8s.io', kind: ClusterRole} to it",
    );
    check_resource(
        json!({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}], "clusterResourceBlacklist": [{"group": "", "kind": "Name*"}]}),
        namespace,
        false,
        "spec.clusterResourceBlacklist: resource :Namespace is not permitted in project team: the list refuses it; remove the entry or choose another project",
    );
}

#[test]
fn namespaced_kinds_are_permitted_unless_listed_otherwise() {
    let secret = ("", "Secret", "a");
    let white = "spec.namespaceResourceWhitelist: resource :Secret is not permitted in project team: add {group: '', kind: Secret} to it";
    check_resource(json!({}), secret, true, "");
    check_resource(json!({"namespaceResourceWhitelist": null}), secret, true, "");
    check_resource(json!({"namespaceResourceWhitelist": []}), secret, true, white);
    check_resource(
        json!({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}),
        secret,
        true,
        white,
    );
    check_resource(
        json!({"namespaceResourceBlacklist": [{"group": "", "kind": "["}]}),
        secret,
        true,
        "spec.namespaceResourceBlacklist: resource :Secret is not permitted in project team: the list refuses it; remove the entry or choose another project",
    );
}

#[test]
fn the_default_project_permits_everything() {
    let project = default_project();
    assert_eq!(allow(&project, &application("git@x:y", "kube-system"), "a", "https://a"), []);
    assert_eq!(allow_resource(&project, "", "Namespace", "a", false), Ok(()));
    assert_eq!(allow_resource(&project, "apps", "Deployment", "a", true), Ok(()));
    assert_eq!(unsupported(&project), []);
}

#[test]
fn fields_without_effect_are_named() {
    let project = project(
        json!({"roles": [{}], "orphanedResources": {}, "signatureKeys": [], "permitOnlyProjectScopedClusters": false}),
    );
    assert_eq!(
        unsupported(&project).into_iter().map(|field| field.path).collect::<Vec<_>>(),
        ["spec.orphanedResources", "spec.roles"]
    );
}

fn rule() -> impl Strategy<Value = String> {
    "!?[ab*?{},\\[\\]!/-]{0,6}"
}

proptest! {
    #[test]
    fn deny_wins(rules in proptest::collection::vec(rule(), 0..5), at in 0..5_usize, text in "[ab/]{1,5}") {
        let mut denying = rules.clone();
        denying.insert(at.min(rules.len()), format!("!{text}"));
        let sources = project(json!({"sourceRepos": denying, "destinations": [{"server": "*", "namespace": "*"}]}));
        prop_assert_eq!(allow(&sources, &application(&text, "web"), "eu-1", "https://eu-1").len(), 1);

        let mut places: Vec<_> = rules.iter().map(|rule| json!({"server": "*", "namespace": rule})).collect();
        places.insert(at.min(rules.len()), json!({"server": "*", "namespace": format!("!{text}")}));
        let places = project(json!({"sourceRepos": ["*"], "destinations": places}));
        prop_assert_eq!(allow(&places, &application("r", &text), "eu-1", "https://eu-1").len(), 1);

        let list: Vec<_> = rules.iter().map(|rule| json!({"group": rule, "kind": "*"})).collect();
        let kinds = project(json!({"namespaceResourceWhitelist": list, "namespaceResourceBlacklist": [{"group": text, "kind": "*"}]}));
        prop_assert!(allow_resource(&kinds, &text, "Secret", "a", true).is_err());
    }

    #[test]
    fn matching_ends_whatever_the_pattern(pattern in "[ab*?{},\\[\\]!\\\\/-]{0,40}", text in "[ab/]{0,40}") {
        let _ = crate::glob::matches(&pattern, &text, Some('/'));
    }
}
