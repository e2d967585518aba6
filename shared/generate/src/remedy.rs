//! What the author of a template most likely meant: remedies for tags that do not do what they look like.
//!
//! The two template languages look alike: `{{path.basename}}` (flat) and `{{ .path.basename }}` (Go). Tutorials show both, so nearly every
//! mistake is one in place of the other, or a mistyped parameter.

use shared_model::nearest;
use shared_template::Error;

/// How many parameter names a message lists.
const LISTED: usize = 20;

/// The first `{{…}}` of `text`, braces included; what follows an unclosed one to its end.
pub(crate) fn first_tag(text: &str) -> Option<&str> {
    let from = &text[text.find("{{")?..];
    Some(from.find("}}").map_or(from, |end| &from[..end + 2]))
}

/// What to do about a tag that was left as it stands in flat mode.
pub(crate) fn of_left_tag(tag: &str, names: &[String]) -> String {
    let inner = inner(tag);
    if !tag.ends_with("}}") {
        return "close the tag with `}}`".to_owned();
    }
    if looks_like_go(inner) {
        return "uses Go template syntax: set goTemplate: true".to_owned();
    }
    of_unknown_name(inner, names)
}

/// What to do about a tag that came out of a Go template.
pub(crate) fn of_tag_in_value(tag: &str) -> String {
    match flat_to_go(inner(tag)) {
        Some(meant) => {
            format!("did you mean {meant}; it stands in a parameter's value, which is not rendered again")
        }
        None => {
            "it stands in a parameter's value, which is not rendered again: write the value without braces"
                .to_owned()
        }
    }
}

/// What to do about a Go template that printed no value: the first field in it that is not given, and what is.
pub(crate) fn of_no_value(template: &str, names: &[String]) -> String {
    let is_given =
        |field: &str| names.iter().any(|name| name == field || name.starts_with(&format!("{field}.")));
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
    let fields =
        tags(template).flat_map(|tag| tag.split(ends)).filter(|word| word.len() > 1 && word.starts_with('.'));
    match fields.into_iter().find(|field| !is_given(field)) {
        Some(field) => of_unknown_name(field, names),
        None => given(names),
    }
}

/// What to do about a template that does not parse: `{{path}}` of flat mode is a call of an unknown function in Go's language, and
/// `{{path[0]}}` no expression at all.
pub(crate) fn of_parse_error(error: &Error, text: &str) -> String {
    let function = between(&error.to_string(), "function \"", "\" not defined");
    let calls = |tag: &&str| match &function {
        Some(function) => tag.split(['.', '[', ' ']).next() == Some(function),
        None => tag.contains('['),
    };
    match tags(text).map(inner).find(calls).and_then(flat_to_go) {
        Some(meant) => format!("did you mean {meant}"),
        None => String::new(),
    }
}

/// What to do about a template that does not run on these parameters.
pub(crate) fn of_run_error(error: &Error, names: &[String]) -> String {
    let Some(key) = between(&error.to_string(), "map has no entry for key \"", "\"") else {
        return String::new();
    };
    if let Error::Execute { context, .. } = error
        && context.starts_with('.')
    {
        return of_unknown_name(context, names);
    }
    of_unknown_name(&format!(".{key}"), names)
}

/// The near names, and all that there are.
pub(crate) fn of_unknown_name(name: &str, names: &[String]) -> String {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let meant = nearest(name, names.iter().map(String::as_str)).or_else(|| {
        names.iter().map(String::as_str).find(|known| !last(name).is_empty() && last(known) == last(name))
    });
    match meant {
        Some(meant) => format!("did you mean {meant}; {}", given(names)),
        None => given(names),
    }
}

/// All that there are, as far as a message holds them.
pub(crate) fn given(names: &[String]) -> String {
    if names.is_empty() {
        return "this generator gives no parameters".to_owned();
    }
    let more = names.len().saturating_sub(LISTED);
    let listed = names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    if more == 0 {
        format!("this generator gives: {listed}")
    } else {
        format!("this generator gives: {listed} and {more} more")
    }
}

/// `{{ .x }}`, `{{ $x }}`, `{{ if .x }}`, `{{ x | lower }}`, `{{- .x -}}`, `{{ lower .x }}`.
pub(crate) fn looks_like_go(inner: &str) -> bool {
    let word = inner.split_whitespace().next().unwrap_or_default();
    let keyword = ["if", "else", "end", "range", "with", "define", "template", "block", "index", "printf"]
        .contains(&word);
    let argument = inner.split_whitespace().skip(1).any(|part| part.starts_with(['.', '$', '(', '"']));
    inner.starts_with(['.', '$', '-', '(', '"']) || inner.contains('|') || keyword || argument
}

/// The Go form of a flat parameter, if `tag` is one: `path` is `.path.path`, `path[0]` is `index .path.segments 0`.
fn flat_to_go(tag: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '-' | '/');
    if tag.is_empty() || !tag.chars().all(plain) {
        return None;
    }
    if let Some((path, index)) = tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
        return Some(format!("index .{path}.segments {index}"));
    }
    for labels in ["metadata.labels.", "metadata.annotations."] {
        match tag.split_once(labels) {
            Some(("", key)) if key.contains(['.', '/', '-']) => {
                return Some(format!("index .{} \"{key}\"", labels.trim_end_matches('.')));
            }
            _ => {}
        }
    }
    let is_path = tag == "path" || tag.ends_with(".path");
    Some(if is_path { format!(".{tag}.path") } else { format!(".{tag}") })
}

pub(crate) fn inner(tag: &str) -> &str {
    tag.trim_start_matches("{{").trim_end_matches("}}").trim()
}

pub(crate) fn tags(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let tag = first_tag(text)?;
        let start = text.find(tag)?;
        text = &text[start + tag.len()..];
        Some(tag)
    })
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let from = &text[text.find(before)? + before.len()..];
    Some(from[..from.find(after)?].to_owned())
}
