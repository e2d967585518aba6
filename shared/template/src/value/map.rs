//! A Go map with string keys, shared and always walked in key order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::{Element, Str, Value, drop_flat};

/// A shared map. Keys are ordered by bytes, the order in which Go's templates walk a map.
#[derive(Clone)]
pub struct Map(Rc<Inner>);

struct Inner {
    element: Element,
    entries: RefCell<BTreeMap<Str, Value>>,
}

impl Map {
    /// A map whose values have the static type `element`.
    #[must_use]
    pub fn new(element: Element, entries: BTreeMap<Str, Value>) -> Self {
        Self(Rc::new(Inner { element, entries: RefCell::new(entries) }))
    }

    /// The static type of the values.
    #[must_use]
    pub fn element(&self) -> Element {
        self.0.element
    }

    /// How many keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.borrow().len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.0.entries.borrow().get(key).cloned()
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.entries.borrow().contains_key(key)
    }

    /// Puts `value` at `key` for everyone who shares the map. The value must not contain this map: nothing would ever free them.
    /// (`Scope::store` checks that.)
    pub fn insert(&self, key: impl Into<Str>, value: Value) {
        let old = self.0.entries.borrow_mut().insert(key.into(), value);
        drop(old);
    }

    /// Takes `key` away for everyone who shares the map.
    pub fn remove(&self, key: &[u8]) {
        let old = self.0.entries.borrow_mut().remove(key);
        drop(old);
    }

    /// The entries at this moment, in key order.
    #[must_use]
    pub fn entries(&self) -> Vec<(Str, Value)> {
        self.0.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    pub(crate) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    pub(super) fn into_values_if_last(self) -> Vec<Value> {
        Rc::into_inner(self.0).map_or_else(Vec::new, |inner| inner.entries.take().into_values().collect())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop_flat(self.entries.take().into_values().collect());
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Map({} keys)", self.len())
    }
}
