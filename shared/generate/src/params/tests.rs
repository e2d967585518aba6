use super::{go_string, normalize};
use serde_json::{Value, json};

#[track_caller]
fn check_string(value: impl Into<Value>, expect: &str) {
    assert_eq!(go_string(&value.into()), expect);
}

/// Recorded from Go's `fmt.Sprintf("%v")` of decoded JSON.
#[test]
fn values_print_as_in_go() {
    check_string(json!(1_000_000), "1e+06");
    check_string(json!(1_234_567), "1.234567e+06");
    check_string(json!(999_999), "999999");
    check_string(json!(100_000), "100000");
    check_string(json!(1.5), "1.5");
    check_string(json!(-3), "-3");
    check_string(json!(0.0001), "0.0001");
    check_string(json!(0.00001), "1e-05");
    check_string(json!(123_456_789_012_345_680_i64), "1.2345678901234568e+17");
    check_string(json!(null), "<nil>");
    check_string(json!([1, "a", null]), "[1 a <nil>]");
    check_string(json!({"b": true, "a": [2]}), "map[a:[2] b:true]");
}

#[track_caller]
fn check_normal(name: &str, expect: &str) {
    assert_eq!(normalize(name), expect);
}

#[test]
fn names_are_made_fit_for_dns() {
    check_normal("Prod_EU.1", "prod-eu.1");
    check_normal(".", "");
    check_normal("--a--", "a");
    check_normal("bücher", "b-cher");
    check_normal(&"a".repeat(300), &"a".repeat(253));
}
