//! What was agreed on with each forge: the keys of Argo CD's `argocd-secret`, and a few more.

use super::Forge;
use std::{collections::BTreeMap, fmt};

pub(super) const GITHUB: &str = "webhook.github.secret";
pub(super) const GITLAB: &str = "webhook.gitlab.secret";
pub(super) const BITBUCKET_UUID: &str = "webhook.bitbucket.uuid";
/// Not Argo CD's: Bitbucket Cloud has signed since 2023, which a UUID in a header does not replace.
pub(super) const BITBUCKET: &str = "webhook.bitbucket.secret";
pub(super) const BITBUCKET_SERVER: &str = "webhook.bitbucketserver.secret";
pub(super) const GOGS: &str = "webhook.gogs.secret";
pub(super) const GITEA: &str = "webhook.gitea.secret";
pub(super) const FORGEJO: &str = "webhook.forgejo.secret";
pub(super) const AZURE_USERNAME: &str = "webhook.azuredevops.username";
pub(super) const AZURE_PASSWORD: &str = "webhook.azuredevops.password";

/// Secrets by their keys. `Debug` shows which there are and nothing of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    known: BTreeMap<&'static str, String>,
    /// Whether forges without a secret are believed.
    pub allow_unsigned: bool,
}

impl Secrets {
    /// All keys that there are.
    pub const KEYS: [&'static str; 10] = [
        GITHUB,
        GITLAB,
        BITBUCKET_UUID,
        BITBUCKET,
        BITBUCKET_SERVER,
        GOGS,
        GITEA,
        FORGEJO,
        AZURE_USERNAME,
        AZURE_PASSWORD,
    ];

    /// Takes each key's text from `field`; an empty one counts as none, and the line's end that `echo` leaves as nothing.
    pub fn read(allow_unsigned: bool, field: impl Fn(&str) -> Option<String>) -> Self {
        let text = |key: &&'static str| {
            let text = field(key)?;
            let text = text.trim_end_matches(['\r', '\n']);
            (!text.is_empty()).then(|| (*key, text.to_owned()))
        };
        Self { known: Self::KEYS.iter().filter_map(text).collect(), allow_unsigned }
    }

    /// The text under a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.known.get(key).map(String::as_str)
    }

    /// The key of the secret that a forge signs with: its own, or that of the forge it descends from, where only that is set.
    pub(super) fn key_of(&self, forge: Forge) -> &'static str {
        let first = |keys: &[&'static str]| {
            keys.iter().copied().find(|key| self.known.contains_key(key)).unwrap_or(keys[0])
        };
        match forge {
            Forge::GitHub => GITHUB,
            Forge::GitLab => GITLAB,
            Forge::BitbucketCloud => first(&[BITBUCKET, BITBUCKET_UUID]),
            Forge::BitbucketServer => BITBUCKET_SERVER,
            Forge::Gogs => GOGS,
            Forge::Gitea => first(&[GITEA, GOGS]),
            Forge::Forgejo => first(&[FORGEJO, GITEA, GOGS]),
            Forge::AzureDevOps => first(&[AZURE_PASSWORD, AZURE_USERNAME]),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("keys", &self.known.keys().collect::<Vec<_>>())
            .field("allow_unsigned", &self.allow_unsigned)
            .finish()
    }
}
