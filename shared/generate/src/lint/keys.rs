//! Template keys that no generator gives, and values that nobody reads.

use super::given::{Key, Node};
use super::texts::{self, Text};
use super::{Finding, Look, Rule, Severity};
use crate::generators::Kind;
use crate::params::Params;
use crate::remedy;
use serde_json::Value;
use shared_template::{MissingKey, Options, Use};
use std::collections::BTreeSet;

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    let tops: Vec<&Node<'_>> = look.nodes.iter().filter(|node| node.parent.is_none()).collect();
    let template = look.template();
    for text in texts::templates("spec.template", template).iter().chain(&patch(look)) {
        let concerned: Vec<&Node<'_>> =
            tops.iter().copied().filter(|node| !overrides(node, &text.path)).collect();
        read(look, text, &concerned, found);
    }
    for node in &tops {
        if let Some(own) = node.config.get("template") {
            for text in texts::templates(&format!("{}.template", node.path), own) {
                read(look, &text, &[node], found);
            }
        }
    }
    look.nodes.iter().for_each(|node| inner(look, node, found));
    unused(look, found);
}

fn patch<'a>(look: &Look<'a>) -> Vec<Text<'a>> {
    look.spec
        .get("templatePatch")
        .map(|patch| texts::templates("spec.templatePatch", patch))
        .unwrap_or_default()
}

/// Whether the generator's own template stands in the place of a field of the set's.
fn overrides(node: &Node<'_>, path: &str) -> bool {
    let Some(own) = node.config.get("template") else { return false };
    let below = path.trim_start_matches("spec.template").replace('.', "/");
    own.pointer(&below).is_some_and(|value| !matches!(value, Value::Null | Value::Object(_)))
}

/// How many of a generator's parameter sets have a key.
enum Has {
    All,
    Some { lack: usize, of: usize, example: String },
    None,
}

fn has(look: &Look<'_>, node: &Node<'_>, key: &Key) -> Has {
    match node.sets.as_deref() {
        Some(sets @ [_, ..]) => {
            // A set without parameters is not rendered at all.
            let lacking =
                sets.iter().filter(|set| !set.map.is_empty() && !gives(look.engine.go_template, set, key));
            match (lacking.clone().count(), lacking.clone().next()) {
                (0, _) | (_, None) => Has::All,
                (lack, Some(first)) if lack < sets.len() => {
                    Has::Some { lack, of: sets.len(), example: called(first) }
                }
                (_, Some(_)) => Has::None,
            }
        }
        Some([]) | None => {
            if node.shape.may_have(key) {
                Has::All
            } else {
                Has::None
            }
        }
    }
}

fn gives(go_template: bool, set: &Params, key: &Key) -> bool {
    if !go_template {
        return key.first().and_then(|name| set.map.get(name)).is_some_and(Value::is_string);
    }
    let Some((first, rest)) = key.split_first() else { return true };
    rest.iter().try_fold(set.map.get(first), |at, name| Some(at?.get(name))).flatten().is_some()
}

/// What tells a parameter set from others, for people.
fn called(set: &Params) -> String {
    let text = |key: &str| set.map.get(key).and_then(Value::as_str);
    let path = set.map.get("path").and_then(|path| path.get("path")).and_then(Value::as_str);
    let name = text("name").or(path).or_else(|| text("path"));
    name.or_else(|| set.map.values().find_map(Value::as_str))
        .map(|name| format!(", such as {name}"))
        .unwrap_or_default()
}

/// What a string reads of the generators whose Applications it is for.
fn read(look: &Look<'_>, text: &Text<'_>, nodes: &[&Node<'_>], found: &mut Vec<Finding>) {
    let Ok(uses) = texts::uses(look.engine, text) else { return };
    let uses: BTreeSet<Use> = uses.into_iter().filter(|one| !super::syntax::is_go(look, one)).collect();
    for one in uses.iter().filter(|one| !one.path.is_empty()) {
        let (mut none, mut some) = (Vec::new(), Vec::new());
        for node in nodes {
            match has(look, node, &one.path) {
                Has::All => {}
                Has::None => none.push(*node),
                Has::Some { lack, of, example } => {
                    some.push(format!("{lack} of the {of} parameter sets of {}{example}", node.path));
                }
            }
        }
        if !none.is_empty() && none.len() == nodes.len() {
            found.push(unknown(look, text, one, nodes));
            continue;
        }
        some.extend(none.iter().map(|node| node.path.clone()));
        // A use elsewhere of the text that provides for it says that the author knows.
        if some.is_empty() || one.guarded {
            continue;
        }
        let key = texts::written(look.engine, &one.path);
        let message = format!("`{key}` is not given by {}, and {}", some.join(", "), consequence(look));
        let remedy = if look.engine.go_template {
            format!(
                "write {{{{ if }}}} or `default` around it, e.g. {{{{ {key} | default \"x\" }}}}, or give it everywhere"
            )
        } else {
            "give it everywhere, or set goTemplate: true and write a default".to_owned()
        };
        let severity = if look.engine.go_template && missing_key(look) == MissingKey::Error {
            Severity::Error
        } else {
            Severity::Warning
        };
        let finding = Finding::new(Rule::MissingKey, &text.path, message, remedy);
        found.push(finding.milder(severity));
    }
}

fn unknown(look: &Look<'_>, text: &Text<'_>, one: &Use, nodes: &[&Node<'_>]) -> Finding {
    let key = texts::written(look.engine, &one.path);
    let given: BTreeSet<String> = nodes.iter().flat_map(|node| names(look, node)).collect();
    let given: Vec<String> = given.into_iter().collect();
    let (what, severity) = if one.guarded {
        ("so that what asks for it never finds it".to_owned(), Severity::Warning)
    } else {
        (consequence(look), Severity::Error)
    };
    let who = if nodes.len() == 1 { nodes[0].path.as_str() } else { "any generator" };
    let message = format!("`{key}` is not given by {who}, {what}");
    Finding::new(Rule::UnknownKey, &text.path, message, remedy::of_unknown_name(&key, &given))
        .milder(severity)
}

fn names(look: &Look<'_>, node: &Node<'_>) -> Vec<String> {
    match node.sets.as_deref() {
        Some([first, ..]) => first.names(look.engine.go_template),
        Some([]) | None => node.shape.known.iter().map(|key| texts::written(look.engine, key)).collect(),
    }
}

fn missing_key(look: &Look<'_>) -> MissingKey {
    let options = look.spec.get("goTemplateOptions").and_then(Value::as_array).into_iter().flatten();
    let options: Vec<&str> = options.filter_map(Value::as_str).collect();
    Options::parse(&options).map(|options| options.missing_key).unwrap_or_default()
}

/// What becomes of a key that is not there.
fn consequence(look: &Look<'_>) -> String {
    if !look.engine.go_template {
        return "the tag stays as it is written".to_owned();
    }
    match missing_key(look) {
        MissingKey::Invalid => "it prints `<no value>`".to_owned(),
        MissingKey::Zero => {
            "it prints `<no value>` even with missingkey=zero, but for labels, annotations and values"
                .to_owned()
        }
        MissingKey::Error => "the whole set fails (missingkey=error)".to_owned(),
    }
}

/// The strings of a generator that are rendered: with what a matrix gave before it, and its values with its own parameters.
fn inner(look: &Look<'_>, node: &Node<'_>, found: &mut Vec<Finding>) {
    let Some(fields) = node.config.as_object() else { return };
    let outer = node.is_rendered(&look.nodes).then(|| node.outer(&look.nodes));
    let holds = matches!(node.kind, Kind::Matrix | Kind::Merge);
    for (key, value) in fields {
        if key == "template" || (holds && key == "generators") {
            continue;
        }
        let values = key == "values" && !matches!(node.kind, Kind::List | Kind::Matrix | Kind::Merge);
        for text in texts::templates(&format!("{}.{key}", node.path), value) {
            if outer.is_none() && !values {
                found.push(not_rendered(&text, node));
                continue;
            }
            let Ok(uses) = texts::uses(look.engine, &text) else { continue };
            for one in uses.iter().filter(|one| !super::syntax::is_go(look, one)) {
                let own = values && node.shape.may_have(&one.path) && !is_value(&one.path);
                let given = own || outer.as_ref().is_some_and(|outer| outer.may_have(&one.path));
                if given || one.path.is_empty() {
                    continue;
                }
                let mut names: Vec<String> = outer
                    .iter()
                    .flat_map(|outer| &outer.known)
                    .map(|key| texts::written(look.engine, key))
                    .collect();
                if values {
                    let own = node.shape.known.iter().filter(|key| !is_value(key));
                    names.extend(own.map(|key| texts::written(look.engine, key)));
                }
                let key = texts::written(look.engine, &one.path);
                let who = if values { "this generator" } else { "the generator before it" };
                let message = format!("`{key}` is not given by {who}, {}", consequence(look));
                let severity = if one.guarded { Severity::Warning } else { Severity::Error };
                let remedy = remedy::of_unknown_name(&key, &names);
                found.push(Finding::new(Rule::UnknownKey, &text.path, message, remedy).milder(severity));
            }
        }
    }
}

fn is_value(key: &Key) -> bool {
    key.first().is_some_and(|first| first == "values" || first.starts_with("values."))
}

fn not_rendered(text: &Text<'_>, node: &Node<'_>) -> Finding {
    let message = "no template is rendered here: the text stays as it is written";
    let remedy = if node.kind == Kind::List {
        "write the value, or put the tag into the template"
    } else {
        "put this generator second in a matrix, after the one that gives the parameter"
    };
    let rule = Rule::NotRendered;
    Finding::new(rule, &text.path, message, remedy)
}

/// Values that no template, selector or merge key names.
fn unused(look: &Look<'_>, found: &mut Vec<Finding>) {
    let Some(read) = everything_read(look) else { return };
    for node in &look.nodes {
        let values = node.config.get("values").and_then(Value::as_object).into_iter().flatten();
        for (name, _) in values.filter(|_| node.kind != Kind::List) {
            let key = if look.engine.go_template {
                vec!["values".to_owned(), name.clone()]
            } else {
                vec![format!("values.{name}")]
            };
            if read.iter().any(|read| read.starts_with(&key) || key.starts_with(read)) {
                continue;
            }
            let written = texts::written(look.engine, &key);
            let message = format!("nothing reads `{written}`");
            let remedy = format!("remove it, or use it in the template: {{{{{written}}}}}");
            found.push(Finding::new(
                Rule::UnusedValue,
                format!("{}.values.{name}", node.path),
                message,
                remedy,
            ));
        }
    }
}

/// Every key that something names; `None` where a text cannot be read.
fn everything_read(look: &Look<'_>) -> Option<BTreeSet<Key>> {
    let whole = Value::Object(look.spec.clone());
    let mut read = BTreeSet::new();
    for text in texts::templates("spec", &whole) {
        read.extend(texts::uses(look.engine, &text).ok()?.into_iter().map(|one| one.path));
    }
    let key = |name: &str| -> Key {
        if look.engine.go_template {
            name.split('.').map(str::to_owned).collect()
        } else {
            vec![name.to_owned()]
        }
    };
    for node in &look.nodes {
        let keys = node.config.get("mergeKeys").and_then(Value::as_array).into_iter().flatten();
        read.extend(keys.filter_map(Value::as_str).map(key));
        if let Some(selector) = node.entry.get("selector") {
            read.extend(super::selectors::keys(selector).into_iter().map(|(_, name)| key(name)));
        }
    }
    Some(read)
}
