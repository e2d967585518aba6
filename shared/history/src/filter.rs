//! Which entries a reader asked for.

use crate::{Entry, Topic, What};
use jiff::Timestamp;
use serde::{
    Deserialize as _,
    de::{IntoDeserializer, value::Error},
};
use shared_model::{AppKey, ClusterName, Owner, OwnerKind};
use std::{collections::BTreeSet, fmt};

/// What a reader asked for. The default is everything.
///
/// Of a cluster or an application, what happened to the fleet around it is asked for too: the commits and rollouts of
/// the owners in [`Filter::around`], and what concerns everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only this cluster.
    pub cluster: Option<ClusterName>,
    /// Only this Application, by name.
    pub application: Option<String>,
    /// Only this ApplicationSet, by name.
    pub set: Option<String>,
    /// Only this rollout, by name.
    pub rollout: Option<String>,
    /// Only these; empty for all.
    pub kinds: BTreeSet<Kind>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// Whose rollouts go to the cluster, or made the application.
    pub around: BTreeSet<Owner>,
    /// What runs on the cluster.
    pub running: BTreeSet<AppKey>,
}

/// One kind of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All of a topic.
    Topic(Topic),
    /// Exactly this.
    What(What),
}

/// A word that names no kind of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKind(String);

impl fmt::Display for InvalidKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Topic::ALL.iter().map(|topic| topic.word()).collect();
        write!(
            f,
            "there are no entries of kind `{}`; there are {}, and the words of entries such as WavePassed",
            self.0,
            known.join(", ")
        )
    }
}

impl std::error::Error for InvalidKind {}

impl std::str::FromStr for Kind {
    type Err = InvalidKind;

    fn from_str(word: &str) -> Result<Self, InvalidKind> {
        if let Some(topic) = Topic::ALL.iter().find(|topic| topic.word() == word) {
            return Ok(Self::Topic(*topic));
        }
        let word_of: serde::de::value::StrDeserializer<'_, Error> = word.into_deserializer();
        let what = What::deserialize(word_of);
        match what {
            Ok(What::Other) | Err(_) => Err(InvalidKind(word.to_owned())),
            Ok(what) => Ok(Self::What(what)),
        }
    }
}

impl Filter {
    /// Takes words that [`Topic`] or [`What`] know, with commas between them.
    ///
    /// # Errors
    /// The first word that neither knows.
    pub fn add_kinds(&mut self, words: &str) -> Result<(), InvalidKind> {
        for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            self.kinds.insert(word.parse()?);
        }
        Ok(())
    }

    /// Whether the entry is asked for.
    pub fn matches(&self, entry: &Entry) -> bool {
        let kind = self.kinds.is_empty()
            || self.kinds.contains(&Kind::What(entry.what))
            || self.kinds.contains(&Kind::Topic(entry.what.topic()));
        kind && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && self.cluster.as_ref().is_none_or(|cluster| self.of_cluster(entry, cluster))
            && self.application.as_ref().is_none_or(|name| self.of_application(entry, name))
            && self.set.as_ref().is_none_or(|name| of_set(entry, name))
            && self.rollout.as_ref().is_none_or(|name| of_rollout(entry, name))
    }

    fn of_cluster(&self, entry: &Entry, cluster: &ClusterName) -> bool {
        match &entry.cluster {
            Some(of) => of == cluster,
            None => {
                let runs = entry.application.as_ref().is_some_and(|app| self.running.contains(app));
                runs || self.is_around(entry) || is_of_all(entry)
            }
        }
    }

    fn of_application(&self, entry: &Entry, name: &str) -> bool {
        match &entry.application {
            Some(of) => of.name.as_str() == name,
            None if entry.cluster.is_some() => false,
            None => {
                self.is_around(entry)
                    || is_of_all(entry)
                    || entry
                        .owners
                        .iter()
                        .any(|owner| owner.kind == OwnerKind::Application && owner.name == name)
            }
        }
    }

    fn is_around(&self, entry: &Entry) -> bool {
        entry.application.is_none() && entry.owners.iter().any(|owner| self.around.contains(owner))
    }
}

fn of_set(entry: &Entry, name: &str) -> bool {
    entry.owners.iter().any(|owner| owner.kind == OwnerKind::ApplicationSet && owner.name == name)
}

fn of_rollout(entry: &Entry, name: &str) -> bool {
    entry.rollout.as_ref().is_some_and(|rollout| rollout.as_str() == name)
}

/// What concerns whoever is in the fleet.
fn is_of_all(entry: &Entry) -> bool {
    matches!(entry.what.topic(), Topic::Freeze | Topic::Hub)
}
