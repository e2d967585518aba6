//! `matrix`: every pair of the first and the second generator's parameter sets.
//!
//! The second generator is rendered once per parameter set of the first: all its strings, keys included, but for its own `values` (resolved one
//! at a time as far as they go) and its post-selector. In Go mode pairs are merged deeply and the first generator wins, with empty values too; in
//! flat mode everything becomes a string and a key with two values is an error.

use super::values::Values;
use super::{Emit, Kind, Level, again, child, generate as generate_kind, single};
use crate::engine::{Bound, Engine, Tree};
use crate::memo::{self, Aligned, Node, Row, Sets};
use crate::params::{Params, Typed, go_string};
use crate::run::{Run, Stop, failed};
use crate::selector::Selector;
use crate::{Problem, fields};
use serde_json::{Map, Value};
use std::sync::Arc;

pub(super) fn generate(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    config: &Map<String, Value>,
    below: Level,
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    run.note_unknown_fields(path, config, &["generators", "template"]);
    let [first, second] = fields::array(path, config, "generators")? else {
        let remedy = "put the two into one matrix, and nest a matrix for a third";
        return Err(
            failed(&format!("{path}.generators"), "a matrix needs exactly two generators", remedy).into()
        );
    };
    node.members.resize_with(1, Node::default);
    let outer = child(run, &mut node.members[0], &format!("{path}.generators[0]"), first, below)?;
    let memory = node.second.get_or_insert_default();
    if memory.entry != *second {
        **memory = memo::Second { entry: second.clone(), ..memo::Second::default() };
    }
    if outer.is_empty() {
        memory.rows.clear();
        return Ok(());
    }
    let is_rendered = outer.iter().any(|outer| !outer.map.is_empty());
    let mut second = Second::compile(run, path, second, (below, is_rendered))?;
    let known = std::mem::take(&mut memory.rows);
    let outers: Vec<_> = known.iter().map(|row| Arc::clone(&row.outer)).collect();
    let mut aligned = Aligned::new(&outers);
    let (mut rows, mut failure) = (Vec::with_capacity(outer.len()), None);
    for a in outer.iter() {
        let before = aligned.find(a);
        match second.inner(run, memory, a, before.map(|at| &known[at])) {
            Ok((node, inner)) => {
                rows.push((Row { outer: Arc::clone(a), node, inner, pairs: Vec::new() }, before))
            }
            Err(Stop::Needs) => failure = Some(Stop::Needs),
            Err(stop) => {
                failure = Some(stop);
                break;
            }
        }
    }
    if let Some(stop) = failure {
        memory.rows = known;
        return Err(stop);
    }
    // Nothing is asked any more: the pairs are made one by one, so that they can go as they come.
    for (mut row, before) in rows {
        row.pair(run, path, before.map(|at| &known[at]), emit)?;
        if run.keeps {
            memory.rows.push(row);
        }
    }
    if run.keeps {
        forget_unused(memory);
    }
    Ok(())
}

impl Row {
    /// Makes the pairs that were not made before.
    fn pair(
        &mut self,
        run: &Run<'_>,
        matrix: &str,
        known: Option<&Self>,
        emit: &mut Emit<'_>,
    ) -> Result<(), Problem> {
        if let Some(known) = known.filter(|known| Arc::ptr_eq(&known.inner, &self.inner)) {
            self.pairs = known.pairs.clone();
            self.pairs.iter().for_each(|pair| emit(Arc::clone(pair)));
            return Ok(());
        }
        let mut aligned = Aligned::new(known.map_or(&[][..], |row| &row.inner[..]));
        for b in self.inner.iter() {
            let pair = match (aligned.find(b), known) {
                (Some(at), Some(row)) => Arc::clone(&row.pairs[at]),
                _ if run.engine.go_template => Arc::new(merged(&self.outer, b)),
                _ => Arc::new(combined(matrix, &self.outer, b)?),
            };
            emit(Arc::clone(&pair));
            if run.keeps {
                self.pairs.push(pair);
            }
        }
        Ok(())
    }
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
    /// The configuration's place, when the parameters of the first generator change nothing in it.
    fixed: Option<usize>,
    /// What each configuration gave in this run.
    gave: Vec<Option<Result<Sets, Stop>>>,
}

impl<'a> Second<'a> {
    fn compile(
        run: &mut Run<'_>,
        matrix: &'a str,
        entry: &'a Value,
        (level, is_rendered): (Level, bool),
    ) -> Result<Self, Problem> {
        let path = format!("{matrix}.generators[1]");
        let (kind, config, selector) = single(run, &path, entry)?;
        let path = format!("{path}.{}", kind.key());
        let fields = fields::object(&path, Some(config))?;
        let has_values = is_rendered && !matches!(kind, Kind::List | Kind::Matrix | Kind::Merge);
        let values = if has_values { Some(Values::compile(run.engine, &path, fields)?) } else { None };
        let mut rest = fields.clone();
        rest.remove("template");
        if has_values {
            rest.remove("values");
        }
        // Without parameters of the first generator the second stays as it is written.
        let tree = match is_rendered {
            true => run.engine.tree(&path, &Value::Object(rest))?,
            false => Tree::Fixed(Value::Object(rest)),
        };
        Ok(Self { path, kind, config, selector, tree, values, level, fixed: None, gave: Vec::new() })
    }

    /// What the generator gives for one parameter set of the first, and where its configuration stands.
    fn inner(
        &mut self,
        run: &mut Run<'_>,
        memory: &mut memo::Second,
        outer: &Arc<Params>,
        known: Option<&Row>,
    ) -> Result<(usize, Sets), Stop> {
        let node = match known {
            Some(row) => row.node,
            None => self.place(run, memory, outer)?,
        };
        Ok((node, self.sets(run, memory, node, outer)?))
    }

    /// Where the configuration stands that these parameters make.
    fn place(
        &mut self,
        run: &Run<'_>,
        memory: &mut memo::Second,
        outer: &Arc<Params>,
    ) -> Result<usize, Stop> {
        if let Some(fixed) = self.fixed {
            return Ok(fixed);
        }
        let config = self.configured(run, outer)?;
        let fresh = memory.nodes.len();
        let place = *memory.by_config.entry(config.to_string()).or_insert(fresh);
        if place == fresh {
            memory.nodes.push(Node::default());
        }
        if matches!(self.tree, Tree::Fixed(_)) && self.values.as_ref().is_none_or(Values::is_fixed) {
            self.fixed = Some(place);
        }
        Ok(place)
    }

    fn configured(&self, run: &Run<'_>, outer: &Params) -> Result<Value, Problem> {
        if outer.map.is_empty() {
            Ok(self.config.clone())
        } else {
            self.rendered(run.engine, &run.engine.bind(outer))
        }
    }

    /// What the generator gives for these parameters, run once for all that configure it alike.
    fn sets(
        &mut self,
        run: &mut Run<'_>,
        memory: &mut memo::Second,
        place: usize,
        outer: &Params,
    ) -> Result<Sets, Stop> {
        if self.gave.len() <= place {
            self.gave.resize_with(memory.nodes.len(), || None);
        }
        if let Some(known) = &self.gave[place] {
            return known.clone();
        }
        let node = &mut memory.nodes[place];
        let given = match again(run, node) {
            Some(sets) => Ok(sets),
            None => {
                let config = self.configured(run, outer)?;
                generate_kind(run, node, &self.path, self.kind, &config, self.level)
            }
        };
        let given = given.map(|sets| node.filter(sets, &self.selector));
        self.gave[place] = Some(given.clone());
        given
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

/// Drops the memory of configurations that no parameter set makes any more, once they are most of it.
fn forget_unused(memory: &mut memo::Second) {
    let mut used = vec![false; memory.nodes.len()];
    memory.rows.iter().for_each(|row| used[row.node] = true);
    if used.iter().filter(|used| **used).count() * 2 > used.len() {
        return;
    }
    let mut places = vec![0; used.len()];
    let mut nodes = Vec::new();
    for (place, node) in std::mem::take(&mut memory.nodes).into_iter().enumerate() {
        if used[place] {
            places[place] = nodes.len();
            nodes.push(node);
        }
    }
    memory.nodes = nodes;
    memory.by_config.retain(|_, place| used[*place]);
    memory.by_config.values_mut().for_each(|place| *place = places[*place]);
    memory.rows.iter_mut().for_each(|row| row.node = places[row.node]);
}

/// Go mode: `b` with `a` over it.
fn merged(a: &Params, b: &Params) -> Params {
    let typed = a.typed.with(&a.map, b.typed, &b.map);
    let mut map = b.map.clone();
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
fn printed(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter().map(|(key, value)| (key.clone(), Value::String(go_string(value)))).collect()
}
