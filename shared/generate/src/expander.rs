//! A set that is expanded again and again: what changes costs what follows from it, not the whole set.
//!
//! Decides nothing of its own. It gives what [`crate::generate`] gives for the same set and inputs, whatever it was told before, and remembers on
//! the way: of each generator what it read and gave, of each parameter set its Application.
//!
//! Invariants: after any history, [`Expander::expansion`] is what `generate` gives from scratch, but for
//! [`Frozen::applications`](crate::Frozen::applications), which only a memory can tell; names that are not reported as touched mean the same
//! Applications as before.
//!
//! Refuses to know: what has changed. It compares, so that nobody can forget to tell; shared allocations make that cheap.

use crate::expand::{Candidate, Failures, Fate, Shaped, at, candidate, fate, stopped};
use crate::generators::{self, Produced, clusters};
use crate::memo::{Aligned, Changes, Node, Sets};
use crate::outcome::{Expansion, Generated, Problem, Rejected};
use crate::prepared::{self, Prepared};
use crate::render::Program;
use crate::run::Run;
use crate::{ClusterInput, GitAnswer, GitRequest, Inputs};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One set and what its last expansion came to.
#[derive(Debug, Default)]
pub struct Expander {
    set: Option<(Arc<Value>, Prepared)>,
    known: (Vec<Arc<ClusterInput>>, BTreeMap<GitRequest, GitAnswer>),
    changes: Changes,
    entries: Vec<Entry>,
    by_name: BTreeMap<String, Vec<Arc<Candidate>>>,
    rejected: BTreeMap<String, Vec<Rejected>>,
    /// Not yet reported.
    touched: BTreeSet<String>,
    /// The last expansion without its Applications.
    summary: Expansion,
}

/// What an [`Expander`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// Ask Git these questions, add the answers to the inputs, and update again. Never empty.
    Needs(BTreeSet<GitRequest>),
    /// Done.
    Done {
        /// The names whose Applications came, changed or went since the last update that was done without problems. None while the set has
        /// problems: nothing is to change then.
        touched: BTreeSet<String>,
    },
}

/// An entry of `spec.generators`.
#[derive(Debug, Default)]
struct Entry {
    nodes: BTreeMap<&'static str, Node>,
    /// By origin.
    made: BTreeMap<String, Made>,
}

/// The Applications of one generator.
#[derive(Debug)]
struct Made {
    /// The generator's own template.
    own: Option<Value>,
    program: Program,
    shaped: Shaped,
    sets: Sets,
    /// As many as `sets`; none where the template failed.
    candidates: Vec<Option<Arc<Candidate>>>,
    /// While the generator stands still alone: the names that it gave before.
    gave: Option<BTreeSet<String>>,
}

impl Expander {
    /// Takes in the set and its inputs as they are now.
    pub fn update(&mut self, set: &Arc<Value>, inputs: &Inputs) -> Update {
        if let Err(problem) = self.take(set) {
            self.summary = stopped(BTreeSet::from([problem]));
            return Update::Done { touched: BTreeSet::new() };
        }
        let Some((set, prepared)) = &self.set else { return Update::Done { touched: BTreeSet::new() } };
        self.changes.take(&mut self.known, (clusters::by_name(&inputs.clusters), &inputs.git));
        let mut run =
            Run::new(&prepared.engine, prepared.globbing, &self.known.0, &self.known.1, &self.changes);
        let mut produced = Vec::new();
        for (index, (entry, value)) in self.entries.iter_mut().zip(prepared::entries(set)).enumerate() {
            let of = generators::top(&mut run, &mut entry.nodes, &at(index), value);
            produced.extend(of.into_iter().map(|(origin, one)| (index, origin, one)));
        }
        if !run.needs.is_empty() {
            return Update::Needs(run.needs);
        }
        let mut unsupported = run.unsupported;
        let mut failures = Failures::new(prepared.isolates);
        for (_, origin, one) in &produced {
            failures.add_stop(origin, one);
        }
        let mut names = Names { by_name: &mut self.by_name, touched: &mut self.touched };
        let origins: BTreeSet<&str> = produced.iter().map(|(_, origin, _)| origin.as_str()).collect();
        for entry in &mut self.entries {
            entry.made.retain(|origin, made| {
                let stays = origins.contains(origin.as_str());
                if !stays {
                    made.hide(&mut names);
                }
                stays
            });
        }
        for (index, origin, one) in &produced {
            let made = &mut self.entries[*index].made;
            if let Ok(one) = one {
                render(prepared, made, (origin, one), &mut failures, &mut names);
            }
            if let Some(made) = made.get_mut(origin).filter(|_| failures.is_frozen(origin)) {
                made.freeze(&mut names);
            }
        }
        let gave = |origin: &str| {
            let made = self.entries.iter().find_map(|entry| entry.made.get(origin));
            made.and_then(|made| made.gave.clone())
        };
        let (mut summary, done) = match failures.end(gave) {
            Ok(frozen) => (Expansion { frozen, ..Expansion::default() }, true),
            Err(problems) => (stopped(problems), false),
        };
        let touched = if done { std::mem::take(&mut self.touched) } else { BTreeSet::new() };
        for name in &touched {
            let copies: Vec<&Candidate> =
                self.by_name.get(name).into_iter().flatten().map(|copy| &**copy).collect();
            match fate(name, &copies) {
                Fate::Fine => drop(self.rejected.remove(name)),
                Fate::Rejected(rejected) => drop(self.rejected.insert(name.clone(), rejected)),
            }
        }
        if done {
            summary.rejected = self.rejected.values().flatten().cloned().collect();
            if prepared.renderer.patches() {
                let given = self.by_name.iter().filter(|(name, _)| !self.rejected.contains_key(*name));
                let given = given.filter_map(|(_, copies)| copies.first());
                unsupported.extend(given.filter_map(|candidate| candidate.application.lost()).cloned());
            }
        }
        prepared.finish(set, unsupported, &mut summary);
        self.summary = summary;
        Update::Done { touched }
    }

    /// The Applications of the last update, sorted by name.
    pub fn applications(&self) -> impl Iterator<Item = &Generated> {
        let shown = self.summary.problems.is_empty();
        let one = |(name, copies): (&String, &'_ Vec<Arc<Candidate>>)| {
            !copies.is_empty() && !self.rejected.contains_key(name)
        };
        self.by_name
            .iter()
            .filter(move |pair| shown && one(*pair))
            .filter_map(|(_, copies)| copies.first())
            .map(|candidate| &candidate.application)
    }

    /// The Application of this name, if the last update gave one.
    pub fn application(&self, name: &str) -> Option<&Generated> {
        if !self.summary.problems.is_empty() || self.rejected.contains_key(name) {
            return None;
        }
        self.by_name.get(name)?.first().map(|candidate| &candidate.application)
    }

    /// What the last update came to, without the Applications.
    pub fn summary(&self) -> &Expansion {
        &self.summary
    }

    /// What the last update came to, with a copy of every Application.
    pub fn expansion(&self) -> Expansion {
        Expansion { applications: self.applications().cloned().collect(), ..self.summary.clone() }
    }

    /// Takes in the set; what followed from what is not the same any more goes.
    fn take(&mut self, set: &Arc<Value>) -> Result<(), Problem> {
        let before = self.set.as_ref().map(|(before, _)| Arc::clone(before));
        if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, set)) {
            return Ok(());
        }
        let old = before.as_ref().map_or(&[][..], |before| prepared::entries(before));
        let new = prepared::entries(set);
        let same: Vec<bool> = new.iter().enumerate().map(|(at, entry)| old.get(at) == Some(entry)).collect();
        let is = |before: &Arc<Value>, pointers: &[&str]| {
            pointers.iter().all(|pointer| before.pointer(pointer) == set.pointer(pointer))
        };
        let kept = |pointers: &[&str]| before.as_ref().is_some_and(|before| is(before, pointers));
        let language = kept(&["/spec/goTemplate", "/spec/goTemplateOptions", "/metadata/annotations"]);
        let template =
            kept(&["/spec/template", "/spec/templatePatch", "/spec/syncPolicy", "/metadata/namespace"]);
        let is_list = set.pointer("/spec/generators").is_some_and(Value::is_array);
        if is_list && language && template && old.len() == new.len() && same.iter().all(|same| *same) {
            // Only what does not count for an expansion is another.
            if let Some((known, _)) = &mut self.set {
                *known = Arc::clone(set);
            }
            return Ok(());
        }
        let prepared = Prepared::of(set)?;
        let mut names = Names { by_name: &mut self.by_name, touched: &mut self.touched };
        if !language || !template {
            self.entries.iter_mut().for_each(|entry| entry.hide(&mut names));
        }
        if !language {
            self.entries.clear();
        }
        self.entries.drain(new.len().min(self.entries.len())..).for_each(|mut entry| entry.hide(&mut names));
        self.entries.resize_with(new.len(), Entry::default);
        for (entry, _) in self.entries.iter_mut().zip(same).filter(|(_, same)| !same) {
            entry.nodes.values_mut().for_each(Node::forget);
        }
        self.set = Some((Arc::clone(set), prepared));
        Ok(())
    }
}

impl Entry {
    fn hide(&mut self, names: &mut Names<'_>) {
        std::mem::take(&mut self.made).values_mut().for_each(|made| made.hide(names));
    }
}

impl Made {
    /// Takes its Applications out.
    fn hide(&self, names: &mut Names<'_>) {
        if self.gave.is_none() {
            self.candidates.iter().flatten().for_each(|candidate| names.remove(candidate));
        }
    }

    /// Takes its Applications out, and remembers which they were before the generator failed.
    fn freeze(&mut self, names: &mut Names<'_>) {
        if self.gave.is_none() {
            let given = self.candidates.iter().flatten();
            let gave = given.map(|candidate| candidate.application.name.clone()).collect();
            self.hide(names);
            self.gave = Some(gave);
        }
    }
}

/// Every name with the Applications that have it.
struct Names<'a> {
    by_name: &'a mut BTreeMap<String, Vec<Arc<Candidate>>>,
    touched: &'a mut BTreeSet<String>,
}

impl Names<'_> {
    fn add(&mut self, candidate: &Arc<Candidate>) {
        let name = &candidate.application.name;
        self.touched.insert(name.clone());
        self.by_name.entry(name.clone()).or_default().push(Arc::clone(candidate));
    }

    fn remove(&mut self, candidate: &Arc<Candidate>) {
        let name = &candidate.application.name;
        let Some(copies) = self.by_name.get_mut(name) else { return };
        copies.retain(|copy| !Arc::ptr_eq(copy, candidate));
        if copies.is_empty() {
            self.by_name.remove(name);
        }
        self.touched.insert(name.clone());
    }
}

/// Renders what a generator gives, but for the parameter sets that were rendered before.
fn render(
    prepared: &Prepared,
    all: &mut BTreeMap<String, Made>,
    (origin, one): (&str, &Produced<'_>),
    failures: &mut Failures,
    names: &mut Names<'_>,
) {
    if all.get(origin).is_none_or(|made| made.own.as_ref() != one.template) {
        let program = match prepared.renderer.program(&prepared.engine, one.template) {
            Ok(program) => program,
            Err(problem) => return failures.add(origin, problem),
        };
        let fresh = Made {
            own: one.template.cloned(),
            program,
            shaped: Shaped::default(),
            sets: Sets::default(),
            candidates: Vec::new(),
            gave: None,
        };
        if let Some(before) = all.insert(origin.to_owned(), fresh) {
            before.hide(names);
        }
    }
    let Some(made) = all.get_mut(origin) else { return };
    let is_whole = made.gave.is_none() && made.candidates.iter().all(Option::is_some);
    if is_whole && Arc::ptr_eq(&made.sets, &one.params) {
        return;
    }
    let name: Arc<str> = Arc::from(origin);
    let mut known = Aligned::new(&made.sets);
    let mut taken = vec![false; made.candidates.len()];
    let mut candidates = Vec::with_capacity(one.params.len());
    let mut fresh = Vec::new();
    for params in one.params.iter() {
        let before = known.find(params).filter(|at| !taken[*at] && made.candidates[*at].is_some());
        if let Some(at) = before {
            taken[at] = true;
            candidates.push(made.candidates[at].clone());
            continue;
        }
        if failures.is_enough(origin) {
            candidates.push(None);
            continue;
        }
        candidates.push(match candidate(prepared, &made.program, params, &name, &mut made.shaped) {
            Ok(candidate) => {
                fresh.push(candidates.len());
                Some(Arc::new(candidate))
            }
            Err(problem) => {
                failures.add(origin, problem);
                None
            }
        });
    }
    if failures.is_frozen(origin) {
        made.freeze(names);
    }
    if made.gave.is_none() {
        let gone = made.candidates.iter().zip(&taken).filter(|(_, taken)| !**taken);
        gone.filter_map(|(candidate, _)| candidate.as_ref()).for_each(|candidate| names.remove(candidate));
        fresh.iter().filter_map(|at| candidates[*at].as_ref()).for_each(|candidate| names.add(candidate));
    } else if !failures.is_frozen(origin) {
        made.gave = None;
        candidates.iter().flatten().for_each(|candidate| names.add(candidate));
    }
    (made.sets, made.candidates) = (Arc::clone(&one.params), candidates);
}
