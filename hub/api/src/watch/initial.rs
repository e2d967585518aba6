//! What is there when a watch begins, told a page at a time.

use super::PAGE;
use crate::{
    feed::Event,
    list::{self, At},
    options::failed,
    seats::Seat,
    view::{self, Parts},
};
use hub_records::{Records, keys};
use hub_store::{Page, Revision};
use serde_json::Value;
use shared_model::Kind;
use shared_objects::{Status, meta};
use std::collections::VecDeque;

/// The objects of a kind, and up to which revision each of them was told.
pub(super) struct Initial {
    records: Records,
    kind: Kind,
    namespace: Option<String>,
    /// Whether the client waits for a bookmark behind it.
    bookmark: bool,
    /// Until everything was told.
    seat: Option<Seat>,
    page: VecDeque<Parts>,
    after: Option<String>,
    /// The last key of each page and the revision it was read at; those of one revision are one. The last has no end.
    told: Vec<(Option<String>, Revision)>,
    newest: Revision,
}

impl Initial {
    pub(super) fn new(
        records: Records,
        kind: Kind,
        namespace: Option<String>,
        bookmark: bool,
        seat: Option<Seat>,
    ) -> Self {
        let (page, told, newest) = (VecDeque::new(), Vec::new(), Revision::ZERO);
        Self { records, kind, namespace, bookmark, seat, page, after: None, told, newest }
    }

    /// Reads the first page; the revision from which the feed goes on.
    pub(super) async fn begin(&mut self) -> Result<Revision, Status> {
        self.read().await?;
        Ok(self.newest)
    }

    /// Reads the next page.
    pub(super) async fn read(&mut self) -> Result<(), Status> {
        let page = Page { after: self.after.take(), limit: Some(PAGE) };
        let listed = list::page(&self.records, self.kind, self.namespace.as_deref(), page, At::Newest);
        let listed = listed.await.map_err(failed)?;
        if self.told.last().is_some_and(|(_, revision)| *revision == listed.revision) {
            self.told.pop();
        }
        self.told.push((listed.next.clone(), listed.revision));
        self.newest = listed.revision;
        self.page = listed.parts.into();
        self.after = listed.next;
        Ok(())
    }

    /// Whether every page was read.
    pub(super) fn is_read(&self) -> bool {
        !self.told.is_empty() && self.after.is_none()
    }

    /// The next object as readers see it.
    pub(super) fn next(&mut self) -> Option<Value> {
        let parts = self.page.pop_front();
        if parts.is_none() && self.is_read() {
            self.seat = None;
        }
        Some(view::view(self.kind, parts?))
    }

    /// Whether what happened is in what was told.
    pub(super) fn has_told(&self, event: &Event) -> bool {
        let key = keys::object(self.kind, meta::namespace(&event.object), meta::name(&event.object));
        let on = self.told.iter().find(|(upto, _)| upto.as_ref().is_none_or(|upto| key <= *upto));
        on.is_some_and(|(_, revision)| event.revision <= *revision)
    }

    /// Whether a feed at a revision has nothing more that was told.
    pub(super) fn is_passed(&self, at: Revision) -> bool {
        self.is_read() && self.page.is_empty() && at >= self.newest
    }

    pub(super) const fn ends_with_bookmark(&self) -> bool {
        self.bookmark
    }
}
