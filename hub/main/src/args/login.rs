//! `flotilla login`.

use clap::{ArgAction, Args as Group, ValueHint};
use std::path::PathBuf;

#[derive(Debug, Group)]
#[command(
    after_help = "The token is asked for, or read from the standard input, unless --token-file names a file. It is sent \
                  only to a hub whose authority you confirmed: by --ca, by --ca-fingerprint, or by an answer to the question \
                  that shows its fingerprint.\n\n\
                  flotilla login --server https://hub.example.com:8443\n\
                  flotilla login --server https://hub.example.com:8443 --token-file token --ca-fingerprint 3f2a...\n\n\
                  What the hub made at its first start does as well: export KUBECONFIG=DATA-FOLDER/admin.kubeconfig"
)]
pub(crate) struct LoginOptions {
    /// The hub's API, e.g. https://hub.example.com:8443
    #[arg(long, value_name = "URL", value_parser = server)]
    pub(crate) server: String,
    /// A file with the token; - for the standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// A PEM file with the hub's certificate authority
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "ca_fingerprint")]
    pub(crate) ca: Option<PathBuf>,
    /// The SHA-256 of the hub's certificate authority, which the hub is asked for then
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    pub(crate) ca_fingerprint: Option<String>,
    /// The namespace that the context is for
    #[arg(long, short = 'n', default_value = shared_model::DEFAULT_NAMESPACE)]
    pub(crate) namespace: String,
    /// Make it the current context
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true, action = ArgAction::Set)]
    pub(crate) set_current: bool,
}

fn server(text: &str) -> Result<String, String> {
    let wrong = || "write https://HOST:PORT, e.g. https://hub.example.com:8443".to_owned();
    let url: reqwest::Url = text.parse().map_err(|_| wrong())?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if url.scheme() == "https" && url.has_host() && plain && url.path() == "/" && url.fragment().is_none() {
        Ok(url.as_str().trim_end_matches('/').to_owned())
    } else {
        Err(wrong())
    }
}

/// Hex digits, with or without `sha256:` and colons.
fn fingerprint(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("SHA256:")).unwrap_or(text);
    let bare = bare.replace(':', "").to_ascii_lowercase();
    if bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(bare)
    } else {
        Err("write the 64 hex digits of a SHA-256, e.g. of `openssl x509 -noout -fingerprint -sha256 -in ca.pem`"
            .to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_fingerprints() {
        let check =
            |text: &str, expect: Option<&str>| assert_eq!(server(text).ok().as_deref(), expect, "{text}");
        check("https://hub.example.com:8443/", Some("https://hub.example.com:8443"));
        check("https://[::1]:8443", Some("https://[::1]:8443"));
        for wrong in
            ["http://hub", "hub.example.com:8443", "https://a:b@hub", "https://hub/api", "https://hub?x=1"]
        {
            check(wrong, None);
        }
        let digits = "AB".repeat(32);
        let colons = vec!["ab"; 32].join(":");
        for text in [digits.clone(), colons, format!("sha256:{digits}")] {
            assert_eq!(fingerprint(&text), Ok("ab".repeat(32)));
        }
        assert!(fingerprint("abc").is_err() && fingerprint(&"x".repeat(64)).is_err());
    }
}
