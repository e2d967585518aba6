//! What in an ApplicationSet will not do what its author thinks.
//!
//! Decides from the set, its expansion and what is known of clusters, Git and waves; each [`Finding`] names its [`Rule`], the field, and how to
//! mend it. A set can be looked at with nothing known besides: then what depends on clusters or Git is judged by its form alone, and nothing
//! is found that the form does not show.
//!
//! | module | looks at |
//! |---|---|
//! | [`given`] | what each generator gives: as far as its form tells, and as far as it ran |
//! | [`keys`] | template keys that no generator gives, or not always |
//! | [`unused`] | values, and keys of list elements, that nobody reads |
//! | [`generators`] | generators that give nothing, or whose output is dropped |
//! | [`selectors`] | selectors on labels that no cluster has |
//! | [`syntax`] | one template language in place of the other |
//! | [`types`] | template fields of another type than the Application's |
//! | [`names`] | names that are invalid, too long, or there twice |
//! | [`waves`] | steps and waves without Applications, and Applications without a wave |
//! | [`prune`] | what deletes more than was meant |
//!
//! Refuses to know: files and lines; whether clusters, projects and policies exist on a hub.

mod generators;
mod given;
mod keys;
mod names;
mod prune;
mod rule;
mod selectors;
mod syntax;
mod texts;
mod types;
mod unused;
mod waves;

use crate::engine::Engine;
use crate::{Expansion, Inputs, Problem, fields, prepared};
use given::{By, Node};
pub use rule::{Rule, Severity};
use serde_json::{Map, Value};
use std::fmt;

/// Something that will not do what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Field path in the set.
    pub path: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which rule found it.
    pub rule: Rule,
    /// What happens.
    pub message: String,
    /// How to mend it; empty when the message says it.
    pub remedy: String,
}

impl Finding {
    fn new(
        rule: Rule,
        path: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (path, message, remedy) = (path.into(), message.into(), remedy.into());
        Self { path, severity: rule.severity(), rule, message, remedy }
    }

    fn milder(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ": {}", self.remedy) }
    }
}

/// What is known beside the set.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What the set was expanded from, with every answer of Git's.
    pub inputs: &'a Inputs,
    /// What it expanded to.
    pub expansion: &'a Expansion,
    /// Whether [`Inputs::clusters`] are the fleet. Otherwise none is known, and what depends on them is not judged.
    pub fleet: bool,
    /// Who is in which wave.
    pub staging: &'a Staging,
}

/// How a release of the set reaches its Applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Staging {
    /// All at once: there is neither a policy nor steps.
    #[default]
    Immediate,
    /// By a RolloutPolicy that is not known here.
    Unknown {
        /// Its name.
        policy: String,
    },
    /// By the set's own `strategy.rollingSync`, if the Applications are known.
    Steps(Option<Placed>),
    /// By a RolloutPolicy, if the Applications and their clusters are known.
    Policy {
        /// Its name.
        policy: String,
        /// Who is where.
        placed: Option<Placed>,
    },
}

/// Who is in which wave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placed {
    /// The waves in order: name, and how many Applications.
    pub waves: Vec<(String, usize)>,
    /// The names of Applications that no wave takes, sorted.
    pub nowhere: Vec<String>,
}

/// Everything that is wrong with `set`, or looks it: by path, the worst first of one path.
pub fn lint(set: &Value, known: &Known<'_>) -> Vec<Finding> {
    let spec = match fields::object("spec", set.get("spec")) {
        Ok(spec) => spec,
        Err(problem) => return vec![failure(&problem)],
    };
    let mut found = Vec::new();
    match Engine::of(spec) {
        Ok(engine) => {
            let by = By { engine: &engine, globbing: prepared::globbing(set) };
            let look = Look { set, spec, engine: &engine, by, known, nodes: given::nodes(by, spec, known) };
            syntax::check(&look, &mut found);
            types::check(&look, &mut found);
            keys::check(&look, &mut found);
            unused::check(&look, &mut found);
            generators::check(&look, &mut found);
            selectors::check(&look, &mut found);
            names::check(&look, &mut found);
            waves::check(&look, &mut found);
            prune::check(&look, &mut found);
            no_effect(&look, &mut found);
        }
        Err(problem) => found.push(failure(&problem)),
    }
    // What is wrong has often been said better by now.
    let said: Vec<String> = errors(&found).map(|error| error.path.clone()).collect();
    let frozen = known.expansion.frozen.iter().flat_map(|frozen| &frozen.problems);
    let new = known.expansion.problems.iter().chain(frozen).filter(|problem| !said.contains(&problem.path));
    found.extend(new.map(failure));
    found.sort();
    found.dedup();
    found
}

fn errors(found: &[Finding]) -> impl Iterator<Item = &Finding> {
    found.iter().filter(|finding| finding.severity == Severity::Error)
}

fn failure(problem: &Problem) -> Finding {
    Finding::new(Rule::ExpansionFails, &problem.path, &problem.message, &problem.remedy)
}

/// What every rule looks at.
struct Look<'a> {
    set: &'a Value,
    spec: &'a Map<String, Value>,
    engine: &'a Engine,
    by: By<'a>,
    known: &'a Known<'a>,
    /// Every generator, nested ones after those that hold them.
    nodes: Vec<Node<'a>>,
}

impl Look<'_> {
    fn template(&self) -> &Value {
        self.spec.get("template").unwrap_or(&Value::Null)
    }
}

/// What generation and the hub do not act on.
fn no_effect(look: &Look<'_>, found: &mut Vec<Finding>) {
    for one in &look.known.expansion.unsupported {
        let severity = if one.hides_applications { Severity::Error } else { Severity::Warning };
        found.push(Finding::new(Rule::NoEffect, &one.path, &one.message, &one.remedy).milder(severity));
    }
    for one in shared_model::unsupported::application_set(look.set) {
        found.push(Finding::new(Rule::NoEffect, one.path, "is accepted and has no effect yet", one.remedy));
    }
}

#[cfg(test)]
mod tests;
