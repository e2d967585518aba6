//! Names and positions as types of their own.

use crate::Word;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A text that cannot be the id it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct InvalidId {
    /// What was given.
    pub value: String,
    /// What it should have been, as a phrase.
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Word);

        impl $name {
            /// Wraps a name that its source already validated.
            pub fn new(name: impl Into<Word>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a Cluster object, and of the spoke cluster it stands for.
    ClusterName
);
name!(
    /// The name of a FleetRollout object. Its namespace is that of its owner.
    RolloutName
);

/// A repository address as users write it in `repoURL`.
///
/// Addresses compare as written; [`RepoUrl::normalized`] is the form in which two spellings of one
/// repository are equal. `Display` and `Debug` never show user information.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoUrl(String);

impl RepoUrl {
    /// Takes an address as written.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The address as written, user information included: for the git transport only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two spellings of one repository are equal: no user information, no
    /// trailing `/` or `.git`, host in lower case (Argo CD's `git.NormalizeGitURL`). `git@host:path` is
    /// `ssh://host/path`.
    pub fn normalized(&self) -> String {
        let shown = match self.scp() {
            Some((host, path)) => format!("ssh://{host}/{}", path.trim_start_matches('/')),
            None => self.to_string(),
        };
        let trimmed = shown.trim_end_matches('/');
        let trimmed = trimmed.strip_suffix(".git").unwrap_or(trimmed);
        match trimmed.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (scheme, host) = (scheme.to_lowercase(), host.to_lowercase());
                if path.is_empty() {
                    format!("{scheme}://{host}")
                } else {
                    format!("{scheme}://{host}/{path}")
                }
            }
            None => trimmed.to_owned(),
        }
    }

    /// Host and path of the form `user@host:path`, which has no scheme.
    fn scp(&self) -> Option<(&str, &str)> {
        let (before, path) = self.0.split_once(':')?;
        if before.contains('/') || path.starts_with("//") {
            return None;
        }
        Some((before.rsplit_once('@').map_or(before, |(_, host)| host), path))
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, rest)) => {
                let authority = rest.split('/').next().unwrap_or(rest);
                let shown = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                write!(f, "{scheme}://{shown}{}", &rest[authority.len()..])
            }
            None => f.write_str(&self.0),
        }
    }
}

impl fmt::Debug for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A Git commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first seven digits, as git prints them.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl FromStr for CommitId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if hex && matches!(text.len(), 40 | 64) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId { value: text.to_owned(), expected: "a commit id of 40 or 64 hex digits" })
        }
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// An Application: its namespace on the hub and its name. Written `namespace/name`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AppKey {
    /// The namespace on the hub.
    pub namespace: Word,
    /// The Application's name.
    pub name: Word,
}

impl AppKey {
    /// The key of the Application `name` in `namespace`.
    pub fn new(namespace: impl Into<Word>, name: impl Into<Word>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for AppKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self::new(namespace, name))
            }
            _ => Err(InvalidId { value: text.to_owned(), expected: "an application as NAMESPACE/NAME" }),
        }
    }
}

impl TryFrom<String> for AppKey {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<AppKey> for String {
    fn from(key: AppKey) -> Self {
        key.to_string()
    }
}

/// What kind of object a line of rollouts belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OwnerKind {
    /// A set: one rollout moves all its Applications.
    ApplicationSet,
    /// An Application that no set made: a rollout with one member.
    Application,
}

/// The object that a line of rollouts belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The kind of the object.
    pub kind: OwnerKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// The place of one assignment in the history of a (cluster, application).
///
/// Positions only grow (invariant 6, *Never backwards by accident*): the incarnation is raised only
/// when a hub adopts what its agents run, the generation with every release and removal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Raised by `hub restore --adopt` only.
    pub incarnation: u64,
    /// Raised by every release and removal.
    pub generation: u64,
}

impl Position {
    /// The position after this one in the same incarnation.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { incarnation: self.incarnation, generation: self.generation + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incarnation, self.generation)
    }
}
