//! What kustomize complains of, in words that people can act on.
//!
//! # Invariant
//! No contents of files are in it: where the tool quotes what it read (patches, values of generators, whole objects,
//! the text around a YAML error), that is left out, since it may be a secret.

#[cfg(test)]
mod tests;

use regex::{Captures, Regex};
use shared_manifest::Problem;
use std::sync::LazyLock;

/// The most characters that are kept.
const LONGEST: usize = 1_000;

/// What is left out, and what stands there instead. Quotes that go over lines go first.
static LEFT_OUT: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let pairs = [
        // The configuration of a plugin: it holds patches and values.
        (r"(?s) with config: `\n.*?\n`", ""),
        // That a file is no folder either.
        (r"accumulation err='accumulating resources from '[^'\n]*': '[^'\n]*' must resolve to a file': ", ""),
        (
            r"accumulation err='((?:[^'\n]|'[^'\n]*')*?)': must build at directory: '[^'\n]*': file is not directory",
            "$1",
        ),
        (r"accumulating resources: accumulating resources", "accumulating resources"),
        (r#"\[(patch|jsonOp|patches): ".*?"\]"#, "the $1 in the text"),
        (r"(literal sources?) \[.*?\](: |$)", "$1$2"),
        (r"invalid literal source .*?, expected", "invalid literal source: expected"),
        (r"line \[[\d ]*\] has invalid utf8 bytes.*", "a line is not UTF-8 text"),
        (r"node contents:.*", "an object"),
        (r"nodes unequal:.*", "objects differ"),
        (r"(!!\w+) `[^`]*`", "$1"),
        (r"(?:map\[|\[\]interface|&?\w+\.\w+\{|\{\{).*", "an object"),
    ];
    pairs.map(|(pattern, instead)| (Regex::new(pattern).expect("a pattern of ours"), instead)).into()
});

/// What can be done about it.
const REMEDIES: [(&str, &str); 7] = [
    (
        "is not in or below",
        "keep the file in or below its kustomization's folder, or allow others by the build option --load-restrictor=LoadRestrictionsNone",
    ),
    ("already registered id", "the same object comes from two places: leave one of them out"),
    ("no matches for Id", "a patch is for an object that is not there: name one that is, or leave it out"),
    ("unknown field", "the kustomization has a field that kustomize does not know: correct its name"),
    ("cycle detected", "a kustomization names one that it is part of: take that out"),
    (
        "external plugins disabled",
        "plugins that are programs are not run: use builtin ones, or commit what they make",
    ),
    ("is empty", "say what belongs to the kustomization, or name another folder"),
];

/// The problems that kustomize names on its standard error.
pub fn explain(complaint: &str) -> Vec<Problem> {
    let start = complaint.match_indices("Error: ").map(|(at, _)| at);
    let start = start.filter(|at| complaint[..*at].is_empty() || complaint[..*at].ends_with('\n')).last();
    let told = start.map_or(complaint, |at| &complaint[at + "Error: ".len()..]);
    let mut told = told.trim().to_owned();
    for (pattern, instead) in LEFT_OUT.iter() {
        told = pattern
            .replace_all(&told, |found: &Captures<'_>| {
                let mut text = String::new();
                found.expand(instead, &mut text);
                text
            })
            .into_owned();
    }
    // What goes over several lines is quoted.
    let first = told.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let first: String = first.trim_end_matches([':', ' ']).chars().take(LONGEST).collect();
    let message = if first.is_empty() { "kustomize failed and said nothing".to_owned() } else { first };
    let remedy = REMEDIES.iter().find(|(sign, _)| message.contains(sign)).map_or("", |(_, remedy)| remedy);
    vec![Problem::new("", message, remedy)]
}
