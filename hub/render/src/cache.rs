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
    known: Mutex<(u64, BTreeMap<Inputs, (u64, Known)>)>,
}

impl Cache {
    /// A cache of at most `most` results.
    pub const fn new(most: usize) -> Self {
        Self { most, known: Mutex::new((0, BTreeMap::new())) }
    }

    /// What the inputs came to, if that is known.
    pub fn get(&self, inputs: &Inputs) -> Option<Known> {
        let mut known = self.known.lock();
        known.0 += 1;
        let now = known.0;
        let (used, result) = known.1.get_mut(inputs)?;
        *used = now;
        Some(result.clone())
    }

    /// Remembers what the inputs came to.
    pub fn put(&self, inputs: Inputs, result: Known) {
        let mut known = self.known.lock();
        known.0 += 1;
        let now = known.0;
        if known.1.len() >= self.most && !known.1.contains_key(&inputs) {
            let oldest = known.1.iter().min_by_key(|(_, (used, _))| *used).map(|(inputs, _)| *inputs);
            if let Some(oldest) = oldest {
                known.1.remove(&oldest);
            }
        }
        known.1.insert(inputs, (now, result));
    }
}
