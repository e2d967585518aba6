//! What is known of each application on each cluster, in the order of the applications.
//!
//! A rollout's members are in the order of their applications, too: so what is known of ten thousand of them is
//! found by going along both ([`Seats::along`]), and not by looking for one after the other.

use crate::fleet::Seat;
use shared_model::{AppKey, ClusterName};
use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, btree_map},
    fmt,
    iter::Peekable,
    ops::{Bound, Index},
};

/// A value per application and cluster.
#[derive(Clone)]
pub struct Seats<T> {
    /// Apart from the names, which are gone through far more often.
    values: BTreeMap<Key, Box<T>>,
    on: BTreeMap<ClusterName, BTreeSet<AppKey>>,
}

/// A seat as it is ordered: by the application first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key(Seat);

/// An application and a cluster, however they are held.
trait Named {
    fn names(&self) -> (&AppKey, &ClusterName);
}

impl Named for Key {
    fn names(&self) -> (&AppKey, &ClusterName) {
        (&self.0.1, &self.0.0)
    }
}

impl Named for (&ClusterName, &AppKey) {
    fn names(&self) -> (&AppKey, &ClusterName) {
        (self.1, self.0)
    }
}

impl<'a> Borrow<dyn Named + 'a> for Key {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for dyn Named + '_ {}

impl PartialOrd for dyn Named + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Named + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.names().cmp(&other.names())
    }
}

impl<T> Seats<T> {
    /// Nothing is known.
    pub const fn new() -> Self {
        Self { values: BTreeMap::new(), on: BTreeMap::new() }
    }

    /// What is known of the application on the cluster.
    pub fn at(&self, cluster: &ClusterName, app: &AppKey) -> Option<&T> {
        self.values.get(&(cluster, app) as &dyn Named).map(|value| &**value)
    }

    /// What is known of the seat.
    pub fn get(&self, seat: &Seat) -> Option<&T> {
        self.at(&seat.0, &seat.1)
    }

    /// As [`Seats::get`].
    pub fn get_mut(&mut self, seat: &Seat) -> Option<&mut T> {
        self.values.get_mut(&(&seat.0, &seat.1) as &dyn Named).map(|value| &mut **value)
    }

    /// Whether anything is known of the seat.
    pub fn contains_key(&self, seat: &Seat) -> bool {
        self.get(seat).is_some()
    }

    /// Keeps a value; answers the one before.
    pub fn insert(&mut self, seat: Seat, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(&seat) {
            return Some(std::mem::replace(known, value));
        }
        self.on.entry(seat.0.clone()).or_default().insert(seat.1.clone());
        self.values.insert(Key(seat), Box::new(value)).map(|value| *value)
    }

    /// Forgets the seat; answers what was known.
    pub fn remove(&mut self, seat: &Seat) -> Option<T> {
        if let Some(apps) = self.on.get_mut(&seat.0) {
            apps.remove(&seat.1);
            if apps.is_empty() {
                self.on.remove(&seat.0);
            }
        }
        self.values.remove(&(&seat.0, &seat.1) as &dyn Named).map(|value| *value)
    }

    /// Forgets the seats that are not wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&Seat, &mut T) -> bool) {
        self.values.retain(|seat, value| wanted(&seat.0, value));
        let mut on: BTreeMap<ClusterName, BTreeSet<AppKey>> = BTreeMap::new();
        for Key((cluster, app)) in self.values.keys() {
            on.entry(cluster.clone()).or_default().insert(app.clone());
        }
        self.on = on;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// How many seats are known.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All, in the order of the applications.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.values.iter())
    }

    /// The seats, in the order of the applications.
    pub fn keys(&self) -> impl Iterator<Item = &Seat> {
        self.values.keys().map(|seat| &seat.0)
    }

    /// The values, in the order of the applications.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.values.values().map(|value| &**value)
    }

    /// Those of one cluster.
    pub fn on<'a>(&'a self, cluster: &'a ClusterName) -> impl Iterator<Item = (&'a AppKey, &'a T)> {
        let apps = self.on.get(cluster).into_iter().flatten();
        apps.filter_map(move |app| Some((app, self.at(cluster, app)?)))
    }

    /// Those of the applications from `first` to `last`.
    pub(crate) fn between(&self, first: &AppKey, last: &AppKey) -> impl Iterator<Item = (&Seat, &T)> {
        let none = ClusterName::new("");
        let start = (&none, first);
        let from: (Bound<&dyn Named>, Bound<&dyn Named>) = (Bound::Included(&start), Bound::Unbounded);
        let last = last.clone();
        let seats = self.values.range::<dyn Named, _>(from).map(|(seat, value)| (&seat.0, &**value));
        seats.take_while(move |(seat, _)| seat.1 <= last)
    }

    /// To be asked for one seat after the other, in the order of the applications.
    pub(crate) fn along(&self) -> Along<'_, T> {
        Along { seats: self, ahead: None }
    }
}

/// How many seats are passed over one by one before the next is looked for.
const STEPS: usize = 4;

/// A way along the seats.
pub(crate) struct Along<'a, T> {
    seats: &'a Seats<T>,
    ahead: Option<Peekable<btree_map::Range<'a, Key, Box<T>>>>,
}

impl<'a, T> Along<'a, T> {
    /// What is known of the seat, which must not be before the one asked for last.
    pub(crate) fn find(&mut self, cluster: &ClusterName, app: &AppKey) -> Option<&'a T> {
        let wanted = (app, cluster);
        for _ in 0..STEPS {
            let Some(ahead) = &mut self.ahead else { break };
            let (next, value) = ahead.peek()?;
            match next.names().cmp(&wanted) {
                Ordering::Less => drop(ahead.next()),
                Ordering::Equal => return Some(&***value),
                Ordering::Greater => return None,
            }
        }
        let key = (cluster, app);
        let from: (Bound<&dyn Named>, Bound<&dyn Named>) = (Bound::Included(&key), Bound::Unbounded);
        let ahead = self.ahead.insert(self.seats.values.range::<dyn Named, _>(from).peekable());
        let (next, value) = ahead.peek()?;
        (next.names() == wanted).then_some(&***value)
    }
}

impl<T> Default for Seats<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: PartialEq> PartialEq for Seats<T> {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values
    }
}

impl<T: fmt::Debug> fmt::Debug for Seats<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<T> Index<&Seat> for Seats<T> {
    type Output = T;

    /// # Panics
    /// When nothing is known of the seat.
    fn index(&self, seat: &Seat) -> &T {
        self.get(seat).expect("the seat is known")
    }
}

impl<T> Extend<(Seat, T)> for Seats<T> {
    fn extend<I: IntoIterator<Item = (Seat, T)>>(&mut self, more: I) {
        for (seat, value) in more {
            self.insert(seat, value);
        }
    }
}

impl<T> FromIterator<(Seat, T)> for Seats<T> {
    fn from_iter<I: IntoIterator<Item = (Seat, T)>>(seats: I) -> Self {
        let mut known = Self::new();
        known.extend(seats);
        known
    }
}

impl<'a, T> IntoIterator for &'a Seats<T> {
    type Item = (&'a Seat, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// All seats with what is known of them.
#[derive(Debug)]
pub struct Iter<'a, T>(btree_map::Iter<'a, Key, Box<T>>);

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (&'a Seat, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(seat, value)| (&seat.0, &**value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(cluster: &str, app: &str) -> Seat {
        (ClusterName::new(cluster), AppKey::new("argocd", app))
    }

    fn seats() -> Seats<u32> {
        let seats = [("b", "web"), ("a", "web"), ("a", "api"), ("c", "db"), ("a", "zoo")];
        seats.iter().zip(0..).map(|((cluster, app), value)| (seat(cluster, app), value)).collect()
    }

    #[test]
    fn seats_are_in_the_order_of_applications() {
        let mut seats = seats();
        let names: Vec<String> =
            seats.keys().map(|(cluster, app)| format!("{} {cluster}", app.name)).collect();
        assert_eq!(names, ["api a", "db c", "web a", "web b", "zoo a"]);
        assert_eq!(seats.on(&ClusterName::new("a")).map(|(_, value)| *value).collect::<Vec<_>>(), [2, 1, 4]);
        assert_eq!(seats.remove(&seat("a", "web")), Some(1));
        seats.retain(|_, value| *value != 4);
        assert_eq!(seats.on(&ClusterName::new("a")).map(|(_, value)| *value).collect::<Vec<_>>(), [2]);
        assert_eq!(seats.get(&seat("a", "web")), None);
    }

    #[test]
    fn going_along_finds_what_looking_finds() {
        let numbers = |step: usize| (0..100).step_by(step).map(|number| format!("web-{number:03}"));
        let seats: Seats<usize> = numbers(3).map(|app| (seat("a", &app), app.len())).collect();
        for step in 1..40 {
            let mut along = seats.along();
            for app in numbers(step) {
                for cluster in ["a", "b"] {
                    let (cluster, app) = seat(cluster, &app);
                    assert_eq!(
                        along.find(&cluster, &app),
                        seats.at(&cluster, &app),
                        "{app} of each {step}th"
                    );
                }
            }
        }
    }
}
