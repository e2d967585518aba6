use super::*;
use serde_json::json;
use shared_manifest::yaml;

/// What kustomize 5.8.1 gives for the same file and inline values (`kustomize build --enable-helm` of a chart that prints
/// its values).
fn check(file: &str, inline: &str, winner: Winner, expect: &Value) {
    let Ok(Value::Object(inline)) = yaml::parse(inline) else { panic!("{inline}") };
    let file = read(file).expect("it is YAML").expect("it is there");
    assert_eq!(merged(&inline, file, winner).expect("they merge"), *expect);
}

const FILE: &str = "bare:\nyes1: yes\nno1: no\noct: 0644\ndate: 2024-01-02\nfloat: 1.0\nanchor: &a {x: 1}\nalias: *a\n\
                    list: [1, *a]\nmerged: {<<: *a, z: 2}\nnested: {bare: , x: null, k: 1}\nstr: \"no\"\n";

#[test]
fn what_is_inline_overrides_the_file() {
    let inline = "{nested: {z: null, k: 2, m: 1}, newmap: {a: null, q: {w: null}, l: [null, 1]}, list: [3]}";
    check(
        FILE,
        inline,
        Winner::Inline,
        &json!({
            "yes1": "yes", "no1": "no", "oct": 420, "date": "2024-01-02T00:00:00Z", "float": 1,
            "anchor": {"x": 1}, "alias": {"x": 1}, "list": [3], "merged": {"x": 1, "z": 2},
            "nested": {"x": null, "k": 2, "m": 1}, "str": "no", "newmap": {"q": {}, "l": [null, 1]},
        }),
    );
}

#[test]
fn what_is_inline_fills_the_gaps_of_the_file() {
    check(
        "a: 1\nb: {c: 1, d: null}\nlist: [1]\ngone: null\n",
        "{a: 2, b: {c: 2, d: 3, e: null}, list: [2], gone: x, more: {o: null}}",
        Winner::File,
        &json!({"a": 1, "b": {"c": 1, "e": null}, "list": [1], "more": {"o": null}}),
    );
}

#[test]
fn directives_are_followed() {
    let file = "a: {b: 1}\nc: {d: 1}\n";
    check(file, "{a: {$patch: delete}, c: {$patch: replace, e: 2}}", Winner::Inline, &json!({"c": {"e": 2}}));
    check(file, "{a: {$patch: merge, x: 2}, c: null}", Winner::Inline, &json!({"a": {"b": 1, "x": 2}}));
}

#[test]
fn different_kinds_are_told_by_their_place() {
    let wrong = |file: &str, inline: Value| {
        let Value::Object(inline) = inline else { panic!("{inline}") };
        let file = read(file).expect("it is YAML").expect("it is there");
        merged(&inline, file, Winner::Inline).expect_err("they are unlike").to_string()
    };
    assert_eq!(
        wrong("a: {b: secret}\n", json!({"a": {"b": {"c": 1}}})),
        "`a.b` is a single value in one place and a mapping in the other"
    );
    assert_eq!(
        wrong("a: [1]\n", json!({"a": {"b": 1}})),
        "`a` is a list in one place and a mapping in the other"
    );
}

#[test]
fn times_are_written_as_go_writes_them() {
    for (text, expect) in [
        ("2024-1-2", "2024-01-02T00:00:00Z"),
        ("2024-02-30", "2024-02-30"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14T21:59:43.1-05:00"),
        ("2001-12-14 21:59:43", "2001-12-14T21:59:43Z"),
        ("2001-12-14T21:59:43", "2001-12-14T21:59:43"),
        ("12:30:45", "12:30:45"),
    ] {
        let node = read(&format!("a: {text}")).unwrap().unwrap();
        assert_eq!(Value::from(node), json!({ "a": expect }), "{text}");
    }
}

#[test]
fn a_file_of_nothing_is_none() {
    assert_eq!(read("").unwrap(), None);
    assert_eq!(read("# nothing\n").unwrap(), None);
    assert_eq!(read("{}").unwrap(), Some(Node::Map(Vec::new())));
    assert!(read("a: [").is_err());
}
