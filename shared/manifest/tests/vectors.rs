//! Our YAML reader and writer against answers recorded from `sigs.k8s.io/yaml` 1.6 by `tests/compat/yaml-recorder`.

use serde_json::Value;
use shared_manifest::yaml::{parse, to_string};

/// What Go made of one text.
struct Case {
    name: String,
    text: String,
    json: Option<Value>,
    yaml: Option<String>,
}

fn cases() -> Vec<Case> {
    [
        include_str!("vectors/scalars.txt"),
        include_str!("vectors/collections.txt"),
        include_str!("vectors/strings.txt"),
        include_str!("vectors/manifests.txt"),
        include_str!("vectors/errors.txt"),
    ]
    .iter()
    .flat_map(|file| {
        file.strip_prefix("#### ").expect("a file starts with a case").split("\n#### ").map(case)
    })
    .collect()
}

fn case(body: &str) -> Case {
    let (name, rest) = body.split_once('\n').expect("a name ends its line");
    let (text, answer) = rest.split_once("==== json\n").expect("the case is recorded");
    let text = if name.ends_with(" (quoted)") {
        serde_json::from_str(text).expect("a quoted text is a JSON string")
    } else {
        text.to_owned()
    };
    let (json, yaml) = answer.split_once("==== yaml\n").unwrap_or((answer, "error: not reached"));
    Case {
        name: name.to_owned(),
        text,
        json: (!json.starts_with("error: ")).then(|| serde_json::from_str(json).expect("Go wrote JSON")),
        yaml: (!yaml.starts_with("error: ")).then(|| yaml.to_owned()),
    }
}

/// Texts that Go refuses and we read: the parser follows YAML 1.2 on tabs, and a merge of an alias of a list of mappings is clear enough.
const ALSO_READ: &[&str] =
    &["merge of an aliased list", "tab after spaces", "tab in an empty line", "tab before a comment"];
/// Texts that Go reads and we refuse, with a remedy: a tab within brackets is not told from one that indents a block.
const NOT_READ: &[&str] = &["tab-indented flow in a mapping"];
/// Values that we write in another form: Go's would read back as a merge.
const WRITTEN_OTHERWISE: &[&str] = &["quoted merge sign"];

/// Go's JSON text as we hold it: `-0` is an integer to Kubernetes.
fn as_read(json: &Value) -> Value {
    parse(&json.to_string()).expect("JSON is YAML")
}

#[test]
fn texts_mean_what_they_mean_to_kubectl() {
    let mut differences = Vec::new();
    for case in cases() {
        let known = ALSO_READ.contains(&&*case.name) || NOT_READ.contains(&&*case.name);
        let same = match (parse(&case.text), &case.json) {
            (Ok(value), Some(json)) => value == as_read(json),
            (Err(_), None) => true,
            (Ok(_), None) | (Err(_), Some(_)) => false,
        };
        if same == known {
            differences.push(format!(
                "{}: ours {:?}, recorded {:?}",
                case.name,
                parse(&case.text),
                case.json
            ));
        }
    }
    assert!(differences.is_empty(), "{}\n{} differences", differences.join("\n"), differences.len());
}

#[test]
fn values_are_written_as_kubectl_writes_them() {
    let mut differences = Vec::new();
    for case in cases() {
        let (Some(json), Some(yaml)) = (case.json, case.yaml) else { continue };
        let written = to_string(&json);
        let same = written.trim_end_matches('\n') == yaml.trim_end_matches('\n');
        if same == WRITTEN_OTHERWISE.contains(&&*case.name) {
            differences.push(format!("#### {}\nours:\n{written}\nrecorded:\n{yaml}", case.name));
        }
    }
    assert!(differences.is_empty(), "{}\n{} differences", differences.join("\n"), differences.len());
}

#[test]
fn what_is_written_reads_back() {
    for case in cases() {
        let Some(json) = case.json else { continue };
        assert_eq!(parse(&to_string(&json)).unwrap(), as_read(&json), "{}\n{}", case.name, to_string(&json));
    }
}

#[test]
fn the_vectors_are_many() {
    assert!(cases().len() >= 220 && cases().iter().filter(|case| case.yaml.is_some()).count() >= 150);
}
