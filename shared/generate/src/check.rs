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
const DECISIVE: [(&str, &str); 5] = [
    ("/metadata/name", "name"),
    ("/spec/destination/server", "destination server"),
    ("/spec/destination/name", "destination name"),
    ("/spec/destination/namespace", "destination namespace"),
    ("/spec/project", "project"),
];

/// The name of a generated Application; empty when it has none.
pub(crate) fn name(application: &Rendered) -> &str {
    text(application, "/metadata/name")
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
    for (pointer, what) in DECISIVE {
        let value = text(application, pointer);
        // Most are short and plain.
        if !value.contains(['{', '<', '[']) {
            continue;
        }
        let left = left_over(value, what, text_of(bare, pointer), params, go_template);
        if let Some((message, remedy)) = left {
            return Verdict::Broken(problem(pointer, message, remedy, Reason::RenderTemplateParamsError));
        }
    }
    invalid(application, is_shaped).map_or(Verdict::Fine, Verdict::Rejected)
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

fn invalid(application: &Rendered, is_shaped: bool) -> Option<Problem> {
    let rejected = |pointer: &str, message: &str, remedy: &str| {
        Some(problem(pointer, message.to_owned(), remedy.to_owned(), Reason::ApplicationValidationError))
    };
    let name = name(application);
    if name.is_empty() {
        return rejected(
            "/metadata/name",
            "the generated name is empty",
            "use a parameter that every parameter set has",
        );
    }
    if !is_dns_name(name) {
        let message = format!("`{name}` cannot be the name of an Application");
        let remedy = "use lower-case letters, digits, `-` and `.`, at most 253: nameNormalized, path.basenameNormalized, or `normalize` with goTemplate";
        return rejected("/metadata/name", &message, remedy);
    }
    if text(application, "/spec/project").is_empty() {
        return rejected("/spec/project", "project is required, e.g. default", "");
    }
    let (server, cluster) =
        (text(application, "/spec/destination/server"), text(application, "/spec/destination/name"));
    match (server.is_empty(), cluster.is_empty()) {
        (false, false) => {
            let message = format!(
                "application destination can't have both name and server defined: {cluster} {server}"
            );
            return rejected("/spec/destination", &message, "keep one of them");
        }
        (true, true) => {
            return rejected(
                "/spec/destination",
                "the destination names no cluster",
                "set destination.name or destination.server",
            );
        }
        _ => {}
    }
    let typed = match application {
        Rendered::Filled(_) if is_shaped => return None,
        Rendered::Filled(filled) => Application::from_value(&filled.value()),
        Rendered::Whole(value) => Application::from_value(value),
    };
    match typed {
        Ok(_) => None,
        Err(error) => {
            let pointer = if error.path.is_empty() { "/spec".to_owned() } else { format!("/{}", error.path) };
            rejected(&pointer, &format!("not a valid Application: {}", error.what), "")
        }
    }
}

/// RFC 1123 subdomain, as Kubernetes checks names.
fn is_dns_name(name: &str) -> bool {
    let ends = |part: &str, at: fn(&str) -> Option<char>| {
        at(part).is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let label = |label: &str| {
        ends(label, |part| part.chars().next())
            && ends(label, |part| part.chars().next_back())
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn problem(pointer: &str, message: String, remedy: String, reason: Reason) -> Problem {
    Problem { path: format!("{TEMPLATE}{}", pointer.replace('/', ".")), message, remedy, reason }
}

fn text<'a>(application: &'a Rendered, pointer: &'static str) -> &'a str {
    match application {
        Rendered::Filled(filled) => filled.text(pointer.split('/').skip(1)),
        Rendered::Whole(value) => text_of(value, pointer),
    }
}

/// Like `Value::pointer`, without the escapes that these pointers do not have.
fn text_of<'a>(value: &'a Value, pointer: &str) -> &'a str {
    let mut fields = pointer.split('/').skip(1);
    fields.try_fold(value, |value, field| value.get(field)).and_then(Value::as_str).unwrap_or_default()
}
