//! A store in memory, for tests and simulations: nothing survives it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Bound;

use parking_lot::Mutex;

use crate::apply::{Applied, Table, apply};
use crate::error::checked;
use crate::window::Publisher;
use crate::{Before, Config, Entry, Error, Keys, Listing, Outcome, Page, Revision, Store, Txn, Watch};

/// A [`Store`] that forgets everything when it is dropped.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    publisher: Publisher,
}

#[derive(Debug, Default)]
struct State {
    current: BTreeMap<String, Entry>,
    revision: Revision,
}

impl Memory {
    /// An empty store at revision 0.
    pub fn new(config: Config) -> Self {
        Self { state: Mutex::default(), publisher: Publisher::new(Revision::ZERO, checked(config)) }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Table for BTreeMap<String, Entry> {
    type Error = Infallible;

    fn get(&self, key: &str) -> Result<Option<Entry>, Infallible> {
        Ok(self.get(key).cloned())
    }

    fn put(&mut self, entry: &Entry) -> Result<(), Infallible> {
        self.insert(entry.key.clone(), entry.clone());
        Ok(())
    }

    fn remove(&mut self, key: &str) -> Result<(), Infallible> {
        self.remove(key);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Store for Memory {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.state.lock().current.get(key).cloned())
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        let state = self.state.lock();
        let start = page.start(prefix);
        let mut found = state
            .current
            .range::<str, _>((start.as_ref().map(String::as_str), Bound::Unbounded))
            .map(|(_, e)| e)
            .take_while(|e| e.key.starts_with(prefix));
        let entries = found.by_ref().take(page.limit.unwrap_or(usize::MAX)).cloned().collect();
        Ok(Listing { entries, revision: state.revision, more: found.next().is_some() })
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, Error> {
        txn.check()?;
        let mut state = self.state.lock();
        let last = state.revision;
        let Ok(Applied { outcome, changes }) = apply(&mut state.current, txn, last);
        if let Some(change) = changes.last() {
            state.revision = change.revision;
        }
        self.publisher.publish(changes);
        Ok(outcome)
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.publisher.watch(prefix, from)
    }

    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error> {
        self.publisher.before(keys, at, upto).await
    }

    async fn revision(&self) -> Result<Revision, Error> {
        Ok(self.state.lock().revision)
    }
}
