use super::*;
use expect_test::{Expect, expect};
use serde_json::json;

/// The value as JSON, or the error.
fn check(text: &str, expect: &Expect) {
    expect.assert_eq(&match parse(text) {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn scalars_are_those_of_yaml_1_1() {
    check(
        "[yes, on, Y, no, off, n, 'yes', ~, null, '']",
        &expect![[r#"[true,true,true,false,false,false,"yes",null,null,""]"#]],
    );
    check(
        "[0644, 08, 0o17, 0x1F, 1_000, 99999999999999999999999, 1e3, .5]",
        &expect!["[420,8,15,31,1000,1e+23,1000,0.5]"],
    );
    check("on: 1\n7: 2\n1.5: 3\n", &expect![[r#"{"1.5":3,"7":2,"true":1}"#]]);
    check("", &expect!["null"]);
}

#[test]
fn writing_quotes_what_would_read_as_something_else() {
    let value =
        json!({"a": "yes", "b": ["1", "x: y", ""], "c": {}, "d": [], "e": "two\nlines\n", "<<": "\u{85}"});
    let expect = expect![[r#"
        "<<": "\N"
        a: "yes"
        b:
        - "1"
        - 'x: y'
        - ""
        c: {}
        d: []
        e: |
          two
          lines
    "#]];
    expect.assert_eq(&to_string(&value));
    assert_eq!(parse(&to_string(&value)), Ok(value));
}

#[test]
fn errors_say_where_and_how_to_mend() {
    check(
        "a:\n\tb: 1\n",
        &expect!["line 2, column 1: a tab cannot indent YAML: replace tabs at the start of lines by spaces"],
    );
    check(
        "a:\n    b: 1\n  c: 2\n",
        &expect![
            "line 3, column 3: the indentation does not fit: align this line with the keys of the mapping it belongs to"
        ],
    );
    check(
        "a: 1\n  b: 2\n",
        &expect![
            "line 2, column 4: a second `: ` stands in one line, or the line is indented too far: quote a value that contains `: `, and align keys of one mapping"
        ],
    );
    check("a: 'b\nc: d\n", &expect!["line 1, column 4: a quote opened here is not closed: close it"]);
    check(
        "a: {b: 1\nc: 2\n",
        &expect![[
            r#"line 2, column 2: a `{` is not closed or a comma is missing: close it with `}`, separate entries by `,`, and quote templates such as "{{ name }}""#
        ]],
    );
    check(
        "a: [1, 2\n",
        &expect![
            "line 2, column 1: a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`"
        ],
    );
    check(
        "a: {{ name }}\n",
        &expect![[
            r#"line 1, column 5: `{{` starts a mapping here: put the value in quotes, e.g. "{{ name }}", or render the template first"#
        ]],
    );
    check(
        "- {{ name }}\n",
        &expect![[
            r#"line 1, column 4: `{{` starts a mapping here: put the value in quotes, e.g. "{{ name }}", or render the template first"#
        ]],
    );
    check(
        "a: {{ name: b }\nc: d\n",
        &expect![[
            r#"line 1, column 5: `{{` starts a mapping here: put the value in quotes, e.g. "{{ name }}", or render the template first"#
        ]],
    );
    check(
        "{{- if .x }}\na: 1\n{{- end }}\n",
        &expect![
            "line 1, column 3: the line is a template that was not rendered: render it first, or put it in quotes"
        ],
    );
    check("a: @b\n", &expect!["line 1, column 4: a value cannot start with `@`: put it in quotes"]);
    check(
        "a: \"\\d\"\n",
        &expect![[
            r#"line 1, column 4: an escape that YAML does not know: write a backslash in double quotes as \\, or use single quotes"#
        ]],
    );
    check(
        "a: .inf\n",
        &expect![
            "line 1, column 4: Kubernetes has no infinite numbers and no NaN: put the value in quotes to make it a string"
        ],
    );
    check(
        "~: a\n",
        &expect![
            "line 1, column 1: a key must be a string, a number or a boolean: put it in quotes, or write the key that is missing before `:`"
        ],
    );
    check(
        "a: *b\n",
        &expect![
            "line 1, column 4: this alias names no anchor before it: define it with `&name` first, or quote the value"
        ],
    );
    check(
        "a:\n  <<: 1\n",
        &expect![
            "line 2, column 7: `<<` merges a mapping or a list of mappings: give it one, e.g. `<<: *defaults`, or write '<<' in quotes for a plain key"
        ],
    );
    check(
        "a: b\u{1}c\n",
        &expect![[
            r#"line 1, column 5: the control character U+0001 is not allowed: remove it, or write "\u0001" in double quotes"#
        ]],
    );
    check(
        "a: !!int hunter2\n",
        &expect!["line 1, column 4: the value cannot be read as !!int: correct it or remove the tag"],
    );
}

#[test]
fn documents_know_their_lines() {
    let lines = |text: &str| -> Vec<(usize, Value)> {
        parse_all(text).unwrap().into_iter().map(|document| (document.line, document.value)).collect()
    };
    let text = "# first\n\na: 1\n---\n# nothing\n---\n\n- b\n---\nnull\n--- |\n  text\n...\n---\n{c: 1}\n";
    let expect = [(3, json!({"a": 1})), (8, json!(["b"])), (11, json!("text\n")), (15, json!({"c": 1}))];
    assert_eq!(lines(text), expect);
    assert_eq!(lines("\n\n{\"a\":\n1}\n"), [(3, json!({"a": 1}))]);
    assert_eq!(lines("# nothing\n---\n"), []);
    assert!(parse_all("a: 1\n---\na: [\n").is_err(), "a stream that ends in an error is not read at all");
    assert_eq!(parse("a: 1\n---\na: [\n"), Ok(json!({"a": 1})));
}

#[test]
fn duplicate_keys_are_named_with_their_place() {
    let text = "a: 1\nspec:\n  x.y/z: 1\n  list:\n  - name: b\n    name: c\n  x.y/z: 2\na: 2\n---\n\
                base: &b {k: 1}\nd:\n  <<: *b\n  k: 2\n";
    let lines: Vec<String> = duplicate_keys(text).unwrap().iter().map(ToString::to_string).collect();
    let expect = expect![[r#"
        line 6, column 5: `spec.list[0].name` is set again here and this one wins; keep one of them
        line 7, column 3: `spec["x.y/z"]` is set again here and this one wins; keep one of them
        line 8, column 1: `a` is set again here and this one wins; keep one of them"#]];
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn json_duplicates_and_surrogate_pairs_are_read() {
    check("{\"a\": 1, \"a\": \"\\ud83d\\ude00\\/\"}", &expect![[r#"{"a":"😀/"}"#]]);
    let repeated =
        |text: &str| duplicate_keys(text).unwrap().iter().map(|key| key.path.clone()).collect::<Vec<_>>();
    assert_eq!(repeated("{\"a\": \"x \\\\ud83d \\ud83d\\ude00\", \"b\": 1,\n\"b\": 2}"), ["b"]);
    check("b: \"\\ud83d\\ude00 \\n\\\\ud83d x\"\n", &expect![[r#"{"b":"😀 \n\\ud83d x"}"#]]);
    check(
        "b: \"\\ud83d\"\n",
        &expect![[
            r#"line 1, column 4: the escape names no character: write a pair such as \ud83d\ude00 in full, or the character itself"#
        ]],
    );
    check("{\n\t\"a\": 1.0\n}\n", &expect![[r#"{"a":1}"#]]);
}

#[test]
fn fields_have_lines() {
    let text = "# a comment\na: 1\nb:\n  c: {d: 2,\n    e: 3}\n  list:\n  - x: 1\n    y: |\n      text\n  - [p,\n     q]\n  odd.key/name: 1\n---\n{\"j\":\n {\"k\": 1}}\n";
    let found = places(text).unwrap();
    let at = |document: usize, path: &str, line: usize| {
        assert_eq!(found[document].line(path), line, "{path}");
    };
    assert_eq!((found[0].start(), found[1].start(), found.len()), (2, 14, 2));
    at(0, "a", 2);
    at(0, "b.c.d", 4);
    at(0, "b.c.e", 5);
    at(0, "b.list[0].y", 8);
    at(0, "b.list[1][1]", 11);
    at(0, "b.odd.key/name", 12);
    at(1, "j.k", 15);
    // What is not there stands where its parent does.
    at(0, "b.list[0].z[3].deep", 7);
    at(0, "nothing", 2);
    assert!(found[0].has("b.c") && !found[0].has("b.z"));
    // The lines are those of the documents.
    let lines: Vec<usize> = parse_all(text).unwrap().iter().map(|document| document.line).collect();
    assert_eq!(lines, [2, 14]);
    assert!(places("a: [").is_err() && places(&"[".repeat(200)).is_err());
    assert_eq!(places("a: &x {b: 1}\nc: *x\n").unwrap()[0].line("c.b"), 2);
}
