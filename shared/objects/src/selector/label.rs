//! Label selectors. The text form reads into the object form, [`LabelSelector`], which does the matching.

use shared_model::{LabelSelector, Requirement};

use crate::{FieldError, names};

/// Why a selector's text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse requirement: {problem} in {selector:?}")]
pub struct InvalidSelector {
    /// The whole text.
    pub selector: String,
    /// What is wrong, and at which part of it.
    pub problem: String,
}

/// Reads a selector as in `env=prod,tier!=db,region in (eu,us),!legacy`. An empty text selects everything.
///
/// # Errors
/// When it is malformed, naming the part that is.
pub fn parse_labels(text: &str) -> Result<LabelSelector, InvalidSelector> {
    let invalid = |problem| InvalidSelector { selector: text.to_owned(), problem };
    let mut selector = LabelSelector::default();
    for part in split(text).map_err(invalid)? {
        selector.match_expressions.push(requirement(part).map_err(invalid)?);
    }
    Ok(selector)
}

/// The parts between the commas that are not inside parentheses.
fn split(text: &str) -> Result<Vec<&str>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' if inside => return Err("a '(' inside parentheses".to_owned()),
            ')' if !inside => return Err("a ')' without its '('".to_owned()),
            '(' | ')' => inside = c == '(',
            ',' if !inside => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if inside {
        return Err("a '(' without its ')'".to_owned());
    }
    parts.push(text[start..].trim());
    Ok(parts)
}

fn requirement(part: &str) -> Result<Requirement, String> {
    if part.is_empty() {
        return Err("an empty part between commas".to_owned());
    }
    if let Some((key, rest)) = part.split_once('(') {
        return set_requirement(key, rest);
    }
    // The longest operator first.
    for (operator, name) in [("!=", "NotIn"), ("==", "In"), ("=", "In")] {
        if let Some((key, value)) = part.split_once(operator) {
            return build(key.trim(), name, vec![value.trim()]);
        }
    }
    if part.contains(['<', '>']) {
        return Err(format!("'<' and '>' are not supported: {part:?}"));
    }
    match part.strip_prefix('!') {
        Some(key) => build(key.trim(), "DoesNotExist", Vec::new()),
        None => build(part, "Exists", Vec::new()),
    }
}

/// Of `key in (a,b)`: what stands before the parenthesis, and what stands after it.
fn set_requirement(before: &str, after: &str) -> Result<Requirement, String> {
    let values = after.trim_end().strip_suffix(')').ok_or("text after the ')'")?;
    let (key, operator) = before
        .trim()
        .rsplit_once(char::is_whitespace)
        .ok_or_else(|| format!("'in' or 'notin' is missing before '(': {before:?}"))?;
    let operator = match operator {
        "in" => "In",
        "notin" => "NotIn",
        other => return Err(format!("found {other:?}, expected 'in' or 'notin'")),
    };
    build(key.trim(), operator, values.split(',').map(str::trim).collect())
}

fn build(key: &str, operator: &str, values: Vec<&str>) -> Result<Requirement, String> {
    if let Some(problem) = names::qualified_name(key).first() {
        return Err(format!("key {key:?}: {problem}"));
    }
    if let Some((value, problem)) = first_bad_value(&values) {
        return Err(format!("value {value:?} of {key:?}: {problem}"));
    }
    let values = values.into_iter().map(str::to_owned).collect();
    Ok(Requirement { key: key.to_owned(), operator: operator.to_owned(), values })
}

fn first_bad_value<'a>(values: &[&'a str]) -> Option<(&'a str, String)> {
    values.iter().find_map(|value| Some((*value, names::label_value(value).into_iter().next()?)))
}

/// What is wrong with a selector object that stands at `path`.
pub fn check_labels(selector: &LabelSelector, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in &selector.match_labels {
        let at = format!("{path}.matchLabels");
        errors.extend(
            names::qualified_name(key).into_iter().map(|p| FieldError::invalid(&*at, key.as_str(), p)),
        );
        errors.extend(
            names::label_value(value).into_iter().map(|p| FieldError::invalid(&*at, value.as_str(), p)),
        );
    }
    for (index, requirement) in selector.match_expressions.iter().enumerate() {
        check_requirement(requirement, &format!("{path}.matchExpressions[{index}]"), &mut errors);
    }
    errors
}

fn check_requirement(requirement: &Requirement, path: &str, errors: &mut Vec<FieldError>) {
    let (key, values) = (requirement.key.as_str(), &requirement.values);
    let at = |field: &str| format!("{path}.{field}");
    match requirement.operator.as_str() {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(FieldError::required(at("values"), detail));
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(FieldError::forbidden(at("values"), detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.push(FieldError::invalid(at("operator"), other, "not a valid selector operator")),
    }
    errors.extend(names::qualified_name(key).into_iter().map(|p| FieldError::invalid(at("key"), key, p)));
    for (index, value) in values.iter().enumerate() {
        let at = at(&format!("values[{index}]"));
        errors.extend(
            names::label_value(value).into_iter().map(|p| FieldError::invalid(&*at, value.as_str(), p)),
        );
    }
}
