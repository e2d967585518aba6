//! Which application holds which object: where news of an object go.

use super::Engine;
use crate::cluster::{Watched, WatchedKind};
use jiff::{SignedDuration, Timestamp};
use shared_manifest::ObjectId;
use shared_model::AppKey;
use shared_sync::Event;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Objects that no watch shows are read so many each [`POLL_EVERY`].
const POLLED: usize = 50;
const POLL_EVERY: SignedDuration = SignedDuration::from_secs(10);

/// The objects that machines asked to be told of.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    objects: BTreeMap<ObjectId, Route>,
    of: BTreeMap<AppKey, BTreeSet<ObjectId>>,
    /// When objects that no watch shows are read next; `None` when all are shown.
    poll: Option<Timestamp>,
    /// Some may have begun or ceased to be shown.
    dirty: bool,
    /// Where polling goes on.
    polled: Option<ObjectId>,
}

#[derive(Debug, Default)]
struct Route {
    holders: BTreeSet<AppKey>,
    version: Option<String>,
    /// It was there when it was heard of last.
    there: bool,
    /// The watch shows it: it carries our label.
    shown: bool,
}

impl Routes {
    /// Replaces what an application wants to be told of.
    pub(super) fn set(
        &mut self,
        application: &AppKey,
        ids: BTreeSet<ObjectId>,
        versions: &BTreeMap<(String, String), String>,
    ) {
        self.dirty = true;
        for id in self.of.remove(application).into_iter().flatten().filter(|id| !ids.contains(id)) {
            if let Some(route) = self.objects.get_mut(&id) {
                route.holders.remove(application);
                if route.holders.is_empty() {
                    self.objects.remove(&id);
                }
            }
        }
        for id in &ids {
            let route = self.objects.entry(id.clone()).or_default();
            route.holders.insert(application.clone());
            if let Some(version) = versions.get(&(id.group.clone(), id.kind.clone())) {
                route.version = Some(version.clone());
            }
        }
        if !ids.is_empty() {
            self.of.insert(application.clone(), ids);
        }
    }

    /// The kinds to watch.
    pub(super) fn kinds(&self) -> BTreeSet<WatchedKind> {
        let kind = |(id, route): (&ObjectId, &Route)| WatchedKind {
            group: id.group.clone(),
            kind: id.kind.clone(),
            version: route.version.clone(),
        };
        self.objects.iter().map(kind).collect()
    }

    pub(super) fn version(&self, id: &ObjectId) -> Option<String> {
        self.objects.get(id)?.version.clone()
    }

    pub(super) fn is_there(&mut self, id: &ObjectId, there: bool) {
        if let Some(route) = self.objects.get_mut(id) {
            route.there = there;
            route.shown &= there;
            self.dirty |= !route.shown;
        }
    }

    /// Who is to be told of a live object, under the id by which they know it.
    ///
    /// A machine takes kinds that it does not know for namespaced, and leaves the namespace empty where
    /// neither object nor release names one.
    pub(super) fn holders(&self, live: &ObjectId) -> Vec<(AppKey, ObjectId)> {
        self.known_as(live)
            .into_iter()
            .filter_map(|id| Some((self.objects.get(&id)?, id)))
            .flat_map(|(route, id)| route.holders.iter().map(move |holder| (holder.clone(), id.clone())))
            .collect()
    }

    fn known_as(&self, live: &ObjectId) -> Vec<ObjectId> {
        if self.objects.contains_key(live) {
            return vec![live.clone()];
        }
        let same = |id: &&ObjectId| {
            id.name == live.name
                && (live.namespace.is_empty() || (live.namespace == "default" && id.namespace.is_empty()))
        };
        let from = ObjectId {
            namespace: String::new(),
            name: String::new(),
            group: live.group.clone(),
            kind: live.kind.clone(),
        };
        let of_kind = self
            .objects
            .range(from..)
            .map(|(id, _)| id)
            .take_while(|id| id.group == live.group && id.kind == live.kind);
        of_kind.filter(same).cloned().collect()
    }

    fn show(&mut self, live: &ObjectId, shown: bool) {
        for id in self.known_as(live) {
            if let Some(route) = self.objects.get_mut(&id) {
                route.shown = shown;
                route.there |= shown;
                self.dirty |= !shown;
            }
        }
    }

    /// What was there of a kind and is not among `seen`.
    fn missing(&self, kind: &WatchedKind, seen: &BTreeSet<ObjectId>) -> Vec<ObjectId> {
        let known: BTreeSet<ObjectId> = seen.iter().flat_map(|id| self.known_as(id)).collect();
        let of_kind = |id: &ObjectId, route: &Route| {
            id.group == kind.group && id.kind == kind.kind && route.version == kind.version
        };
        self.objects
            .iter()
            .filter(|(id, route)| of_kind(id, route) && route.there && !known.contains(*id))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// When objects that no watch shows are to be read.
    pub(super) const fn poll_due(&self) -> Option<Timestamp> {
        self.poll
    }

    /// The next objects that no watch shows; none most of the time.
    fn unwatched(&mut self, now: Timestamp) -> Vec<ObjectId> {
        if std::mem::take(&mut self.dirty) && self.poll.is_none() {
            let any = self.objects.values().any(|route| !route.shown);
            self.poll = now.checked_add(POLL_EVERY).ok().filter(|_| any);
        }
        if self.poll.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.poll = None;
        self.dirty = true;
        let after = self.polled.take();
        let unshown = self.objects.iter().filter(|(_, route)| !route.shown).map(|(id, _)| id);
        let next: Vec<ObjectId> = unshown
            .filter(|id| after.as_ref().is_none_or(|after| *id > after))
            .take(POLLED)
            .cloned()
            .collect();
        self.polled = next.last().filter(|_| next.len() == POLLED).cloned();
        next
    }
}

impl Engine {
    pub(super) fn take_watched(&mut self, watched: Watched, now: Timestamp) {
        match watched {
            Watched::Changed(live, object) => {
                self.routes.show(&live, true);
                for (application, id) in self.routes.holders(&live) {
                    self.tell(&application, Event::Live(id, Some(Arc::clone(&object))), now);
                }
            }
            Watched::Left(live) => {
                self.routes.show(&live, false);
                self.read(&live);
            }
            Watched::Listed(kind, seen) => {
                for id in self.routes.missing(&kind, &seen) {
                    self.read(&id);
                }
            }
        }
    }

    /// Objects without our label (not written by us yet, as in Observe mode) are read now and then.
    pub(super) fn poll_unwatched(&mut self, now: Timestamp) {
        for id in self.routes.unwatched(now) {
            self.read(&id);
        }
    }
}
