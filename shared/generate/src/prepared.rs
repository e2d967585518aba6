//! What of a set counts for all its generators: the template language, the template, the policy and Flotilla's own options.

use crate::engine::Engine;
use crate::outcome::{Expansion, Problem, Unsupported};
use crate::render::Renderer;
use crate::run::{Globbing, failed};
use crate::{fields, generators, reconcile};
use serde_json::Value;
use shared_model::{GIT_FILE_GLOBBING_ANNOTATION, ON_GENERATOR_FAILURE_ANNOTATION};
use std::collections::BTreeSet;
use std::time::Duration;

/// When a set that could not be expanded is expanded again (Argo CD's `ReconcileRequeueOnValidationError`).
const REQUEUE_ON_ERROR: Duration = Duration::from_secs(180);

/// A set, compiled.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) engine: Engine,
    pub(crate) renderer: Renderer,
    pub(crate) globbing: Globbing,
    /// Whether a generator that fails stops its own Applications only.
    pub(crate) isolates: bool,
}

impl Prepared {
    pub(crate) fn of(set: &Value) -> Result<Self, Problem> {
        let spec = fields::object("spec", set.get("spec"))?;
        let engine = Engine::of(spec)?;
        let policy = fields::object("spec.syncPolicy", spec.get("syncPolicy"))?;
        let sync = fields::string("spec.syncPolicy", policy, "applicationsSync")?;
        if !["", "sync", "create-only", "create-update", "create-delete"].contains(&sync) {
            let message = format!("`{sync}` is not a policy");
            let remedy = "use create-only, create-update, create-delete or sync";
            return Err(failed("spec.syncPolicy.applicationsSync", message, remedy));
        }
        let renderer = Renderer::of(&engine, set, spec)?;
        fields::array("spec", spec, "generators")?;
        let globbing = globbing(set);
        let isolates = annotation(set, ON_GENERATOR_FAILURE_ANNOTATION) == Some("Isolate");
        Ok(Self { engine, renderer, globbing, isolates })
    }

    /// Adds what does not depend on how the expansion came about.
    pub(crate) fn finish(&self, set: &Value, notes: BTreeSet<Unsupported>, expansion: &mut Expansion) {
        let mut unsupported = notes;
        unsupported.extend(reconcile::without_effect(set));
        unsupported.extend(unknown_options(set));
        expansion.unsupported = unsupported.into_iter().collect();
        let after = entries(set).iter().filter_map(generators::requeue).min();
        expansion.requeue_after = if !expansion.problems.is_empty() {
            Some(REQUEUE_ON_ERROR)
        } else if !expansion.frozen.is_empty() {
            Some(after.map_or(REQUEUE_ON_ERROR, |after| after.min(REQUEUE_ON_ERROR)))
        } else if expansion.rejected.is_empty() {
            after
        } else {
            after.or(Some(REQUEUE_ON_ERROR))
        };
    }
}

/// How a set's patterns of git files are read.
pub(crate) fn globbing(set: &Value) -> Globbing {
    match annotation(set, GIT_FILE_GLOBBING_ANNOTATION) {
        Some("Doublestar") => Globbing::Doublestar,
        _ => Globbing::Pathspec,
    }
}

/// The entries of `spec.generators`.
pub(crate) fn entries(set: &Value) -> &[Value] {
    set.pointer("/spec/generators").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn annotation<'s>(set: &'s Value, name: &str) -> Option<&'s str> {
    set.get("metadata")?.get("annotations")?.get(name)?.as_str()
}

/// Our own options with values that mean nothing.
fn unknown_options(set: &Value) -> impl Iterator<Item = Unsupported> {
    let options = [
        (ON_GENERATOR_FAILURE_ANNOTATION, ["Freeze", "Isolate"]),
        (GIT_FILE_GLOBBING_ANNOTATION, ["Pathspec", "Doublestar"]),
    ];
    options.into_iter().filter_map(|(name, known)| {
        let value = annotation(set, name).filter(|value| !known.contains(value))?;
        Some(Unsupported {
            path: format!("metadata.annotations.{name}"),
            message: format!("`{value}` means nothing here, `{}` holds", known[0]),
            remedy: format!("use {} or {}", known[0], known[1]),
            hides_applications: false,
        })
    })
}
