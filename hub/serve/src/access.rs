//! The admin's way in: a token made at the first start, and the kubeconfig that carries it.

use crate::folder::{self, FolderError, failed};
use base64::Engine as _;
use rand::RngCore as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};

const KUBECONFIG: &str = "admin.kubeconfig";
const TOKENS: &str = "tokens.json";
/// The admin's name in `by` fields and the audit log.
const ADMIN: &str = "admin";

/// Who may use the API: hash of the token, user, groups.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) hash: String,
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

/// Reads who may use the API, after making the admin's token if there is none.
pub(crate) fn open(folder: &Path, server: &str, authority_pem: &str) -> Result<Vec<Subject>, FolderError> {
    let tokens = folder.join(TOKENS);
    let kubeconfig = folder.join(KUBECONFIG);
    let token = match present(&kubeconfig) {
        Some(token) if tokens.exists() => token,
        _ => {
            let mut secret = [0; 32];
            rand::rng().fill_bytes(&mut secret);
            let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(secret);
            let subjects = json!([{"hash": hex::encode(Sha256::digest(&token)), "user": ADMIN, "groups": ["system:masters"]}]);
            folder::write(&tokens, &format!("{subjects:#}\n"))?;
            token
        }
    };
    // Written at every start: the address may have changed.
    folder::write(&kubeconfig, &render(server, authority_pem, &token))?;
    let text = fs::read_to_string(&tokens).map_err(failed(&tokens, "cannot be read"))?;
    Ok(parse(&text))
}

/// Writes the kubeconfig again, with other authorities.
pub(crate) fn rewrite(folder: &Path, server: &str, authority_pem: &str) -> Result<(), FolderError> {
    let kubeconfig = folder.join(KUBECONFIG);
    // Where a person moved it away it is not made again: the token is known to nobody else.
    let Some(token) = present(&kubeconfig) else { return Ok(()) };
    folder::write(&kubeconfig, &render(server, authority_pem, &token))
}

fn parse(text: &str) -> Vec<Subject> {
    let entries: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let subject = |entry: &Value| Subject {
        hash: text(&entry["hash"]),
        user: text(&entry["user"]),
        groups: entry["groups"].as_array().into_iter().flatten().map(text).collect(),
    };
    entries.iter().map(subject).filter(|subject| subject.hash.len() == 64).collect()
}

/// The token in a kubeconfig that this module wrote.
fn present(kubeconfig: &Path) -> Option<String> {
    let text = fs::read_to_string(kubeconfig).ok()?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("token: "))?;
    Some(line.trim().to_owned()).filter(|token| !token.is_empty())
}

fn render(server: &str, authority_pem: &str, token: &str) -> String {
    let authority = base64::engine::general_purpose::STANDARD.encode(authority_pem);
    format!(
        "apiVersion: v1
kind: Config
clusters:
- name: flotilla
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {ADMIN}
  user:
    token: {token}
contexts:
- name: flotilla
  context:
    cluster: flotilla
    user: {ADMIN}
    namespace: argocd
current-context: flotilla
"
    )
}
