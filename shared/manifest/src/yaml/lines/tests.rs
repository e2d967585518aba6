use super::super::by_grammar;
use super::*;
use proptest::prelude::*;
use serde_json::json;

/// What is read without the grammar, or that it is left to it. Both must say the same.
fn check(text: &str, expect: Option<&Value>) {
    let value = read(text);
    assert_eq!(value.as_ref(), expect, "{text:?}");
    if let Some(value) = value {
        assert_eq!(by_grammar(text), Ok(value), "{text:?}");
    }
}

/// Whether the text is read here; then as the grammar reads it.
fn agrees(text: &str) -> bool {
    let value = read(text);
    value.clone().is_none_or(|value| {
        assert_eq!(by_grammar(text), Ok(value), "{text:?}");
        true
    }) && value.is_some()
}

#[test]
fn files_of_configuration_are_read() {
    let text = "# a comment\ncluster:\n  name: eu-1 # here too\n  server: https://eu-1:6443\n\n  empty:\nlabels: {}\n\
                'quoted': no\n";
    check(text, None);
    check(
        &text.replace("'quoted'", "plain"),
        Some(&json!({
            "cluster": {"name": "eu-1", "server": "https://eu-1:6443", "empty": null}, "labels": {}, "plain": false,
        })),
    );
    check(
        "a:\n- x\n- \"y: z\"\n-\n  - 0644\nb:\n  - c: 1.0\n    d:\n    - '#'\n  - - e\n    - f\n",
        Some(&json!({"a": ["x", "y: z", [420]], "b": [{"c": 1, "d": ["#"]}, ["e", "f"]]})),
    );
    check("a: 1\na: 2", Some(&json!({"a": 2})));
}

#[test]
fn what_may_mean_more_is_left_to_the_grammar() {
    let more = [
        "",
        "a",
        "...\n",
        "--- \na: 1\n",
        "a: 1\n---\nb: 2\n",
        "a: b\n  c\n",
        "a: 'b\n  c'\n",
        "a: |\n  b\n",
        "a: [1]\n",
        "a: &x 1\n",
        "a: !!str 1\n",
        "a: \"\\n\"\n",
        "a: 'it''s'\n",
        "on: 1\n",
        "7: 1\n",
        "<<: {}\n",
        "? a\n",
        "a : 1\n",
        "a: é\n",
        "a:\tb\n",
        "a: 1\r\nb: 2\n",
    ];
    for text in more {
        check(text, None);
    }
    let wrong = [
        "a: b: c\n",
        "a: b:\n",
        "a: 1\n  b: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "- a\nb: 1\n",
        "a: 1\n- b\n",
        "a: - b\n",
        "a: -\n",
        "a: @b\n",
        "a: 'b' c\n",
        "a: .inf\n",
        "- a: 1\n   b: 2\n",
        "a:\n  - b\n  c: 1\n",
        "a: \u{1}\n",
    ];
    for text in wrong {
        check(text, None);
        assert!(by_grammar(text).is_err(), "{text:?}");
    }
    check(&"- ".repeat(MAX_DEPTH + 1), None);
    check(&format!("{}: 1\n", "k".repeat(MAX_KEY + 1)), None);
}

#[test]
fn vectors_are_read_as_the_grammar_reads_them() {
    let recorded = [
        include_str!("../../../tests/vectors/documents.jsonl"),
        include_str!("../../../tests/vectors/mutations.jsonl"),
        include_str!("../../../tests/vectors/scalars.jsonl"),
    ];
    let texts = recorded.iter().flat_map(|file| file.lines()).map(|line| {
        let vector: Value = serde_json::from_str(line).expect("a vector");
        vector["text"].as_str().expect("a text").to_owned()
    });
    let read = texts.filter(|text| agrees(text) | agrees(&format!("a: {text}\nb:\n- {text}\n"))).count();
    assert!(read > 400, "{read}");
}

/// What stands in a line.
const STARTS: [&str; 12] =
    ["", "", "a:", "b: ", "on:", "- ", "-", "- - ", "- a: ", "-   b:", "# c", "c.d/e-f: "];
const ENDS: [&str; 30] = [
    "",
    "",
    "",
    "x",
    "1",
    "0x1f",
    "1.50",
    "1e3",
    "yes",
    "null",
    "~",
    "-",
    "--",
    "---",
    "...",
    "a b",
    "a:b",
    "a: b",
    "a:",
    "a #b",
    "a#b",
    "#",
    "'q'",
    "\"q\"",
    "'q' x",
    "\"q\" #",
    "{}",
    "[]",
    "2020-01-01",
    "1:30",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn lines_are_read_as_the_grammar_reads_them(
        lines in proptest::collection::vec((0_usize..5, prop::sample::select(&STARTS), prop::sample::select(&ENDS), 0_usize..2), 1..7),
    ) {
        let line = |(indent, start, end, blanks): (usize, &str, &str, usize)| {
            format!("{}{start}{end}{}\n", " ".repeat(indent), " ".repeat(blanks))
        };
        agrees(&lines.into_iter().map(line).collect::<String>());
    }
}
