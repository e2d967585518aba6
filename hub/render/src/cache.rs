//! Rendered before: what was read names the result.
//!
//! Results are kept in memory and, where there is a [`Cache::open`]ed file, across restarts; what is wrong with inputs is
//! kept in memory only, since a restart may bring what mends it. What did not work by circumstance is never kept.
//!
//! # The file
//! One line a result: eight hex digits of the SHA-256 of what follows, and that as JSON; the last of equal inputs counts. It
//! is only appended to, and written anew (aside, then put in its place) when more than half of it is of the past. A line
//! that a crash cut short does not have its digits, and is passed over: its result is made again. A result that another
//! rendering would not come to again is on the disk before it is used.
//!
//! It refuses to know whether the bundles that it names are still there.

mod journal;

use crate::rendered::Kept;
use journal::Journal;
use parking_lot::Mutex;
use shared_manifest::Problem;
use shared_model::Digest;
use std::{collections::BTreeMap, fs, io, path::Path};

/// What a rendering came to, or what is wrong with its inputs.
pub(crate) type Known = Result<Kept, Vec<Problem>>;

/// Results by their inputs, those that were not used for longest forgotten first.
#[derive(Debug)]
pub struct Cache {
    most: usize,
    state: Mutex<State>,
    /// Taken before the state where both are: who looks something up waits for no disk.
    journal: Mutex<Option<Journal>>,
}

#[derive(Debug, Default)]
struct State {
    /// Counts uses.
    clock: u64,
    known: BTreeMap<Digest, (u64, Known)>,
    /// By when they were used last.
    used: BTreeMap<u64, Digest>,
    /// How many of them are results, and not what is wrong with inputs.
    results: usize,
}

impl State {
    fn touch(&mut self, inputs: &Digest) {
        self.clock += 1;
        if let Some((used, _)) = self.known.get_mut(inputs) {
            self.used.remove(used);
            *used = self.clock;
            self.used.insert(self.clock, *inputs);
        }
    }

    fn put(&mut self, inputs: Digest, known: Known, most: usize) {
        self.forget(&inputs);
        while self.known.len() >= most {
            let Some(oldest) = self.used.first_key_value().map(|(_, oldest)| *oldest) else { break };
            self.forget(&oldest);
        }
        self.clock += 1;
        self.results += usize::from(known.is_ok());
        self.used.insert(self.clock, inputs);
        self.known.insert(inputs, (self.clock, known));
    }

    fn forget(&mut self, inputs: &Digest) {
        if let Some((used, known)) = self.known.remove(inputs) {
            self.used.remove(&used);
            self.results -= usize::from(known.is_ok());
        }
    }

    /// The results, those used last at the end.
    fn results(&self) -> Vec<(Digest, Kept)> {
        let known = self.used.values().filter_map(|inputs| self.known.get_key_value(inputs));
        known.filter_map(|(inputs, (_, known))| Some((*inputs, known.as_ref().ok()?.clone()))).collect()
    }
}

impl Cache {
    /// A cache of at most `most` results, in memory.
    pub fn new(most: usize) -> Self {
        Self { most, state: Mutex::default(), journal: Mutex::default() }
    }

    /// A cache of at most `most` results that are kept in a file, made when missing. One process has it at a time.
    ///
    /// # Errors
    /// When the file cannot be read or made.
    pub fn open(file: &Path, most: usize) -> io::Result<Self> {
        let cache = Self::new(most);
        let mut journal = Journal::open(file)?;
        {
            let mut state = cache.state.lock();
            for (inputs, kept) in journal.read()? {
                state.put(inputs, Ok(kept), most);
            }
            journal.begin(&state.results())?;
        }
        *cache.journal.lock() = Some(journal);
        Ok(cache)
    }

    /// As [`Cache::open`]; but a file that cannot be used is moved aside and another begun, or, where that does not work
    /// either, nothing outlives a restart: what is lost is made again.
    pub fn open_anyway(file: &Path, most: usize) -> Self {
        let tried = Self::open(file, most).or_else(|error| {
            let aside = file.with_extension("unreadable");
            let (path, to) = (file.display(), aside.display());
            tracing::warn!(%error, "what was rendered before cannot be read from {path}: it is moved to {to} and made again");
            fs::rename(file, &aside)?;
            Self::open(file, most)
        });
        tried.unwrap_or_else(|error| {
            let path = file.display();
            tracing::warn!(%error, "renderings cannot be noted in {path}: after a restart all are made again");
            Self::new(most)
        })
    }

    /// What the inputs came to, if that is known.
    pub(crate) fn get(&self, inputs: &Digest) -> Option<Known> {
        let mut state = self.state.lock();
        state.touch(inputs);
        state.known.get(inputs).map(|(_, known)| known.clone())
    }

    /// Remembers what the inputs came to. Blocks for as long as a line is written.
    pub(crate) fn put(&self, inputs: Digest, known: Known) {
        let kept = known.as_ref().ok().cloned();
        let count = {
            let mut state = self.state.lock();
            state.put(inputs, known, self.most);
            state.results
        };
        let Some(kept) = kept else { return };
        let mut journal = self.journal.lock();
        let Some(journal) = &mut *journal else { return };
        let noted = match journal.is_of_the_past(count) {
            true => journal.begin(&self.results()),
            false => journal.append(&inputs, &kept),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, "a rendering could not be noted; it is made again after a restart");
        }
    }

    fn results(&self) -> Vec<(Digest, Kept)> {
        self.state.lock().results()
    }

    /// Forgets a result that is of no use any more.
    pub(crate) fn forget(&self, inputs: &Digest) {
        self.state.lock().forget(inputs);
    }

    /// How many are known.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.state.lock().known.len()
    }
}

#[cfg(test)]
mod tests;
