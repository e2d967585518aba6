//! What a set gave when nothing was left to write, so that a commit that changes nothing of it costs next to nothing.
//!
//! A repository is shared by many sets, and a commit is news for all of them. What a set gives follows from its object,
//! from what surrounds it (clusters and projects), from Secrets and settings, from the Applications that are there, from what its clusters can do where
//! its sources are charts or overlays, and from what those come to. Where the first are what they were, and each source comes
//! to the same bundle (by whatever version of a tool, whatever it fetched), its members are the same.
//!
//! It refuses to know sets whose generators ask Git, since their answers may be others with each commit, and what is
//! said while a repository cannot be read: who asks it looks for that himself.

use super::{Resolved, Snapshot};
use crate::{pins::Pins, releases::Releases, sources::Seen, turns::in_turn};
use hub_render::Capabilities;
use hub_store::Revision;
use parking_lot::Mutex;
use serde_json::Value;
use shared_model::ClusterName;
use std::{collections::BTreeMap, sync::Arc};

/// What sets gave last, by their uids. Clones share memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Settled(Arc<Mutex<BTreeMap<String, Arc<Given>>>>);

#[derive(Debug)]
struct Given {
    from: From,
    /// The set's conditions.
    said: Vec<Value>,
    resolved: Resolved,
}

/// What the members follow from, beside their sources.
#[derive(Debug, PartialEq)]
struct From {
    object: Revision,
    surroundings: u64,
    rendering: u64,
    existing: Vec<(String, Revision)>,
}

impl From {
    fn of(snapshot: &Snapshot) -> Self {
        let existing = snapshot.existing.iter();
        Self {
            object: snapshot.object.revision,
            surroundings: snapshot.surroundings,
            rendering: snapshot.rendering,
            existing: existing.map(|stored| (stored.name().to_owned(), stored.revision)).collect(),
        }
    }
}

impl Settled {
    /// Remembers what a set gave.
    pub(super) fn keep(&self, snapshot: &Snapshot, said: &[Value], resolved: &Resolved) {
        let given = Given { from: From::of(snapshot), said: said.to_vec(), resolved: resolved.clone() };
        self.0.lock().insert(snapshot.object.uid().to_owned(), Arc::new(given));
    }

    /// The same again, at the commits of now; `None` where something of it may be another.
    pub(super) async fn again(
        &self,
        snapshot: &Snapshot,
        (releases, pins): (&Releases, &Pins),
        able: impl Fn(&ClusterName) -> Arc<Capabilities>,
    ) -> Option<(Vec<Value>, Resolved)> {
        let given = self.0.lock().get(snapshot.object.uid()).cloned()?;
        if given.from != From::of(snapshot) {
            return None;
        }
        if given.resolved.able.iter().any(|(cluster, before)| able(cluster) != *before) {
            return None;
        }
        let (mut now, seen): (BTreeMap<_, String>, _) = (BTreeMap::new(), Seen::default());
        let mut resolved = given.resolved.clone();
        for (said, (wanted, before)) in &given.resolved.origins.made {
            let made = in_turn(releases.again(wanted, pins, &seen)).await.ok()?;
            if made.kept != before.kept {
                return None;
            }
            resolved.commits.extend(made.commits);
            now.insert(said, made.revision);
        }
        for (app, member) in &mut resolved.members {
            let sources = given.resolved.origins.sources.get(app)?.iter();
            member.revisions = sources.map(|said| now.get(said).cloned()).collect::<Option<_>>()?;
        }
        Some((given.said.clone(), resolved))
    }

    /// Forgets the sets that are not there any more.
    pub(super) fn retain(&self, is_there: impl Fn(&str) -> bool) {
        self.0.lock().retain(|uid, _| is_there(uid));
    }
}

#[cfg(test)]
mod tests;
