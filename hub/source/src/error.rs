//! What can go wrong, where, and how to mend it.

use crate::charts::Address;
use shared_model::{CommitId, RepoUrl};
use std::time::Duration;

/// Why a repository could not be read. Texts never hold credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The repository is on this machine and the hub was not started to read such ones.
    #[error(
        "{shown} is a repository on the hub's own machine: start the hub with --allow-file-repositories to allow those", shown = Address::shown(.url))]
    FileNotAllowed {
        /// The repository.
        url: RepoUrl,
    },
    /// The address is not one that this hub can read.
    #[error("{shown} is no usable repository address: {cause}", shown = Address::shown(.url))]
    Address {
        /// The repository.
        url: RepoUrl,
        /// What is wrong with it and what would do.
        cause: String,
    },
    /// No answer, or not one that a Git server gives.
    #[error("cannot reach {shown}: {cause}", shown = Address::shown(.url))]
    Unreachable {
        /// The repository.
        url: RepoUrl,
        /// What the network, TLS or the server said.
        cause: String,
    },
    /// The server wants to know who asks, or does not let this one read.
    #[error("{shown} refused to be read {with}: {remedy}", shown = Address::shown(.url))]
    Refused {
        /// The repository.
        url: RepoUrl,
        /// What was tried: with the given credentials, or without any.
        with: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// What it is to be read with is not what its address or its form asks for.
    #[error("the credentials for {shown} cannot be used: {cause}", shown = Address::shown(.url))]
    Credentials {
        /// The repository.
        url: RepoUrl,
        /// What is wrong, and what would do.
        cause: String,
    },
    /// The server's host key is in no line of the known hosts.
    #[error(
        "the host key of {host}{key} is not known: compare it with what the server's owner publishes, then add its line (`ssh-keyscan` prints it) to `ssh_known_hosts` of the ConfigMap argocd/argocd-ssh-known-hosts-cm"
    )]
    HostKeyUnknown {
        /// The repository.
        url: RepoUrl,
        /// The host as a line of known hosts names it.
        host: String,
        /// The key's kind and fingerprint in brackets, where it was shown.
        key: String,
    },
    /// The server shows another host key than the known one.
    #[error(
        "the host key of {host} has changed{key}: somebody may be in between; only if the server's owner says so, replace its line in `ssh_known_hosts` of the ConfigMap argocd/argocd-ssh-known-hosts-cm"
    )]
    HostKeyChanged {
        /// The repository.
        url: RepoUrl,
        /// The host as a line of known hosts names it.
        host: String,
        /// The new key's kind and fingerprint in brackets, where it was shown.
        key: String,
    },
    /// The server wants to be left alone for a while.
    #[error("{shown} is asked for too often, says its server ({status}); it is left alone {}", .after.map_or_else(|| "for a while".to_owned(), |after| format!("for {} s", after.as_secs())), shown = Address::shown(.url))]
    TooMany {
        /// The repository.
        url: RepoUrl,
        /// The status of HTTP: 429 or 503.
        status: u16,
        /// For how long, if it said so.
        after: Option<Duration>,
    },
    /// The API of GitHub Apps gave no token, which says nothing of the Git server.
    #[error("cannot log in to read {shown}: {cause}{}", .after.map_or_else(String::new, |after| format!("; it is left alone for {} s", after.as_secs())), shown = Address::shown(.url))]
    Api {
        /// The repository.
        url: RepoUrl,
        /// Which API, and what it or the network said.
        cause: String,
        /// For how long it is not asked again, if that is known.
        after: Option<Duration>,
    },
    /// There is a server but no repository.
    #[error("no repository at {shown}: check the address and that the credentials may read it", shown = Address::shown(.url))]
    NoRepository {
        /// The repository.
        url: RepoUrl,
    },
    /// The revision is no branch, tag, full reference or commit id.
    #[error("revision `{revision}` not found in {shown}: {known}", shown = Address::shown(.url))]
    RevisionNotFound {
        /// The repository.
        url: RepoUrl,
        /// What was asked for.
        revision: String,
        /// What is there instead.
        known: String,
    },
    /// The server does not have the commit.
    #[error(
        "commit {commit} not found in {shown}: `{revision}` may have been force-pushed or deleted since; refresh to resolve it again", shown = Address::shown(.url))]
    CommitNotFound {
        /// The repository.
        url: RepoUrl,
        /// The commit.
        commit: CommitId,
        /// The revision that it was resolved from.
        revision: String,
    },
    /// The server has something else now, or nothing.
    #[error("{shown} `{version}` is no longer what was pinned (sha256 {}…): {cause}; refresh to take what is there now", .commit.short(), shown = Address::shown(.url))]
    Gone {
        /// The chart, artefact or file.
        url: RepoUrl,
        /// The version that was asked for.
        version: String,
        /// The digest of what was pinned.
        commit: CommitId,
        /// What is there instead.
        cause: String,
    },
    /// What was fetched is no archive that can be used.
    #[error("the archive of {shown} is not used: {cause}", shown = Address::shown(.url))]
    Archive {
        /// The chart or artefact.
        url: RepoUrl,
        /// What is wrong with it.
        cause: String,
    },
    /// The deadline passed.
    #[error("{shown} did not answer within {}s ({stage}): is the server slow or hanging?", .after.as_secs_f32(), shown = Address::shown(.url))]
    TimedOut {
        /// The repository.
        url: RepoUrl,
        /// What it was doing, or what it waited for.
        stage: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// The commit has no such file.
    #[error("no file `{path}` in {shown} at {}", .commit.short(), shown = Address::shown(.url))]
    NoSuchFile {
        /// The repository.
        url: RepoUrl,
        /// The commit.
        commit: CommitId,
        /// The path, as asked for.
        path: String,
    },
    /// The path leads out of the repository.
    #[error("path `{path}` leads out of the repository: write it from the repository's root, without `..`")]
    PathOutside {
        /// The path, as asked for.
        path: String,
    },
    /// A file, or several together, are over the limit.
    #[error("`{path}` in {shown} is too large: {size} bytes {of}, the limit is {limit}", shown = Address::shown(.url))]
    TooLarge {
        /// The repository.
        url: RepoUrl,
        /// The file at which the limit was passed.
        path: String,
        /// The size that was found.
        size: u64,
        /// Of what: of the file, or of all files up to it.
        of: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// The tree is larger than any that a repository of manifests has.
    #[error("the tree of {shown} at {} is too large: {cause}", .commit.short(), shown = Address::shown(.url))]
    TreeTooLarge {
        /// The repository.
        url: RepoUrl,
        /// The commit.
        commit: CommitId,
        /// The bound that was passed.
        cause: String,
    },
    /// The server's answer or the mirror cannot be used, and making the mirror anew did not help.
    #[error("{shown} could not be read: {cause}", shown = Address::shown(.url))]
    Broken {
        /// The repository.
        url: RepoUrl,
        /// What was found.
        cause: String,
    },
    /// The hub's own disk, or one of its settings.
    #[error("{what}: {cause}")]
    Setup {
        /// What was tried.
        what: String,
        /// What the system said.
        cause: String,
    },
}

impl Error {
    pub(crate) fn disk(what: impl Into<String>, cause: &std::io::Error) -> Self {
        Self::Setup { what: what.into(), cause: cause.to_string() }
    }
}
