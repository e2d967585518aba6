//! Where the keys are: a file, or a Secret that only this cluster has.

use crate::cluster::Cluster;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use shared_sops::Identities;
use shared_sync::Failure;
use std::{fmt, path::PathBuf};
use zeroize::Zeroizing;

/// The Secret with the keys.
const SECRET: &str = "flotilla-sops-age";

/// Where age identities are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// In this file.
    File(PathBuf),
    /// In the Secret `flotilla-sops-age` of this namespace: every entry of it, whatever its name.
    Secret(String),
}

/// Why there is no key.
#[derive(Debug)]
pub(super) enum Error {
    /// It cannot be told now.
    Away(String),
    /// A person is needed.
    Wrong(String),
}

impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Secret(namespace) => write!(f, "Secret {namespace}/{SECRET}"),
        }
    }
}

impl Keys {
    pub(super) async fn read(&self, cluster: &Cluster) -> Result<Identities, Error> {
        match self {
            Self::File(path) => {
                // A few lines, in a Secret's mount or a local file: not worth a thread.
                let text = std::fs::read_to_string(path).map(Zeroizing::new);
                let text = text.map_err(|error| Error::Wrong(format!("it cannot be read: {error}")))?;
                Identities::parse(&text).map_err(|error| Error::Wrong(error.to_string()))
            }
            Self::Secret(namespace) => {
                let uri = format!("/api/v1/namespaces/{namespace}/secrets/{SECRET}");
                let secret = match cluster.own(Method::GET, &uri, None).await {
                    Ok(secret) => secret,
                    Err(Failure::NotFound(_)) => {
                        let create = format!(
                            "there is none: `age-keygen -o age.agekey && kubectl -n {namespace} create secret generic {SECRET} --from-file=age.agekey`"
                        );
                        return Err(Error::Wrong(create));
                    }
                    Err(failure) if failure.is_transient() => return Err(Error::Away(failure.to_string())),
                    Err(failure) => return Err(Error::Wrong(failure.to_string())),
                };
                let entries = secret["data"].as_object().into_iter().flatten();
                let mut identities = Identities::default();
                for (name, value) in entries {
                    let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).map(Zeroizing::new);
                    let text = bytes.unwrap_or_default();
                    let parsed = Identities::parse(&String::from_utf8_lossy(&text));
                    let parsed =
                        parsed.map_err(|error| Error::Wrong(format!("its entry {name}: {error}")))?;
                    identities = identities.and(parsed);
                }
                match identities.is_empty() {
                    true => {
                        Err(Error::Wrong("it has no entries: put in what `age-keygen` prints".to_owned()))
                    }
                    false => Ok(identities),
                }
            }
        }
    }
}
