//! Which credentials a repository is read with: Secrets with Argo CD's labels.
//!
//! `argocd.argoproj.io/secret-type: repository` names one repository, `repo-creds` a prefix; the
//! exact one wins, then the longest prefix (Argo CD `util/db/repository_secrets.go`).

use base64::Engine as _;
use hub_records::Stored;
use hub_source::Credentials;
use serde_json::Value;
use shared_model::RepoUrl;
use std::sync::Arc;

const TYPE: &str = "argocd.argoproj.io/secret-type";

/// The credentials for `url` among all Secrets; `None` when none of them is for it.
pub(crate) fn find<'a>(secrets: impl Iterator<Item = &'a Arc<Stored>>, url: &RepoUrl) -> Option<Credentials> {
    let wanted = url.normalized();
    let rank = |secret: &Stored| {
        let given = field(secret, "url").map(RepoUrl::new)?;
        match secret.value.pointer("/metadata/labels").and_then(|labels| labels[TYPE].as_str())? {
            "repository" => (given.normalized() == wanted).then_some(usize::MAX),
            "repo-creds" => wanted.starts_with(&given.normalized()).then(|| given.normalized().len()),
            _ => None,
        }
    };
    let mut ranked: Vec<(usize, &Arc<Stored>)> =
        secrets.filter_map(|secret| rank(secret).map(|rank| (rank, secret))).collect();
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    // A repository Secret without credentials of its own inherits those of the longest prefix.
    ranked.into_iter().find_map(|(_, secret)| of_secret(secret))
}

/// Whether the Secret is one that `url` may be read with.
pub(crate) fn serves(secret: &Stored, url: &RepoUrl) -> bool {
    let Some(given) = field(secret, "url").map(RepoUrl::new) else { return false };
    match secret.value.pointer("/metadata/labels").and_then(|labels| labels[TYPE].as_str()) {
        Some("repository") => given.normalized() == url.normalized(),
        Some("repo-creds") => url.normalized().starts_with(&given.normalized()),
        _ => false,
    }
}

fn of_secret(secret: &Stored) -> Option<Credentials> {
    if let Some(token) = field(secret, "bearerToken") {
        return Some(Credentials::bearer(token));
    }
    let password = field(secret, "password")?;
    let username = field(secret, "username").unwrap_or_else(|| "git".to_owned());
    Some(Credentials::basic(username, password))
}

fn field(secret: &Stored, name: &str) -> Option<String> {
    let plain =
        secret.value.pointer(&format!("/stringData/{name}")).and_then(Value::as_str).map(str::to_owned);
    plain
        .or_else(|| {
            let encoded = secret.value.pointer(&format!("/data/{name}"))?.as_str()?;
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
            String::from_utf8(bytes).ok()
        })
        .filter(|text| !text.is_empty())
}
