//! The whole expansion: every generator, every Application, and what is wrong with them.

use crate::check::{self, Verdict};
use crate::generators::{self, Produced, clusters};
use crate::memo::Changes;
use crate::outcome::{Expansion, Frozen, Generated, Outcome, Problem, Reason, Rejected};
use crate::prepared::Prepared;
use crate::render::Program;
use crate::run::{Run, Stop};
use crate::{Inputs, Repository};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many failures of templates are collected before the rest is not looked at: 10,000 Applications fail for one reason.
const MAX_PROBLEMS: usize = 20;

/// The Applications that `set` (the whole ApplicationSet object) stands for, or what must be known first.
///
/// Flow: call it with the clusters and no answers; on [`Outcome::Needs`] add Git's answers to the inputs and call it again. A tree and its files are
/// asked one after the other, and the second generator of a matrix asks once the first is answered, so that a set with the deepest nesting
/// ends by the seventh call. Answers of one commit belong together: resolve a repository and revision once for all calls.
///
/// Guarantees: the same set and inputs give the same bytes, whatever order clusters and paths come in; it never panics. Whoever expands a set
/// again and again keeps an [`crate::Expander`].
pub fn generate(set: &Value, inputs: &Inputs) -> Outcome {
    let prepared = match Prepared::of(set) {
        Ok(prepared) => prepared,
        Err(problem) => return Outcome::Done(stopped(BTreeSet::from([problem]))),
    };
    let (clusters, changes) = (clusters::by_name(&inputs.clusters), Changes::default());
    let mut run = Run::new(&prepared.engine, prepared.globbing, &clusters, &inputs.git, &changes);
    let mut produced = Vec::new();
    for (index, entry) in prepared.entries(set).iter().enumerate() {
        // Parameter sets are held by what is produced alone, so that they go as their Applications come.
        produced.extend(generators::top(&mut run, &mut BTreeMap::new(), &at(index), entry));
    }
    if !run.needs.is_empty() {
        return Outcome::Needs(run.needs);
    }
    let unsupported = run.unsupported;
    let mut failures = Failures::new(prepared.isolates);
    produced.iter().for_each(|(origin, one)| failures.add_stop(origin, one));
    let mut candidates = Vec::new();
    for (origin, one) in produced {
        let Ok(one) = one else { continue };
        let program = match prepared.renderer.program(&prepared.engine, one.template) {
            Ok(program) => program,
            Err(problem) => {
                failures.add(&origin, problem);
                continue;
            }
        };
        let (before, mut shaped) = (candidates.len(), Shaped::default());
        for params in unshared(one.params) {
            if failures.is_enough(&origin) {
                break;
            }
            match candidate(&prepared, &program, &params, &origin, &mut shaped) {
                Ok(candidate) => candidates.push(candidate),
                Err(problem) => failures.add(&origin, problem),
            }
        }
        if failures.is_frozen(&origin) {
            candidates.truncate(before);
        }
    }
    let mut expansion = match failures.end(|_| None) {
        Ok(frozen) => Expansion { frozen, ..sorted(candidates) },
        Err(problems) => stopped(problems),
    };
    prepared.finish(set, unsupported, &mut expansion);
    Outcome::Done(expansion)
}

/// The repositories and revisions that the git generators of `set` name without a template, nested ones included.
pub fn repositories(set: &Value) -> BTreeSet<Repository> {
    let mut found = BTreeSet::new();
    let entries = set.pointer("/spec/generators").and_then(Value::as_array).into_iter().flatten();
    entries.for_each(|entry| generators::repositories(entry, &mut found));
    found
}

/// The path of an entry of `spec.generators`.
pub(crate) fn at(index: usize) -> String {
    format!("spec.generators[{index}]")
}

pub(crate) fn stopped(problems: BTreeSet<Problem>) -> Expansion {
    Expansion { problems: problems.into_iter().collect(), ..Expansion::default() }
}

/// The items, which are freed one by one as they are used if nobody else holds them.
fn unshared<T: Clone>(items: Arc<Vec<T>>) -> Vec<T> {
    Arc::try_unwrap(items).unwrap_or_else(|shared| shared.to_vec())
}

/// What has failed so far, by generator.
#[derive(Debug)]
pub(crate) struct Failures {
    isolates: bool,
    by_origin: BTreeMap<String, BTreeSet<Problem>>,
}

impl Failures {
    pub(crate) fn new(isolates: bool) -> Self {
        Self { isolates, by_origin: BTreeMap::new() }
    }

    /// Takes in why a generator gave nothing, if it did not.
    pub(crate) fn add_stop(&mut self, origin: &str, one: &Result<Produced<'_>, Stop>) {
        if let Err(Stop::Failed(problem)) = one {
            self.add(origin, problem.clone());
        }
    }

    pub(crate) fn add(&mut self, origin: &str, problem: Problem) {
        self.by_origin.entry(origin.to_owned()).or_default().insert(problem);
    }

    /// Whether looking for more tells nobody more.
    pub(crate) fn is_enough(&self, origin: &str) -> bool {
        let counted = self.by_origin.iter().filter(|(known, _)| !self.isolates || *known == origin);
        counted.map(|(_, problems)| problems.len()).sum::<usize>() >= MAX_PROBLEMS
    }

    /// Whether this generator's Applications stand still while those of others go on.
    pub(crate) fn is_frozen(&self, origin: &str) -> bool {
        self.isolates && self.by_origin.contains_key(origin)
    }

    /// The generators that stand still alone, with the Applications that they `gave`; or the problems that stop the whole set.
    pub(crate) fn end(
        self,
        gave: impl Fn(&str) -> Option<BTreeSet<String>>,
    ) -> Result<Vec<Frozen>, BTreeSet<Problem>> {
        if !self.isolates && !self.by_origin.is_empty() {
            return Err(self.by_origin.into_values().flatten().collect());
        }
        let frozen = self.by_origin.into_iter().map(|(origin, problems)| Frozen {
            applications: gave(&origin),
            origin,
            problems: problems.into_iter().collect(),
        });
        Ok(frozen.collect())
    }
}

/// An Application on its way, with what makes it invalid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) application: Generated,
    pub(crate) rejected: Option<Problem>,
}

/// Whether an Application of a program whose Applications have one shape was found to be an Application.
#[derive(Debug, Default)]
pub(crate) struct Shaped(bool);

/// The Application of one parameter set.
pub(crate) fn candidate(
    prepared: &Prepared,
    program: &Program,
    params: &crate::params::Params,
    origin: &str,
    shaped: &mut Shaped,
) -> Result<Candidate, Problem> {
    let object = prepared.renderer.application(&prepared.engine, program, params)?;
    let modes = (prepared.engine.go_template, shaped.0);
    let rejected = match check::check(&object, &program.template, params, modes) {
        Verdict::Fine => None,
        Verdict::Rejected(problem) => Some(problem),
        Verdict::Broken(problem) => return Err(problem),
    };
    shaped.0 |= program.has_one_shape && rejected.is_none() && !params.map.is_empty();
    let name = check::name(&object).to_owned();
    Ok(Candidate { application: Generated { name, object, origin: origin.to_owned() }, rejected })
}

/// What becomes of the Applications of one name.
pub(crate) enum Fate {
    /// The only one is valid.
    Fine,
    Rejected(Vec<Rejected>),
}

/// Judges the copies of one name: of a name that comes twice every copy is rejected, as in Argo CD.
pub(crate) fn fate(name: &str, copies: &[&Candidate]) -> Fate {
    if name.is_empty() || copies.len() <= 1 {
        let rejected = copies.iter().filter_map(|copy| {
            let origin = copy.application.origin.clone();
            Some(Rejected { name: name.to_owned(), origin, problem: copy.rejected.clone()? })
        });
        let mut rejected: Vec<_> = rejected.collect();
        rejected.sort_by(|a, b| a.origin.cmp(&b.origin));
        return if rejected.is_empty() { Fate::Fine } else { Fate::Rejected(rejected) };
    }
    let origins: BTreeSet<_> = copies.iter().map(|copy| copy.application.origin.as_str()).collect();
    let origin = origins.first().map(|origin| (*origin).to_owned()).unwrap_or_default();
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
    Fate::Rejected(vec![Rejected { name: name.to_owned(), origin, problem }])
}

/// Sorts by name, and takes out what cannot be.
fn sorted(mut candidates: Vec<Candidate>) -> Expansion {
    if !candidates.is_sorted_by(|a, b| a.application.name <= b.application.name) {
        candidates.sort_by(|a, b| a.application.name.cmp(&b.application.name));
    }
    let mut expansion = Expansion::default();
    let mut rejected = BTreeSet::new();
    for copies in candidates.chunk_by(|a, b| a.application.name == b.application.name) {
        let name = &copies[0].application.name;
        if let Fate::Rejected(problems) = fate(name, &copies.iter().collect::<Vec<_>>()) {
            rejected.insert(name.clone());
            expansion.rejected.extend(problems);
        }
    }
    candidates.retain(|candidate| rejected.is_empty() || !rejected.contains(&candidate.application.name));
    expansion.applications = candidates.into_iter().map(|candidate| candidate.application).collect();
    expansion
}
