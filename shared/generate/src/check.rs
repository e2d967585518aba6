//! Helpful strictness: a generated Application that cannot be meant is an error with its remedy, never an Application.
//!
//! A tag left in the name, the destination or the project means that the template is wrong: the whole set stands still, since the name says
//! nothing about which Application is meant. An Application that is merely not valid (no project, no destination, a name that DNS does not
//! take) is rejected alone.

use crate::params::{Params, go_string};
use crate::remedy;
use crate::render::{Rendered, TEMPLATE};
use crate::{Problem, Reason};
use serde_json::Value;
use shared_model::Application;

/// What a check finds.
#[derive(Debug)]
pub(crate) enum Verdict {
    Fine,
    /// The template is wrong.
    Broken(Problem),
    /// This Application is not valid.
    Rejected(Problem),
}

/// The fields that decide which Application goes where.
const DECISIVE: [(&[&str], &str); 5] = [
    (NAME, "name"),
    (&["spec", "destination", "server"], "destination server"),
    (&["spec", "destination", "name"], "destination name"),
    (&["spec", "destination", "namespace"], "destination namespace"),
    (PROJECT, "project"),
];
const NAME: &[&str] = &["metadata", "name"];
const PROJECT: &[&str] = &["spec", "project"];
const DESTINATION: &[&str] = &["spec", "destination"];

/// The name of a generated Application; empty when it has none.
pub(crate) fn name(application: &Rendered) -> &str {
    text(application, NAME)
}

/// Judges one Application that a template gave for `params`; `bare` is it with the templates unrendered. With `is_shaped`, the types of its
/// fields are known to be right.
pub(crate) fn check(
    application: &Rendered,
    bare: &Value,
    params: &Params,
    go_template: bool,
    is_shaped: bool,
) -> Verdict {
    let decisive = DECISIVE.map(|(path, _)| text(application, path));
    for ((path, what), value) in DECISIVE.into_iter().zip(decisive) {
        // Most are short and plain.
        if !value.bytes().any(|byte| matches!(byte, b'{' | b'<' | b'[')) {
            continue;
        }
        let left = left_over(value, what, text_of(bare, path), params, go_template);
        if let Some((message, remedy)) = left {
            return Verdict::Broken(problem(path, message, remedy, Reason::RenderTemplateParamsError));
        }
    }
    invalid(application, decisive, is_shaped).map_or(Verdict::Fine, Verdict::Rejected)
}

fn left_over(
    value: &str,
    what: &str,
    template: &str,
    params: &Params,
    go_template: bool,
) -> Option<(String, String)> {
    if let Some(tag) = remedy::first_tag(value) {
        let remedy = if go_template {
            remedy::of_tag_in_value(tag)
        } else {
            remedy::of_left_tag(tag, &params.names(false))
        };
        return Some((format!("`{tag}` is left in the generated {what}"), remedy));
    }
    if !go_template {
        return None;
    }
    if value.contains("<no value>") {
        let message = format!("the generated {what} is `{value}`: a parameter has no value");
        return Some((message, remedy::of_no_value(template, &params.names(true))));
    }
    if value.contains("map[") {
        let (key, fields) = params
            .map
            .iter()
            .filter(|(_, value)| value.is_object())
            .find(|(_, object)| value.contains(&go_string(object)))?;
        let meant = if fields.get("path").is_some_and(Value::is_string) {
            format!(".{key}.path")
        } else {
            format!("a field of .{key}")
        };
        let given = remedy::given(&params.names(true));
        return Some((
            format!("the generated {what} is a whole object, `.{key}`"),
            format!("did you mean {meant}; {given}"),
        ));
    }
    None
}

/// `decisive` are the texts of [`DECISIVE`].
fn invalid(application: &Rendered, decisive: [&str; 5], is_shaped: bool) -> Option<Problem> {
    let [name, server, cluster, _, project] = decisive;
    let rejected = |path: &[&str], message: &str, remedy: &str| {
        Some(problem(path, message.to_owned(), remedy.to_owned(), Reason::ApplicationValidationError))
    };
    if name.is_empty() {
        return rejected(NAME, "the generated name is empty", "use a parameter that every parameter set has");
    }
    if !is_dns_name(name) {
        let message = format!("`{name}` cannot be the name of an Application");
        let remedy = "use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate";
        return rejected(NAME, &message, remedy);
    }
    if project.is_empty() {
        return rejected(PROJECT, "project is required, e.g. default", "");
    }
    match (server.is_empty(), cluster.is_empty()) {
        (false, false) => {
            let message = format!(
                "application destination can't have both name and server defined: {cluster} {server}"
            );
            return rejected(DESTINATION, &message, "keep one of them");
        }
        (true, true) => {
            return rejected(
                DESTINATION,
                "the destination names no cluster",
                "set destination.name or destination.server",
            );
        }
        _ => {}
    }
    let typed = match application {
        Rendered::Filled(_) if is_shaped => return None,
        Rendered::Filled(filled) => Application::from_value(&filled.value()),
        Rendered::Whole(value, _) => Application::from_value(value),
    };
    match typed {
        Ok(_) => None,
        Err(error) => {
            let path = if error.path.is_empty() { "spec" } else { &error.path };
            rejected(&[path], &format!("not a valid Application: {}", error.what), "")
        }
    }
}

/// RFC 1123 subdomain, as Kubernetes checks names.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
    let label = |label: &str| {
        is_end(label.as_bytes().first())
            && is_end(label.as_bytes().last())
            && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn problem(path: &[&str], message: String, remedy: String, reason: Reason) -> Problem {
    Problem { path: format!("{TEMPLATE}.{}", path.join(".")), message, remedy, reason }
}

fn text<'a>(application: &'a Rendered, path: &[&str]) -> &'a str {
    match application {
        Rendered::Filled(filled) => filled.text(path),
        Rendered::Whole(value, _) => text_of(value, path),
    }
}

fn text_of<'a>(value: &'a Value, path: &[&str]) -> &'a str {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    found.and_then(Value::as_str).unwrap_or_default()
}
