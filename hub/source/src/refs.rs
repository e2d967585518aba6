//! Which commit a revision is, given the references that a server lists.
//!
//! As in Argo CD (`util/git`, `resolveRevision`) a branch wins over a tag of the same name, and a range of
//! versions is the newest tag in it; only where no tag is in the range, a branch or tag of that very name
//! counts (`1.x` is often a branch). An annotated tag is the commit that it points to.

use crate::{CommitId, Error, RepoUrl};
use shared_template::semver::Range;

const TAGS: &str = "refs/tags/";
const BRANCHES: &str = "refs/heads/";

/// A reference as a server lists it, tags peeled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: String,
    /// `None` for a `HEAD` whose branch has no commit yet.
    pub(crate) commit: Option<String>,
}

/// What to do about a revision.
#[derive(Debug)]
pub(crate) enum Revision {
    /// It is a commit already.
    Commit(CommitId),
    /// One of these references, the first that exists.
    Names(Vec<String>),
    /// The newest tag in this range, or else one of these references.
    Newest(Range, Vec<String>),
    /// It can be none of them.
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
            short => vec![format!("{BRANCHES}{short}"), format!("{TAGS}{short}")],
        };
        let valid = |name: &String| gix::validate::reference::name(name.as_str().into()).is_ok();
        let valid = names.iter().all(valid);
        match Range::parse(text) {
            Some(range) => Self::Newest(range, if valid { names } else { Vec::new() }),
            None if valid => Self::Names(names),
            None => Self::Invalid,
        }
    }

    /// What to have listed: prefixes of names. None for what is a commit or can be nothing.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        match self {
            Self::Commit(_) | Self::Invalid => Vec::new(),
            Self::Names(names) => names.clone(),
            Self::Newest(_, names) => {
                let branches = names.iter().filter(|name| !name.starts_with(TAGS)).cloned();
                branches.chain([TAGS.to_owned()]).collect()
            }
        }
    }

    /// The commit that it is. A listing by prefix holds more than was asked for.
    pub(crate) fn choose(&self, listed: &[Reference]) -> Option<CommitId> {
        let named = |names: &[String]| {
            let found = names.iter().find_map(|name| listed.iter().find(|r| r.name == *name));
            found.and_then(|found| found.commit.as_deref()?.parse().ok())
        };
        match self {
            Self::Commit(commit) => Some(commit.clone()),
            Self::Invalid => None,
            Self::Names(names) => named(names),
            Self::Newest(range, names) => {
                let tags = listed.iter().filter_map(|r| r.name.strip_prefix(TAGS));
                let newest = range.newest(tags).map(|tag| format!("{TAGS}{tag}"));
                newest.and_then(|tag| named(&[tag])).or_else(|| named(names))
            }
        }
    }
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
    let range = Range::parse(revision).is_some();
    let known = if range { format!("no tag is a version in that range; {known}") } else { known };
    let known = match short(revision, listed) {
        Some(advice) => format!("{advice}; {known}"),
        None => known,
    };
    Error::RevisionNotFound { url: url.clone(), revision: revision.to_owned(), known }
}

/// The names nearest to the wanted one, for people.
pub(crate) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 5;
    let mut names: Vec<(usize, &str)> = names.map(|name| (distance(wanted, name), name)).collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|(_, name)| *name).collect();
    match (names.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What to do about a commit named by its first digits: no server tells which one that is.
fn short(revision: &str, listed: &[Reference]) -> Option<String> {
    let digits = revision.to_ascii_lowercase();
    if !(4..40).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut whole: Vec<&str> =
        listed.iter().filter_map(|r| r.commit.as_deref()).filter(|id| id.starts_with(&digits)).collect();
    whole.dedup();
    Some(match whole.as_slice() {
        [id] => format!("a commit is named by all its 40 digits, write {id}"),
        _ => "a commit is named by all its 40 digits".to_owned(),
    })
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
