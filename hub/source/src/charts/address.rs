//! Where something on the web is that is pinned by its content: an address, written as a [`RepoUrl`].
//!
//! | what | address |
//! |---|---|
//! | a chart of a Helm repository | `helm+https://HOST/PATH#CHART`, `helm+http://…` |
//! | a chart or other artefact of an OCI registry | `oci://HOST/PATH/NAME` |
//! | one file | `file+https://HOST/PATH`, `file+http://…` |
//!
//! These are ours, so that the schedule ([`crate::poll`]) follows them like branches. What people write is a
//! `repoURL` and a `chart`: [`Address::of_source`] tells which is meant, as Argo CD does.

use crate::{Error, RepoUrl, credentials::Login};
use reqwest::Url;

const HELM: &str = "helm+";
const FILE: &str = "file+";
const OCI: &str = "oci://";
const HELM_FORM: &str = "write https://HOST/PATH and the chart's name";
const OCI_FORM: &str = "write oci://HOST/PATH";
const FILE_FORM: &str = "write https://HOST/PATH";
const LOGIN: &str = "it has a login in it: put that into a repository Secret";

/// An address of what is pinned by content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(pub(super) Place);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The repository's address and the chart's name.
    Helm { repository: Url, chart: String },
    /// The registry with its port, and the repository's name in it.
    Oci { registry: String, name: String },
    /// One file.
    File { url: Url },
}

impl Address {
    /// A chart of a Helm repository (`https://HOST/PATH`).
    ///
    /// # Errors
    /// [`Error::Address`] when the address or the chart's name is none.
    pub fn repository(url: &str, chart: &str) -> Result<Self, Error> {
        let invalid = |cause: &str| invalid(url, cause);
        if chart.is_empty() || chart.contains(['#', '?', '%']) || goes_elsewhere(chart) {
            return Err(invalid(HELM_FORM));
        }
        let repository = web(url).ok_or_else(|| invalid(HELM_FORM))?;
        Ok(Self(Place::Helm { repository, chart: chart.to_owned() }))
    }

    /// A chart of an OCI registry: `HOST/PATH` with or without `oci://`, and the chart's name; no name when the
    /// address has it already.
    ///
    /// # Errors
    /// [`Error::Address`] when that is no name of a repository as registries have them.
    pub fn oci(repository: &str, chart: &str) -> Result<Self, Error> {
        let invalid = |cause: &str| invalid(repository, cause);
        let text = strip(repository, OCI).unwrap_or(repository).trim_matches('/');
        let chart = chart.trim_matches('/');
        let text = if chart.is_empty() { text.to_owned() } else { format!("{text}/{chart}") };
        let (registry, name) = text.split_once('/').ok_or_else(|| invalid(OCI_FORM))?;
        if registry.contains('@') {
            return Err(invalid(LOGIN));
        }
        let host = Url::parse(&format!("https://{registry}/")).ok();
        let plain = host.as_ref().is_some_and(|url| url.path() == "/" && url.query().is_none());
        // distribution-spec, "Pulling manifests".
        let part = |part: &str| {
            let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            ends(part.chars().next())
                && ends(part.chars().last())
                && part
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ['.', '_', '-'].contains(&c))
        };
        match plain && name.split('/').all(part) {
            true => Ok(Self(Place::Oci { registry: registry.to_ascii_lowercase(), name: name.to_owned() })),
            false => Err(invalid("a name in an OCI registry is of a-z, 0-9, `.`, `_`, `-` and `/`")),
        }
    }

    /// A file on the web.
    ///
    /// # Errors
    /// [`Error::Address`] when it is no address of https or http.
    pub fn file(url: &str) -> Result<Self, Error> {
        let url = web(url).ok_or_else(|| invalid(url, FILE_FORM))?;
        Ok(Self(Place::File { url }))
    }

    /// What a source with a `chart` (or an address of `oci://` without one) means: an address without a scheme, or
    /// one whose Secret says `enableOCI`, is a registry's, as in Argo CD (`util/helm`, `IsHelmOciRepo`).
    ///
    /// # Errors
    /// [`Error::Address`] when it is neither.
    pub fn of_source(repo_url: &str, chart: &str, enable_oci: bool) -> Result<Self, Error> {
        let chart = if chart == "." { "" } else { chart };
        match repo_url.split_once("://") {
            None => Self::oci(repo_url, chart),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("oci") => Self::oci(repo_url, chart),
            Some((_, rest)) if enable_oci => Self::oci(rest, chart),
            Some(_) => Self::repository(repo_url, chart),
        }
    }

    /// Reads an address of ours.
    ///
    /// # Errors
    /// [`Error::Address`] when it is none.
    pub fn parse(url: &RepoUrl) -> Result<Self, Error> {
        let text = url.as_str();
        if let Some(rest) = strip(text, HELM) {
            let (repository, chart) = rest.split_once('#').ok_or_else(|| invalid(text, HELM_FORM))?;
            return Self::repository(repository, chart);
        }
        match strip(text, FILE) {
            Some(rest) => Self::file(rest),
            None if Self::is(url) => Self::oci(text, ""),
            None => Err(invalid(text, OCI_FORM)),
        }
    }

    /// Whether this is an address of ours, and not one of Git.
    pub fn is(url: &RepoUrl) -> bool {
        let text = url.as_str();
        [HELM, OCI].iter().any(|scheme| strip(text, scheme).is_some())
            || strip(text, FILE).is_some_and(|rest| strip(rest, "http").is_some())
    }

    /// An address as people know it, ours or one of Git: never in our own form.
    pub fn shown(url: &RepoUrl) -> String {
        // Without a login in it.
        let text = url.to_string();
        if let Some((repository, chart)) = strip(&text, HELM).and_then(|rest| rest.split_once('#')) {
            return format!("{repository} (chart {chart})");
        }
        strip(&text, FILE).filter(|rest| strip(rest, "http").is_some()).unwrap_or(&text).to_owned()
    }

    /// The address, as [`Address::parse`] reads it.
    pub fn to_url(&self) -> RepoUrl {
        RepoUrl::new(match &self.0 {
            Place::Helm { repository, chart } => format!("{HELM}{repository}#{chart}"),
            Place::Oci { registry, name } => format!("{OCI}{registry}/{name}"),
            Place::File { url } => format!("{FILE}{url}"),
        })
    }

    /// The repositories that it may be in, as a Secret's `url` names them, with their scheme: the most exact first. Of a
    /// registry that is what its name begins with, since a chart's name may have several steps. A file is in none: what is
    /// at an address of the web is read by everybody.
    pub fn repositories(&self) -> Vec<String> {
        match &self.0 {
            Place::Helm { repository, .. } => vec![login(repository).0.to_string()],
            Place::Oci { registry, name } => {
                let whole = format!("{OCI}{registry}/{name}");
                let above =
                    name.match_indices('/').rev().map(|(at, _)| format!("{OCI}{registry}/{}", &name[..at]));
                [whole].into_iter().chain(above).chain([format!("{OCI}{registry}")]).collect()
            }
            Place::File { .. } => Vec::new(),
        }
    }

    /// The host, without a port.
    pub fn host(&self) -> String {
        let url = match &self.0 {
            Place::Helm { repository: url, .. } | Place::File { url } => Some(url.clone()),
            Place::Oci { registry, .. } => Url::parse(&format!("https://{registry}")).ok(),
        };
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        host.trim_matches(['[', ']']).to_owned()
    }

    /// The name of the chart or file.
    pub fn name(&self) -> &str {
        match &self.0 {
            Place::Helm { chart, .. } => chart,
            Place::Oci { name, .. } => name.rsplit('/').next().unwrap_or(name),
            Place::File { url } => url.path().rsplit('/').next().unwrap_or_default(),
        }
    }
}

/// An address of the web, without a fragment and, but for its root, without a slash at its end.
fn web(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    if !["https", "http"].contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

/// Takes the login out of an address.
pub(super) fn login(url: &Url) -> (Url, Option<Login>) {
    let mut bare = url.clone();
    // They fail for addresses without a host only.
    bare.set_username("").and_then(|()| bare.set_password(None)).ok();
    let decoded = |text: &str| crate::address::percent_decoded(text);
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (token, None) => crate::Credentials::basic("", decoded(token)).login,
        (name, Some(password)) => crate::Credentials::basic(decoded(name), decoded(password)).login,
    };
    (bare, login)
}

fn goes_elsewhere(path: &str) -> bool {
    path.contains('\\') || path.split('/').any(|part| ["", ".", ".."].contains(&part))
}

fn strip<'t>(text: &'t str, scheme: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn invalid(url: &str, cause: &str) -> Error {
    Error::Address { url: RepoUrl::new(url), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests;
