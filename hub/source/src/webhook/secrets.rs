//! What was agreed on with each forge: the keys of Argo CD's `argocd-secret`, and a few more.

use super::Forge;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

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
    dangling: BTreeSet<&'static str>,
    /// Whether forges without a secret are believed.
    pub allow_unsigned: bool,
}

/// What a key holds.
#[derive(Clone, PartialEq, Eq)]
pub enum Given {
    /// A secret.
    Text(String),
    /// A reference to one that is not there.
    Dangling,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Dangling { "Dangling" } else { "Text" })
    }
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
    pub fn read(allow_unsigned: bool, field: impl Fn(&str) -> Option<Given>) -> Self {
        let mut secrets = Self { allow_unsigned, ..Self::default() };
        for key in Self::KEYS {
            match field(key) {
                Some(Given::Text(text)) => {
                    let text = text.trim_end_matches(['\r', '\n']);
                    if !text.is_empty() {
                        secrets.known.insert(key, text.to_owned());
                    }
                }
                Some(Given::Dangling) => {
                    secrets.dangling.insert(key);
                }
                None => {}
            }
        }
        secrets
    }

    /// Whether a forge is believed without a proof: somebody wants that, and nobody meant it to have a secret.
    pub(super) fn believes(&self, forge: Forge) -> bool {
        self.allow_unsigned && !Self::keys_of(forge).iter().any(|key| self.dangling.contains(key))
    }

    /// The text under a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.known.get(key).map(String::as_str)
    }

    /// The key of the secret that a forge signs with: its own, or that of the forge it descends from, where only that is set.
    pub(super) fn key_of(&self, forge: Forge) -> &'static str {
        let keys = Self::keys_of(forge);
        keys.iter().copied().find(|key| self.known.contains_key(key)).unwrap_or(keys[0])
    }

    const fn keys_of(forge: Forge) -> &'static [&'static str] {
        match forge {
            Forge::GitHub => &[GITHUB],
            Forge::GitLab => &[GITLAB],
            Forge::BitbucketCloud => &[BITBUCKET, BITBUCKET_UUID],
            Forge::BitbucketServer => &[BITBUCKET_SERVER],
            Forge::Gogs => &[GOGS],
            Forge::Gitea => &[GITEA, GOGS],
            Forge::Forgejo => &[FORGEJO, GITEA, GOGS],
            Forge::AzureDevOps => &[AZURE_PASSWORD, AZURE_USERNAME],
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_to_nothing_opens_nothing() {
        let check = |dangling: &str, forge: Forge, expect: bool| {
            let secrets = Secrets::read(true, |key| (key == dangling).then_some(Given::Dangling));
            assert_eq!(secrets.believes(forge), expect, "{forge} with {dangling}");
        };
        check(GITHUB, Forge::GitHub, false);
        check(GITLAB, Forge::GitHub, true);
        // It was meant for its descendants too.
        check(GOGS, Forge::Forgejo, false);
        check(FORGEJO, Forge::Gogs, true);
        assert!(!Secrets::read(false, |_| None).believes(Forge::GitHub));
    }
}
