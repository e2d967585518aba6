//! Where a repository is, so that its spellings can be compared: https, ssh and scp forms, ports, `.git`, case.
//!
//! As in Argo CD (`util/webhook`) neither case nor user information nor ports count: a forge behind a load balancer writes its own ports, or none,
//! into its payloads, whatever the ports are that it is reached at. Two servers of one host with a repository of one path are both asked, which is
//! one question too many and no push too few.

use crate::RepoUrl;
use std::fmt;

/// A repository on a server.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// In lower case, without `.git` and slashes around it.
    path: String,
    /// In lower case; absent when a payload names none.
    host: Option<String>,
    kind: Kind,
}

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Over HTTP.
    Web,
    /// Over SSH.
    Ssh,
    /// Any way: payloads that name a project and not an address; Azure DevOps, whose addresses are all made of the same names.
    Any,
}

impl Place {
    /// The place of an address; `None` for one on this machine or of another protocol.
    pub fn of(url: &RepoUrl) -> Option<Self> {
        Self::parse(url.as_str())
    }

    /// Reads an address as users and payloads write it.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (kind, port, host, path) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/')?;
                let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                let (host, port) = host_and_port(authority)?;
                let kind = match scheme.to_ascii_lowercase().as_str() {
                    "https" | "http" => Kind::Web,
                    "ssh" | "git+ssh" | "ssh+git" => Kind::Ssh,
                    _ => return None,
                };
                (kind, port, host, path)
            }
            None => {
                // The scp form: [user@]host:path, with no slash before the colon.
                let (host, path) = url.split_once(':').filter(|(host, _)| !host.contains('/'))?;
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                (Kind::Ssh, None, host.to_owned(), path)
            }
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = crate::address::percent_decoded(path).to_lowercase();
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        let host = host.to_lowercase();
        if host.is_empty() || path.is_empty() {
            return None;
        }
        if let Some(path) = azure(&host, path) {
            return Some(Self { path, host: Some("dev.azure.com".to_owned()), kind: Kind::Any });
        }
        let host = match (kind, port, host.strip_prefix("ssh.").or(host.strip_prefix("altssh."))) {
            // github.com, gitlab.com and bitbucket.org serve SSH on the port of HTTPS under such names.
            (Kind::Ssh, Some(443), Some(host)) => host.to_owned(),
            (Kind::Web | Kind::Ssh | Kind::Any, ..) => host,
        };
        Some(Self { path: path.to_owned(), host: Some(host), kind })
    }

    /// A repository of which only project and name are known.
    pub(super) fn anywhere(project: &str, name: &str) -> Self {
        Self { path: format!("{project}/{name}").to_lowercase(), host: None, kind: Kind::Any }
    }

    /// What places of one repository have in common, as a key to find them by.
    pub(crate) fn common(&self) -> &str {
        // Bitbucket Server's https addresses have it, its ssh addresses have not.
        self.path.strip_prefix("scm/").unwrap_or(&self.path)
    }

    /// Whether this is a repository that is at all these `places`.
    pub(super) fn is_among(&self, places: &[Self]) -> bool {
        if places.iter().any(|other| self.kind == other.kind) {
            return places.iter().any(|other| self == other);
        }
        // Without a host, what is written as Bitbucket Server writes it has to do.
        let theirs = self.path.starts_with("scm/") || matches!(self.kind, Kind::Ssh);
        let host = |other: &Self| if other.host.is_none() { theirs } else { self.host == other.host };
        places.iter().any(|other| self.common() == other.common() && host(other))
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) => write!(f, "{host}/{}", self.path),
            None => f.write_str(&self.path),
        }
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = after.strip_prefix(':').map(str::parse).transpose().ok()?;
        return Some((host.to_owned(), port));
    }
    match authority.split_once(':') {
        Some((host, "")) => Some((host.to_owned(), None)),
        Some((host, port)) => Some((host.to_owned(), Some(port.parse().ok()?))),
        None => Some((authority.to_owned(), None)),
    }
}

/// `organisation/project/repository` of an address of Azure DevOps Services, old or new, https or ssh.
fn azure(host: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let organisation = match host {
        "dev.azure.com" if !parts.is_empty() => parts.remove(0).to_owned(),
        "ssh.dev.azure.com" | "vs-ssh.visualstudio.com" => {
            return match parts[..] {
                ["v3", organisation, project, repository] => {
                    Some(format!("{organisation}/{project}/{repository}"))
                }
                _ => None,
            };
        }
        host => host.strip_suffix(".visualstudio.com")?.to_owned(),
    };
    parts.retain(|part| *part != "defaultcollection" && *part != "_optimized" && *part != "_full");
    match parts[..] {
        [project, "_git", repository] => Some(format!("{organisation}/{project}/{repository}")),
        // A project's own repository has its name.
        ["_git", repository] => Some(format!("{organisation}/{repository}/{repository}")),
        _ => None,
    }
}
