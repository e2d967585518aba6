//! Breadth first through every moment that a setup leads to, each once.

use crate::{
    action::{Action, Planned, actions, apply},
    canon,
    ending::Endings,
    judge::Broken,
    setup::Setup,
    state::State,
};
use std::{collections::HashMap, collections::VecDeque, fmt};

/// How far the search went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Explored {
    /// Different moments.
    pub states: usize,
    /// Things that happened in any of them.
    pub transitions: usize,
    /// The longest of the shortest ways to a moment.
    pub depth: usize,
    /// Whether nothing was left to look at.
    pub complete: bool,
}

/// A story in which an invariant breaks; no shorter one does.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// The invariant.
    pub rule: &'static str,
    /// What broke it.
    pub message: String,
    /// What happened, in order.
    pub story: Vec<String>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.rule, self.message)?;
        for (index, line) in self.story.iter().enumerate() {
            writeln!(f, "{:>4}. {line}", index + 1)?;
        }
        Ok(())
    }
}

/// Where a moment was found: from which one, and by what.
struct Found {
    from: usize,
    by: Option<Action>,
    depth: usize,
}

struct Search<'a> {
    setup: &'a Setup,
    known: HashMap<u128, usize>,
    found: Vec<Found>,
    waiting: VecDeque<(usize, State)>,
    endings: Endings,
    explored: Explored,
}

/// Looks at every moment, at most at `limit` of them.
///
/// # Errors
/// The shortest story in which an invariant breaks.
pub fn explore(setup: &Setup, limit: usize) -> Result<Explored, Box<Counterexample>> {
    let mut search = Search {
        setup,
        known: HashMap::new(),
        found: Vec::new(),
        waiting: VecDeque::new(),
        endings: Endings::default(),
        explored: Explored::default(),
    };
    search.meet(State::new(setup), 0, None);
    while let Some((index, state)) = search.waiting.pop_front() {
        if let Err((broken, by)) = search.visit(index, &state) {
            return Err(Box::new(search.story(index, by, broken)));
        }
        if search.found.len() >= limit {
            break;
        }
    }
    let depth = search.found.last().map_or(0, |found| found.depth);
    Ok(Explored { states: search.found.len(), complete: search.waiting.is_empty(), depth, ..search.explored })
}

impl Search<'_> {
    fn meet(&mut self, state: State, from: usize, by: Option<Action>) {
        let index = self.found.len();
        let key = canon::key(self.setup, &state);
        if *self.known.entry(key).or_insert(index) == index {
            let depth = self.found.get(from).map_or(0, |found| found.depth + 1);
            self.found.push(Found { from, by, depth });
            self.waiting.push_back((index, state));
        }
    }

    fn visit(&mut self, index: usize, state: &State) -> Result<(), (Broken, Option<Action>)> {
        let alone = |broken| (broken, None);
        let planned = Planned::of(state).map_err(alone)?;
        // From every other moment, planning leads to one in which the hub has nothing to do.
        if planned.plan.steps.is_empty() && state.batch.is_none() {
            self.endings.reach(self.setup, state).map_err(alone)?;
        }
        for action in actions(self.setup, state, &planned) {
            let next = apply(self.setup, state, &planned, &action);
            if let Some(next) = next.map_err(|broken| (broken, Some(action.clone())))? {
                self.explored.transitions += 1;
                self.meet(next, index, Some(action));
            }
        }
        Ok(())
    }

    fn story(&self, index: usize, last: Option<Action>, (rule, message): Broken) -> Counterexample {
        let mut way = Vec::new();
        let mut at = index;
        while let Some(by) = &self.found[at].by {
            way.push(by.clone());
            at = self.found[at].from;
        }
        way.reverse();
        Counterexample { rule, message, story: told(self.setup, way.into_iter().chain(last)) }
    }
}

/// The story in words: what happened, and after each plan what agents are told.
fn told(setup: &Setup, way: impl Iterator<Item = Action>) -> Vec<String> {
    let mut state = State::new(setup);
    let mut lines = Vec::new();
    for action in way {
        let mut line = action.to_string();
        let planned = Planned::of(&state);
        if let (Ok(planned), Action::Run | Action::Plan | Action::Die(_)) = (&planned, &action) {
            for step in &planned.plan.steps {
                line.push_str(&format!("\n        {} {:?}", step.rollout, step.change));
            }
        }
        if let Ok(planned) = planned
            && let Ok(Some(next)) = apply(setup, &state, &planned, &action)
        {
            state = next;
        }
        lines.push(line);
    }
    for ((cluster, _), assigned) in &state.fleet.assigned {
        if let Some((position, release)) = assigned.running() {
            let release = canon::name_of(&state, release, cluster);
            lines.push(format!("in the end {cluster} is told {release} at {position}"));
        }
    }
    lines
}
