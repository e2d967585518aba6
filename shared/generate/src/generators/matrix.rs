//! `matrix`: every pair of the first and the second generator's parameter sets.
//!
//! The second generator is rendered once per parameter set of the first: all its strings, keys included, but for its own `values` (resolved one
//! at a time as far as they go) and its post-selector. In Go mode pairs are merged deeply and the first generator wins, with empty values too; in
//! flat mode everything becomes a string and a key with two values is an error.

use super::values::Values;
use super::{Kind, Level, child, filtered, generate as generate_kind, single};
use crate::engine::{Bound, Engine, Tree};
use crate::params::{Params, Typed, go_string};
use crate::run::{Run, Stop, failed};
use crate::selector::Selector;
use crate::{Problem, fields};
use serde_json::{Map, Value};

pub(super) fn generate(
    run: &mut Run<'_>,
    path: &str,
    config: &Map<String, Value>,
    below: Level,
) -> Result<Vec<Params>, Stop> {
    run.note_unknown_fields(path, config, &["generators", "template"]);
    let [first, second] = fields::array(path, config, "generators")? else {
        let remedy = "put the two into one matrix, and nest a matrix for a third";
        return Err(
            failed(&format!("{path}.generators"), "a matrix needs exactly two generators", remedy).into()
        );
    };
    let outer = child(run, &format!("{path}.generators[0]"), first, below)?;
    let mut second = Second::compile(run, &format!("{path}.generators[1]"), second, below)?;
    let (mut found, mut waits) = (Vec::new(), false);
    for a in &outer {
        match second.params(run, a) {
            Ok(inner) => {
                for b in inner {
                    found.push(if run.engine.go_template { merged(a, b) } else { combined(path, a, &b)? });
                }
            }
            Err(Stop::Needs) => waits = true,
            Err(stop) => return Err(stop),
        }
    }
    if waits { Err(Stop::Needs) } else { Ok(found) }
}

/// The second generator, compiled once.
struct Second<'a> {
    path: String,
    kind: Kind,
    config: &'a Value,
    selector: Selector,
    tree: Tree,
    values: Option<Values>,
    level: Level,
    /// Its parameter sets, when those of the first generator change nothing in it.
    fixed: Option<Vec<Params>>,
}

impl<'a> Second<'a> {
    fn compile(run: &mut Run<'_>, path: &str, entry: &'a Value, level: Level) -> Result<Self, Problem> {
        let (kind, config, selector) = single(run, path, entry)?;
        let path = format!("{path}.{}", kind.key());
        let fields = fields::object(&path, Some(config))?;
        let has_values = !matches!(kind, Kind::List | Kind::Matrix | Kind::Merge);
        let values = if has_values { Some(Values::compile(&run.engine, &path, fields)?) } else { None };
        let mut rest = fields.clone();
        rest.remove("template");
        if has_values {
            rest.remove("values");
        }
        let tree = run.engine.tree(&path, &Value::Object(rest))?;
        Ok(Self { path, kind, config, selector, tree, values, level, fixed: None })
    }

    fn params(&mut self, run: &mut Run<'_>, outer: &Params) -> Result<Vec<Params>, Stop> {
        if let Some(fixed) = &self.fixed {
            return Ok(fixed.clone());
        }
        let config = if outer.map.is_empty() {
            self.config.clone()
        } else {
            self.rendered(&run.engine, &run.engine.bind(outer))?
        };
        let params =
            filtered(generate_kind(run, &self.path, self.kind, &config, self.level)?, &self.selector);
        if matches!(self.tree, Tree::Fixed(_)) && self.values.as_ref().is_none_or(Values::is_fixed) {
            self.fixed = Some(params.clone());
        }
        Ok(params)
    }

    fn rendered(&self, engine: &Engine, outer: &Bound<'_>) -> Result<Value, Problem> {
        let mut rendered = engine.render_tree(&self.tree, outer)?;
        if let (Some(values), Value::Object(map), Value::Object(config)) =
            (&self.values, &mut rendered, self.config)
            && config.get("values").is_some_and(Value::is_object)
        {
            map.insert("values".to_owned(), values.resolved(engine, config, outer));
        }
        Ok(rendered)
    }
}

/// Go mode: `b` with `a` over it.
fn merged(a: &Params, b: Params) -> Params {
    let typed = a.typed.with(&a.map, b.typed, &b.map);
    let mut map = b.map;
    overlay(&mut map, &a.map);
    Params { map, typed }
}

/// Puts `top` over `base`: maps merge, anything else replaces.
pub(super) fn overlay(base: &mut Map<String, Value>, top: &Map<String, Value>) {
    for (key, value) in top {
        match (base.get_mut(key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => overlay(below, above),
            (Some(below), _) => *below = value.clone(),
            (None, _) => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

impl Typed {
    /// A map stays a map of strings where every part of it is one.
    pub(super) fn with(self, map: &Map<String, Value>, other: Self, others: &Map<String, Value>) -> Self {
        let part =
            |key: &str, mine: bool, theirs: bool| match (map.contains_key(key), others.contains_key(key)) {
                (true, true) => mine && theirs,
                _ => mine || theirs,
            };
        Self {
            metadata: part("metadata", self.metadata, other.metadata),
            values: part("values", self.values, other.values),
            clusters: part("clusters", self.clusters, other.clusters),
        }
    }
}

/// Flat mode: all keys of both as strings.
fn combined(path: &str, a: &Params, b: &Params) -> Result<Params, Problem> {
    let mut map: Map<String, Value> = printed(&a.map);
    for (key, value) in printed(&b.map) {
        if let Some(current) = map.get(&key).filter(|current| **current != value) {
            let message = format!(
                "found duplicate key {key} with different value, a: {} ,b: {}",
                go_string(current),
                go_string(&value)
            );
            return Err(failed(
                path,
                message,
                "give one git generator a pathParamPrefix, rename the key, or set goTemplate: true",
            ));
        }
        map.insert(key, value);
    }
    Ok(Params::new(map))
}

/// Every value as Go prints it.
pub(super) fn printed(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), Value::String(go_string(value)))).collect()
}
