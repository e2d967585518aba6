//! Addresses in kustomizations: other repositories and files on the web, told apart as the tool does it
//! (`api/internal/git/repospec.go`, `examples/remoteBuild.md`).

#[cfg(test)]
mod tests;

/// A folder of another repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repository {
    /// What would be cloned.
    pub(crate) url: String,
    /// The folder in it.
    pub(crate) path: String,
    /// `?ref=` or `?version=`; empty for the default branch.
    pub(crate) revision: String,
}

/// Whether it is the address of a file on the web, in form.
pub(crate) fn is_web(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// The repository that an address names; `None` when it has not the form of one.
pub(crate) fn repository(text: &str) -> Option<Repository> {
    if text.starts_with('/') {
        return None;
    }
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let (host, rest) = host(address)?;
    let (repository, path) = parts(rest, host.starts_with("file://"))?;
    let path = path.trim_start_matches('/');
    crate::tree::join("", path)?;
    if repository.is_empty() {
        return None;
    }
    Some(Repository { url: format!("{host}{repository}"), path: path.to_owned(), revision: revision(query) })
}

/// Whether an address of the web is rather that of a repository: the tool asks the web first, and takes what is
/// no manifest for a repository.
pub(crate) fn is_rather_repository(text: &str) -> bool {
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let is_file = [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending));
    let marked =
        path.contains("//") || path.contains("_git/") || path.ends_with(".git") || path.contains(".git/");
    let asks = ["ref=", "version="].iter().any(|part| query.split('&').any(|one| one.starts_with(part)));
    let host = host.to_ascii_lowercase();
    marked || asks || (!is_file && matches!(host.as_str(), "github.com" | "gitlab.com" | "bitbucket.org"))
}

fn cut_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Scheme, user and host as they would be cloned from, and what follows.
fn host(address: &str) -> Option<(String, &str)> {
    let address = cut_prefix(address, "git::").unwrap_or(address);
    let schemes = ["ssh://", "https://", "http://", "file://"];
    let (scheme, rest) = schemes
        .iter()
        .find_map(|scheme| cut_prefix(address, scheme).map(|rest| (*scheme, rest)))
        .unwrap_or(("", address));
    if scheme == "file://" {
        return Some((scheme.to_owned(), rest));
    }
    let (user, rest) = user(rest);
    let github = ["github.com/", "github.com:"].iter().any(|host| cut_prefix(rest, host).is_some());
    let scp = scheme.is_empty() && (!user.is_empty() || github);
    if scheme.is_empty() && !scp {
        return None;
    }
    let slash = rest.find('/');
    let colon = rest.find(':').filter(|colon| scp && *colon > 0 && slash.is_none_or(|slash| *colon < slash));
    let (host, path) = colon.or(slash).map_or((rest, ""), |end| rest.split_at(end + 1));
    if host.is_empty() {
        return None;
    }
    Some(match (github, scheme == "ssh://" || !user.is_empty()) {
        (true, true) => (format!("{}github.com:", if user.is_empty() { "git@" } else { user }), path),
        (true, false) => ("https://github.com/".to_owned(), path),
        (false, _) => (format!("{scheme}{user}{host}"), path),
    })
}

/// `user@` at the start, and what follows.
fn user(text: &str) -> (&str, &str) {
    let end = text.find('@').filter(|end| {
        let name = &text[..*end];
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    });
    end.map_or(("", text), |end| text.split_at(end + 1))
}

/// The repository's path and the folder in it.
fn parts(rest: &str, whole: bool) -> Option<(String, String)> {
    if let Some(at) = rest.find("_git/") {
        let (before, after) = rest.split_at(at + "_git/".len());
        let (name, path) = after.split_once('/').unwrap_or((after, ""));
        return Some((format!("{before}{name}"), path.to_owned()));
    }
    if let Some((repository, path)) = rest.split_once("//") {
        return Some((repository.to_owned(), path.to_owned()));
    }
    if let Some(at) = rest.find(".git") {
        let (repository, path) = rest.split_at(at + ".git".len());
        return Some((repository.to_owned(), path.to_owned()));
    }
    if whole {
        return Some((rest.to_owned(), String::new()));
    }
    // An owner and a name, as on GitHub.
    let mut segments = rest.splitn(3, '/');
    let (owner, name) = (segments.next()?, segments.next()?);
    Some((format!("{owner}/{name}"), segments.next().unwrap_or_default().to_owned()))
}

/// `ref`, else `version`, of a query; nothing of one that cannot be read.
fn revision(query: &str) -> String {
    let (mut named, mut version) = (String::new(), String::new());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let Some(value) = decoded(value).filter(|_| !part.contains(';')) else { return String::new() };
        match name {
            "ref" if named.is_empty() => named = value,
            "version" if version.is_empty() => version = value,
            _ => {}
        }
    }
    if named.is_empty() { version } else { named }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
