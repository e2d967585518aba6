//! A repository's address, taken apart: where to connect, with what, and the folder of its mirror.
//!
//! User information in an address (`https://me:secret@host/…`) becomes credentials here and is in no
//! address from then on.

use crate::{Credentials, Error, RepoUrl, credentials::Login};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

const FORMS: &str = "write https://HOST/PATH, ssh://git@HOST/PATH or git@HOST:PATH";
const ELSEWHERE: &str = "its path has `.`, `..` or `\\` in it: write where it leads";
/// As whom one logs in at a forge.
const SSH_USER: &str = "git";

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) url: RepoUrl,
    pub(crate) place: Place,
}

/// A server of SSH, and what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    pub(crate) user: &'a str,
    /// A DNS name or an address, without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
    pub(crate) path: &'a str,
}

impl Server<'_> {
    /// As a line of `known_hosts` names it.
    pub(crate) fn known_as(&self) -> String {
        match self.port {
            None | Some(22) => self.host.to_owned(),
            Some(port) => format!("[{}]:{port}", self.host),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Over HTTP, at an address without user information.
    Http { url: String, secure: bool, login: Option<Login> },
    /// Over SSH, by the `ssh` program.
    Ssh { user: String, host: String, port: Option<u16>, path: String },
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
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ssh") => ssh(rest).map_err(invalid)?,
            None if text.starts_with('/') => Place::File { path: text.into() },
            None => scp(text).ok_or_else(|| invalid(FORMS))?.map_err(invalid)?,
            Some(_) => return Err(invalid(FORMS)),
        };
        match &place {
            Place::File { .. } if !allow_file => Err(Error::FileNotAllowed { url: url.clone() }),
            Place::File { .. } | Place::Http { .. } | Place::Ssh { .. } => {
                Ok(Self { url: url.clone(), place })
            }
        }
    }

    /// What is limited together: the host with its port, or this machine.
    pub(crate) fn host(&self) -> String {
        host(&self.url)
    }

    /// The server of a repository over SSH.
    pub(crate) fn server(&self) -> Option<Server<'_>> {
        match &self.place {
            Place::Ssh { user, host, port, path } => Some(Server { user, host, port: *port, path }),
            Place::Http { .. } | Place::File { .. } => None,
        }
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
    if goes_elsewhere(path) || path.contains('\\') {
        return Err(ELSEWHERE);
    }
    let login = login.and_then(|login| {
        let (username, password) = login.split_once(':').unwrap_or(("", login));
        Credentials::basic(percent_decoded(username), percent_decoded(password)).login
    });
    Ok(Place::Http { url: format!("{scheme}://{host}/{path}"), secure: scheme == "https", login })
}

/// What follows `ssh://`.
fn ssh(rest: &str) -> Result<Place, &'static str> {
    const FORM: &str = "write ssh://git@HOST:PORT/PATH";
    let (authority, path) = rest.split_once('/').ok_or(FORM)?;
    let (user, server) = authority.rsplit_once('@').unwrap_or((SSH_USER, authority));
    // A password in the address would be asked for by nobody.
    let user = user.split_once(':').map_or(user, |(user, _)| user);
    let (host, port) = match server.strip_prefix('[').and_then(|inside| inside.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse().map_err(|_| "its port is no number up to 65535")?),
    };
    // As git has it, `/~user/…` is a folder in somebody's home.
    let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
    ssh_place(percent_decoded(user), host, port, percent_decoded(&path))
}

/// `user@host:path`, if it is that.
fn scp(text: &str) -> Option<Result<Place, &'static str>> {
    let (authority, path) = text.split_once(':')?;
    let (user, host) = authority.rsplit_once('@').unwrap_or((SSH_USER, authority));
    (!authority.contains('/')).then(|| ssh_place(user.to_owned(), host, None, path.to_owned()))
}

/// Nothing in it may be taken for an option of `ssh`, nor end the command that it runs.
fn ssh_place(user: String, host: &str, port: Option<u16>, path: String) -> Result<Place, &'static str> {
    let plain = |text: &str, more: &[char]| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    if !plain(host, &['.', '-', '_', ':']) {
        return Err("its host is no DNS name or address");
    }
    if !plain(&user, &['.', '-', '_', '@', '+']) {
        return Err("its user name has characters that no such name has");
    }
    if path.trim_matches('/').is_empty() || path.bytes().any(|byte| byte.is_ascii_control()) {
        return Err("it names no repository: write git@HOST:PATH");
    }
    if path.starts_with('-') {
        return Err("its path begins like an option: write ssh://git@HOST/PATH");
    }
    if goes_elsewhere(&path) {
        return Err(ELSEWHERE);
    }
    Ok(Place::Ssh { user, host: host.to_ascii_lowercase(), port, path })
}

/// Whether a path, as servers and clients of HTTP read it, is another than its text: a login is chosen by the text.
fn goes_elsewhere(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    percent_decoded(path).split('/').any(|part| [".", ".."].contains(&part))
}

pub(crate) fn percent_decoded(text: &str) -> String {
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
