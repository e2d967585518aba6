//! The whole expansion: every generator, every Application, and what is wrong with them.

use crate::check::{self, Verdict};
use crate::engine::Engine;
use crate::generators::{self, Produced};
use crate::outcome::{Expansion, Generated, Outcome, Problem, Reason, Rejected};
use crate::reconcile;
use crate::render::Renderer;
use crate::run::{Run, Stop, failed};
use crate::{Inputs, Repository, fields};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How many failures of templates are collected before the rest is not looked at: 10,000 Applications fail for one reason.
const MAX_PROBLEMS: usize = 20;

/// The Applications that `set` (the whole ApplicationSet object) stands for, or what must be known first.
///
/// Flow: call it with the clusters and no answers; on [`Outcome::Needs`] add Git's answers to the inputs and call it again. A tree and its files are
/// asked one after the other, and the second generator of a matrix asks once the first is answered, so that a set with the deepest nesting
/// ends by the seventh call. Answers of one commit belong together: resolve a repository and revision once for all calls.
///
/// Guarantees: the same set and inputs give the same bytes, whatever order clusters and paths come in; it never panics.
pub fn generate(set: &Value, inputs: &Inputs) -> Outcome {
    let spec = match fields::object("spec", set.get("spec")) {
        Ok(spec) => spec,
        Err(problem) => return Outcome::Done(stopped(BTreeSet::from([problem]))),
    };
    let (engine, renderer) = match prepared(set, spec) {
        Ok(prepared) => prepared,
        Err(problem) => return Outcome::Done(stopped(BTreeSet::from([problem]))),
    };
    let mut run = Run::new(engine, inputs);
    let (produced, mut problems) = produced(&mut run, spec);
    if !run.needs.is_empty() {
        return Outcome::Needs(run.needs);
    }
    let rendered = rendered(&renderer, engine.go_template, &produced, &mut problems);
    let mut expansion = if problems.is_empty() { sorted(rendered) } else { stopped(problems) };
    run.unsupported.extend(reconcile::without_effect(set));
    expansion.unsupported = run.unsupported.into_iter().collect();
    expansion.requeue_after = generator_entries(set).filter_map(generators::requeue).min();
    Outcome::Done(expansion)
}

/// The repositories and revisions that the git generators of `set` name without a template, nested ones included.
pub fn repositories(set: &Value) -> BTreeSet<Repository> {
    let mut found = BTreeSet::new();
    generator_entries(set).for_each(|entry| generators::repositories(entry, &mut found));
    found
}

fn generator_entries(set: &Value) -> impl Iterator<Item = &Value> {
    set.pointer("/spec/generators").and_then(Value::as_array).into_iter().flatten()
}

fn prepared<'a>(set: &'a Value, spec: &'a Map<String, Value>) -> Result<(Engine, Renderer<'a>), Problem> {
    let engine = Engine::of(spec)?;
    let policy = fields::object("spec.syncPolicy", spec.get("syncPolicy"))?;
    let sync = fields::string("spec.syncPolicy", policy, "applicationsSync")?;
    if !["", "sync", "create-only", "create-update", "create-delete"].contains(&sync) {
        let message = format!("`{sync}` is not a policy");
        let remedy = "use create-only, create-update, create-delete or sync";
        return Err(failed("spec.syncPolicy.applicationsSync", message, remedy));
    }
    Ok((engine, Renderer::of(engine, set, spec)?))
}

fn stopped(problems: BTreeSet<Problem>) -> Expansion {
    Expansion { problems: problems.into_iter().collect(), ..Expansion::default() }
}

fn produced<'a>(run: &mut Run<'_>, spec: &'a Map<String, Value>) -> (Vec<Produced<'a>>, BTreeSet<Problem>) {
    let (mut produced, mut problems) = (Vec::new(), BTreeSet::new());
    let entries = match fields::array("spec", spec, "generators") {
        Ok(entries) => entries,
        Err(problem) => return (produced, BTreeSet::from([problem])),
    };
    for (index, entry) in entries.iter().enumerate() {
        for result in generators::top(run, &format!("spec.generators[{index}]"), entry) {
            match result {
                Ok(one) => produced.push(one),
                Err(Stop::Failed(problem)) => drop(problems.insert(problem)),
                Err(Stop::Needs) => {}
            }
        }
    }
    (produced, problems)
}

/// An Application on its way, with what makes it invalid.
struct Candidate {
    application: Generated,
    rejected: Option<Problem>,
}

fn rendered(
    renderer: &Renderer<'_>,
    go_template: bool,
    produced: &[Produced<'_>],
    problems: &mut BTreeSet<Problem>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for one in produced {
        let program = match renderer.program(one.template) {
            Ok(program) => program,
            Err(problem) => {
                problems.insert(problem);
                continue;
            }
        };
        for params in &one.params {
            if problems.len() >= MAX_PROBLEMS {
                return candidates;
            }
            let object = match renderer.application(&program, params) {
                Ok(object) => object,
                Err(problem) => {
                    problems.insert(problem);
                    continue;
                }
            };
            let rejected = match check::check(&object, &program.template, params, go_template) {
                Verdict::Fine => None,
                Verdict::Rejected(problem) => Some(problem),
                Verdict::Broken(problem) => {
                    problems.insert(problem);
                    continue;
                }
            };
            let name = check::name(&object).to_owned();
            candidates.push(Candidate {
                application: Generated { name, object, origin: one.origin.clone() },
                rejected,
            });
        }
    }
    candidates
}

/// Sorts by name; of a name that comes twice every copy is rejected, as in Argo CD.
fn sorted(candidates: Vec<Candidate>) -> Expansion {
    let mut by_name: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in candidates {
        by_name.entry(candidate.application.name.clone()).or_default().push(candidate);
    }
    let mut expansion = Expansion::default();
    for (name, mut copies) in by_name {
        if name.is_empty() || copies.len() == 1 {
            for candidate in copies {
                match candidate.rejected {
                    None => expansion.applications.push(candidate.application),
                    Some(problem) => {
                        expansion.rejected.push(Rejected {
                            name: name.clone(),
                            origin: candidate.application.origin,
                            problem,
                        });
                    }
                }
            }
            continue;
        }
        copies.sort_by(|a, b| a.application.origin.cmp(&b.application.origin));
        let origins: BTreeSet<_> = copies.iter().map(|copy| copy.application.origin.as_str()).collect();
        let origins = origins.into_iter().collect::<Vec<_>>().join(" and ");
        let problem = Problem {
            path: "spec.template.metadata.name".to_owned(),
            message: format!(
                "{} applications have the duplicate name `{name}`, all from {origins}; none of them is written",
                copies.len()
            ),
            remedy: "add a parameter that differs, e.g. the cluster's name".to_owned(),
            reason: Reason::ApplicationValidationError,
        };
        let origin = copies.swap_remove(0).application.origin;
        expansion.rejected.push(Rejected { name, origin, problem });
    }
    expansion
}
