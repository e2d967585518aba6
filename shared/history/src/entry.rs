//! One thing that happened.

use crate::What;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, ClusterName, CommitId, Digest, Owner, RepoUrl, RolloutName};
use std::fmt::Write as _;

/// The longest text of an entry, in characters, as that of a Kubernetes Event.
pub const LONGEST: usize = 1024;
/// The longest of the other texts.
const SHORT: usize = 300;
/// How many owners and commits an entry names at most.
const NAMED: usize = 20;

/// One thing that happened: when, to what, who did it, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, by the hub's clock; of what an agent tells late, by the agent's.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// On which cluster, or to which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
    /// To which application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<AppKey>,
    /// Whose rollout it was; of a commit, who follows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<Owner>,
    /// In which rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutName>,
    /// In which wave of it, by name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wave: String,
    /// Who did it, when a person did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why, in the words of who did it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The commits that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<Commit>,
    /// The object that a person changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Named>,
    /// How often it happened; heals of one minute are one entry.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub count: u64,
    /// The W3C trace id of the rollout's trace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
    /// What happened, as a sentence without a full stop.
    pub text: String,
}

/// A commit, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// The repository; user information in it is never shown.
    #[serde(rename = "repoURL")]
    pub repo_url: RepoUrl,
    /// The branch or tag that it was, as written.
    pub revision: String,
    /// Its id.
    pub commit: CommitId,
    /// Who wrote it, by name; empty when it could not be read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// The first line of its message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Timestamp>,
}

/// An object on the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Its name.
    pub name: String,
}

const fn once() -> u64 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_once(count: &u64) -> bool {
    *count == 1
}

impl Entry {
    /// Something that happened to nothing in particular; fields say to what.
    pub fn new(what: What, at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            at,
            what,
            cluster: None,
            application: None,
            owners: Vec::new(),
            rollout: None,
            wave: String::new(),
            by: String::new(),
            reason: String::new(),
            commits: Vec::new(),
            object: None,
            count: 1,
            trace: String::new(),
            text: text.into(),
        }
    }

    /// Its name in the log: the time in microseconds, the place among what a plan decides at one moment, and a hash of
    /// what it is about. Sorts by time, and causes before what follows from them.
    pub fn key(&self) -> String {
        let Self { what, cluster, application, owners, rollout, wave, by, commits, object, .. } = self;
        let mut about =
            format!("{what}/{cluster:?}/{application:?}/{owners:?}/{rollout:?}/{wave}/{by}/{object:?}");
        for commit in commits {
            let _infallible =
                write!(about, "/{}/{}/{}", commit.repo_url.as_str(), commit.revision, commit.commit);
        }
        format!("{}-{}{}", key_at(self.at), what.place(), &Digest::of(about.as_bytes()).hex()[..16])
    }

    /// Within its bounds.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        cut(&mut self.text, LONGEST);
        for text in [&mut self.by, &mut self.reason, &mut self.wave] {
            cut(text, SHORT);
        }
        self.owners.truncate(NAMED);
        self.commits.truncate(NAMED);
        for commit in &mut self.commits {
            for text in [&mut commit.author, &mut commit.message, &mut commit.revision] {
                cut(text, SHORT);
            }
            // Passwords that somebody wrote into an address stay there.
            commit.repo_url = RepoUrl::new(commit.repo_url.to_string());
        }
        self
    }

    /// Of the rollouts of an owner.
    #[must_use]
    pub fn of_rollout(mut self, owner: &Owner, rollout: &RolloutName) -> Self {
        self.owners = vec![owner.clone()];
        self.rollout = Some(rollout.clone());
        self
    }

    /// Done by a person.
    #[must_use]
    pub fn by(mut self, by: &str, reason: &str) -> Self {
        by.clone_into(&mut self.by);
        reason.clone_into(&mut self.reason);
        self
    }
}

/// The start of the key of whatever happened at that time. Times before 1970 count as 1970.
pub fn key_at(at: Timestamp) -> String {
    format!("{:020}", at.as_microsecond().max(0))
}

fn cut(text: &mut String, most: usize) {
    if text.chars().any(char::is_control) {
        *text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
}
