//! Records in memory, with faults to order: for tests and simulations.
//!
//! A write has three steps, as on a disk: before it, the replacement, and after it. A crash at a step fails that call
//! and all later ones until the place is opened again.

use super::{
    Error,
    store::{Change, Changed, Store, Take},
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::sync::Notify;

/// A place in memory. Clones are the same place; it outlives the journals that are opened on it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<String, Vec<u8>>,
    held: bool,
    full: bool,
    /// How many more steps work.
    steps: Option<u32>,
    crashed: bool,
}

/// The place, held or looked at.
#[derive(Debug)]
pub(super) struct Opened {
    memory: Memory,
    holds: bool,
}

impl Memory {
    /// A place with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the step after the next `steps` ones, and all that follow until the place is opened again.
    pub fn crash_after(&self, steps: u32) {
        self.state.lock().steps = Some(steps);
    }

    /// Whether a step failed since the place was opened.
    pub fn has_crashed(&self) -> bool {
        self.state.lock().crashed
    }

    /// Whether writes fail for want of room from now on. Reads and removals go on.
    pub fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Whether writes fail for want of room.
    pub fn is_full(&self) -> bool {
        self.state.lock().full
    }

    /// Whether a step is to fail that has not been reached.
    pub fn is_to_crash(&self) -> bool {
        let state = self.state.lock();
        state.steps.is_some() && !state.crashed
    }

    /// Flips a bit in each record whose name starts so; how many there are.
    pub fn damage(&self, names: &str) -> usize {
        let mut state = self.state.lock();
        let damaged = state.records.iter_mut().filter(|(name, _)| name.starts_with(names));
        damaged.filter_map(|(_, bytes)| bytes.last_mut()).map(|byte| *byte ^= 1).count()
    }

    /// Loses each record whose name starts so; how many there were.
    pub fn lose(&self, names: &str) -> usize {
        let mut state = self.state.lock();
        let before = state.records.len();
        state.records.retain(|name, _| !name.starts_with(names));
        before - state.records.len()
    }

    /// The names of what is there.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().records.keys().cloned().collect()
    }

    pub(super) fn hold(&self) -> Result<Opened, Error> {
        let mut state = self.state.lock();
        if state.held {
            return Err(Error::Locked("this memory".to_owned()));
        }
        state.held = true;
        state.steps = None;
        state.crashed = false;
        Ok(Opened { memory: self.clone(), holds: true })
    }

    pub(super) fn look(&self) -> Opened {
        Opened { memory: self.clone(), holds: false }
    }
}

impl State {
    fn step(&mut self, name: &str) -> Result<(), Error> {
        match &mut self.steps {
            Some(0) => {
                self.crashed = true;
                Err(failed(name, "cannot be written", io::Error::other("the place crashed")))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn failed(name: &str, what: &'static str, source: io::Error) -> Error {
    Error::Io { at: name.to_owned(), what, source }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.holds {
            self.memory.state.lock().held = false;
        }
    }
}

impl Store for Opened {
    fn at(&self, name: &str) -> String {
        name.to_owned()
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.memory.state.lock().records.get(name).cloned())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut state = self.memory.state.lock();
        state.step(name)?;
        if state.full {
            return Err(failed(name, "cannot be written", io::ErrorKind::StorageFull.into()));
        }
        state.step(name)?;
        state.records.insert(name.to_owned(), bytes.to_vec());
        if name.starts_with("local/") {
            self.memory.changed.notify_one();
        }
        state.step(name)
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error> {
        match change(self.read(name)?)? {
            Some(bytes) => self.write(name, &bytes),
            None => Ok(()),
        }
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let mut state = self.memory.state.lock();
        state.step(name)?;
        state.records.remove(name);
        if name.starts_with("local/") {
            self.memory.changed.notify_one();
        }
        state.step(name)
    }

    fn each(&self, folder: &str, take: &mut Take<'_>) -> Result<(), Error> {
        let folder = format!("{folder}/");
        let state = self.memory.state.lock();
        let below = state.records.range(folder.clone()..).take_while(|(name, _)| name.starts_with(&folder));
        let below: Vec<_> = below.map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        drop(state);
        for (name, bytes) in below {
            take(&name, Ok(bytes));
        }
        Ok(())
    }

    fn bundles(&self) -> Result<Vec<(String, u64)>, Error> {
        let state = self.memory.state.lock();
        let bundles = state.records.iter().filter(|(name, _)| name.starts_with("bundles/"));
        Ok(bundles.map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect())
    }

    fn changed(&self) -> Changed<'_> {
        Box::pin(self.memory.changed.notified())
    }
}
