//! Which commit a revision is, given the references that a server lists.
//!
//! As in Argo CD (`util/git`, `resolveRevision`) a branch wins over a tag of the same name. An annotated
//! tag is the commit that it points to.

use crate::{CommitId, Error, RepoUrl};

/// A reference as a server lists it, tags peeled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    /// `None` for a `HEAD` whose branch has no commit yet.
    pub(crate) commit: Option<String>,
}

/// What to do about a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Revision {
    /// It is a commit already.
    Commit(CommitId),
    /// One of these references, the first that exists.
    Names(Vec<String>),
    /// It can be neither.
    Invalid,
}

impl Revision {
    pub(crate) fn parse(text: &str) -> Self {
        if let Ok(commit) = text.to_ascii_lowercase().parse() {
            return Self::Commit(commit);
        }
        let names = match text {
            "" | "HEAD" => vec!["HEAD".to_owned()],
            full if full.starts_with("refs/") => vec![full.to_owned()],
            short => vec![format!("refs/heads/{short}"), format!("refs/tags/{short}")],
        };
        let valid = |name: &String| gix::validate::reference::name(name.as_str().into()).is_ok();
        if names.iter().all(valid) { Self::Names(names) } else { Self::Invalid }
    }
}

/// The commit of the first of `names` that is listed. A listing by prefix holds more than was asked for.
pub(crate) fn choose(names: &[String], listed: &[Reference]) -> Option<CommitId> {
    names
        .iter()
        .find_map(|name| listed.iter().find(|r| r.name == *name))
        .and_then(|found| found.commit.as_deref()?.parse().ok())
}

/// The error for a revision that is not there, with what is: the nearest names first.
pub(crate) fn not_found(url: &RepoUrl, revision: &str, listed: &[Reference]) -> Error {
    const SHOWN: usize = 5;
    let mut names: Vec<&str> = listed
        .iter()
        .filter_map(|r| r.name.strip_prefix("refs/heads/").or(r.name.strip_prefix("refs/tags/")))
        .collect();
    names.sort_by_key(|name| (distance(revision, name), *name));
    names.dedup();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let known = match (names.is_empty(), more) {
        (true, _) => "the repository has no branches and no tags yet".to_owned(),
        (false, 0) => format!("branches and tags there: {}", names.join(", ")),
        (false, more) => format!("branches and tags there: {} and {more} more", names.join(", ")),
    };
    let range = revision.contains(['*', '^', '~']) || revision.starts_with(['<', '>', '=', '!']);
    let known = if range { format!("ranges of versions are not read yet, name one; {known}") } else { known };
    let short = (7..40).contains(&revision.len()) && revision.bytes().all(|b| b.is_ascii_hexdigit());
    let known = if short { format!("a commit is named by all its 40 digits; {known}") } else { known };
    Error::RevisionNotFound { url: url.clone(), revision: revision.to_owned(), known }
}

/// Levenshtein's distance, both texts cut to 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let next = (row[j] + 1).min(row[j + 1] + 1).min(diagonal + usize::from(x != *y));
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
