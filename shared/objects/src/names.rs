//! Which names, labels and keys are valid (RFC 1123 and k8s.io/apimachinery `util/validation`).
//!
//! Each check gives the problems in Kubernetes' words, none when the text is valid.

const LABEL_LENGTH: usize = 63;
const SUBDOMAIN_LENGTH: usize = 253;
/// The suffix that a `generateName` gets.
const SUFFIX_LENGTH: usize = 5;
/// No vowels and nothing that looks like another: no words come out by accident.
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// What the name of an object of a kind must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// As in `my-name.example.com`: most kinds.
    Subdomain,
    /// As in `my-name`: namespaces, clusters.
    Label,
    /// Anything that fits in one part of a URL: RBAC kinds.
    PathSegment,
}

impl NameRule {
    /// What is wrong with a name.
    pub fn check(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => dns1123_subdomain(name),
            Self::Label => dns1123_label(name),
            Self::PathSegment => path_segment(name),
        }
    }
}

/// A name for `metadata.generateName`: the base, cut where it is too long, and five letters taken from
/// `random`.
pub fn generate(base: &str, random: u64) -> String {
    let mut end = base.len().min(LABEL_LENGTH - SUFFIX_LENGTH);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let letters = SUFFIX_LETTERS.len() as u64;
    let suffix = (0..SUFFIX_LENGTH).scan(random, |rest, _| {
        let letter = usize::try_from(*rest % letters).expect("it is less than 27");
        *rest /= letters;
        Some(char::from(SUFFIX_LETTERS[letter]))
    });
    base[..end].chars().chain(suffix).collect()
}

/// What is wrong with a DNS label, the form of namespaces.
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut problems = too_long(text, LABEL_LENGTH);
    if !is_dns_label(text) {
        problems.push(form(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'",
            "'my-name',  or '123-abc'",
            "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
        ));
    }
    problems
}

/// What is wrong with a DNS subdomain, the form of most names.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut problems = too_long(text, SUBDOMAIN_LENGTH);
    if !text.split('.').all(is_dns_label) {
        problems.push(form(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
            "'example.com'",
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        ));
    }
    problems
}

/// The usual sentence: what a text consists of, with examples and the regular expression.
fn form(what: &str, examples: &str, regex: &str) -> String {
    format!(
        "{what}, and must start and end with an alphanumeric character \
         (e.g. {examples}, regex used for validation is '{regex}')"
    )
}

/// What is wrong with a name that only has to fit in a URL.
pub fn path_segment(text: &str) -> Vec<String> {
    match text {
        "." | ".." => return vec![format!("may not be '{text}'")],
        _ => {}
    }
    ['/', '%'].into_iter().filter(|c| text.contains(*c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// What is wrong with a label or annotation key, a finalizer, and the like: an optional DNS subdomain, `/`,
/// and a name.
pub fn qualified_name(text: &str) -> Vec<String> {
    let name_form = form(
        "must consist of alphanumeric characters, '-', '_' or '.'",
        "'MyName',  or 'my.name',  or '123-abc'",
        "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
    );
    let mut problems = Vec::new();
    let name = match text.split_once('/') {
        Some((_, name)) if name.contains('/') => {
            let prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a qualified name {name_form} {prefix}")];
        }
        Some(("", name)) => {
            problems.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            problems.extend(dns1123_subdomain(prefix).into_iter().map(|p| format!("prefix part {p}")));
            name
        }
        None => text,
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    }
    problems.extend(too_long(name, LABEL_LENGTH).into_iter().map(|p| format!("name part {p}")));
    if !is_label_text(name) {
        problems.push(format!("name part {name_form}"));
    }
    problems
}

/// What is wrong with a label's value.
pub fn label_value(text: &str) -> Vec<String> {
    let mut problems = too_long(text, LABEL_LENGTH);
    if !text.is_empty() && !is_label_text(text) {
        problems.push(form(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
            "'MyValue',  or 'my_value',  or '12345'",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
        ));
    }
    problems
}

fn too_long(text: &str, most: usize) -> Vec<String> {
    if text.len() > most { vec![format!("must be no more than {most} characters")] } else { Vec::new() }
}

fn is_dns_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    between(text, inner, |c| inner(c) || c == b'-')
}

fn is_label_text(text: &str) -> bool {
    between(text, |c| c.is_ascii_alphanumeric(), |c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
}

/// Whether `text` is not empty, starts and ends with an `edge`, and is all `inner`.
fn between(text: &str, edge: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|c| edge(*c))
        && bytes.last().is_some_and(|c| edge(*c))
        && bytes.iter().all(|c| inner(*c))
}

#[cfg(test)]
mod tests;
