//! Texts that ask for much: aliases and merges that multiply, nesting, long scalars, thousands of anchors, keys that are no keys. Every reader
//! ends on each, in a memory that is measured.

#[path = "support/measure.rs"]
mod measure;

use shared_manifest::yaml::{Error, duplicate_keys, parse, parse_all, places};

/// Bytes that one byte of a text may take: `{a},` is four of them and a mapping of some 700 bytes.
const PER_BYTE: usize = 256;
/// Bytes that anchors and aliases may take beyond that, whatever the text: 400,000 values, most of them in mappings of their own, and 32 MiB of text.
const COPIES: usize = 200 << 20;
const FIXED: usize = 1 << 20;

fn check(name: &str, text: &str) {
    let most = text.len() * PER_BYTE + FIXED + if text.contains('&') { COPIES } else { 0 };
    type Reader = fn(&str) -> Result<(), Error>;
    let readers: [(&str, Reader); 4] = [
        ("parse", |text| parse(text).map(drop)),
        ("parse_all", |text| parse_all(text).map(drop)),
        ("duplicate_keys", |text| duplicate_keys(text).map(drop)),
        ("places", |text| places(text).map(drop)),
    ];
    for (reader, read) in readers {
        let (_, held) = measure::held(name, || read(text));
        assert!(held <= most, "{reader} held {held} bytes for {name}, which has {}", text.len());
    }
}

/// Forty lines, each of which says the one before it three times.
fn tripled(first: &str, next: impl Fn(usize, usize) -> String) -> String {
    (1..40).fold(format!("a0: &a0 {first}\n"), |text, level| text + &next(level, level - 1))
}

#[test]
fn what_multiplies_stays_in_bounds() {
    let list = |level: usize, last: usize| format!("a{level}: &a{level} [*a{last}, *a{last}, *a{last}]\n");
    let map = |level: usize, last: usize| {
        format!("a{level}: &a{level} {{a: *a{last}, b: *a{last}, c: *a{last}}}\n")
    };
    let merged = |level: usize, last: usize| {
        format!("a{level}: &a{level} {{<<: *a{last}, k{level}: *a{last}, j{level}: *a{last}}}\n")
    };
    let listed = |level: usize, last: usize| {
        format!("a{level}: &a{level} {{<<: [*a{last}, *a{last}], k{level}: 1}}\n")
    };
    check("lists of lists", &tripled("x", list));
    check("lists of long texts", &tripled(&"x".repeat(100_000), list));
    check("mappings of mappings", &tripled("{x: y}", map));
    check("merges of merges", &tripled("{x: y}", merged));
    check("merges of lists", &tripled("{x: y}", listed));
    check("a list said often", &format!("- &a [1, 2, 3, 4]\n{}", "- *a\n".repeat(20_000)));
    check("a mapping said often", &format!("- &a {{b: {{c: {{d: 1}}}}}}\n{}", "- *a\n".repeat(20_000)));
    check("a merge said often", &format!("- &a {{b: 1, c: 2, d: 3}}\n{}", "- {<<: *a}\n".repeat(20_000)));
    check("a merge of many", &format!("- &a {{b: 1}}\n- <<: [{}]\n", "*a,".repeat(20_000)));
    check("anchors in anchors", &format!("{}{}", "&a [".repeat(90), "]".repeat(90)));
    let inside: String = (0..90).map(|level| format!("&a{level} [x, ")).collect();
    check("anchors around much", &format!("{inside}{}{}", "y,".repeat(20_000), "]".repeat(90)));
}

#[test]
fn what_is_long_takes_as_much_as_it_is_long() {
    let long = 1 << 12;
    let each = |line: fn(usize) -> String| (0..long).map(line).collect::<String>();
    let many = |piece: &str| piece.repeat(long);
    let around = |open: &str, piece: &str, close: &str| format!("{open}{}{close}", piece.repeat(long));
    let nested =
        |key: &str| (0..90).map(|level| format!("{}{key}:\n", " ".repeat(level))).collect::<String>();
    let below = |key: &str, line: &str| nested(key) + &format!("{}{line}\n", " ".repeat(90)).repeat(200);
    for (name, text) in [
        ("mappings in brackets", around("[", "{a},", "]")),
        ("empty collections", around("[", "[],", "]")),
        ("pairs", around("[", "a: b,", "]")),
        ("items", around("[", "a,", "]")),
        ("integers", around("[", "1,", "]")),
        ("large integers", around("[", "99999999999999999999,", "]")),
        ("JSON", around("[", "{\"a\":0},", "0]")),
        ("mappings in a list", many("- a: 1\n")),
        ("keys", each(|number| format!("k{number}: v\n"))),
        ("one key", many("a: 1\n")),
        ("documents", many("--- a\n")),
        ("documents with repeated keys", many("a: 1\na: 2\n---\n")),
        ("anchors", each(|number| format!("- &a{number} b\n"))),
        ("anchored mappings", format!("[{}]", each(|number| format!("&a{number} {{a}},")))),
        ("brackets without an end", many("[")),
        ("braces without an end", many("{a: ")),
        ("dashes", many("- ")),
        ("deep keys", nested("a")),
        ("deep and wide", below("k", "k: 1")),
        ("deep and wide, long keys", below(&"k".repeat(4_000), "k: 1")),
        ("a long key", format!("{}:\n{}", "k".repeat(4_000), many("- a\n"))),
        ("plain text", many("aaaaaaaa")),
        ("plain lines", around("a: ", "b\n ", "")),
        ("folded lines", around("a: >\n", " b\n", "")),
        ("literal lines", around("a: |\n", " b\n", "")),
        ("double quotes", around("\"", "\\n", "\"")),
        ("escapes", around("\"", "\\u0041", "\"")),
        ("single quotes", around("'", "''", "'")),
        ("comments", many("#\n")),
        ("tags", many("- !!str a\n")),
        ("escaped tags", around("- !", "%41", "")),
        ("keys that are lists", many("? [a]\n")),
        ("keys that are long lists", around("? [", "a,", "]\n: b\n")),
        ("keys that are null", many("? \n: [a]\n")),
        ("keys too large", many("99999999999999999999: a\n")),
        ("merges of nothing", many("- {<<: a}\n")),
        ("infinities", many("- .inf\n")),
        ("wrong at its end", around("", "- a: 1\n", "]")),
    ] {
        check(name, &text);
    }
}
