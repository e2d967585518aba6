use serde_json::json;

use super::Value;

fn check_round_trip(json: &serde_json::Value) {
    assert_eq!(Value::from(json.clone()).to_json().as_ref(), Some(json));
}

#[test]
fn json_survives() {
    check_round_trip(&json!({"a": [1, 2.5, "x", null, true], "b": {"c": {}}, "big": 1_000_000}));
}

#[test]
fn numbers_of_parameters_are_float64() {
    assert_eq!(Value::from(json!(3)).type_name(), "float64");
}

#[test]
fn nested_a_million_deep_drops_without_recursion() {
    let mut value = Value::Nil;
    for _ in 0..1_000_000 {
        value = Value::list(vec![value]);
    }
    assert!(value.to_json().is_none());
    drop(value);
}

#[test]
fn debug_shows_no_contents() {
    let secret = Value::from(json!({"password": "hunter2"}));
    assert!(!format!("{secret:?} {:?}", secret.as_map().unwrap().get(b"password")).contains("hunter2"));
}
