use super::*;
use serde_json::json;

fn reads(text: &str, expect: Value) {
    assert_eq!(parse(text).unwrap(), expect, "{text}");
}

fn fails(text: &str, expect: &str) {
    assert_eq!(parse(text).unwrap_err().to_string(), expect, "{text}");
}

fn writes(value: Value, expect: &str) {
    assert_eq!(to_string(&value), expect);
    assert_eq!(parse(expect).unwrap(), value);
}

#[test]
fn scalars_are_those_of_yaml_1_1() {
    reads(
        "[yes, on, Y, no, off, n, 'yes', ~, null, '']",
        json!([true, true, true, false, false, false, "yes", null, null, ""]),
    );
    reads(
        "[0644, 08, 0o17, 0x1F, 1_000, 99999999999999999999999, 1e3, .5]",
        json!([420, 8, 15, 31, 1000, 1e23, 1000, 0.5]),
    );
    reads("on: 1\n7: 2\n1.5: 3\n", json!({"true": 1, "7": 2, "1.5": 3}));
    reads("", Value::Null);
}

#[test]
fn writing_quotes_what_would_read_as_something_else() {
    writes(
        json!({"a": "yes", "b": ["1", "x: y", ""], "c": {}, "d": [], "e": "two\nlines\n"}),
        "a: \"yes\"\nb:\n- \"1\"\n- 'x: y'\n- \"\"\nc: {}\nd: []\ne: |\n  two\n  lines\n",
    );
}

#[test]
fn errors_say_where_and_how_to_mend() {
    fails(
        "a:\n\tb: 1\n",
        "line 2, column 1: a tab cannot indent YAML: replace tabs at the start of lines by spaces",
    );
}
