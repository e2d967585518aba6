//! What a set is expanded from: the clusters, and what Git said.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that [`crate::generate`] reads beside the set itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Every cluster, in any order; in the order of names it is fastest. One that has not changed is best given as the same allocation again.
    pub clusters: Vec<Arc<ClusterInput>>,
    /// The answers so far. Answers that nobody asked for do no harm.
    pub git: BTreeMap<GitRequest, GitAnswer>,
}

/// A cluster as the clusters generator sees it: what an Argo CD cluster Secret would say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterInput {
    /// The cluster's name; of two with one name the first by server counts.
    pub name: String,
    /// The address that `destination.server` names.
    pub server: String,
    /// The AppProject that it belongs to; empty if none.
    pub project: String,
    /// `metadata.labels`. The label by which Argo CD marks cluster Secrets is added when it is absent.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`. Those of Argo CD itself and kubectl's last-applied copy are not shown to templates.
    pub annotations: BTreeMap<String, String>,
}

/// A question to Git. `revision` is a branch, tag, commit or `HEAD`; it is never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GitRequest {
    /// Every directory of the tree, at any depth, without the root.
    Directories {
        /// The repository.
        repo_url: String,
        /// What to read of it.
        revision: String,
    },
    /// Every file of the tree.
    Paths {
        /// The repository.
        repo_url: String,
        /// What to read of it.
        revision: String,
    },
    /// The content of one file, asked once it has matched.
    File {
        /// The repository.
        repo_url: String,
        /// What to read of it.
        revision: String,
        /// Path from the root, without a leading slash.
        path: String,
    },
}

impl GitRequest {
    /// The repository that the question is about.
    pub fn repo_url(&self) -> &str {
        match self {
            Self::Directories { repo_url, .. }
            | Self::Paths { repo_url, .. }
            | Self::File { repo_url, .. } => repo_url,
        }
    }

    /// The revision that the question is about.
    pub fn revision(&self) -> &str {
        match self {
            Self::Directories { revision, .. }
            | Self::Paths { revision, .. }
            | Self::File { revision, .. } => revision,
        }
    }
}

/// What Git said. An answer of another kind than the question counts as a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitAnswer {
    /// Paths from the root, without leading or trailing slashes, in any order.
    Directories(Arc<Vec<String>>),
    /// Paths from the root, in any order.
    Paths(Arc<Vec<String>>),
    /// The file's text.
    File(Arc<str>),
    /// Why there is no answer, in words for the user: `repository not found`.
    Failed(String),
}

/// A repository and revision that a set reads, as far as the set names them without a template.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository {
    /// The repository.
    pub repo_url: String,
    /// Branch, tag, commit or `HEAD`.
    pub revision: String,
}
