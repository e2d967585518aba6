use super::*;
use crate::{journal::Place, tests::kubernetes::Kubernetes};
use serde_json::json;
use shared_model::{Position, ReleaseSpec};

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"key": value}})
}

/// The changes that a comparison with these objects tells.
async fn compare(kubernetes: &Kubernetes, ceiling: Ceiling, objects: &[Value]) -> Changes {
    let folder = tempfile::tempdir().unwrap();
    let place: Place = folder.path().to_owned().into();
    let manifests = objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
    let (bundle, _) = Bundle::new(manifests);
    let application = AppKey::new("argocd", "orders");
    let spec: ReleaseSpec = serde_json::from_value(json!({
        "application": application, "bundle": bundle.digest(), "bundleBytes": 1, "prune": true,
    }))
    .unwrap();
    let comparing = Comparing {
        cluster: Cluster::from_service(kubernetes.clone(), "default"),
        limit: Limit::new(),
        ceiling,
        journal: Arc::new(Journal::open(&place).unwrap()),
        turn: Arc::new(Semaphore::new(1)),
    };
    let packed = comparing
        .perform(Comparison {
            command: "compare/1".to_owned(),
            position: Position::default(),
            spec: Box::new(spec),
            bundle: Some(zstd::encode_all(&bundle.to_bytes()[..], 0).unwrap().into()),
            inventory: Vec::new(),
        })
        .await
        .unwrap();
    assert!(packed.len() <= proto::COMPARED_BYTES);
    serde_json::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap()
}

#[tokio::test]
async fn what_is_protected_is_not_even_read() {
    let kubernetes = Kubernetes::new("u1");
    let ceiling = Ceiling {
        own_namespace: Some("flotilla-agent".to_owned()),
        protected: vec!["ConfigMap/shop/a".parse().unwrap()],
    };
    let mut own = config_map("own", "1");
    own["metadata"]["namespace"] = json!("flotilla-agent");
    let found = compare(&kubernetes, ceiling, &[config_map("a", "1"), own, config_map("b", "1")]).await;
    let told: Vec<(&str, bool)> =
        found.changes.iter().map(|change| (change.note.as_str(), change.after.is_some())).collect();
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().any(|(note, shown)| note.contains("lives in namespace flotilla-agent") && !shown),
        "{told:?}"
    );
    assert!(
        told.iter().any(|(note, shown)| note.contains("ConfigMap/shop/a is protected") && !shown),
        "{told:?}"
    );
    let reads = kubernetes.take_reads();
    assert!(reads.iter().all(|read| !read.ends_with("/a") && !read.ends_with("/own")), "{reads:?}");
    assert!(reads.iter().any(|read| read.ends_with("/b")));
}

#[tokio::test]
async fn an_answer_is_bounded_and_says_what_it_leaves_out() {
    let kubernetes = Kubernetes::new("u1");
    // Six objects of two MiB that hardly get smaller: some are shown, none is forgotten.
    let noise = |seed: u64| -> String {
        let mut state = seed;
        let step = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((*state >> 40) % 90).unwrap_or(0))
        };
        (0..2 << 20).map(|_| step(&mut state)).filter(|c| !matches!(c, '"' | '\\')).collect()
    };
    let objects: Vec<Value> = (0..6).map(|n| config_map(&format!("m{n}"), &noise(n + 1))).collect();
    let found = compare(&kubernetes, Ceiling::default(), &objects).await;
    assert_eq!(found.changes.len() + found.left_out, 6);
    assert!(!found.changes.is_empty() && found.left_out > 0, "{}", found.left_out);
}

#[tokio::test]
async fn kinds_that_are_not_served_are_new() {
    let kubernetes = Kubernetes::new("u1");
    let route = json!({"apiVersion": "example.com/v1", "kind": "Route", "metadata": {"name": "a", "namespace": "shop"}});
    let found = compare(&kubernetes, Ceiling::default(), &[route]).await;
    assert_eq!(found.changes.len(), 1);
    assert!(found.changes[0].before.is_none() && found.changes[0].after.is_some(), "{found:?}");
}
