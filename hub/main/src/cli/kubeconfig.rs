//! The way to a hub, from a kubeconfig.

use anyhow::{Context as _, bail};
use base64::Engine as _;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Server, authority and token of the current context.
pub(crate) struct Way {
    pub(crate) server: String,
    pub(crate) authority_pem: Vec<u8>,
    pub(crate) token: String,
}

const REMEDY: &str =
    "export KUBECONFIG=<data folder>/admin.kubeconfig, which `flotilla hub` made, or give --kubeconfig";

/// Reads the current context of a kubeconfig.
pub(crate) fn read(path: Option<PathBuf>) -> anyhow::Result<Way> {
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else {
        bail!("no kubeconfig is given: {REMEDY}");
    };
    parse(&path).with_context(|| format!("kubeconfig {}", path.display()))
}

fn parse(path: &Path) -> anyhow::Result<Way> {
    let text = std::fs::read_to_string(path).context(REMEDY)?;
    let config = shared_manifest::yaml::parse(&text)?;
    let current = config["current-context"].as_str().unwrap_or_default();
    let context = entry(&config["contexts"], current, "context").context("current-context")?;
    let name = |field: &str| context[field].as_str().unwrap_or_default().to_owned();
    let cluster = entry(&config["clusters"], &name("cluster"), "cluster")?;
    let user = entry(&config["users"], &name("user"), "user")?;
    let Some(token) = user["token"].as_str() else {
        bail!(
            "user {} has no token: this command signs in with a hub's bearer token; {REMEDY}",
            name("user")
        );
    };
    let server = cluster["server"].as_str().context("the cluster has no server")?;
    let authority_pem =
        match (cluster["certificate-authority-data"].as_str(), cluster["certificate-authority"].as_str()) {
            (Some(data), _) => base64::engine::general_purpose::STANDARD
                .decode(data)
                .context("certificate-authority-data is not base64")?,
            (None, Some(file)) => {
                let file = path.parent().unwrap_or(Path::new(".")).join(file);
                std::fs::read(&file).with_context(|| format!("certificate-authority {}", file.display()))?
            }
            (None, None) => bail!("the cluster names no certificate authority; {REMEDY}"),
        };
    Ok(Way { server: server.trim_end_matches('/').to_owned(), authority_pem, token: token.to_owned() })
}

/// The part `kind` of the list entry called `name`.
fn entry<'a>(list: &'a Value, name: &str, kind: &str) -> anyhow::Result<&'a Value> {
    let found = list.as_array().into_iter().flatten().find(|entry| entry["name"] == name);
    found.map(|entry| &entry[kind]).with_context(|| format!("there is no {kind} `{name}`"))
}

#[cfg(test)]
mod tests;
