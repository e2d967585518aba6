//! A Go slice, shared.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use super::{Element, Value, drop_flat};

/// A shared list. Go's nil slice is told apart, since JSON prints it as `null`.
#[derive(Clone)]
pub struct List(Rc<Inner>);

struct Inner {
    element: Element,
    nil: bool,
    items: RefCell<Vec<Value>>,
}

impl List {
    /// A list whose items have the static type `element`.
    #[must_use]
    pub fn new(element: Element, items: Vec<Value>) -> Self {
        Self(Rc::new(Inner { element, nil: false, items: RefCell::new(items) }))
    }

    /// Go's nil slice: empty, and `null` in JSON.
    #[must_use]
    pub fn nil(element: Element) -> Self {
        Self(Rc::new(Inner { element, nil: true, items: RefCell::default() }))
    }

    /// The static type of the items.
    #[must_use]
    pub fn element(&self) -> Element {
        self.0.element
    }

    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.items.borrow().len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is Go's nil slice.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.0.nil
    }

    /// The item at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        self.0.items.borrow().get(index).cloned()
    }

    /// The items at this moment; changes to the list do not show.
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        self.0.items.borrow().clone()
    }

    /// Puts other items in place.
    pub fn replace(&self, items: Vec<Value>) {
        let old = self.0.items.replace(items);
        drop(old);
    }

    pub(crate) fn address(&self) -> usize {
        Rc::as_ptr(&self.0).addr()
    }

    pub(super) fn into_items_if_last(self) -> Vec<Value> {
        Rc::into_inner(self.0).map_or_else(Vec::new, |inner| inner.items.take())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop_flat(self.items.take());
    }
}

impl fmt::Debug for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "List({} items)", self.len())
    }
}
