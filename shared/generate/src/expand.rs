//! The whole expansion: every generator, every Application, and what is wrong with them.

use crate::check::{self, Verdict};
use crate::generators::{self, Origin, Produced, clusters};
use crate::memo::Changes;
use crate::outcome::{Expansion, Frozen, Generated, Outcome, Problem, Reason, Rejected};
use crate::params::Params;
use crate::prepared::{self, Prepared};
use crate::render::{Program, Rendered};
use crate::run::{Run, Stop};
use crate::{Inputs, Repository};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many failures of one generator's templates are collected before the rest is not looked at: 10,000 Applications fail for one reason.
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
    run.keeps = false;
    let mut entries: Vec<_> = prepared::entries(set).iter().enumerate().collect();
    // Those that may ask come first, so that nothing is rendered in vain.
    entries.sort_by_key(|(_, entry)| !generators::reads_git(entry));
    let mut failures = Failures::new(prepared.isolates);
    let mut candidates = Vec::new();
    for (index, entry) in entries {
        let mut streams: BTreeMap<usize, Stream> = BTreeMap::new();
        let given = generators::once(&mut run, &at(index), entry, |place, origin, params| {
            let stream =
                streams.entry(place).or_insert_with(|| Stream::new(&prepared, origin, &mut failures));
            stream.take(&prepared, &origin.path, &params, &mut failures);
        });
        for (place, (origin, one)) in given.into_iter().enumerate() {
            let stream = streams.remove(&place);
            match one {
                Ok(()) if stream.is_none() => drop(Stream::new(&prepared, &origin, &mut failures)),
                Ok(()) => {}
                Err(Stop::Needs) => continue,
                Err(Stop::Failed(problem)) => failures.replace(&origin.path, problem),
            }
            if !failures.is_frozen(&origin.path) {
                candidates.extend(stream.map(|stream| stream.candidates).unwrap_or_default());
            }
        }
        if !run.needs.is_empty() {
            candidates.clear();
        }
    }
    if !run.needs.is_empty() {
        return Outcome::Needs(run.needs);
    }
    let mut unsupported = run.unsupported;
    let mut expansion = match failures.end(|_| None) {
        Ok(frozen) => Expansion { frozen, ..sorted(candidates) },
        Err(problems) => stopped(problems),
    };
    unsupported.extend(expansion.applications.iter().filter_map(Generated::lost).cloned());
    prepared.finish(set, unsupported, &mut expansion);
    Outcome::Done(expansion)
}

/// The Applications of one generator, made as its parameter sets come.
struct Stream {
    program: Option<Program>,
    shaped: Shaped,
    candidates: Vec<Candidate>,
}

impl Stream {
    fn new(prepared: &Prepared, origin: &Origin<'_>, failures: &mut Failures) -> Self {
        let program = prepared.renderer.program(&prepared.engine, origin.template);
        let program = program.map_err(|problem| failures.add(&origin.path, problem)).ok();
        Self { program, shaped: Shaped::default(), candidates: Vec::new() }
    }

    fn take(&mut self, prepared: &Prepared, origin: &Arc<str>, params: &Params, failures: &mut Failures) {
        let Some(program) = self.program.as_ref().filter(|_| !failures.is_enough(origin)) else { return };
        match candidate(prepared, program, params, origin, &mut self.shaped) {
            Ok(candidate) => self.candidates.push(candidate),
            Err(problem) => failures.add(origin, problem),
        }
    }
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

    /// The generator failed: what its first parameter sets came to is nothing that anybody asked for.
    fn replace(&mut self, origin: &str, problem: Problem) {
        self.by_origin.insert(origin.to_owned(), BTreeSet::from([problem]));
    }

    /// Whether looking for more of this generator's tells nobody more.
    pub(crate) fn is_enough(&self, origin: &str) -> bool {
        self.by_origin.get(origin).is_some_and(|problems| problems.len() >= MAX_PROBLEMS)
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
    /// Boxed, since nearly none is.
    pub(crate) rejected: Option<Box<Problem>>,
}

/// Whether an Application of a program whose Applications have one shape was found to be an Application.
#[derive(Debug, Default)]
pub(crate) struct Shaped(bool);

/// The Application of one parameter set.
pub(crate) fn candidate(
    prepared: &Prepared,
    program: &Program,
    params: &Params,
    origin: &Arc<str>,
    shaped: &mut Shaped,
) -> Result<Candidate, Problem> {
    let rendered = prepared.renderer.application(&prepared.engine, program, params)?;
    let go_template = prepared.engine.go_template;
    let rejected = match check::check(&rendered, &program.bare, params, go_template, shaped.0) {
        Verdict::Fine => None,
        Verdict::Rejected(problem) => Some(problem),
        Verdict::Broken(problem) => return Err(problem),
    };
    shaped.0 |= rejected.is_none() && matches!(rendered, Rendered::Filled(_));
    let name = check::name(&rendered).to_owned();
    Ok(Candidate { application: Generated::new(name, origin, rendered), rejected: rejected.map(Box::new) })
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
            let origin = copy.application.origin.to_string();
            Some(Rejected { name: name.to_owned(), origin, problem: *copy.rejected.clone()? })
        });
        let mut rejected: Vec<_> = rejected.collect();
        rejected.sort_by(|a, b| a.origin.cmp(&b.origin));
        return if rejected.is_empty() { Fate::Fine } else { Fate::Rejected(rejected) };
    }
    let origins: BTreeSet<_> = copies.iter().map(|copy| &*copy.application.origin).collect();
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
        if let [one] = copies
            && one.rejected.is_none()
        {
            continue;
        }
        if let Fate::Rejected(problems) = fate(name, &copies.iter().collect::<Vec<_>>()) {
            rejected.insert(name.clone());
            expansion.rejected.extend(problems);
        }
    }
    candidates.retain(|candidate| rejected.is_empty() || !rejected.contains(&candidate.application.name));
    expansion.applications = candidates.into_iter().map(|candidate| candidate.application).collect();
    expansion
}
