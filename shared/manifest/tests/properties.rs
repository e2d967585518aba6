//! What holds for any value and any text.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared_manifest::object;
use shared_manifest::yaml::{duplicate_keys, parse, parse_all, to_string};

/// Pieces of text that YAML gives a meaning to, or that writers get wrong.
const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    "  ",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "\r",
    ": ",
    ":",
    "- ",
    "-",
    "? ",
    "#",
    " #",
    "'",
    "\"",
    "\\",
    "[",
    "]",
    "{",
    "}",
    ",",
    "&a ",
    "*a",
    "!x ",
    "!!str ",
    "!!int ",
    "|",
    "|-\n",
    ">",
    "|2\n",
    "%",
    "@",
    "`",
    "<<",
    "<<: ",
    "yes",
    "null",
    "~",
    "0x1",
    "08",
    "1_0",
    "1.5",
    ".inf",
    "1e3",
    "2024-01-01",
    "12:30",
    "---",
    "...",
    "---\n",
    "é",
    "😀",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{7f}",
    "\u{1}",
    "=",
    "word word word word word word word word word word word word word word word word word word word word",
];

fn text() -> impl Strategy<Value = String> {
    let pieces =
        proptest::collection::vec(proptest::sample::select(PIECES), 0..10).prop_map(|pieces| pieces.concat());
    prop_oneof![4 => pieces, 1 => any::<String>(), 1 => "[0-9+._eExob:TZ -]{1,12}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => proptest::sample::select(vec![Value::Null, json!(true), json!(false), json!({}), json!([]), json!(1e21), json!(0.1)]),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let key_values = proptest::collection::vec((text(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(Value::Array),
            key_values.prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Integral floats as integers, as every reader of Kubernetes' JSON has them.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(ref number) if number.is_f64() => parse(&number.to_string()).expect("a number is YAML"),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, normal(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(value in value()) {
        let written = to_string(&value);
        prop_assert_eq!(parse(&written), Ok(normal(value)), "{}", written);
    }

    #[test]
    fn writing_is_stable(value in value()) {
        let written = to_string(&value);
        prop_assert_eq!(to_string(&parse(&written).unwrap()), written);
    }

    #[test]
    fn json_reads_as_itself(value in value()) {
        let normal = normal(value.clone());
        prop_assert_eq!(parse(&value.to_string()), Ok(normal.clone()));
        prop_assert_eq!(parse(&serde_json::to_string_pretty(&value).unwrap()), Ok(normal));
    }

    #[test]
    fn no_text_panics_and_what_is_read_can_be_written(text in text()) {
        let first = parse(&text);
        let _ = duplicate_keys(&text);
        let _ = object::read(&text, "any");
        if let Ok(documents) = parse_all(&text) {
            prop_assert!(first.is_ok(), "all documents can be read, so the first can");
            let lines = 1 + text.matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
            for document in documents {
                prop_assert!(document.line >= 1 && document.line <= lines);
                prop_assert_eq!(parse(&to_string(&document.value)), Ok(document.value));
            }
        }
        if let Err(error) = first {
            prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
        }
    }
}

/// Texts made to cost much more than their size; each must be refused or read at once.
#[test]
fn hostile_texts_are_bounded() {
    let refused = |name: &str, text: &str, expect: &str| {
        let error = parse(text).expect_err(name).to_string();
        assert!(error.contains(expect), "{name}: {error}");
    };
    let laughs: String =
        (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            format!("{text}a{level}: &a{level} [{aliases}]\n")
        });
    refused("billion laughs", &laughs, "expand to too much");
    let wide: String = (0..1000).map(|key| format!("k{key}: 1, ")).collect();
    let merges = "- {<<: *a}\n".repeat(5000);
    refused("merge bomb", &format!("- &a {{{wide}}}\n{merges}"), "expand to too much");
    let aliases = "- *a\n".repeat(1000);
    refused("text bomb", &format!("- &a {}\n{aliases}", "x".repeat(1 << 20)), "expand to too much");
    refused("nested anchors", &format!("{}x", "- &a ".repeat(5000)), "");
    refused("nested lists", &"[".repeat(1 << 20), "nested");
    refused("nested mappings", &"{a: ".repeat(1 << 20), "nested");
    refused("nested block lists", &"- ".repeat(1 << 20), "nested");
    refused("nested keys", &"? ".repeat(1 << 20), "nested");
    refused("deep json", &format!("{}{}", "[".repeat(120), "]".repeat(120)), "nested deeper than 100 levels");
    refused("many values", &format!("[{}]", "a,".repeat(1_000_001)), "more than 1000000 values");
    refused("long text", &"a".repeat((32 << 20) + 1), "at most 32 MiB");
    refused("itself", "a: &a [*a]", "inside the value that it names");
    assert!(parse(&format!("a: [\n{}]\n", "b,\n".repeat(200))).is_ok());
}

#[test]
fn depth_at_the_limit_is_read_written_and_readable_as_json() {
    let text = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for text in [text.clone(), format!("# yaml\n{text}")] {
        let value = parse(&text).unwrap();
        assert_eq!(parse(&to_string(&value)).unwrap(), value);
        assert_eq!(serde_json::from_str::<Value>(&value.to_string()).unwrap(), value);
    }
}
