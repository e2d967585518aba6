//! Which credentials a repository is read with: Secrets with Argo CD's labels, and its two ConfigMaps about
//! Git servers.
//!
//! `argocd.argoproj.io/secret-type: repository` names one repository, `repo-creds` a prefix; the
//! exact one wins, then the longest prefix (Argo CD `util/db/repository_secrets.go`). Each of login, client
//! certificate, proxy and `insecure` is taken from the first of them that has it.
//!
//! The `project` of such a Secret has no effect, which the log says: a repository is asked once for the whole fleet, with one login. What keeps a project from a
//! repository is its `sourceRepos`.
//!
//! # Invariants
//! Only Secrets of Argo CD's own namespace count: who may write others does not choose logins, proxies or what is `insecure`.
//!
//! A prefix ends where a step of the address ends, whether or not it is written with its last `/`: no login goes to
//! a host, a port or an owner whose name merely begins like the one that it is for. (Argo CD takes any prefix of
//! the text.)
//!
//! Charts have the same Secrets (`type: helm` or `oci`). One about a registry is written without a scheme, or with
//! `enableOCI`, and serves what is below it; `insecureOCIForceHttp` does without TLS there. Keys of SSH and GitHub Apps
//! are for Git only. A file on the web is read with no login.
//!
//! `argocd-tls-certs-cm` holds the authorities of a server under its host name, `argocd-ssh-known-hosts-cm`
//! the lines of a `known_hosts` file under `ssh_known_hosts`.

use crate::index::{Index, Object};
use base64::Engine as _;
use hub_source::{Credentials, charts::Address};
use serde_json::Value;
use shared_model::{DEFAULT_NAMESPACE, Kind, RepoUrl};
use std::sync::Arc;

const TYPE: &str = "argocd.argoproj.io/secret-type";
const AUTHORITIES: &str = "argocd-tls-certs-cm";
const KNOWN_HOSTS: &str = "argocd-ssh-known-hosts-cm";

/// What `url` is read with; `None` when nothing is said about it.
pub(crate) fn find(index: &Index, url: &RepoUrl) -> Option<Credentials> {
    let wanted = Wanted::of(url);
    let mut ranked: Vec<(usize, &Object)> =
        secrets(index).filter_map(|secret| rank(secret, &wanted).map(|rank| (rank, secret))).collect();
    // Sorting keeps the order by name of those that rank the same.
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let secrets: Vec<&Object> = ranked.into_iter().map(|(_, secret)| secret).collect();
    // A repository Secret without credentials of its own inherits those of the longest prefix.
    let login = secrets.iter().find_map(|secret| login(secret, wanted.kind));
    let mut credentials = login.unwrap_or_default();
    let pair = |one: &str, other: &str| {
        secrets.iter().find_map(|secret| Some((field(secret, one)?, field(secret, other)?)))
    };
    if let Some((chain, key)) = pair("tlsClientCertData", "tlsClientCertKey") {
        credentials = credentials.with_client_certificate(chain, key);
    }
    let proxy = secrets
        .iter()
        .find_map(|secret| Some((field(secret, "proxy")?, field(secret, "noProxy").unwrap_or_default())));
    if let Some((proxy, except)) = proxy {
        credentials = credentials.through_proxy(proxy, except);
    }
    if secrets.iter().find_map(|secret| flag(secret, "insecure")) == Some(true) {
        credentials = credentials.insecure();
    }
    let is_plain = |secret: &&Object| flag(secret, "insecureOCIForceHttp");
    if wanted.kind == Of::Web && secrets.iter().find_map(is_plain) == Some(true) {
        credentials = credentials.plain_http();
    }
    let map = |name: &str, key: &str| {
        let text = index.object(Kind::ConfigMap, DEFAULT_NAMESPACE, name)?.text(&format!("/data/{key}"))?;
        (!text.is_empty()).then(|| Arc::<str>::from(text))
    };
    if let Some(pem) = map(AUTHORITIES, &wanted.host) {
        credentials = credentials.with_authorities(pem);
    }
    if wanted.names.iter().any(|name| name.starts_with("ssh://"))
        && let Some(lines) = map(KNOWN_HOSTS, "ssh_known_hosts")
    {
        credentials = credentials.with_known_hosts(lines);
    }
    (credentials != Credentials::none()).then_some(credentials)
}

/// A chart that somebody names, and all that people may call its repository: a project's rules are about these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) address: Address,
    /// As its address is written first; an alias is none.
    pub(crate) called: Vec<RepoUrl>,
}

/// The name of a Helm repository's Secret, if that is written for its address.
pub(crate) fn alias(repository: &str) -> Option<&str> {
    repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:"))
}

/// The chart that a source or a dependency names: by the address of a repository, with or without a scheme, or by the
/// name of a Helm repository's Secret (`@name`, `alias:name`).
///
/// # Errors
/// [`hub_source::Error::Address`] when it is no address, or no Secret has that name.
pub(crate) fn chart(index: &Index, repository: &str, name: &str) -> Result<Named, hub_source::Error> {
    let found = alias(repository).map(|alias| {
        let is = |secret: &&Object| is_of_charts(secret) && field(secret, "name").as_deref() == Some(alias);
        secrets(index).find(is).and_then(|secret| field(secret, "url"))
    });
    let url = match found {
        None => repository.to_owned(),
        Some(Some(url)) => url,
        Some(None) => {
            let cause = "no repository Secret of `type: helm` has that `name`".to_owned();
            return Err(hub_source::Error::Address { url: RepoUrl::new(repository), cause });
        }
    };
    let exact = RepoUrl::new(url.as_str()).normalized().to_lowercase();
    let oci = url.contains("://")
        && secrets(index).filter(|secret| is_of_charts(secret)).any(|secret| {
            let own = field(secret, "url").map(|url| RepoUrl::new(url).normalized().to_lowercase());
            flag(secret, "enableOCI") == Some(true) && own.as_ref() == Some(&exact)
        });
    let address = Address::of_source(&url, name, oci)?;
    let mut called = vec![RepoUrl::new(url.as_str())];
    let whole = address.to_url();
    if whole.as_str().starts_with("oci://") {
        // Of a registry people also write the repository without a scheme, and the chart's name with it.
        let bare = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        for name in [bare, &whole.as_str()["oci://".len()..]] {
            called.extend(shared_project::called(name, true));
        }
    }
    Ok(Named { address, called })
}

/// What people may call the repository of a chart by its address alone, beside what somebody wrote.
pub(crate) fn names(written: &str, url: &RepoUrl) -> Vec<RepoUrl> {
    // Of a registry, what is above the chart's name is its repository.
    let found =
        Address::parse(url).map(|address| address.repositories()).unwrap_or_default().into_iter().take(2);
    let written = (alias(written).is_none()).then(|| written.to_owned());
    written.into_iter().chain(found).flat_map(|name| shared_project::called(&name, true)).collect()
}

fn is_of_charts(secret: &Object) -> bool {
    let value = secret.value();
    let kind = value.pointer("/metadata/labels").and_then(|labels| labels[TYPE].as_str());
    kind == Some("repository") && matches!(field(secret, "type").as_deref(), Some("helm" | "oci"))
}

/// Tells the log which Secrets are meant for one project only, since they serve all.
pub(crate) fn tell_of_projects(index: &Index) {
    for secret in secrets(index) {
        let url = field(secret, "url").map(RepoUrl::new);
        if let (Some(url), Some(project)) = (url.filter(|url| serves(secret, url)), field(secret, "project"))
        {
            tracing::warn!(secret = secret.name(), %url, project, "`project` of a repository Secret has no effect: it serves all projects; limit them by spec.sourceRepos");
        }
    }
}

/// Whether the ConfigMap of that namespace and name is one of the two about Git servers.
pub(crate) fn is_about_servers(name: &(String, String)) -> bool {
    name.0 == DEFAULT_NAMESPACE && [AUTHORITIES, KNOWN_HOSTS].contains(&name.1.as_str())
}

/// The Secrets that count.
fn secrets(index: &Index) -> impl Iterator<Item = &Object> {
    let all = index.all(Kind::Secret).map(|(_, secret)| &**secret);
    all.filter(|secret| secret.namespace() == DEFAULT_NAMESPACE)
}

/// What is to be read, as Secrets name it.
struct Wanted {
    /// Addresses, the most exact first.
    names: Vec<String>,
    host: String,
    kind: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Git,
    /// Charts, artefacts and files.
    Web,
}

impl Wanted {
    fn of(url: &RepoUrl) -> Self {
        // As in Argo CD, case does not count, in paths neither.
        let folded = |name: &str| RepoUrl::new(name).normalized().to_lowercase();
        match Address::parse(url) {
            Ok(address) => Self {
                names: address.repositories().iter().map(|name| folded(name)).collect(),
                host: address.host(),
                kind: Of::Web,
            },
            Err(_) => {
                let name = url.normalized();
                Self { host: host(&name).to_owned(), names: vec![name.to_lowercase()], kind: Of::Git }
            }
        }
    }
}

/// The repository that a Secret is about, with its scheme: registries are written without one.
fn given(secret: &Object) -> Option<String> {
    let url = field(secret, "url")?;
    let oci = flag(secret, "enableOCI") == Some(true)
        || matches!(field(secret, "type").as_deref(), Some("helm" | "oci")) && !url.contains("://");
    let url = match (oci, url.split_once("://")) {
        (false, _) => url,
        (true, Some((_, rest))) => format!("oci://{rest}"),
        (true, None) => format!("oci://{url}"),
    };
    Some(RepoUrl::new(url).normalized().to_lowercase())
}

/// How well a Secret fits: the exact one best, then the longest prefix.
fn rank(secret: &Object, wanted: &Wanted) -> Option<usize> {
    let value = secret.value();
    let kind = value.pointer("/metadata/labels").and_then(|labels| labels[TYPE].as_str())?;
    if !["repository", "repo-creds"].contains(&kind) {
        return None;
    }
    let given = given(secret)?;
    match kind {
        "repository" => wanted.names.iter().position(|name| *name == given).map(|at| usize::MAX - at),
        _ => wanted.names.iter().any(|name| is_within(name, &given)).then_some(given.len()),
    }
}

/// Whether a normalized address is `given` or goes on behind it with a whole step: `https://h` is no prefix of
/// `https://h.elsewhere/x`, nor `https://h/org` of `https://h/org-of-others/x`.
fn is_within(wanted: &str, given: &str) -> bool {
    wanted.strip_prefix(given).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The host of a normalized address, without its port.
pub(crate) fn host(normalized: &str) -> &str {
    let rest = normalized.split_once("://").map_or(normalized, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Whether a Secret names a repository on this host.
pub(crate) fn is_host_named(index: &Index, wanted: &str) -> bool {
    let given = secrets(index).filter_map(|secret| {
        let kind = secret.text("/metadata/labels/argocd.argoproj.io~1secret-type")?;
        ["repository", "repo-creds"].contains(&kind.as_str()).then(|| given(secret)).flatten()
    });
    given.into_iter().any(|given| host(&given).eq_ignore_ascii_case(wanted))
}

/// Whether a Secret names `url`, alone or with others.
pub(crate) fn is_named(index: &Index, url: &RepoUrl) -> bool {
    secrets(index).any(|secret| serves(secret, url))
}

/// Whether the Secret is one that `url` may be read with.
pub(crate) fn serves(secret: &Object, url: &RepoUrl) -> bool {
    secret.namespace() == DEFAULT_NAMESPACE && rank(secret, &Wanted::of(url)).is_some()
}

fn login(secret: &Object, of: Of) -> Option<Credentials> {
    if of == Of::Git
        && let Some(key) = field(secret, "sshPrivateKey")
    {
        return Some(Credentials::ssh_key(key));
    }
    if let Some(token) = field(secret, "bearerToken") {
        return Some(Credentials::bearer(token));
    }
    if of == Of::Git
        && let (Some(id), Some(key)) = (field(secret, "githubAppID"), field(secret, "githubAppPrivateKey"))
    {
        let installation = field(secret, "githubAppInstallationID");
        let base_url = field(secret, "githubAppEnterpriseBaseUrl");
        return Some(Credentials::github_app(id, installation, key, base_url));
    }
    let password = field(secret, "password")?;
    let username = field(secret, "username").unwrap_or_default();
    Some(Credentials::basic(username, password))
}

/// A flag as Go reads them (`strconv.ParseBool`).
fn flag(secret: &Object, name: &str) -> Option<bool> {
    match field(secret, name)?.trim() {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        _ => Some(false),
    }
}

pub(crate) fn field(secret: &Object, name: &str) -> Option<String> {
    let value = secret.value();
    let plain = value.pointer(&format!("/stringData/{name}")).and_then(Value::as_str).map(str::to_owned);
    plain
        .or_else(|| {
            let encoded = value.pointer(&format!("/data/{name}"))?.as_str()?;
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok()
        })
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
