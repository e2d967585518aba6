//! Argo CD's kinds beside its own definitions, as `tests/compat/kinds-recorder` recorded them.

use super::*;
use crate::columns;
use serde_json::Value;
use shared_objects::table::Cell;
use std::collections::BTreeMap;

fn vectors() -> Vec<Value> {
    let lines = include_str!("../../../tests/vectors/argo-cd.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every place of a recorded type, with what stands there.
fn expand(types: &BTreeMap<&str, &Value>, form: &str, path: &str, out: &mut BTreeMap<String, String>) {
    let (bare, rules) = split(form);
    let inner = |open, close| bare.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    let shape = if let Some(item) = inner('[', ']') {
        expand(types, item, &format!("{path}[]"), out);
        "[]"
    } else if let Some(value) = inner('{', '}') {
        expand(types, value, &format!("{path}{{}}"), out);
        "{}"
    } else if let Some(fields) = types.get(bare) {
        for (name, form) in fields.as_object().unwrap() {
            expand(types, form.as_str().unwrap(), &format!("{path}.{name}"), out);
        }
        "fields"
    } else {
        bare
    };
    out.insert(path.to_owned(), format!("{shape} {rules}").trim().to_owned());
}

/// A form and the rules behind it: brackets are the form's.
fn split(form: &str) -> (&str, &str) {
    let end = form.rfind([']', '}']).map_or(0, |at| at + 1);
    match form[end..].split_once(' ') {
        Some((head, rules)) => (&form[..end + head.len()], rules),
        None => (form, ""),
    }
}

/// Every place of one of our types, in the same form.
fn places(form: &Form, rules: &Rules, path: &str, out: &mut BTreeMap<String, String>) {
    let mut said = Vec::new();
    let plain = Rules::default();
    let shape = match form {
        Form::Text("date-time") => "time",
        Form::Text(_) => "string",
        Form::Integer(_) => "int64",
        Form::Boolean => "boolean",
        Form::IntegerOrText => "int-or-string",
        Form::Any => "any",
        Form::Object => "object",
        Form::List(item) => {
            places(item, &plain, &format!("{path}[]"), out);
            "[]"
        }
        Form::Map(value) => {
            places(value, &plain, &format!("{path}{{}}"), out);
            "{}"
        }
        Form::Named("ObjectMeta") => "metadata",
        Form::Named(name) => {
            let kind = named(name);
            if kind.atomic {
                said.push("atomic".to_owned());
            }
            // What Flotilla adds is not Argo CD's.
            for (name, field) in kind.fields().iter().filter(|(_, field)| !field.own) {
                let star = if field.required { "*" } else { "" };
                places(&field.form, &field.rules, &format!("{path}.{name}{star}"), out);
            }
            "fields"
        }
    };
    match &rules.merge {
        Merge::Plain => {}
        Merge::Atomic => said.push("atomic".to_owned()),
        Merge::Set => said.push("set".to_owned()),
        Merge::Keys(keys) => said.push(format!("keys({})", keys.join("|"))),
    }
    if !rules.values.is_empty() {
        said.push(format!("enum({})", rules.values.join("|")));
    }
    said.extend(rules.pattern.map(|pattern| format!("pattern({pattern})")));
    said.extend(rules.min_length.map(|length| format!("minLength({length})")));
    said.extend(rules.max_length.map(|length| format!("maxLength({length})")));
    said.extend(rules.default.as_ref().map(|default| format!("default({default})")));
    out.insert(path.to_owned(), format!("{shape} {}", said.join(" ")).trim().to_owned());
}

#[test]
fn argo_cds_kinds_are_its_own_field_by_field() {
    let lines = vectors();
    let types: BTreeMap<&str, &Value> =
        lines.iter().filter_map(|line| Some((line.get("type")?.as_str()?, &line["fields"]))).collect();
    let mut count = 0;
    for line in lines.iter().filter(|line| line.get("kind").is_some()) {
        let kind = line["kind"].as_str().unwrap();
        let (mut theirs, mut ours) = (BTreeMap::new(), BTreeMap::new());
        expand(&types, line["is"].as_str().unwrap(), kind, &mut theirs);
        places(&Form::Named(named(kind).name), &Rules::default(), kind, &mut ours);
        count += theirs.len();
        let differs = |(path, form): &(&String, &String)| ours.get(*path) != Some(form);
        let missing: Vec<_> = theirs.iter().filter(differs).take(20).collect();
        let more: Vec<_> = ours.iter().filter(|(path, _)| !theirs.contains_key(*path)).take(20).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{kind}: Argo CD has {missing:#?}\nand we have {more:#?}"
        );
    }
    assert!(count > 10_000, "only {count} places");
}

#[test]
fn argo_cds_names_and_columns_come_first() {
    for line in vectors().iter().filter(|line| line.get("kind").is_some()) {
        let kind = Kind::ALL.into_iter().find(|kind| gvk(*kind).kind == line["kind"]).unwrap();
        assert_eq!(serde_json::json!(crate::short_names(kind)), line["shortNames"], "{kind:?}");
        let theirs: Vec<String> = serde_json::from_value(line["columns"].clone()).unwrap();
        let shown = columns(kind).into_iter().skip(1).filter_map(|column| match column.cell {
            Cell::Path(path) if column.priority == 0 => Some(format!("{}={path}", column.name)),
            Cell::Path(path) => Some(format!("{}={path} {}", column.name, column.priority)),
            Cell::With(_) => None,
        });
        // Without any, Kubernetes shows the age.
        let theirs =
            if theirs.is_empty() { vec!["Age=.metadata.creationTimestamp".to_owned()] } else { theirs };
        assert_eq!(shown.take(theirs.len()).collect::<Vec<_>>(), theirs, "{kind:?}");
        let narrow = columns(kind).into_iter().filter(|column| column.priority == 0).count();
        let narrow_theirs = theirs
            .iter()
            .filter(|column| {
                !column.contains(' ')
                    || column.starts_with("Sync Status")
                    || column.starts_with("Health Status")
            })
            .count();
        assert_eq!(narrow, 1 + narrow_theirs, "{kind:?} shows more than Argo CD does");
    }
}
