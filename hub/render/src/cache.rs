//! Rendered before: what was read names the result.

use parking_lot::Mutex;
use shared_manifest::Problem;
use shared_model::Digest;
use std::collections::BTreeMap;

/// Everything that a rendering depends on, as one digest: the folder's tree id and the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inputs(Digest);

impl Inputs {
    /// The inputs of a plain directory: the id of its tree, and the source's options as JSON.
    pub fn of(tree: &str, options: &serde_json::Value) -> Self {
        Self(Digest::of(format!("directory/1\n{tree}\n{options}").as_bytes()))
    }
}

/// What a rendering came to: the bundle's digest and size, or what is wrong with the files.
pub type Known = Result<(Digest, u64), Vec<Problem>>;

/// Results by their inputs, the oldest forgotten first.
#[derive(Debug)]
pub struct Cache {
    most: usize,
    known: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    /// Counts uses, so that the oldest is known.
    clock: u64,
    results: BTreeMap<Inputs, (u64, Known)>,
}

impl Used {
    const fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Cache {
    /// A cache of at most `most` results.
    pub const fn new(most: usize) -> Self {
        Self { most, known: Mutex::new(Used { clock: 0, results: BTreeMap::new() }) }
    }

    /// What the inputs came to, if that is known.
    pub fn get(&self, inputs: &Inputs) -> Option<Known> {
        let mut known = self.known.lock();
        let now = known.tick();
        let (used, result) = known.results.get_mut(inputs)?;
        *used = now;
        Some(result.clone())
    }

    /// Remembers what the inputs came to.
    pub fn put(&self, inputs: Inputs, result: Known) {
        let mut known = self.known.lock();
        let now = known.tick();
        if known.results.len() >= self.most && !known.results.contains_key(&inputs) {
            let oldest = known.results.iter().min_by_key(|(_, (used, _))| *used).map(|(inputs, _)| *inputs);
            if let Some(oldest) = oldest {
                known.results.remove(&oldest);
            }
        }
        known.results.insert(inputs, (now, result));
    }
}
