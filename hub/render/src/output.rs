//! What a tool printed, as checked objects.
//!
//! Decides what of it is an object and what is nothing (empty documents); a document that is neither becomes a problem
//! that names the template which it came from. It refuses to know which tool it was.

use serde_json::Value;
use shared_manifest::{Manifest, Problem, object, yaml};

/// The comment with which helm says where a document comes from.
const SOURCE: &str = "# Source: ";

/// The most objects of one source.
const MOST_OBJECTS: usize = 20_000;
/// The most values in all its objects together: each takes memory beyond its text.
const MOST_VALUES: usize = 1_000_000;

/// One document of a text, and where it is from.
#[derive(Debug, Clone, Copy)]
struct Document<'a> {
    text: &'a str,
    /// The template; empty when that is not said.
    source: &'a str,
}

/// The objects that a tool printed, lists flattened.
///
/// # Errors
/// Every document that is no Kubernetes object, with its template.
pub fn read(printed: &[u8]) -> Result<Vec<Manifest>, Vec<Problem>> {
    let Ok(text) = std::str::from_utf8(printed) else {
        return Err(vec![Problem::new("", "what was rendered is not UTF-8 text", "save the files as UTF-8")]);
    };
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    let mut left = MOST_VALUES;
    for Document { text, source } in documents(text) {
        let place = if source.is_empty() { "what was rendered".to_owned() } else { source.to_owned() };
        match yaml::parse_all(text) {
            Err(error) => problems.push(
                Problem::new("", format!("what it gives is not YAML: {}", error.message), "")
                    .at(format!("{place}, line {} of its output", error.line)),
            ),
            Ok(read) => {
                for value in read.into_iter().flat_map(|document| object::flatten(document.value)) {
                    left = match left.checked_sub(values(&value)).filter(|_| manifests.len() < MOST_OBJECTS) {
                        Some(left) => left,
                        None => return Err(vec![too_much().at(place)]),
                    };
                    // What Argo CD leaves out as well: an object without any field.
                    if value.as_object().is_some_and(serde_json::Map::is_empty) {
                        continue;
                    }
                    match Manifest::new(value) {
                        Ok(manifest) => manifests.push(manifest),
                        Err(problem) => problems.push(problem.at(place.clone())),
                    }
                }
            }
        }
    }
    if problems.is_empty() { Ok(manifests) } else { Err(problems) }
}

fn too_much() -> Problem {
    let message =
        format!("it gives more than {MOST_OBJECTS} objects, or more than {MOST_VALUES} values in them");
    Problem::new("", message, "split the source into several Applications")
}

/// How many values there are in a value, itself among them.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}

/// The documents of a text. One without a comment of its own is from the template of the one before it.
fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut source) = (0, "");
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end_matches(['\n', '\r']);
        if is_separator(bare) && at > start {
            documents.push(Document { text: &text[start..at], source });
            start = at;
        }
        if let Some(named) = bare.strip_prefix(SOURCE) {
            source = named.trim();
        }
        at += line.len();
    }
    documents.push(Document { text: &text[start..], source });
    documents
}

/// `---` at the start of a line, alone or before a blank.
fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &str, expected: &[&str]) {
        let said = match read(printed.as_bytes()) {
            Ok(manifests) => manifests.iter().map(|manifest| manifest.id().to_string()).collect::<Vec<_>>(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(said, expected, "{printed}");
    }

    #[test]
    fn documents_become_objects() {
        check("", &[]);
        check("---\n# Source: a/templates/empty.yaml\n---\n# Source: a/b.yaml\nnull\n--- \n{}\n", &[]);
        check(
            "---\n# Source: a/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  text: |\n    ---x\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n",
            &["ConfigMap a", "Secret b"],
        );
    }

    #[test]
    fn all_documents_together_are_bounded() {
        let text = |count: usize, data: &str| {
            let object = |at: usize| {
                format!(
                    "---\n# Source: web/templates/{at}.yaml\n{{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {{\"name\": \"a{at}\"}}, \"data\": {data}}}\n"
                )
            };
            (0..count).map(object).collect::<String>()
        };
        let too_much = |text: String| read(text.as_bytes()).expect_err("too much")[0].to_string();
        assert_eq!(read(text(MOST_OBJECTS, "{}").as_bytes()).map(|all| all.len()), Ok(MOST_OBJECTS));
        let said = too_much(text(MOST_OBJECTS + 1, "{}"));
        assert!(said.starts_with("web/templates/20000.yaml: it gives more than 20000 objects"), "{said}");
        let list = format!("[{}0]", "0,".repeat(99_990));
        let said = too_much(text(11, &list));
        assert!(said.starts_with("web/templates/10.yaml: it gives more than"), "{said}");
    }

    #[test]
    fn problems_name_the_template_and_no_value() {
        check(
            "---\n# Source: web/templates/a.yaml\nkind: ConfigMap\nmetadata: {name: a}\n---\n# Source: web/templates/b.yaml\napiVersion: v1\nkind: Secret\ndata: {a: hidden}\n",
            &[
                "web/templates/a.yaml: ConfigMap a: apiVersion: is missing: write the kind's group and version, e.g. `apiVersion: apps/v1`",
                "web/templates/b.yaml: Secret: metadata.name: is missing: write `metadata: {name: ...}`",
            ],
        );
        check(
            "# Source: web/templates/a.yaml\na: [hidden\n",
            &[
                "web/templates/a.yaml, line 3 of its output: what it gives is not YAML: a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`",
            ],
        );
        let problems = read(&[0xff, 0xfe]).expect_err("no text");
        assert!(problems[0].to_string().contains("UTF-8"), "{problems:?}");
    }
}
