//! The form of the tables: types with their fields, a line each, in the words that people get to read.
//!
//! ```text
//! # A comment.
//! Wave -- What it is; a description goes on in lines that
//!   are indented deeper.
//!   ...Base
//!   name*: string maxLength(63) -- A field that has to be there.
//!   take: int64 -- A field.
//! Time: time -- Another name.
//! ```
//! `...Base` takes over the fields of another type. Forms: `string`, `bytes` (base64), `time`, `microtime`, `int32`,
//! `int64`, `boolean`, `int-or-string`, `any`, `object` (of any fields), `[form]`, `{form}` (any names), and names of
//! types. After them, what else has to hold: `enum(a|b)`, `pattern(…)`, `min(1)`, `max(9)`, `minLength(1)`,
//! `maxLength(255)`, `default(x)`, `atomic`, `set`, `keys(name)`, `nullable`, and `own` for what Argo CD does not have.

use crate::tree::{Body, Field, Form, Home, Merge, Rules, Type};
use std::collections::BTreeMap;

/// Reads tables; types may refer to those of other tables.
///
/// # Errors
/// What cannot be read, with its line.
pub(crate) fn read(tables: &[(Home, &'static str)]) -> Result<BTreeMap<&'static str, Type>, String> {
    let mut drafts = Vec::new();
    for (home, text) in tables {
        drafts_of(*home, text, &mut drafts)?;
    }
    let mut types = BTreeMap::new();
    for draft in &drafts {
        let name = draft.name;
        if types.insert(name, finished(draft, &drafts)?).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    for kind in types.values() {
        for (name, field) in kind.fields() {
            known(&field.form, &types)
                .map_err(|missing| format!("{}.{name}: no type {missing}", kind.name))?;
        }
    }
    Ok(types)
}

/// A type as it is written.
struct Draft {
    name: &'static str,
    flags: &'static str,
    about: String,
    home: Home,
    is: Option<&'static str>,
    lines: Vec<Line>,
}

/// What stands below a type's name.
enum Line {
    Base(&'static str),
    Field { head: &'static str, about: String },
}

fn drafts_of(home: Home, text: &'static str, drafts: &mut Vec<Draft>) -> Result<(), String> {
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (head, about) = line.split_once(" -- ").unwrap_or((line, ""));
        let depth = line.len() - line.trim_start().len();
        let (head, about) = (head.trim(), about.trim().to_owned());
        let last = drafts.last_mut();
        match (depth, last) {
            (0, _) => {
                let (name, flags) = head.split_once([' ', ':']).unwrap_or((head, ""));
                let is = head.contains(':').then_some(flags.trim());
                let flags = if is.is_some() { "" } else { flags };
                drafts.push(Draft { name, flags, about, home, is, lines: Vec::new() });
            }
            (_, None) => return Err(format!("{line:?}: a field of nothing")),
            // What goes on may hold dashes of its own.
            (2, Some(draft)) if draft.lines.is_empty() && !is_field(head) => {
                draft.about = format!("{} {}", draft.about, line.trim());
            }
            (2, Some(draft)) => draft.lines.push(match head.strip_prefix("...") {
                Some(base) => Line::Base(base),
                None => Line::Field { head, about },
            }),
            (_, Some(draft)) => match draft.lines.last_mut() {
                Some(Line::Field { about, .. }) => *about = format!("{about} {}", line.trim()),
                Some(Line::Base(_)) | None => return Err(format!("{line:?}: goes on with nothing")),
            },
        }
    }
    Ok(())
}

/// Whether a line below a type begins a field, rather than going on with what the type is.
fn is_field(head: &str) -> bool {
    let name = head.split_once(':').map_or("", |(name, _)| name).trim_end_matches('*');
    head.starts_with("...") || !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn finished(draft: &Draft, drafts: &[Draft]) -> Result<Type, String> {
    let body = match draft.is {
        Some(form) => Body::Is(form_of(form).ok_or_else(|| format!("{}: no form {form:?}", draft.name))?),
        None => {
            let mut fields = BTreeMap::new();
            fields_of(draft, drafts, &mut fields)?;
            Body::Fields(fields)
        }
    };
    Ok(Type {
        name: draft.name,
        about: draft.about.clone(),
        atomic: draft.flags == "atomic",
        home: draft.home,
        body,
    })
}

fn fields_of(
    draft: &Draft,
    drafts: &[Draft],
    fields: &mut BTreeMap<&'static str, Field>,
) -> Result<(), String> {
    for line in &draft.lines {
        match line {
            Line::Base(base) => {
                let base = drafts.iter().find(|other| other.name == *base);
                let base = base.ok_or_else(|| format!("{}: no base", draft.name))?;
                fields_of(base, drafts, fields)?;
            }
            Line::Field { head, about } => {
                let bad = |what: &str| format!("{}: {head:?}: {what}", draft.name);
                let (name, rest) = head.split_once(": ").ok_or_else(|| bad("a form is missing"))?;
                let (form, flags) = rest.split_once(' ').unwrap_or((rest, ""));
                let form = form_of(form).ok_or_else(|| bad("no such form"))?;
                let mut field = Field {
                    about: about.clone(),
                    form,
                    required: name.ends_with('*'),
                    own: false,
                    rules: Rules::default(),
                };
                for flag in flags.split_whitespace() {
                    set(&mut field, flag).ok_or_else(|| bad(flag))?;
                }
                if fields.insert(name.trim_end_matches('*'), field).is_some() {
                    return Err(bad("it is there twice"));
                }
            }
        }
    }
    Ok(())
}

fn form_of(text: &'static str) -> Option<Form> {
    let inside = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    if let Some(item) = inside('[', ']') {
        return Some(Form::List(Box::new(form_of(item)?)));
    }
    if let Some(value) = inside('{', '}') {
        return Some(Form::Map(Box::new(form_of(value)?)));
    }
    Some(match text {
        "string" => Form::Text(""),
        "bytes" => Form::Text("byte"),
        "time" => Form::Text("date-time"),
        "microtime" => Form::Text("micro-time"),
        "int32" => Form::Integer("int32"),
        "int64" => Form::Integer("int64"),
        "boolean" => Form::Boolean,
        "int-or-string" => Form::IntegerOrText,
        "any" => Form::Any,
        "object" => Form::Object,
        name if name.starts_with(|first: char| first.is_ascii_uppercase()) => Form::Named(name),
        _ => return None,
    })
}

fn set(field: &mut Field, flag: &'static str) -> Option<()> {
    let (name, value) = match flag.split_once('(') {
        Some((name, value)) => (name, value.strip_suffix(')')?),
        None => (flag, ""),
    };
    let rules = &mut field.rules;
    match name {
        "own" => field.own = true,
        "nullable" => rules.nullable = true,
        "atomic" => rules.merge = Merge::Atomic,
        "set" => rules.merge = Merge::Set,
        "keys" => rules.merge = Merge::Keys(value.split('|').collect()),
        "enum" => rules.values = value.split('|').collect(),
        "pattern" => rules.pattern = Some(value),
        "default" => rules.default = Some(value.into()),
        "min" => rules.min = Some(value.parse().ok()?),
        "max" => rules.max = Some(value.parse().ok()?),
        "minLength" => rules.min_length = Some(value.parse().ok()?),
        "maxLength" => rules.max_length = Some(value.parse().ok()?),
        _ => return None,
    }
    Some(())
}

/// Whether every type is known that a form names.
fn known(form: &Form, types: &BTreeMap<&'static str, Type>) -> Result<(), &'static str> {
    match form {
        Form::List(inner) | Form::Map(inner) => known(inner, types),
        Form::Named(name) if !types.contains_key(name) => Err(name),
        Form::Named(_)
        | Form::Text(_)
        | Form::Integer(_)
        | Form::Boolean
        | Form::IntegerOrText
        | Form::Any
        | Form::Object => Ok(()),
    }
}

#[cfg(test)]
mod tests;
