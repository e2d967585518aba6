//! Texts that nobody wrote: the recorded ones and a corpus of hostile ones, cut up and put together again by a generator with a fixed seed.
//! Whatever comes out is read or refused within the reader's budgets, and what is read can be written and read back. `FUZZ_ROUNDS` at compile
//! time asks for so many times as much, and `FUZZ_SEED` for other texts.

#[path = "support/measure.rs"]
mod measure;

use serde::Deserialize;
use serde_json::Value;
use shared_manifest::yaml::{duplicate_keys, parse, parse_all, places, to_string, to_string_within};

/// How many texts are made from each base in one run.
const ROUNDS: usize = 3;
/// Bytes that reading one byte may take, what anchors and aliases may take, and what any text may: see `bounds.rs`.
const PER_BYTE: usize = 256;
const COPIES: usize = 200 << 20;
const FIXED: usize = 1 << 20;

#[derive(Deserialize)]
struct Recorded {
    text: String,
}

/// Texts that once broke a reader, of ours or of others, or that aim at its weak places.
const HOSTILE: &str = include_str!("vectors/hostile.txt");

fn bases() -> Vec<String> {
    let recorded = [include_str!("vectors/documents.jsonl"), include_str!("vectors/mutations.jsonl")];
    let recorded = recorded.iter().flat_map(|file| file.lines());
    let recorded = recorded.map(|line| serde_json::from_str::<Recorded>(line).expect("a vector").text);
    recorded.chain(HOSTILE.split("\n====\n").map(str::to_owned)).collect()
}

/// A linear congruential generator: the same texts in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end.max(1)
    }

    /// A place in `text` where a character starts.
    fn place(&mut self, text: &str) -> usize {
        text.floor_char_boundary(self.below(text.len() + 1))
    }

    fn piece<'t>(&mut self, text: &'t str) -> &'t str {
        let start = self.place(text);
        let end = text.floor_char_boundary((start + self.below(12)).min(text.len())).max(start);
        &text[start..end]
    }

    fn mutated(&mut self, text: &str, others: &[String]) -> String {
        let mut text = text.to_owned();
        for _ in 0..=self.below(4) {
            let at = self.place(&text);
            match self.below(5) {
                0 => text.truncate(at),
                1 => {
                    let end = text.floor_char_boundary((at + self.below(8)).min(text.len())).max(at);
                    text.replace_range(at..end, "");
                }
                2 => {
                    let piece = self.piece(&text).repeat(1 + self.below(6));
                    text.insert_str(at, &piece);
                }
                3 => {
                    let other = self.below(others.len());
                    let piece = self.piece(&others[other]).to_owned();
                    text.insert_str(at, &piece);
                }
                _ => {
                    let indicators = [
                        ":", "- ", "? ", "&a", "*a", "<<: ", "|", ">", "'", "\"", "[", "{", "}", "]", ",",
                        "\n", "\t", " ", "#", "!", "%", "\\", "\u{85}", "\u{2028}", "\r", "\n---\n", "\0",
                    ];
                    text.insert_str(at, indicators[self.below(indicators.len())]);
                }
            }
        }
        text
    }
}

/// Whether all readers agree on `text`, and what they read survives writing.
fn check(text: &str) {
    let (first, held) = measure::held(text, || parse(text));
    let copies = if text.contains('&') { COPIES } else { 0 };
    assert!(held <= text.len() * PER_BYTE + copies + FIXED, "{held} bytes: {text:?}");
    let all = parse_all(text);
    assert_eq!(
        all.is_ok(),
        duplicate_keys(text).is_ok() || serde_json::from_str::<Value>(text).is_ok(),
        "{text:?}"
    );
    assert!(duplicate_keys(text).is_err() || places(text).is_ok(), "{text:?}");
    match &first {
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty(), "{text:?}");
            assert!(!error.go_text().is_empty(), "{text:?}");
            assert!(all.is_err(), "the first document is wrong, so the stream is: {text:?}");
        }
        Ok(value) => {
            let written = to_string(value);
            assert_eq!(parse(&written).as_ref(), Ok(value), "{text:?} as {written:?}");
            assert_eq!(to_string_within(value, written.len()).as_ref(), Some(&written), "{text:?}");
            assert_eq!(to_string_within(value, written.len() - 1), None, "{text:?}");
        }
    }
    for document in all.into_iter().flatten() {
        assert_eq!(parse(&to_string(&document.value)), Ok(document.value), "{text:?}");
    }
}

#[test]
fn the_corpus_itself() {
    bases().iter().for_each(|text| check(text));
}

#[test]
fn texts_made_from_the_corpus() {
    let bases = bases();
    let number = |text: Option<&str>| text.map(|text| text.parse::<u64>().expect("a number"));
    let times = usize::try_from(number(option_env!("FUZZ_ROUNDS")).unwrap_or(1)).expect("a number of times");
    let mut dice = Dice(20_260_101 + number(option_env!("FUZZ_SEED")).unwrap_or(0));
    for text in &bases {
        for _ in 0..ROUNDS * times {
            let made = dice.mutated(text, &bases);
            check(&made);
        }
    }
}

/// Texts whose reading could take more than their length allows: each is long, and its reading would not end if it were not linear.
#[test]
fn long_texts_of_one_kind_are_read_in_one_pass() {
    let long = 1 << 14;
    let prefix = "p".repeat(long);
    for (name, text) in [
        ("flow keys that never end", format!("{{{}", "a ".repeat(long))),
        ("brackets on many lines", format!("[\n{}]", "[a],\n".repeat(long))),
        ("a long tag prefix", format!("%TAG !t! {prefix}\n---\n{}", "- !t!x 1\n".repeat(long / 4))),
        ("plain text over lines", format!("a: {}", "b\n ".repeat(long))),
        ("quoted text over lines", format!("a: \"{}\"", "b\\\n ".repeat(long))),
        ("quotes that never close", "\"a\n".repeat(long)),
        ("empty lines", format!("a: |\n{}", " \n".repeat(long))),
        ("comments", "# a\n".repeat(long)),
        ("documents", "---\n".repeat(long)),
        ("anchors without a value", "- &a\n".repeat(long)),
        ("duplicate keys", "a: 1\n".repeat(long)),
        ("colons", ":".repeat(long)),
        ("question marks", "? a\n".repeat(long)),
        ("dashes", format!("{}a", "-".repeat(long))),
        ("key after key", "a: b: ".repeat(long)),
        ("percent signs", format!("- !{}", "%41".repeat(long))),
        ("byte order marks", "\u{feff}".repeat(long)),
        ("escapes", format!("\"{}\"", "\\u0041".repeat(long))),
        ("carriage returns", "\r".repeat(long)),
    ] {
        let (first, all) = (parse(&text), parse_all(&text));
        assert!(first.is_ok() || all.is_err(), "{name}");
    }
}
