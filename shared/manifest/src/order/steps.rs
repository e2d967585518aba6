//! All objects of an application in the order of a sync.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Phase, Role, kind_rank, role, wave};
use crate::Manifest;

/// One object in one phase of a sync.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// When.
    pub phase: Phase,
    /// In which wave of the phase: the object's own, or that of what needs it.
    pub wave: i64,
    /// Whether it runs as a hook.
    pub hook: bool,
    /// What.
    pub manifest: &'a Manifest,
}

/// The objects in the order of a sync: phase, wave, kind rank, name, id. A Namespace or CustomResourceDefinition moves in front of the
/// first object that needs it, into that one's phase and wave. Hooks of deletion, skipped objects and unknown hooks are left out.
pub fn steps(objects: &[Manifest]) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = objects.iter().flat_map(steps_of).collect();
    steps.sort_by_cached_key(|step| {
        let manifest = step.manifest;
        (step.phase, step.wave, kind_rank(manifest.kind()), manifest.name().to_owned(), manifest.id())
    });
    let steps = lift(steps, provided_namespace, needed_namespace);
    lift(steps, provided_kind, needed_kind)
}

fn steps_of(manifest: &Manifest) -> Vec<Step<'_>> {
    let (phases, hook) = match role(manifest) {
        Role::Resource => (BTreeSet::from([Phase::Sync]), false),
        Role::Hook(phases) => (phases, true),
        Role::Skip | Role::Unknown(_) => return Vec::new(),
    };
    let of_sync = phases.into_iter().filter(|phase| phase.is_of_sync());
    of_sync.map(|phase| Step { phase, wave: wave(manifest), hook, manifest }).collect()
}

/// Moves each provider in front of the first step that needs it.
fn lift<'a>(
    steps: Vec<Step<'a>>,
    provides: fn(&Manifest) -> Option<String>,
    needs: fn(&Manifest) -> Option<String>,
) -> Vec<Step<'a>> {
    let mut lifted: Vec<Step<'a>> = Vec::with_capacity(steps.len());
    let mut first_need: BTreeMap<String, usize> = BTreeMap::new();
    for mut step in steps {
        if let Some(provided) = provides(step.manifest) {
            match first_need.get(&provided).copied() {
                None => lifted.push(step),
                Some(index) => {
                    (step.phase, step.wave) = (lifted[index].phase, lifted[index].wave);
                    lifted.insert(index, step);
                    first_need.values_mut().filter(|first| **first >= index).for_each(|first| *first += 1);
                }
            }
            continue;
        }
        if let Some(needed) = needs(step.manifest) {
            first_need.entry(needed).or_insert(lifted.len());
        }
        lifted.push(step);
    }
    lifted
}

fn provided_namespace(manifest: &Manifest) -> Option<String> {
    (manifest.group().is_empty() && manifest.kind() == "Namespace").then(|| manifest.name().to_owned())
}

fn needed_namespace(manifest: &Manifest) -> Option<String> {
    manifest.namespace().map(str::to_owned)
}

fn provided_kind(manifest: &Manifest) -> Option<String> {
    if !manifest.is_crd() {
        return None;
    }
    let text = |pointer: &str| manifest.value().pointer(pointer).and_then(Value::as_str);
    Some(format!("{}/{}", text("/spec/group")?, text("/spec/names/kind")?))
}

fn needed_kind(manifest: &Manifest) -> Option<String> {
    Some(format!("{}/{}", manifest.group(), manifest.kind()))
}
