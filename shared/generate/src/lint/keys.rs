//! Template keys that no generator gives, or not always.

use super::given::{self, Key, Node};
use super::texts::{self, Text};
use super::{Finding, Look, Rule, Severity};
use crate::generators::Kind;
use crate::params::Params;
use crate::remedy;
use serde_json::Value;
use shared_template::{Guard, MissingKey, Options, Step, Use};
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
    Some { lack: usize, of: usize, what: &'static str, example: String },
    None,
}

fn has(look: &Look<'_>, node: &Node<'_>, key: &Key) -> Has {
    let Some(sets @ [_, ..]) = node.sets.as_deref() else {
        return if node.shape.may_have(key) { Has::All } else { Has::None };
    };
    // A set without parameters is not rendered at all.
    let sets = sets.iter().filter(|set| !set.map.is_empty());
    let counted: Vec<(&Params, Count)> =
        sets.map(|set| (set, Count::of(look.engine.go_template, set, key))).collect();
    let lacking: Vec<&Params> =
        counted.iter().filter(|(_, count)| count.lack > 0).map(|(set, _)| *set).collect();
    match lacking.first() {
        None => Has::All,
        Some(_) if counted.iter().all(|(_, count)| count.have == 0) => Has::None,
        Some(first) => {
            let sum = counted.iter().map(|(_, count)| *count).fold(Count::default(), Count::and);
            let (lack, of, what) = if key.contains(&Step::Item) {
                (sum.lack, sum.have + sum.lack, "items in parameter sets")
            } else {
                (lacking.len(), counted.len(), "parameter sets")
            };
            Has::Some { lack, of, what, example: called(first) }
        }
    }
}

/// How often a key is there, and is not: more than once where it goes through items.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    have: usize,
    lack: usize,
}

impl Count {
    const HAVE: Self = Self { have: 1, lack: 0 };
    const LACK: Self = Self { have: 0, lack: 1 };

    fn of(go_template: bool, set: &Params, key: &Key) -> Self {
        let Some((Step::Key(first), rest)) = key.split_first() else { return Self::HAVE };
        match set.map.get(first) {
            Some(value) if go_template => Self::below(value, rest),
            Some(value) if value.is_string() => Self::HAVE,
            Some(_) | None => Self::LACK,
        }
    }

    fn below(value: &Value, key: &[Step]) -> Self {
        match (key.split_first(), value) {
            (None, _) => Self::HAVE,
            (Some((Step::Key(name), rest)), value) => {
                value.get(name).map_or(Self::LACK, |value| Self::below(value, rest))
            }
            (Some((Step::Item, rest)), Value::Array(items)) => Self::sum(items.iter(), rest),
            (Some((Step::Item, rest)), Value::Object(fields)) => Self::sum(fields.values(), rest),
            // A number has as many items as it says; nothing else has any, and then nothing is read of them.
            (Some((Step::Item, _)), Value::Number(_)) => Self::HAVE,
            (Some((Step::Item, _)), Value::Null | Value::Bool(_) | Value::String(_)) => Self::default(),
        }
    }

    fn sum<'v>(items: impl Iterator<Item = &'v Value>, key: &[Step]) -> Self {
        items.map(|item| Self::below(item, key)).fold(Self::default(), Self::and)
    }

    const fn and(self, other: Self) -> Self {
        Self { have: self.have + other.have, lack: self.lack + other.lack }
    }
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
                Has::Some { lack, of, what, example } => {
                    some.push(format!("{lack} of the {of} {what} of {}{example}", node.path));
                }
            }
        }
        if !none.is_empty() && none.len() == nodes.len() {
            found.push(unknown(look, text, one, nodes));
            continue;
        }
        some.extend(none.iter().map(|node| node.path.clone()));
        // A use elsewhere of the text that provides for it says that the author knows.
        if some.is_empty() || provides(look, one) {
            continue;
        }
        let key = texts::written(look.engine, &one.path);
        let message = format!("`{key}` is not given by {}, and {}", some.join(", "), consequence(look, one));
        let severity = if fails(look, one) { Severity::Error } else { Severity::Warning };
        let finding = Finding::new(Rule::MissingKey, &text.path, message, provide(look, one));
        found.push(finding.milder(severity));
    }
}

/// Whether the set fails where a template names a key that is not there.
fn fails(look: &Look<'_>, one: &Use) -> bool {
    let by_name = matches!(one.guard, Guard::None | Guard::Asked);
    look.engine.go_template && by_name && missing_key(look) == MissingKey::Error
}

/// Whether the template provides for an absence, so that it has the effect that its author wanted.
fn provides(look: &Look<'_>, one: &Use) -> bool {
    match one.guard {
        Guard::Safe => true,
        Guard::Asked => !fails(look, one),
        Guard::None | Guard::Index => false,
    }
}

/// How to provide for an absence.
fn provide(look: &Look<'_>, one: &Use) -> String {
    if !look.engine.go_template {
        return "give it everywhere, or set goTemplate: true and write a default".to_owned();
    }
    // Where items are gone through, the dot stands for one.
    let from = one.path.iter().rposition(|step| *step == Step::Item).map_or(0, |at| at + 1);
    let within = &one.path[from..];
    if !fails(look, one) {
        let key = if one.guard == Guard::Index {
            by_index(look, within)
        } else {
            texts::written(look.engine, within)
        };
        return format!(
            "write {{{{ if }}}} or `default` around it, e.g. {{{{ {key} | default \"x\" }}}}, or give it everywhere"
        );
    }
    let why = if one.guard == Guard::Asked { "`if` and `default` come too late for a name: " } else { "" };
    format!("{why}write {{{{ {} | default \"x\" }}}}, or give it everywhere", by_index(look, within))
}

/// The key as `index` reads it.
fn by_index(look: &Look<'_>, key: &[Step]) -> String {
    match key.split_last() {
        Some((Step::Key(last), holder)) => {
            format!("index {} \"{last}\"", texts::written(look.engine, holder))
        }
        Some((Step::Item, _)) | None => texts::written(look.engine, key),
    }
}

fn unknown(look: &Look<'_>, text: &Text<'_>, one: &Use, nodes: &[&Node<'_>]) -> Finding {
    let key = texts::written(look.engine, &one.path);
    let (absent, given) = names(look, nodes, &one.path);
    let (what, severity) = if provides(look, one) {
        ("so that what asks for it never finds it".to_owned(), Severity::Warning)
    } else if one.guard == Guard::Index && is_of_texts(&one.path) {
        (consequence(look, one), Severity::Warning)
    } else {
        (consequence(look, one), Severity::Error)
    };
    let who = if nodes.len() == 1 { nodes[0].path.as_str() } else { "any generator" };
    let message = format!("`{key}` is not given by {who}, {what}");
    Finding::new(Rule::UnknownKey, &text.path, message, remedy::of_unknown_name(&absent, &given))
        .milder(severity)
}

/// What is not there of `key`, and the names that a template can use in its place.
fn names(look: &Look<'_>, nodes: &[&Node<'_>], key: &Key) -> (String, Vec<String>) {
    let mut given = BTreeSet::new();
    let Some(items) = key.iter().rposition(|step| *step == Step::Item) else {
        for node in nodes {
            match node.sets.as_deref() {
                Some([first, ..]) => given.extend(first.names(look.engine.go_template)),
                Some([]) | None => given.extend(shaped(look, node)),
            }
        }
        return (texts::written(look.engine, key), given.into_iter().collect());
    };
    // Of items, what is beside the first step that is not there.
    let sets = || nodes.iter().filter_map(|node| node.sets.as_ref()).flatten();
    for at in (items + 1..key.len()).rev() {
        let mut found = BTreeSet::new();
        sets().for_each(|set| below(&Value::Object(set.map.clone()), &key[..at], &mut found));
        if !found.is_empty() {
            let beside = |name: &String| {
                texts::written(look.engine, &[&key[..at], &[Step::Key(name.clone())]].concat())
            };
            return (texts::written(look.engine, &key[..=at]), found.iter().map(beside).collect());
        }
    }
    given.extend(nodes.iter().flat_map(|node| shaped(look, node)));
    (texts::written(look.engine, key), given.into_iter().collect())
}

fn shaped(look: &Look<'_>, node: &Node<'_>) -> Vec<String> {
    node.shape.known.iter().map(|key| texts::written(look.engine, key)).collect()
}

/// The keys of what is at `path`.
fn below(value: &Value, path: &[Step], found: &mut BTreeSet<String>) {
    match (path.split_first(), value) {
        (None, Value::Object(fields)) => found.extend(fields.keys().cloned()),
        (Some((Step::Key(name), rest)), Value::Object(fields)) => {
            fields.get(name).into_iter().for_each(|value| below(value, rest, found));
        }
        (Some((Step::Item, rest)), Value::Object(fields)) => {
            fields.values().for_each(|value| below(value, rest, found));
        }
        (Some((Step::Item, rest)), Value::Array(items)) => {
            items.iter().for_each(|value| below(value, rest, found));
        }
        _ => {}
    }
}

fn missing_key(look: &Look<'_>) -> MissingKey {
    let options = look.spec.get("goTemplateOptions").and_then(Value::as_array).into_iter().flatten();
    let options: Vec<&str> = options.filter_map(Value::as_str).collect();
    Options::parse(&options).map(|options| options.missing_key).unwrap_or_default()
}

/// What becomes of a key that is not there.
fn consequence(look: &Look<'_>, one: &Use) -> String {
    if !look.engine.go_template {
        return "the tag stays as it is written".to_owned();
    }
    if one.guard == Guard::Index && is_of_texts(&one.path) {
        return "it comes out empty".to_owned();
    }
    match missing_key(look) {
        MissingKey::Error if fails(look, one) => "the whole set fails (missingkey=error)".to_owned(),
        MissingKey::Zero if one.guard != Guard::Index => {
            "it prints `<no value>` even with missingkey=zero, but for labels, annotations and values"
                .to_owned()
        }
        MissingKey::Invalid | MissingKey::Zero | MissingKey::Error => "it prints `<no value>`".to_owned(),
    }
}

/// Whether a key is in a map of texts, where an absent one is empty.
fn is_of_texts(key: &Key) -> bool {
    let at = |names: &[&str]| key.len() > names.len() && key.starts_with(&given::key(names.iter().copied()));
    at(&["metadata", "labels"]) || at(&["metadata", "annotations"]) || at(&["values"])
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
                if remedy::tags(text.text).all(super::syntax::is_for_others) {
                    continue;
                }
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
                let message = format!("`{key}` is not given by {who}, {}", consequence(look, one));
                let severity = if provides(look, one) { Severity::Warning } else { Severity::Error };
                let remedy = remedy::of_unknown_name(&key, &names);
                found.push(Finding::new(Rule::UnknownKey, &text.path, message, remedy).milder(severity));
            }
        }
    }
}

fn is_value(key: &Key) -> bool {
    matches!(key.first(), Some(Step::Key(first)) if first == "values" || first.starts_with("values."))
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
