//! Broken templates by the thousand: none makes the parser or the executor panic, hang or fill memory, and each gives the same twice.
//!
//! A fixed budget of mutations, always the same ones: of the templates that Go answered (`vectors/`), and of those in `corpus/`, where every
//! one that ever made trouble is kept, a JSON string per line. `FUZZ_ROUNDS` at compile time asks for so many times as much, and `FUZZ_SEED`
//! for other ones.

#[path = "support/chance.rs"]
mod chance;
#[path = "support/measure.rs"]
mod measure;

use std::collections::BTreeMap;

use chance::{Chance, rounds};
use serde_json::Value as Json;
use shared_template::{Error, Limits, Options, Present, Template, Value, fast};

/// Mutations tried.
const ROUNDS: usize = 12_000;
/// What one rendering may use: small, so that a limit that does not hold shows.
const LIMITS: Limits = Limits { steps: 60_000, output_bytes: 64 << 10, memory_bytes: 512 << 10, depth: 40 };

/// Bytes held whatever the template: the data, patterns of our own that are compiled when first used, tables of functions.
const FIXED: usize = 4 << 20;

/// Pieces that mean something to the parser.
const PIECES: [&str; 48] = [
    "{{",
    "}}",
    "{{-",
    "-}}",
    " ",
    "\n",
    "(",
    ")",
    "|",
    ":=",
    "=",
    "$",
    "$x",
    ".",
    ".name",
    ",",
    "\"",
    "`",
    "'",
    "/*",
    "*/",
    "{{end}}",
    "{{else}}",
    "{{if .}}",
    "{{range .}}",
    "{{with .}}",
    "{{define \"a\"}}",
    "{{template \"a\" .}}",
    "{{block \"a\" .}}",
    "{{break}}",
    "{{continue}}",
    "nil",
    "true",
    "9223372036854775808",
    "1e309",
    "0x",
    "1i",
    "\\u",
    "printf \"%9999d\" ",
    "repeat 9999 ",
    "until 99999 ",
    "list ",
    "dict ",
    "merge ",
    "regexMatch ",
    "genCA ",
    "toJson ",
    "\u{10ffff}",
];

/// An offset in `text` where a character starts.
fn offset(chance: &mut Chance, text: &str) -> usize {
    floor(text, chance.below(text.len() + 1))
}

/// Where the character at `at`, or before it, starts.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// `text` with one of its words replaced by one of `donor`'s.
fn swapped(chance: &mut Chance, text: &str, donor: &str) -> String {
    let offered: Vec<&str> = donor.split_whitespace().collect();
    let mut words: Vec<&str> = text.split(' ').collect();
    let at = chance.below(words.len());
    let word = offered.get(chance.below(offered.len())).copied().unwrap_or_default();
    if !words[at].contains(['{', '}']) && !word.contains(['{', '}']) {
        words[at] = word;
    }
    words.join(" ")
}

fn mutated(chance: &mut Chance, corpus: &[String]) -> String {
    let mut text = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(4) {
        let (one, other) = (offset(chance, &text), offset(chance, &text));
        let (from, to) = (one.min(other), one.max(other));
        match chance.below(10) {
            0 => text.replace_range(from..floor(&text, to.min(from + 12)).max(from), ""),
            1 => text.insert_str(from, PIECES[chance.below(PIECES.len())]),
            2 => {
                let piece = text[from..to].to_owned();
                text.insert_str(to, &piece);
            }
            3 => {
                let donor = &corpus[chance.below(corpus.len())];
                text = format!("{}{}", &text[..from], &donor[offset(chance, donor)..]);
            }
            4 => text = text.replacen(['(', ')', '"', '.', '|', ' '], PIECES[chance.below(PIECES.len())], 1),
            5 => text.truncate(to),
            // A word for a word mostly leaves a template that parses.
            _ => {
                let donor = &corpus[chance.below(corpus.len())];
                text = swapped(chance, &text, donor);
            }
        }
        text.truncate(floor(&text, 4_000));
    }
    text
}

fn render(text: &str, data: &Json) -> Result<String, Error> {
    let present = Present { now: "2026-01-01T00:00:00Z".parse().ok(), seed: Some([7; 32]) };
    let parsed = Template::parse("t", text)?;
    parsed.render_with(&Value::from(data.clone()), &Options::default(), &LIMITS, &present)
}

/// The templates of a recording and the data they were rendered with.
fn recorded() -> (Json, Vec<String>) {
    let mut lines = include_str!("vectors/made.jsonl").lines();
    let head: Json = serde_json::from_str(lines.next().expect("the data comes first")).expect("JSON");
    let template = |line: &str| {
        let line: Json = serde_json::from_str(line).expect("JSON");
        line["t"].as_str().expect("each line has a template").to_owned()
    };
    (head["data"].clone(), lines.map(template).collect())
}

/// Whether it rendered.
fn check(text: &str, data: &Json) -> bool {
    let (first, held) = measure::held(text, || render(text, data));
    assert!(
        held <= LIMITS.memory_bytes * 4 + LIMITS.output_bytes * 3 + text.len() * 256 + FIXED,
        "{held} bytes: {text:?}"
    );
    if let Ok(printed) = &first {
        assert!(printed.len() <= LIMITS.output_bytes * 3, "{text:?} printed {} bytes", printed.len());
    }
    assert_eq!(first, render(text, data), "{text:?}");
    let parameters: BTreeMap<String, Json> = BTreeMap::from([("name".to_owned(), Json::from("x"))]);
    let flat = fast::render(text, &parameters);
    assert!(flat.map_or(0, |flat| flat.len()) <= text.len() + 1, "{text:?}");
    first.is_ok()
}

#[test]
fn what_made_trouble_once_does_not_again() {
    let (data, _) = recorded();
    for line in include_str!("corpus/templates.jsonl").lines() {
        check(&serde_json::from_str::<String>(line).unwrap(), &data);
    }
}

#[test]
fn broken_templates_end_in_bounds() {
    let (data, mut corpus) = recorded();
    let kept = include_str!("corpus/templates.jsonl").lines();
    corpus.extend(kept.map(|line| serde_json::from_str::<String>(line).unwrap()));
    // Keys take long to make and are tried in `corpus/`.
    corpus.retain(|text| {
        !["gen", "bcrypt", "htpasswd", "derivePassword"].iter().any(|slow| text.contains(slow))
    });
    let mut chance = Chance::default();
    let rounds = rounds(ROUNDS);
    let rendered = (0..rounds).filter(|_| check(&mutated(&mut chance, &corpus), &data)).count();
    // Or the mutations break everything, and only the parser is tried.
    assert!(rendered > rounds / 10, "{rendered} of {rounds} rendered");
}
