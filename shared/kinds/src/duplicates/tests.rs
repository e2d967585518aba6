use super::*;
use proptest::prelude::*;

fn check(json: &str, expect: &[&str]) {
    let expect: Vec<String> = expect.iter().map(|path| format!("duplicate field {path:?}")).collect();
    assert_eq!(duplicates(json.as_bytes()), expect, "{json}");
}

#[test]
fn keys_that_are_there_twice_are_named_once() {
    check(r#"{"a": 1, "b": {"a": null}}"#, &[]);
    check(
        r#"{"spec": {"project": "a", "destination": {}, "project": "b", "project": "c"}}"#,
        &["spec.project"],
    );
    check(
        r#"{"a": [{"x": 1}, {"x": 1, "y": [{"z": 1.5, "z": true}], "x": "b"}]}"#,
        &["a[1].y[0].z", "a[1].x"],
    );
    check(r#"{"a\u0062": 1, "ab": 2}"#, &["ab"]);
    check(r#"{"a": {"x": 1, "x": 2}, "a": {"x": 1, "x": 2}}"#, &["a.x", "a"]);
    check("[1, 2", &[]);
    check("5", &[]);
}

#[test]
fn they_are_bounded() {
    let many: Vec<String> = (0..1_000).map(|index| format!("\"k{index}\":1,\"k{index}\":2")).collect();
    assert_eq!(duplicates(format!("{{{}}}", many.join(",")).as_bytes()).len(), MOST);
    let deep = "[".repeat(100_000);
    assert!(duplicates(deep.as_bytes()).is_empty());
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        duplicates(&bytes);
    }
}
