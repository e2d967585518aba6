//! One receiver of notifications.

use crate::Event;
use serde_json::Value;
use shared_history::Entry;
use shared_model::{Digest, LabelSelector, OwnerKind};
use shared_project::matches_glob;
use shared_template::Template;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// One receiver, as it was configured.
#[derive(Debug, Clone)]
pub struct Sink {
    /// Its name: what it is called in logs, and where it goes on after a restart.
    pub name: String,
    /// What it understands.
    pub format: Format,
    /// Where it is.
    pub url: Text,
    /// Further headers of its requests.
    pub headers: Vec<Header>,
    /// An authority, PEM, that its certificate may come from, besides the system's.
    pub authority: Option<Text>,
    /// What it wants to hear.
    pub on: BTreeSet<Event>,
    /// Of whom.
    pub matches: Match,
    /// The text of a message; absent: the entries' own sentences.
    pub template: Option<Template>,
    /// The whole body of a request, as JSON; absent: as the format has it.
    pub body: Option<Template>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How long it waits for more to come before it tells the first.
    pub group: Duration,
    /// How long a message that does not arrive is tried.
    pub retry_for: Duration,
    /// What was written for it.
    pub written: Written,
}

/// What was written for a sink, to be compared with what is written for it now, and for nothing else: a digest of a short
/// secret tells it to whoever tries all of them, so nobody is shown one.
#[derive(Clone, PartialEq, Eq)]
pub struct Written(Digest);

impl Written {
    pub(crate) fn of(sink: &Value) -> Self {
        Self(Digest::of(sink.to_string().as_bytes()))
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Written(…)")
    }
}

/// What a sink understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON with documented fields.
    Generic,
    /// Slack's incoming webhooks, and what takes the same.
    Slack,
}

/// A text, or where it is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// As written. It may be a secret all the same: it is never shown.
    Plain(String),
    /// In a Secret beside the settings.
    Secret(SecretRef),
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(…)"),
            Self::Secret(secret) => write!(f, "{secret:?}"),
        }
    }
}

/// One key of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRef {
    /// The Secret's name; its namespace is that of the settings.
    pub secret: String,
    /// The key in it.
    pub key: String,
}

/// A header of a sink's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Text,
}

/// Of whom a sink wants to hear. What an entry is not about does not keep it away: a lost cluster is in no set, and a
/// rollout on no single cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Match {
    /// Globs of names of ApplicationSets.
    pub sets: Vec<String>,
    /// Globs of names of Applications.
    pub applications: Vec<String>,
    /// Globs of names of AppProjects.
    pub projects: Vec<String>,
    /// Labels of clusters.
    pub clusters: Option<LabelSelector>,
}

/// What the hub knows of what an entry is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The ApplicationSet, by name.
    pub set: Option<String>,
    /// The AppProject, by name.
    pub project: Option<String>,
    /// The labels of its cluster.
    pub labels: Option<BTreeMap<String, String>>,
}

impl Sink {
    /// The event that an entry is to this sink; `None` when it does not want it.
    pub fn wants(&self, entry: &Entry, subject: &Subject) -> Option<Event> {
        let event = Event::of(entry.what).filter(|event| self.on.contains(event))?;
        self.matches.takes(entry, subject).then_some(event)
    }
}

impl Match {
    fn takes(&self, entry: &Entry, subject: &Subject) -> bool {
        let owner = |kind| {
            entry.owners.iter().filter(move |owner| owner.kind == kind).map(|owner| owner.name.as_str())
        };
        let sets: Vec<&str> = owner(OwnerKind::ApplicationSet).chain(subject.set.as_deref()).collect();
        let own = entry.application.as_ref().map(|app| app.name.as_str());
        let applications: Vec<&str> = owner(OwnerKind::Application).chain(own).collect();
        let projects: Vec<&str> = subject.project.as_deref().into_iter().collect();
        // An Application that no set made is in none: it is not what somebody asked for who named sets.
        let outside = !self.sets.is_empty() && sets.is_empty() && !applications.is_empty();
        let labels = match (&self.clusters, &subject.labels) {
            (Some(selector), Some(labels)) => selector.matches(labels),
            (None, _) | (_, None) => true,
        };
        !outside
            && any(&self.sets, &sets)
            && any(&self.applications, &applications)
            && any(&self.projects, &projects)
            && labels
    }
}

/// Whether one of the names is taken, or there is none to look at.
fn any(patterns: &[String], names: &[&str]) -> bool {
    patterns.is_empty()
        || names.is_empty()
        || names.iter().any(|name| patterns.iter().any(|pattern| matches_glob(pattern, name) == Some(true)))
}
