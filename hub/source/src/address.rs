//! A repository's address, taken apart: where to connect, with what, and the folder of its mirror.
//!
//! User information in an address (`https://me:secret@host/…`) becomes credentials here and is in no
//! address from then on.

use crate::{Credentials, Error, RepoUrl};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) url: RepoUrl,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Over HTTP, at an address without user information.
    Http { url: String, secure: bool, login: Option<Credentials> },
    /// On this machine.
    File { path: PathBuf },
}

impl Address {
    pub(crate) fn parse(url: &RepoUrl, allow_file: bool) -> Result<Self, Error> {
        let invalid = |cause: &str| Error::Address { url: url.clone(), cause: cause.to_owned() };
        let text = url.as_str();
        if text.bytes().any(|b| b.is_ascii_control()) {
            return Err(invalid("it has control characters in it"));
        }
        let place = match text.split_once("://") {
            Some((scheme, rest)) if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) => {
                http(&scheme.to_ascii_lowercase(), rest).map_err(invalid)?
            }
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
                match rest.strip_prefix("localhost") {
                    Some(path) if path.starts_with('/') => Place::File { path: path.into() },
                    _ if rest.starts_with('/') => Place::File { path: rest.into() },
                    _ => return Err(invalid("write file:///absolute/path")),
                }
            }
            None if text.starts_with('/') => Place::File { path: text.into() },
            _ => return Err(invalid("only https://, http:// and file:// are read (no SSH yet)")),
        };
        match &place {
            Place::File { .. } if !allow_file => Err(Error::FileNotAllowed { url: url.clone() }),
            Place::File { .. } | Place::Http { .. } => Ok(Self { url: url.clone(), place }),
        }
    }

    /// What is limited together: the host with its port, or this machine.
    pub(crate) fn host(&self) -> String {
        host(&self.url)
    }

    /// The name of the folder of a repository's mirror.
    pub(crate) fn folder_of(url: &RepoUrl) -> String {
        hex::encode(Sha256::digest(identity(url)))
    }

    /// Whether a folder of this name is a mirror's.
    pub(crate) fn is_folder(name: &str) -> bool {
        name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit())
    }
}

fn http(scheme: &str, rest: &str) -> Result<Place, &'static str> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if host.is_empty() || path.is_empty() {
        return Err("write https://HOST/PATH");
    }
    let login = login.map(|login| {
        let (username, password) = login.split_once(':').unwrap_or(("", login));
        Credentials::basic(percent_decoded(username), percent_decoded(password))
    });
    Ok(Place::Http { url: format!("{scheme}://{host}/{path}"), secure: scheme == "https", login })
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The text that two spellings of one repository have in common. On this machine, `a` and `a.git` are
/// two repositories.
pub(crate) fn identity(url: &RepoUrl) -> String {
    match url.as_str().strip_prefix("file://").unwrap_or(url.as_str()) {
        path if path.starts_with('/') => format!("file://{}", path.trim_end_matches('/')),
        _ => url.normalized(),
    }
}

/// The host and port of a repository; empty for this machine.
pub(crate) fn host(url: &RepoUrl) -> String {
    let identity = identity(url);
    let rest = identity.split_once("://").map_or(identity.as_str(), |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
