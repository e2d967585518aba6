//! `merge`: the first generator's parameter sets, overridden by sets of later generators that agree with them in every merge key.
//!
//! Keys are looked up at the top of the parameters and compared as JSON; a missing one is null and equals null. Sets that two of one generator
//! share are an error. Sets of later generators that match nothing are dropped.

use super::matrix::overlay;
use super::{Emit, Level, child};
use crate::memo::{Merged, Node, all_same};
use crate::params::Params;
use crate::run::{Run, Stop, failed};
use crate::{Problem, fields};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) fn generate(
    run: &mut Run<'_>,
    node: &mut Node,
    path: &str,
    config: &Map<String, Value>,
    below: Level,
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    run.note_unknown_fields(path, config, &["generators", "mergeKeys", "template"]);
    let keys = merge_keys(path, config)?;
    let entries = fields::array(path, config, "generators")?;
    if entries.len() < 2 {
        let message = "found less than two generators, Merge requires two or more";
        return Err(failed(
            &format!("{path}.generators"),
            message,
            "add a generator, or use this one without merge",
        )
        .into());
    }
    node.members.resize_with(entries.len(), Node::default);
    let (mut sets, mut waits) = (Vec::new(), false);
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("{path}.generators[{index}]");
        match child(run, &mut node.members[index], &path, entry, below) {
            Ok(params) => sets.push(by_key(&path, &params, &keys)?),
            Err(Stop::Needs) => waits = true,
            Err(stop) => return Err(stop),
        }
    }
    if waits {
        return Err(Stop::Needs);
    }
    let mut sets = sets.into_iter();
    let base = sets.next().unwrap_or_default();
    let mut later: Vec<_> = sets.map(|keyed| keyed.into_iter().peekable()).collect();
    let mut known = node.merged.iter().peekable();
    let mut merged = Vec::new();
    for (key, params) in base {
        let mut parts = vec![params];
        for keyed in &mut later {
            while keyed.next_if(|(other, _)| *other < key).is_some() {}
            parts.extend(keyed.next_if(|(other, _)| *other == key).map(|(_, over)| over));
        }
        while known.next_if(|known| *known.key < *key).is_some() {}
        let same = |known: &&&Merged| *known.key == *key && all_same(&known.parts, &parts);
        let result = match known.peek().filter(same) {
            Some(known) => Arc::clone(&known.result),
            None => overridden(&parts, run.engine.go_template),
        };
        emit(Arc::clone(&result));
        if run.keeps {
            merged.push(Merged { key: key.into(), parts, result });
        }
    }
    node.merged = merged;
    Ok(())
}

/// The first of `parts` with the others over it, one after the other.
fn overridden(parts: &[Arc<Params>], go_template: bool) -> Arc<Params> {
    let [base, later @ ..] = parts else { return Arc::default() };
    if later.is_empty() {
        return Arc::clone(base);
    }
    let mut params = Params::clone(base);
    later.iter().for_each(|over| override_with(&mut params, over, go_template));
    Arc::new(params)
}

fn merge_keys<'a>(path: &str, config: &'a Map<String, Value>) -> Result<BTreeSet<&'a str>, Problem> {
    let path_of_keys = format!("{path}.mergeKeys");
    let keys = fields::array(path, config, "mergeKeys")?;
    let text =
        |key: &'a Value| key.as_str().ok_or_else(|| failed(&path_of_keys, "must be a list of strings", ""));
    let keys: BTreeSet<_> = keys.iter().map(text).collect::<Result<_, _>>()?;
    if keys.is_empty() {
        let message = "no merge keys were specified, Merge requires at least one";
        return Err(failed(
            &path_of_keys,
            message,
            "name the parameters that tell which sets belong together, e.g. [server]",
        ));
    }
    Ok(keys)
}

/// The sets by their keys, in the order of keys.
fn by_key(
    path: &str,
    params: &[Arc<Params>],
    keys: &BTreeSet<&str>,
) -> Result<Vec<(String, Arc<Params>)>, Problem> {
    let keyed = |set: &Arc<Params>| {
        let key: BTreeMap<_, _> =
            keys.iter().map(|key| (*key, set.map.get(*key).unwrap_or(&Value::Null))).collect();
        (serde_json::to_string(&key).unwrap_or_default(), Arc::clone(set))
    };
    let mut sets: Vec<_> = params.iter().map(keyed).collect();
    sets.sort_by(|(a, _), (b, _)| a.cmp(b));
    match sets.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(sets),
        Some(pair) => {
            let taken = format!(
                "the parameters from a generator were not unique by the given mergeKeys, Merge requires all param sets to be unique. Duplicate key was {}",
                pair[0].0
            );
            Err(failed(path, taken, "name mergeKeys that every set has with values of its own"))
        }
    }
}

fn override_with(params: &mut Params, over: &Params, go_template: bool) {
    if go_template {
        params.typed = params.typed.with(&params.map, over.typed, &over.map);
        overlay(&mut params.map, &over.map);
    } else {
        params.map.extend(over.map.clone());
    }
}
