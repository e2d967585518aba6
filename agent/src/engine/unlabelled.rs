//! Objects that are compared but do not carry our label, and so are in none of its watches: beside a running Argo CD
//! in Observe mode, before an adopted object is first applied, after somebody took the label off.
//!
//! Decides for which kinds in which namespaces there is to be a watch of what lacks our label. It carries names alone;
//! what it names and machines asked for is read. Objects that a place shares with others cost a look-up of their name.
//!
//! Invariants:
//! 1. There are at most [`MOST`] such watches; what they do not tell of is polled.
//! 2. What we are about to label ourselves causes none, unless that takes longer than [`ENFORCED`].

use super::{Engine, Work, looks::Haste};
use crate::cluster::WatchedPlace;
use jiff::{SignedDuration, Timestamp};
use shared_model::Mode;
use std::collections::BTreeSet;

/// The most watches of this kind at once.
const MOST: usize = 50;
/// How long after a change it is decided anew, while we write nothing.
const HANDS_OFF: SignedDuration = SignedDuration::from_secs(1);
/// The same while we write: most will have our label by then.
const ENFORCED: SignedDuration = SignedDuration::from_secs(10);

/// The watches of what lacks our label.
#[derive(Debug, Default)]
pub(super) struct Unlabelled {
    wanted: BTreeSet<WatchedPlace>,
    /// Of those, the ones that run.
    pub(super) following: BTreeSet<WatchedPlace>,
    /// When it is decided anew.
    pub(super) review: Option<Timestamp>,
    /// We write nothing.
    hands_off: bool,
}

impl Engine {
    /// Decides anew what to watch, once things have settled.
    pub(super) fn review_unlabelled(&mut self, now: Timestamp) {
        let hands_off = self.pauses.is_paused(now) || self.pauses.mode() == Mode::Observe;
        let changed = std::mem::replace(&mut self.unlabelled.hands_off, hands_off) != hands_off;
        if std::mem::take(&mut self.routes.relabelled) || changed {
            let after = now.checked_add(if hands_off { HANDS_OFF } else { ENFORCED }).ok();
            let before = self.unlabelled.review.filter(|_| !changed);
            self.unlabelled.review = before.or(after);
        }
        if self.unlabelled.review.is_none_or(|due| due > now) {
            return;
        }
        self.unlabelled.review = None;
        let places = self.routes.unlabelled_places(hands_off);
        let all = places.len();
        // Those that run go on.
        let (mut wanted, others): (BTreeSet<_>, BTreeSet<_>) =
            places.into_iter().partition(|place| self.unlabelled.wanted.contains(place));
        let free = MOST.saturating_sub(wanted.len());
        wanted.extend(others.into_iter().take(free));
        if wanted != self.unlabelled.wanted {
            if all > wanted.len() {
                tracing::info!(
                    watched = wanted.len(),
                    places = all,
                    "objects without our label are in more places than are watched: the others are read now and then"
                );
            }
            self.unlabelled.following.retain(|place| wanted.contains(place));
            self.unlabelled.wanted.clone_from(&wanted);
            self.work.push_back(Work::WatchUnlabelled(wanted));
        }
    }

    /// A place is followed from now on, or is not.
    pub(super) fn take_following(&mut self, place: WatchedPlace, follows: bool, now: Timestamp) {
        if !follows {
            self.unlabelled.following.remove(&place);
            return;
        }
        if !self.unlabelled.wanted.contains(&place) {
            return;
        }
        // What happened before is not told.
        for id in self.routes.unshown_in(&place) {
            self.look(&id, Haste::Calm, now);
        }
        self.unlabelled.following.insert(place);
    }
}
