use super::*;
use serde_json::json;

fn manifest(api_version: &str, kind: &str, namespace: &str, name: &str) -> Manifest {
    let value =
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    Manifest::new(value).unwrap()
}

/// The id is written as Argo CD writes it, and reads back as itself.
fn check(app_ns: &str, object: &Manifest, expect: &str) {
    let id = TrackingId::new(app_ns, "orders", object.id());
    assert_eq!(id.to_string(), expect);
    assert_eq!(expect.parse(), Ok(id));
}

#[test]
fn ids_are_argo_cds() {
    check(
        "argocd",
        &manifest("apps/v1", "Deployment", "payments", "api"),
        "orders:apps/Deployment:payments/api",
    );
    check("team-a", &manifest("v1", "Service", "payments", "api"), "team-a_orders:/Service:payments/api");
    let role = manifest("rbac.authorization.k8s.io/v1", "ClusterRole", "", "system:node");
    check("argocd", &role, "orders:rbac.authorization.k8s.io/ClusterRole:/system:node");
    for bad in ["", "orders", "a:b:c", "a:b/c:d", ":/Service:a/b", "a:/:a/b", "a:/Service:a/"] {
        assert!(bad.parse::<TrackingId>().is_err(), "{bad}");
    }
}

#[test]
fn stamping_adds_both_marks_and_nothing_else() {
    let manifest = Manifest::new(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "api", "namespace": "payments", "labels": null, "annotations": {"a": "b"}}, "spec": {},
    }))
    .unwrap();
    let stamped = stamp(&manifest, "argocd", "orders");
    assert_eq!(owner_of(&stamped), Some(owner_hash("argocd", "orders").as_str()));
    assert_eq!(tracking_of(&stamped).unwrap().to_string(), "orders:/Service:payments/api");
    let expect = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "api", "namespace": "payments",
            "labels": {"flotilla.dev/owner": "e172ad3720289b2b"},
            "annotations": {"a": "b", "argocd.argoproj.io/tracking-id": "orders:/Service:payments/api"},
        },
        "spec": {},
    });
    assert_eq!(stamped, expect);
    assert_eq!(
        stamp(&Manifest::new(stamped.clone()).unwrap(), "argocd", "orders"),
        stamped,
        "stamping twice changes nothing"
    );
}

#[test]
fn definitions_of_kinds_get_the_label_alone() {
    let crd = manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "a.b");
    let stamped = stamp(&crd, "argocd", "orders");
    assert_eq!((owner_of(&stamped).is_some(), tracking_of(&stamped)), (true, None));
}

#[test]
fn unstamping_takes_off_what_stamping_put_on() {
    let manifest = manifest("v1", "Service", "payments", "api");
    let mut value = stamp(&manifest, "argocd", "orders");
    unstamp(&mut value);
    assert_eq!(&value, manifest.value());
}

#[test]
fn owners_differ_by_namespace_and_name() {
    assert_ne!(owner_hash("a", "b"), owner_hash("b", "a"));
    assert_eq!(owner_hash("a", "b").len(), 16);
}
