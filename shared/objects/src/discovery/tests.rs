use super::*;

fn texts(words: &str) -> Vec<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        plural: format!("{}s", kind.to_lowercase()),
        singular: kind.to_lowercase(),
        namespaced: true,
        verbs: texts("get list"),
        ..ApiResource::default()
    }
}

fn served() -> Vec<ApiResource> {
    let status = Subresource { name: "status".into(), kind: String::new(), verbs: texts("get patch") };
    let scale = Subresource { name: "scale".into(), kind: "Scale".into(), verbs: texts("get") };
    vec![
        resource("", "v1", "Secret"),
        ApiResource {
            short_names: texts("app apps"),
            categories: texts("all"),
            subresources: vec![status, scale],
            ..resource("argoproj.io", "v1alpha1", "Application")
        },
        ApiResource { namespaced: false, ..resource("flotilla.dev", "v1alpha1", "Cluster") },
        resource("flotilla.dev", "v1", "Cluster"),
        resource("flotilla.dev", "v2beta1", "Cluster"),
    ]
}

#[test]
fn groups_and_their_versions() {
    let versions = api_versions(&served(), "127.0.0.1:8443".parse().unwrap());
    assert_eq!(versions["versions"], json!(["v1"]));
    assert_eq!(versions["serverAddressByClientCIDRs"][0]["serverAddress"], "127.0.0.1:8443");

    let list = api_group_list(&served());
    assert_eq!(list["groups"].as_array().unwrap().len(), 2);
    assert_eq!(
        list["groups"][0],
        json!({
            "name": "argoproj.io",
            "versions": [{"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"}],
            "preferredVersion": {"groupVersion": "argoproj.io/v1alpha1", "version": "v1alpha1"},
        })
    );
    let group = api_group(&served(), "flotilla.dev").unwrap();
    let order: Vec<_> =
        group["versions"].as_array().unwrap().iter().map(|v| v["version"].as_str().unwrap()).collect();
    assert_eq!(order, ["v1", "v2beta1", "v1alpha1"]);
    assert_eq!((&group["kind"], &group["preferredVersion"]["version"]), (&json!("APIGroup"), &json!("v1")));
    assert_eq!(api_group(&served(), "other"), None);
}

#[test]
fn kinds_of_a_version() {
    let list = api_resource_list(&served(), "argoproj.io", "v1alpha1").unwrap();
    assert_eq!(
        list,
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "argoproj.io/v1alpha1",
            "resources": [
                {"name": "applications", "singularName": "application", "namespaced": true, "kind": "Application",
                 "verbs": ["get", "list"], "shortNames": ["app", "apps"], "categories": ["all"]},
                {"name": "applications/status", "singularName": "", "namespaced": true, "kind": "Application", "verbs": ["get", "patch"]},
                {"name": "applications/scale", "singularName": "", "namespaced": true, "kind": "Scale", "verbs": ["get"]},
            ],
        })
    );
    assert_eq!(api_resource_list(&served(), "", "v1").unwrap()["groupVersion"], "v1");
    assert_eq!(api_resource_list(&served(), "argoproj.io", "v9"), None);
}

#[test]
fn aggregated() {
    let groups = aggregated_groups(&served());
    assert_eq!(groups["kind"], "APIGroupDiscoveryList");
    assert_eq!(groups["items"][0]["metadata"]["name"], "argoproj.io");
    assert_eq!(
        groups["items"][0]["versions"][0],
        json!({
            "version": "v1alpha1", "freshness": "Current",
            "resources": [{
                "resource": "applications", "scope": "Namespaced", "singularResource": "application", "verbs": ["get", "list"],
                "responseKind": {"group": "argoproj.io", "version": "v1alpha1", "kind": "Application"},
                "shortNames": ["app", "apps"], "categories": ["all"],
                "subresources": [
                    {"subresource": "status", "verbs": ["get", "patch"],
                     "responseKind": {"group": "argoproj.io", "version": "v1alpha1", "kind": "Application"}},
                    {"subresource": "scale", "verbs": ["get"],
                     "responseKind": {"group": "argoproj.io", "version": "v1alpha1", "kind": "Scale"}},
                ],
            }],
        })
    );
    assert_eq!(groups["items"][1]["versions"][2]["resources"][0]["scope"], "Cluster");
    let core = aggregated_core(&served());
    assert_eq!(core["items"][0]["metadata"], json!({"creationTimestamp": null}));
    assert_eq!(core["items"][0]["versions"][0]["resources"][0]["resource"], "secrets");
    assert_eq!(aggregated_core(&[])["items"], json!([]));
}
