//! Generators that give nothing, or whose output nobody gets.

use super::given::{self, Node};
use super::{Finding, Look, Rule};
use crate::generators::Kind;
use crate::params::Params;
use serde_json::{Value, json};

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    nothing(look, found);
    for (at, node) in look.nodes.iter().enumerate() {
        if node.kind == Kind::Merge && !node.is_rendered(&look.nodes) {
            dropped(look, at, found);
        }
        if node.parent.is_some() && node.config.get("template").is_some_and(|own| !own.is_null()) {
            let message = "templates of generators within matrix and merge are ignored";
            let remedy = "move it to the matrix or merge itself, or into spec.template";
            found.push(Finding::new(
                Rule::TemplateIgnored,
                format!("{}.template", node.path),
                message,
                remedy,
            ));
        }
        if node.kind == Kind::Git && !node.is_rendered(&look.nodes) {
            idle_paths(look, node, found);
        }
        if node.kind == Kind::Git
            && ["directories", "files"].iter().all(|key| {
                node.config.get(key).and_then(Value::as_array).is_some_and(|items| !items.is_empty())
            })
        {
            let message = "files are ignored beside directories";
            let remedy = "give each a generator of its own";
            found.push(Finding::new(Rule::NoEffect, format!("{}.files", node.path), message, remedy));
        }
    }
}

/// Generators without parameters: of nested ones the innermost.
fn nothing(look: &Look<'_>, found: &mut Vec<Finding>) {
    let mut said: Vec<&str> = Vec::new();
    for node in look.nodes.iter().rev() {
        let is_empty = node.sets.as_ref().is_some_and(Vec::is_empty);
        let acted_on =
            matches!(node.kind, Kind::List | Kind::Clusters | Kind::Git | Kind::Matrix | Kind::Merge);
        if !is_empty || !acted_on || said.iter().any(|said| said.starts_with(&node.path)) {
            continue;
        }
        said.push(&node.path);
        let (path, message, remedy) = why(look, node);
        found.push(Finding::new(Rule::GivesNothing, path, message, remedy));
    }
}

/// Where, why, and what to do.
fn why(look: &Look<'_>, node: &Node<'_>) -> (String, String, String) {
    if let Some(selector) = node.entry.get("selector").filter(|selector| selector.is_object()) {
        let mut bare = node.entry.clone();
        if let Some(bare) = bare.as_object_mut() {
            bare.remove("selector");
        }
        let without = given::child(look.by, &node.entry_path, &bare, node.level, look.known);
        if let Some(without) = without.filter(|without| !without.is_empty()) {
            return after_selector(node, selector, &without);
        }
    }
    let text = |key: &str| node.config.get(key).and_then(Value::as_str).unwrap_or_default();
    let (message, remedy) = match node.kind {
        Kind::Clusters => (
            format!("none of the {} given clusters matches its selector", look.known.inputs.clusters.len()),
            "mend the selector, or the clusters' labels".to_owned(),
        ),
        Kind::List => ("it has no elements".to_owned(), "add elements, or remove it".to_owned()),
        Kind::Git => (
            format!("nothing in {} matches its paths", text("repoURL")),
            "mend the paths; `*` stands for one folder, and names that begin with `.` never match".to_owned(),
        ),
        Kind::Matrix => (
            "it gives nothing for any parameter set of the generator before it".to_owned(),
            "mend what it takes from there".to_owned(),
        ),
        Kind::Merge
        | Kind::ScmProvider
        | Kind::ClusterDecisionResource
        | Kind::PullRequest
        | Kind::Plugin => ("it gives no parameters".to_owned(), "mend it, or remove it".to_owned()),
    };
    // The second place of a matrix is where nothing came of it.
    let path =
        if node.kind == Kind::Matrix { format!("{}.generators[1]", node.path) } else { node.path.clone() };
    (path, message, remedy)
}

fn after_selector(node: &Node<'_>, selector: &Value, without: &[Params]) -> (String, String, String) {
    let names: std::collections::BTreeSet<String> =
        without.iter().flat_map(|set| set.flattened().into_keys()).collect();
    let unknown = super::selectors::keys(selector).into_iter().find(|(_, key)| !names.contains(*key));
    let message = format!("its selector lets none of {} parameter sets through", without.len());
    let remedy = match unknown {
        Some((_, key)) => {
            let names: Vec<String> = names.into_iter().collect();
            let said = crate::remedy::of_unknown_name(key, &names);
            format!("no parameter set has `{key}`: {said}")
        }
        None => "mend the selector".to_owned(),
    };
    (format!("{}.selector", node.entry_path), message, remedy)
}

/// Paths of a git generator without effect: alone they give nothing, or with them left out nothing more is given.
fn idle_paths(look: &Look<'_>, node: &Node<'_>, found: &mut Vec<Finding>) {
    let is_set =
        |key: &&&str| node.config.get(**key).and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let Some(key) = ["directories", "files"].iter().find(is_set) else { return };
    let items = node.config.get(*key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // Of a single path, and of none that match, the generator says it.
    if items.len() < 2 || node.sets.as_ref().is_none_or(Vec::is_empty) {
        return;
    }
    let with = |items: Vec<Value>| {
        let mut config = node.config.clone();
        config[*key] = Value::Array(items);
        given::child(look.by, &node.entry_path, &json!({ "git": config }), node.level, look.known)
    };
    let whole = with(items.to_vec());
    for (index, item) in items.iter().enumerate() {
        let excludes = item.get("exclude").and_then(Value::as_bool) == Some(true);
        let idle = if excludes {
            let rest = items.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, item)| item.clone());
            let without = with(rest.collect());
            without.is_some() && without == whole
        } else {
            with(vec![item.clone()]).is_some_and(|sets| sets.is_empty())
        };
        if idle {
            let path = format!("{}.{key}[{index}].path", node.path);
            let pattern = item.get("path").and_then(Value::as_str).unwrap_or_default();
            let what = if excludes { "excludes nothing" } else { "matches nothing" };
            let message = format!("`{pattern}` {what}");
            found.push(Finding::new(Rule::PathMatchesNothing, path, message, "mend the path, or remove it"));
        }
    }
}

/// Later generators of a merge that change nothing: with each left out in turn, the merge gives the same.
fn dropped(look: &Look<'_>, at: usize, found: &mut Vec<Finding>) {
    let node = &look.nodes[at];
    let (Some(whole), Some(children)) =
        (node.sets.as_deref(), node.config.get("generators").and_then(Value::as_array))
    else {
        return;
    };
    if whole.is_empty() {
        return;
    }
    for place in 1..children.len() {
        let child = look.nodes.iter().find(|child| child.parent == Some((at, place)));
        let Some(child) = child.filter(|child| child.sets.as_ref().is_some_and(|sets| !sets.is_empty()))
        else {
            continue;
        };
        let without = if children.len() == 2 {
            look.nodes.iter().find(|child| child.parent == Some((at, 0))).and_then(|base| base.sets.clone())
        } else {
            let mut rest = children.clone();
            rest.remove(place);
            let mut config = node.config.clone();
            config["generators"] = Value::Array(rest);
            given::child(look.by, &node.entry_path, &json!({"merge": config}), node.level, look.known)
        };
        let same = without.is_some_and(|without| {
            without.len() == whole.len() && whole.iter().all(|set| without.contains(set))
        });
        if same && node.entry.get("selector").is_none() {
            let keys: Vec<&str> = node
                .config
                .get("mergeKeys")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let message = format!(
                "no parameter set of it agrees with one of the first generator in {}, or it changes nothing there",
                keys.join(", ")
            );
            let remedy = "mend mergeKeys or the values; sets that match nothing are dropped, never added";
            found.push(Finding::new(Rule::GeneratorDropped, &child.path, message, remedy));
        }
    }
}
