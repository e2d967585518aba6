use std::collections::BTreeMap;

use serde_json::json;

use super::{render, unresolved};

fn check(template: &str, expect: Result<&str, &str>) {
    let parameters: BTreeMap<String, serde_json::Value> = [
        ("name", json!("eu-1")),
        ("path.basename", json!("orders")),
        ("count", json!(3)),
        ("empty", json!("")),
        ("tag", json!("{{name}}")),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let got = render(template, &parameters).map_err(|error| error.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), expect, "{template}");
}

#[test]
fn replaces_known_strings() {
    check("{{name}}-{{ path.basename }}", Ok("eu-1-orders"));
    check("[{{empty}}]", Ok("[]"));
    check("{{tag}}", Ok("{{name}}"));
}

#[test]
fn leaves_the_rest_as_written() {
    check("{{ unknown }}/{{name}}", Ok("{{ unknown }}/eu-1"));
    check("{{}}{{ }}{{name}}", Ok("{{}}{{ }}eu-1"));
    check("{{count}}", Ok("{{count}}"));
    check("plain", Ok("plain"));
    check("", Ok(""));
}

#[test]
fn a_tag_over_two_lines_counts_only_beside_one_that_does_not() {
    check("{{\nname}}", Ok("{{\nname}}"));
    check("{{\nname}} {{name}}", Ok("eu-1 eu-1"));
}

#[test]
fn an_open_tag_is_an_error_only_beside_a_closed_one() {
    check("{{name", Ok("{{name"));
    check("{{name}} {{rest", Err("cannot find the closing \"}}\" of the tag that starts with \"rest\""));
    check("{{name\n}} {{rest", Ok("{{name\n}} {{rest"));
}

#[test]
fn unresolved_tags_are_named() {
    let parameters = BTreeMap::from([("name".to_owned(), "eu-1".to_owned())]);
    assert_eq!(unresolved("{{name}} {{ .path.path }} {{}}", &parameters), [".path.path", ""]);
    assert!(unresolved("{{\n}}", &parameters).is_empty());
}

#[test]
fn a_text_of_many_long_parameters_ends() {
    let parameters = BTreeMap::from([("a".to_owned(), "x".repeat(1 << 20))]);
    let render = |tags: usize| render(&"{{a}}".repeat(tags), &parameters);
    assert_eq!(render(8).map(|text| text.len()), Ok(8 << 20));
    let error = render(9).expect_err("one byte too many is too many").to_string();
    assert_eq!(error, "template: fasttemplate: its output is larger than 8388608 bytes");
}
