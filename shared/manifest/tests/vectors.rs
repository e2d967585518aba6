//! Our YAML reader and writer against answers recorded from `sigs.k8s.io/yaml` 1.6 by `tests/compat/yaml-recorder`.

use serde::Deserialize;
use serde_json::Value;
use shared_manifest::yaml::{duplicate_keys, parse, to_string};

/// What Go made of one text.
#[derive(Deserialize)]
struct Case {
    text: String,
    json: Option<String>,
    error: Option<String>,
    /// The error of a reader that refuses keys that repeat.
    strict: Option<String>,
    yaml: Option<String>,
    /// The error of its writer.
    unwritten: Option<String>,
    /// Nothing is known of what repeats in it.
    #[serde(skip)]
    by_hand: bool,
}

fn cases() -> Vec<Case> {
    let generated = [
        include_str!("vectors/scalars.jsonl"),
        include_str!("vectors/documents.jsonl"),
        include_str!("vectors/mutations.jsonl"),
        include_str!("vectors/values.jsonl"),
    ];
    let written = [
        include_str!("vectors/scalars.txt"),
        include_str!("vectors/collections.txt"),
        include_str!("vectors/strings.txt"),
        include_str!("vectors/manifests.txt"),
        include_str!("vectors/errors.txt"),
    ];
    let generated = generated
        .iter()
        .flat_map(|file| file.lines())
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    let written = written.iter().flat_map(|file| {
        file.strip_prefix("#### ").expect("a file starts with a case").split("\n#### ").map(case)
    });
    generated.chain(written).collect()
}

fn case(body: &str) -> Case {
    let (name, rest) = body.split_once('\n').expect("a name ends its line");
    let (text, answer) = rest.split_once("==== json\n").expect("the case is recorded");
    let quoted = name.ends_with(" (quoted)");
    let text = if quoted { serde_json::from_str(text).expect("JSON") } else { text.to_owned() };
    let (json, yaml) = answer.split_once("==== yaml\n").unwrap_or((answer, "error: not reached"));
    let error = json.strip_prefix("error: ").map(|error| error.trim_end().to_owned());
    let json = error.is_none().then(|| json.to_owned());
    // The file has a line break where the next case starts.
    let yaml = (!yaml.starts_with("error: ")).then(|| yaml.to_owned());
    Case { text, json, error, strict: None, yaml, unwritten: None, by_hand: true }
}

/// Texts that mean something else to us, or fail in other words, and why.
const READ_OTHERWISE: &[(&str, &str)] = &[
    ("%YAML 1.2\n---\na: 1\n", "go-yaml knows of 1.1 only; what says 1.2 mostly means the same"),
    ("a: \"b\\/c\"\n", "JSON's escape: JSON within YAML is read"),
    ("a: \"\\ud83d\\ude00\"\n", "JSON's escapes: JSON within YAML is read"),
    ("{\"a\": \"b\u{85}c\"}", "JSON is read as JSON, to which this is no line break"),
    ("{\"a\": \"\u{7f}\"}", "JSON is read as JSON, which allows the character"),
];
/// Values that we write in another form, and why.
const WRITTEN_OTHERWISE: &[(&str, &str)] = &[
    ("a:\n  '<<': {x: 1}\n\n", "Go writes a merge, which reads back as another value"),
    ("a: \"\\N\"\n", "Go loses the character: it reads the value's JSON as YAML before it writes"),
    ("a: \"\\x7f\"\n", "Go refuses the character for the same reason"),
];

/// Compares `ours` with Go's answer for every case; those in `known` must differ.
fn check(known: &[(&str, &str)], ours: impl Fn(&Case) -> Option<(String, String)>) {
    let mut wrong = Vec::new();
    let mut differing = 0;
    for case in cases() {
        let Some((ours, go)) = ours(&case) else { continue };
        let expected = known.iter().any(|(text, _)| *text == case.text);
        differing += usize::from(ours != go);
        if (ours != go) != expected {
            wrong.push(format!("{:?}\n  ours: {ours:?}\n  Go:   {go:?}", case.text));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
    assert_eq!(differing, known.len());
}

/// Go's JSON text as we hold it: `-0` is an integer to Kubernetes.
fn as_read(json: &str) -> Value {
    parse(json).expect("JSON is YAML")
}

#[test]
fn texts_mean_what_they_mean_to_kubectl() {
    check(READ_OTHERWISE, |case| {
        let ours = match parse(&case.text) {
            Ok(value) => value.to_string(),
            Err(error) => error.go_text().to_owned(),
        };
        let go = match (&case.json, &case.error) {
            (Some(json), _) => as_read(json).to_string(),
            (None, error) => error.clone().unwrap_or_default(),
        };
        Some((ours, go))
    });
}

#[test]
fn values_are_written_as_kubectl_writes_them() {
    check(WRITTEN_OTHERWISE, |case| {
        let value: Value = serde_json::from_str(case.json.as_ref()?).expect("Go wrote JSON");
        let yaml = case.yaml.as_ref().or(case.unwritten.as_ref())?;
        Some((to_string(&value).trim_end_matches('\n').to_owned(), yaml.trim_end_matches('\n').to_owned()))
    });
}

#[test]
fn keys_that_repeat_are_those_of_the_strict_reader() {
    check(&[], |case| {
        // It also counts a key that stands beside a merge, and none that differ in type only.
        if case.by_hand || case.json.is_none() || case.text.contains("<<") {
            return None;
        }
        let ours = duplicate_keys(&case.text).is_ok_and(|keys| !keys.is_empty());
        Some((ours.to_string(), case.strict.is_some().to_string()))
    });
}

#[test]
fn what_is_written_reads_back() {
    for case in cases() {
        let Some(json) = case.json else { continue };
        let value: Value = serde_json::from_str(&json).expect("Go wrote JSON");
        assert_eq!(parse(&to_string(&value)).unwrap(), as_read(&json), "{}", case.text);
    }
}

#[test]
fn the_vectors_are_many_and_the_deviations_few() {
    let cases = cases();
    let written = cases.iter().filter(|case| case.yaml.is_some()).count();
    assert!(cases.len() >= 5000 && written >= 3000, "{} vectors, {written} of them written", cases.len());
    assert!(READ_OTHERWISE.len() + WRITTEN_OTHERWISE.len() <= 10);
}
