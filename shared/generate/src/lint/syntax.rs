//! One template language in place of the other, and texts that are no template at all.

use super::texts::{self, Text};
use super::{Finding, Look, Rule};
use crate::remedy;
use serde_json::Value;
use shared_template::{Step, Template, Use};

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    let go = look.engine.go_template;
    let options = look.spec.get("goTemplateOptions").and_then(Value::as_array);
    if !go && options.is_some_and(|options| !options.is_empty()) {
        let message = "goTemplateOptions count with goTemplate: true only";
        let remedy = "set goTemplate: true, or remove them";
        found.push(Finding::new(Rule::OptionsIgnored, "spec.goTemplateOptions", message, remedy));
    }
    let whole = Value::Object(look.spec.clone());
    for text in texts::templates("spec", &whole) {
        if go {
            in_go_mode(&text, found);
        } else {
            in_flat_mode(&text, found);
        }
    }
}

fn in_flat_mode(text: &Text<'_>, found: &mut Vec<Finding>) {
    let mut tags = remedy::tags(text.text).filter(|tag| tag.ends_with("}}"));
    let is_go = |tag: &&str| remedy::looks_like_go(remedy::inner(tag)) && !is_for_others(tag);
    let Some(tag) = tags.find(is_go) else { return };
    let message = format!("`{tag}` is Go template syntax, and without goTemplate it stays as it is written");
    let plain = remedy::inner(tag).strip_prefix('.').filter(|name| {
        name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) && !name.is_empty()
    });
    let remedy = match plain {
        Some(name) => format!("set goTemplate: true, or write {{{{{name}}}}}"),
        None => "set goTemplate: true".to_owned(),
    };
    found.push(Finding::new(Rule::GoSyntax, &text.path, message, remedy));
}

fn in_go_mode(text: &Text<'_>, found: &mut Vec<Finding>) {
    let name = text.path.rsplit('.').next().unwrap_or_default();
    let Err(error) = Template::parse(name, text.text) else { return };
    let meant = remedy::of_parse_error(&error, text.text);
    let rule = if meant.is_empty() { Rule::TemplateSyntax } else { Rule::FlatSyntax };
    found.push(Finding::new(rule, &text.path, error.to_string(), meant));
}

/// Whether a tag of flat mode has been said to be Go's.
pub(super) fn is_go(look: &Look<'_>, one: &Use) -> bool {
    let tag = |step: &Step| matches!(step, Step::Key(tag) if remedy::looks_like_go(tag));
    !look.engine.go_template && one.path.first().is_some_and(tag)
}

/// Whether a tag is for what reads the text later, such as a chart's `{{ .Values.x }}` or an alert's `{{ $labels.pod }}`: generators give no
/// names with a capital, and flat mode leaves it as it is written.
pub(super) fn is_for_others(tag: &str) -> bool {
    let inner = remedy::inner(tag).trim_matches('-').trim();
    let capital = |word: &str| {
        word.trim_start_matches(['(', '$'])
            .strip_prefix('.')
            .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    inner.split_whitespace().any(capital) || inner.starts_with("$labels") || inner.starts_with("$value")
}
