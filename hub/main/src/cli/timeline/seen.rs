//! Which entries were printed already, so that asking for the last ones again prints each once.
//!
//! An entry may be written long after it happened (a cluster is lost since its last word), so the time of the newest one
//! says nothing of which came later: what was printed is remembered instead, and a while before the newest is asked for
//! again.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::{
    collections::{BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

/// How late an entry may come and be found.
const LATE: SignedDuration = SignedDuration::from_hours(1);
/// How many are remembered.
const MOST: usize = 100_000;

/// What was printed.
#[derive(Debug)]
pub(super) struct Seen {
    from: Timestamp,
    newest: Timestamp,
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

impl Seen {
    /// Nothing yet; what happened before `from` is not asked for.
    pub(super) fn from(from: Timestamp) -> Self {
        Self { from, newest: from, known: BTreeSet::new(), order: VecDeque::new() }
    }

    /// Whether an entry is to be printed, which is remembered. One that counted on since is new.
    pub(super) fn is_new(&mut self, entry: &Value) -> bool {
        let mut hasher = DefaultHasher::new();
        entry.to_string().hash(&mut hasher);
        let place = hasher.finish();
        if !self.known.insert(place) {
            return false;
        }
        self.order.push_back(place);
        if self.order.len() > MOST {
            self.order.pop_front().iter().for_each(|oldest| _ = self.known.remove(oldest));
        }
        if let Some(at) = entry["at"].as_str().and_then(|at| at.parse().ok()) {
            self.newest = self.newest.max(at);
        }
        true
    }

    /// Those of a list that are to be printed.
    pub(super) fn news<'a>(&mut self, entries: &'a [Value]) -> Vec<&'a Value> {
        entries.iter().filter(|entry| self.is_new(entry)).collect()
    }

    /// From when on entries are to be asked for again.
    pub(super) fn since(&self) -> Timestamp {
        self.newest.checked_sub(LATE).unwrap_or(Timestamp::MIN).max(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn entry(minute: i64, text: &str) -> Value {
        json!({"at": at(minute), "what": "ClusterLost", "text": text})
    }

    #[test]
    fn each_entry_is_printed_once_however_often_it_is_asked_for() {
        let mut seen = Seen::from(at(0));
        assert_eq!(seen.since(), at(0));
        let first = [entry(700, "a"), entry(710, "b")];
        assert_eq!(seen.news(&first).len(), 2);
        // A quiet night: the watch ends, and what is asked for again is known.
        assert_eq!(seen.since(), at(650));
        assert_eq!(seen.news(&first), Vec::<&Value>::new());
        // What is told late comes late, and brings nothing back.
        let late = [entry(690, "lost since"), first[0].clone(), first[1].clone(), entry(715, "c")];
        assert_eq!(seen.news(&late), [&late[0], &late[3]]);
        assert!(!seen.is_new(&late[0]));
        assert_eq!(seen.since(), at(655));
        // The same with a larger count is news.
        let mut more = entry(715, "c");
        more["count"] = json!(2);
        assert!(seen.is_new(&more) && !seen.is_new(&more));
        // Never before what was asked for at first.
        let mut short = Seen::from(at(700));
        assert!(short.is_new(&entry(710, "b")));
        assert_eq!(short.since(), at(700));
    }
}
