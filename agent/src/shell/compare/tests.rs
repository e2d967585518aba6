use super::*;
use crate::{
    journal::{Place, What},
    tests::kubernetes::Kubernetes,
};
use serde_json::json;
use shared_model::{Position, ReleaseSpec};

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"key": value}})
}

fn bundle_of(objects: &[Value]) -> Bundle {
    Bundle::new(objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect()).0
}

fn release(application: &AppKey, bundle: &Bundle) -> ReleaseSpec {
    let spec =
        json!({"application": application, "bundle": bundle.digest(), "bundleBytes": 1, "prune": true});
    serde_json::from_value(spec).unwrap()
}

fn orders() -> AppKey {
    AppKey::new("argocd", "orders")
}

/// The changes that a comparison with these objects tells, where nothing runs.
async fn compare(kubernetes: &Kubernetes, ceiling: Ceiling, objects: &[Value]) -> Changes {
    compare_beside(kubernetes, ceiling, objects, &[]).await
}

/// The same where these releases came before, each of an application.
async fn compare_beside(
    kubernetes: &Kubernetes,
    ceiling: Ceiling,
    objects: &[Value],
    held: &[(AppKey, &[Value])],
) -> Changes {
    let folder = tempfile::tempdir().unwrap();
    let place: Place = folder.path().to_owned().into();
    let journal = Journal::open(&place).unwrap();
    for (application, objects) in held {
        let bundle = bundle_of(objects);
        let what = What::Run(Box::new(release(application, &bundle)));
        let compressed = zstd::encode_all(&bundle.to_bytes()[..], 0).unwrap();
        journal.save_order(application, Position::default(), what, Some(&compressed)).unwrap();
    }
    let bundle = bundle_of(objects);
    let comparing = Comparing {
        cluster: Cluster::from_service(kubernetes.clone(), "default"),
        limit: Limit::new(),
        ceiling,
        journal: Arc::new(journal),
        place: Turns::default().place().unwrap(),
    };
    let packed = comparing
        .perform(Comparison {
            command: "compare/1".to_owned(),
            position: Position::default(),
            spec: Box::new(release(&orders(), &bundle)),
            bundle: Some(zstd::encode_all(&bundle.to_bytes()[..], 0).unwrap().into()),
            inventory: Vec::new(),
        })
        .await
        .unwrap();
    assert!(packed.len() <= proto::COMPARED_BYTES);
    serde_json::from_slice(&zstd::decode_all(&packed[..]).unwrap()).unwrap()
}

/// A live object with an application's mark.
fn put(kubernetes: &Kubernetes, object: &Value, owner: Option<&AppKey>) {
    let path = format!("/api/v1/namespaces/shop/configmaps/{}", object["metadata"]["name"].as_str().unwrap());
    let manifest = Manifest::new(object.clone()).unwrap();
    let live =
        owner.map_or_else(|| object.clone(), |app| tracking::stamp(&manifest, &app.namespace, &app.name));
    kubernetes.put(&path, &live);
}

/// What is told of a live ConfigMap with the value `hunter2` that a comparison names: its note, and whether the value is.
async fn told(owner: Option<&AppKey>, held: &[(AppKey, &[Value])]) -> (String, bool) {
    let kubernetes = Kubernetes::new("u1");
    put(&kubernetes, &config_map("db", "hunter2"), owner);
    let found = compare_beside(&kubernetes, Ceiling::default(), &[config_map("db", "other")], held).await;
    assert_eq!(found.changes.len(), 1, "{found:?}");
    let text = serde_json::to_string(&found).unwrap();
    (found.changes[0].note.clone(), text.contains("hunter2"))
}

#[tokio::test]
async fn what_any_application_here_encrypts_is_told_to_none() {
    let payments = AppKey::new("argocd", "payments");
    let ours: &[Value] = &[config_map("db", "older")];
    let sealed: &[Value] = &[config_map("db", "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]")];
    // Its own and open: told.
    let open = told(Some(&orders()), &[(orders(), ours)]).await;
    assert_eq!(open, (String::new(), true));
    let (note, plain) = told(Some(&orders()), &[(orders(), ours), (payments, sealed)]).await;
    assert!(note.contains("SOPS") && !plain, "{note}");
}

#[tokio::test]
async fn of_what_is_not_the_applications_own_the_name_alone_is_told() {
    let payments = AppKey::new("argocd", "payments");
    let ours: &[Value] = &[config_map("db", "older")];
    for (owner, held) in [
        (Some(&payments), &[(orders(), ours)][..]),
        (None, &[(orders(), ours)][..]),
        // It is gone from here, and with it what it encrypted.
        (Some(&orders()), &[][..]),
    ] {
        let (note, plain) = told(owner, held).await;
        assert!(note.contains("does not carry this application's mark") && !plain, "{owner:?}: {note}");
    }
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
    // Six objects of 800 KiB that hardly get smaller: some are shown, none is forgotten.
    let noise = |seed: u64| -> String {
        let mut state = seed;
        let step = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + u8::try_from((*state >> 40) % 90).unwrap_or(0))
        };
        (0..800 << 10).map(|_| step(&mut state)).filter(|c| !matches!(c, '"' | '\\')).collect()
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

#[test]
fn few_comparisons_wait_and_each_is_small() {
    let turns = Turns::default();
    let places: Vec<_> = (0..=WAITING).map(|_| turns.place().unwrap()).collect();
    assert!(turns.place().unwrap_err().contains("2 comparisons wait for this agent already"));
    drop(places);
    assert!(turns.place().is_ok());
    let large = unpack(&zstd::encode_all(&vec![b'x'; 6 << 20][..], 0).unwrap()).unwrap_err();
    assert!(large.contains("larger than 5 MiB"), "{large}");
    // One that says that it refers far back would take as much memory to read.
    let mut far = zstd::Encoder::new(Vec::new(), 1).unwrap();
    far.window_log(26).unwrap();
    std::io::Write::write_all(&mut far, b"{}").unwrap();
    assert!(unpack(&far.finish().unwrap()).is_err_and(|why| why.contains("cannot be read")));
}
