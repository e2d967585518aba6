//! The way to a hub, from kubeconfigs.
//!
//! Several files are one configuration, as kubectl reads them: of what has the same name the first counts, and the first
//! that names a current context chooses it. Files that are not there are skipped where several are given. Paths in a file
//! are relative to that file.
//!
//! A hub signs people in by bearer tokens, so client certificates, passwords and programs that give credentials are
//! refused, and a server is believed only by an authority that the file names.

use crate::args::Connection;
use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde_json::Value;
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

pub(crate) mod entries;

/// Server, authority and token of a context.
pub(crate) struct Way {
    pub(crate) server: String,
    pub(crate) authority_pem: Vec<u8>,
    pub(crate) token: String,
    /// Where it was found, for people.
    pub(crate) origin: String,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("server", &self.server)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

const REMEDY: &str = "`flotilla login --server URL` writes one; or export KUBECONFIG=<data folder>/admin.kubeconfig, which `flotilla hub` made, or give --kubeconfig";

/// A file and what is in it.
type File = (PathBuf, Value);

/// Reads the way of the chosen context, or the current one.
pub(crate) fn read(connection: &Connection) -> anyhow::Result<Way> {
    way(&files(&connection.files())?, connection.context.as_deref())
}

fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in paths {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("kubeconfig {}", path.display())),
        };
        let value =
            shared_manifest::yaml::parse(&text).with_context(|| format!("kubeconfig {}", path.display()))?;
        files.push((path.clone(), value));
    }
    if files.is_empty() {
        let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        bail!("there is no kubeconfig {}: {REMEDY}", names.join(" or "));
    }
    Ok(files)
}

fn way(files: &[File], context: Option<&str>) -> anyhow::Result<Way> {
    let current = || files.iter().find_map(|(_, file)| text(file, "current-context"));
    let Some(name) = context.or_else(current) else {
        bail!("{} has no current context: name one by --context, or {REMEDY}", shown(files));
    };
    let Some((path, context)) = entry(files, "contexts", "context", name) else {
        let known = entries::names(files.iter().map(|(_, file)| file), "contexts");
        let there = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        bail!("{} has no context `{name}` (it has {there}); {REMEDY}", shown(files));
    };
    let origin = format!("context {name} of {}", path.display());
    resolve(files, context, origin.clone()).context(origin)
}

fn resolve(files: &[File], context: &Value, origin: String) -> anyhow::Result<Way> {
    let named = |list: &str, kind: &str| {
        let name = text(context, kind).unwrap_or_default();
        entry(files, list, kind, name).with_context(|| format!("there is no {kind} `{name}`"))
    };
    let (cluster_file, cluster) = named("clusters", "cluster")?;
    let (user_file, user) = named("users", "user")?;
    let server = text(cluster, "server").context("the cluster has no server")?;
    if cluster["insecure-skip-tls-verify"] == true {
        bail!("insecure-skip-tls-verify is refused, the token would go to whoever answers: {REMEDY}");
    }
    let authority_pem =
        match (text(cluster, "certificate-authority-data"), text(cluster, "certificate-authority")) {
            (Some(data), _) => base64::engine::general_purpose::STANDARD
                .decode(data)
                .context("certificate-authority-data is not base64")?,
            (None, Some(file)) => {
                let file = beside(cluster_file, file);
                std::fs::read(&file).with_context(|| format!("certificate-authority {}", file.display()))?
            }
            (None, None) => bail!("the cluster names no certificate authority; {REMEDY}"),
        };
    let token = token(user_file, user)?;
    Ok(Way { server: server.trim_end_matches('/').to_owned(), authority_pem, token, origin })
}

/// The bearer token of a user; a file goes before what is written down, as with kubectl.
fn token(of: &Path, user: &Value) -> anyhow::Result<String> {
    if let Some(file) = text(user, "tokenFile") {
        let file = beside(of, file);
        let token =
            std::fs::read_to_string(&file).with_context(|| format!("tokenFile {}", file.display()))?;
        return match token.trim() {
            "" => bail!("tokenFile {} is empty", file.display()),
            token => Ok(token.to_owned()),
        };
    }
    if let Some(token) = text(user, "token") {
        return Ok(token.to_owned());
    }
    let others = [
        ("exec", "a program gives its credentials (exec)"),
        ("auth-provider", "an auth-provider gives its credentials"),
        ("client-certificate-data", "it signs in by a client certificate"),
        ("client-certificate", "it signs in by a client certificate"),
        ("username", "it signs in by a password"),
    ];
    let other = others.iter().find(|(field, _)| !user[*field].is_null());
    let why = other.map_or("it has none", |(_, why)| why);
    bail!("the user has no token: {why}, and this command signs in with a hub's bearer token; {REMEDY}")
}

/// A path as a file means it.
fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new(".")).join(path)
}

/// The part `kind` of the entry called `name` of the first file that has one, and that file.
fn entry<'a>(files: &'a [File], list: &str, kind: &str, name: &str) -> Option<(&'a Path, &'a Value)> {
    files.iter().find_map(|(path, file)| {
        let entries = file[list].as_array()?;
        let found = entries.iter().find(|entry| entry["name"] == name)?;
        Some((path.as_path(), &found[kind]))
    })
}

/// A text that is there and not empty.
fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value[field].as_str().filter(|text| !text.is_empty())
}

fn shown(files: &[File]) -> String {
    let names: Vec<String> = files.iter().map(|(path, _)| path.display().to_string()).collect();
    format!("kubeconfig {}", names.join(", "))
}

#[cfg(test)]
mod tests;
