//! What a failed conversation means for the person who wrote the address.

use super::{Target, patience, ssh};
use crate::{Credentials, Error, address::Place};
use std::io;

/// What `err` says, for an operation that was at `stage`.
pub(super) fn failure(target: &Target<'_>, err: &gix::Error, stage: &'static str) -> Error {
    let url = target.address.url.clone();
    let status =
        err.iter_errors().find_map(|e| e.downcast_ref::<reqwest::Error>()?.status()).map(|s| s.as_u16());
    if err.is_unauthenticated() {
        return refused(
            target,
            "create a repository Secret for it with a valid token, or renew the token there",
        );
    }
    match status {
        Some(403) => {
            return refused(
                target,
                "the server knows who asks and forbids it: give that user or token read access",
            );
        }
        Some(404 | 410) => return Error::NoRepository { url },
        Some(status @ (429 | 503)) => {
            return Error::TooMany { url, status, after: patience::asked_for(target) };
        }
        Some(_) | None => {}
    }
    if target.deadline.passed() || is_timeout(err) {
        return Error::TimedOut { url, stage, after: target.deadline.given() };
    }
    let cause = cause(err);
    if let Some(server) = target.address.server()
        && let Some(said) = ssh::failure(target, server, &target.said.words())
    {
        return said;
    }
    let network = err.iter_errors().any(|e| e.is::<reqwest::Error>());
    match &target.address.place {
        Place::Http { .. } if network => Error::Unreachable { url, cause },
        Place::Http { .. } | Place::Ssh { .. } => Error::Broken { url, cause },
        Place::File { .. } => Error::Broken {
            url,
            cause: format!(
                "{cause}; check that git is installed here and that `git ls-remote` works for the hub's user"
            ),
        },
    }
}

fn refused(target: &Target<'_>, remedy: &'static str) -> Error {
    let login = match &target.address.place {
        Place::Http { login, .. } => login.is_some(),
        Place::File { .. } | Place::Ssh { .. } => false,
    };
    let with = match target.credentials.is_some_and(Credentials::has_login) || login {
        true => "with the given credentials",
        false => "without credentials",
    };
    Error::Refused { url: target.address.url.clone(), with, remedy }
}

/// Whether the server says that it does not have the commit: there is no code for it, so this goes by
/// the words of git's `upload-pack.c`, of JGit and of Azure DevOps.
pub(super) fn says_missing(err: &gix::Error) -> bool {
    err.iter_errors().any(|e| {
        let text = e.to_string();
        text.contains("not our ref")
            || (text.contains("want ") && text.contains("not valid"))
            || text.contains("TF401035")
    })
}

fn is_timeout(err: &gix::Error) -> bool {
    err.iter_errors().any(|e| {
        e.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout)
            || e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut)
    })
}

/// The innermost error's words: "connection refused", "invalid peer certificate: UnknownIssuer".
fn cause(err: &gix::Error) -> String {
    let mut innermost: &(dyn std::error::Error + 'static) = err.probable_cause();
    while let Some(source) = innermost.source() {
        if source.to_string().is_empty() {
            break;
        }
        innermost = source;
    }
    innermost.to_string()
}
