//! Which application holds which object: where news of an object go.

use super::{Engine, looks::Haste};
use crate::cluster::{Watched, WatchedKind, WatchedPlace};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared_manifest::{ObjectId, tracking};
use shared_model::AppKey;
use shared_sync::Event;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Objects that no watch tells of are read so many each [`POLL_EVERY`].
const POLLED: usize = 100;
/// Objects that a watch of metadata tells of are read so many each [`POLL_EVERY`]: should it have missed something.
const POLLED_YET: usize = 5;
const POLL_EVERY: SignedDuration = SignedDuration::from_secs(30);

/// The objects that machines asked to be told of.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    objects: BTreeMap<ObjectId, Route>,
    of: BTreeMap<AppKey, BTreeSet<ObjectId>>,
    /// When objects that our label's watches do not show are read next; `None` when all are shown.
    poll: Option<Timestamp>,
    /// Some may have begun or ceased to be shown.
    dirty: bool,
    /// Others may be without our label than before.
    pub(super) relabelled: bool,
    /// Where polling goes on: of those that no watch tells of, and of the others.
    polled: [Option<ObjectId>; 2],
}

#[derive(Debug, Default)]
struct Route {
    holders: BTreeSet<AppKey>,
    version: Option<String>,
    /// It was there when it was heard of last.
    there: bool,
    /// The watch shows it: it carries our label.
    shown: bool,
    /// It carried our label when it was read last.
    labelled: bool,
}

impl Route {
    /// Whether only a watch of what lacks our label can tell of it. What is not there may be made by others
    /// while `hands_off` says that we do not.
    const fn is_unlabelled(&self, hands_off: bool) -> bool {
        !self.shown && !self.labelled && (self.there || hands_off)
    }
}

fn place(id: &ObjectId, route: &Route) -> WatchedPlace {
    WatchedPlace { kind: kind(id, route), namespace: id.namespace.clone() }
}

fn kind(id: &ObjectId, route: &Route) -> WatchedKind {
    WatchedKind { group: id.group.clone(), kind: id.kind.clone(), version: route.version.clone() }
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
        self.relabelled = true;
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
        self.objects.iter().map(|(id, route)| kind(id, route)).collect()
    }

    /// Where objects are that only a watch of what lacks our label can tell of.
    pub(super) fn unlabelled_places(&self, hands_off: bool) -> BTreeSet<WatchedPlace> {
        let unlabelled = self.objects.iter().filter(|(_, route)| route.is_unlabelled(hands_off));
        unlabelled.map(|(id, route)| place(id, route)).collect()
    }

    /// The objects of a place that our label's watches do not show.
    pub(super) fn unshown_in(&self, place: &WatchedPlace) -> Vec<ObjectId> {
        let of_place = |id: &ObjectId, route: &Route| {
            !route.shown
                && id.namespace == place.namespace
                && id.kind == place.kind.kind
                && id.group == place.kind.group
                && route.version == place.kind.version
        };
        self.objects.iter().filter(|(id, route)| of_place(id, route)).map(|(id, _)| id.clone()).collect()
    }

    /// What our label's watches do not show, under the ids by which machines know a live object.
    pub(super) fn unshown_as(&self, live: &ObjectId) -> Vec<ObjectId> {
        let mut known = self.known_as(live);
        known.retain(|id| self.objects.get(id).is_some_and(|route| !route.shown));
        known
    }

    pub(super) fn version(&self, id: &ObjectId) -> Option<String> {
        self.objects.get(id)?.version.clone()
    }

    /// Takes in how the cluster answered for an object.
    pub(super) fn answered(&mut self, id: &ObjectId, object: Option<&Value>) {
        let Some(route) = self.objects.get_mut(id) else { return };
        let before = (route.there, route.shown, route.labelled);
        route.there = object.is_some();
        route.shown &= route.there;
        route.labelled = object.is_some_and(|object| tracking::owner_of(object).is_some());
        self.relabelled |= before != (route.there, route.shown, route.labelled);
        self.dirty |= !route.shown;
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

    pub(super) fn known_as(&self, live: &ObjectId) -> Vec<ObjectId> {
        if self.objects.contains_key(live) {
            return vec![live.clone()];
        }
        if live.namespace == "default" {
            let unsaid = ObjectId { namespace: String::new(), ..live.clone() };
            return self.objects.contains_key(&unsaid).then_some(unsaid).into_iter().collect();
        }
        if !live.namespace.is_empty() {
            return Vec::new();
        }
        let from = ObjectId { name: String::new(), ..live.clone() };
        let of_kind = self
            .objects
            .range(from..)
            .map(|(id, _)| id)
            .take_while(|id| id.group == live.group && id.kind == live.kind);
        of_kind.filter(|id| id.name == live.name).cloned().collect()
    }

    fn show(&mut self, live: &ObjectId, shown: bool) {
        for id in self.known_as(live) {
            if let Some(route) = self.objects.get_mut(&id) {
                self.relabelled |= route.shown != shown;
                route.shown = shown;
                route.there |= shown;
                route.labelled = shown;
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

    /// When objects that our label's watches do not show are to be read.
    pub(super) const fn poll_due(&self) -> Option<Timestamp> {
        self.poll
    }

    /// The next objects that our label's watches do not show, few of those whose place is followed; none most of the time.
    fn unshown(&mut self, followed: &BTreeSet<WatchedPlace>, now: Timestamp) -> Vec<ObjectId> {
        let is_due = self.poll.is_some_and(|due| due <= now);
        if (std::mem::take(&mut self.dirty) && self.poll.is_none()) || is_due {
            let any = self.objects.values().any(|route| !route.shown);
            self.poll = now.checked_add(POLL_EVERY).ok().filter(|_| any);
        }
        if !is_due {
            return Vec::new();
        }
        let is_followed = |id: &ObjectId, route: &Route| {
            !followed.is_empty() && !route.labelled && followed.contains(&place(id, route))
        };
        let (told, untold): (Vec<_>, Vec<_>) = self
            .objects
            .iter()
            .filter(|(_, route)| !route.shown)
            .partition(|(id, route)| is_followed(id, route));
        let [after_untold, after_told] = &mut self.polled;
        let mut due = turn(&untold, POLLED, after_untold);
        due.append(&mut turn(&told, POLLED_YET, after_told));
        due
    }
}

/// The next few after the last, around in a circle.
fn turn(all: &[(&ObjectId, &Route)], most: usize, last: &mut Option<ObjectId>) -> Vec<ObjectId> {
    let from = all.partition_point(|(id, _)| last.as_ref().is_some_and(|last| *id <= last));
    let next = all[from..].iter().chain(&all[..from]).take(most);
    let next: Vec<ObjectId> = next.map(|(id, _)| (*id).clone()).collect();
    *last = next.last().cloned();
    next
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
                for id in self.routes.known_as(&live) {
                    self.look(&id, Haste::Now, now);
                }
            }
            Watched::Listed(kind, seen) => {
                for id in self.routes.missing(&kind, &seen) {
                    self.look(&id, Haste::Now, now);
                }
            }
            Watched::Touched(live) => {
                for id in self.routes.unshown_as(&live) {
                    self.look(&id, Haste::Calm, now);
                }
            }
            Watched::Following(place, follows) => self.take_following(place, follows, now),
        }
    }

    /// What our label's watches do not show is read now and then: watches of metadata miss what they may not or cannot show.
    pub(super) fn poll_unshown(&mut self, now: Timestamp) {
        for id in self.routes.unshown(&self.unlabelled.following, now) {
            self.look(&id, Haste::Calm, now);
        }
    }
}
