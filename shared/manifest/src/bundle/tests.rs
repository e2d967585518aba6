use super::*;
use crate::object::read;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn bundle(text: &str) -> (Bundle, Vec<Repeated>) {
    let (manifests, problems) = read(text, "test");
    assert_eq!(problems, []);
    Bundle::new(manifests)
}

const WEB: &str = "{kind: Service, apiVersion: v1, metadata: {name: web, namespace: shop}, spec: {ports: [{port: 80.0}]}}\n---\n\
                   {apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}}\n";

#[test]
fn bytes_are_canonical() {
    let (bundle, repeated) = bundle(WEB);
    assert_eq!(repeated, []);
    let expect = expect![[r#"
        {"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},"spec":{"ports":[{"port":80}]}}
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"}}
    "#]];
    expect.assert_eq(&String::from_utf8(bundle.to_bytes()).unwrap());
    assert_eq!(Bundle::from_bytes(&bundle.to_bytes()), Ok(bundle.clone()));
    assert_eq!(bundle.digest(), Digest::of(&bundle.to_bytes()));
}

#[test]
fn of_repeated_objects_the_last_counts_and_it_is_said() {
    let version = |version: &str, data: &str| {
        format!(
            "{{apiVersion: {version}, kind: Deployment, metadata: {{name: a}}, spec: {{x: {data}}}}}\n---\n"
        )
    };
    let (bundle, repeated) =
        bundle(&(version("apps/v1beta1", "1") + &version("apps/v1", "2") + &version("apps/v1", "3")));
    assert_eq!(bundle.objects().len(), 1);
    assert_eq!(bundle.objects()[0].value()["spec"]["x"], 3);
    assert_eq!(
        repeated[0].to_string(),
        "apps/Deployment a appears 3 times; the last one counts: keep one of them"
    );
}

#[test]
fn hooks_without_names_are_kept_apart() {
    let (bundle, repeated) = bundle(
        "{apiVersion: batch/v1, kind: Job, metadata: {generateName: a-}, spec: {x: 2}}\n---\n\
         {apiVersion: batch/v1, kind: Job, metadata: {generateName: a-}, spec: {x: 1}}\n",
    );
    assert_eq!((bundle.objects().len(), repeated.len()), (2, 0));
    assert_eq!(Bundle::from_bytes(&bundle.to_bytes()), Ok(bundle));
}

#[test]
fn marks_are_not_part_of_a_bundle() {
    let (plain, _) = bundle(WEB);
    let stamped =
        plain.objects().iter().map(|object| Manifest::new(tracking::stamp(object, "argocd", "a")).unwrap());
    assert_eq!(Bundle::new(stamped.collect()).0.digest(), plain.digest());
}

fn refuses(bytes: &str, expect: &Expect) {
    expect.assert_eq(&Bundle::from_bytes(bytes.as_bytes()).unwrap_err().to_string());
}

#[test]
fn other_bytes_are_refused() {
    let a = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}"#;
    let b = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}"#;
    assert!(Bundle::from_bytes(format!("{a}\n{b}\n").as_bytes()).is_ok());
    assert!(Bundle::from_bytes(b"").is_ok());
    refuses(&format!("{a}\n{b}"), &expect!["the bundle is not in canonical form from line 2 on"]);
    refuses(&format!("{b}\n{a}\n"), &expect!["the bundle is not in canonical form from line 1 on"]);
    refuses(&format!("{a}\n{a}\n"), &expect!["the bundle is not in canonical form from line 2 on"]);
    refuses(&a.replace(':', ": "), &expect!["the bundle is not in canonical form from line 1 on"]);
    refuses(&format!("{a}\n{{}}\n"), &expect!["line 2 of the bundle is no manifest"]);
    refuses("hello\n", &expect!["line 1 of the bundle is not JSON"]);
    refuses("\n", &expect!["line 1 of the bundle is not JSON"]);
}

proptest! {
    #[test]
    fn order_of_the_source_does_not_matter(names in proptest::collection::btree_set("[a-z]{1,3}", 0..12), seed in any::<u64>()) {
        let manifest = |name: &String| {
            let value = serde_json::json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": name}, "n": 1.5});
            Manifest::new(value).unwrap()
        };
        let sorted: Vec<Manifest> = names.iter().map(manifest).collect();
        let mut shuffled = sorted.clone();
        shuffled.sort_by_key(|manifest| Digest::of(format!("{seed}{}", manifest.name()).as_bytes()));
        let (one, other) = (Bundle::new(sorted).0, Bundle::new(shuffled).0);
        prop_assert_eq!(one.to_bytes(), other.to_bytes());
        prop_assert_eq!(Bundle::from_bytes(&one.to_bytes()), Ok(one));
    }

    #[test]
    fn reading_any_bytes_does_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Bundle::from_bytes(&bytes);
    }
}
