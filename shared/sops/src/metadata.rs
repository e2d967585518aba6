//! What sops keeps beside the values: who may open them, and the MAC over all (sops `stores/stores.go`).

use crate::{
    Why,
    keys::Wrapped,
    tree::{Leaf, Node},
};

/// The block's key, and the prefix of its keys in a flat file.
pub(crate) const KEY: &str = "sops";
pub(crate) const PREFIX: &str = "sops_";

/// The names of key kinds in files that are not implemented, and for people.
const OTHERS: [(&str, &str); 6] = [
    ("pgp", "PGP"),
    ("kms", "AWS KMS"),
    ("gcp_kms", "Google Cloud KMS"),
    ("azure_kv", "Azure Key Vault"),
    ("hc_vault", "HashiCorp Vault"),
    ("hckms", "HuaweiCloud KMS"),
];

/// The metadata of one file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) wrapped: Vec<Wrapped>,
    pub(crate) groups: bool,
    pub(crate) mac: String,
    /// The MAC is bound to it.
    pub(crate) last_modified: String,
    pub(crate) mac_only_encrypted: bool,
}

impl Metadata {
    /// Takes the metadata out of the documents; all have the same, and the first one's counts.
    ///
    /// # Errors
    /// When there is none, or it lacks the MAC.
    pub(crate) fn take(documents: &mut [Node], flat: bool) -> Result<Self, Why> {
        let mut first = None;
        for (index, document) in documents.iter_mut().enumerate() {
            let Node::Map(entries) = document else { continue };
            let mine = |key: &str| if flat { key.starts_with(PREFIX) } else { key == KEY };
            let (taken, rest): (Vec<_>, Vec<_>) =
                std::mem::take(entries).into_iter().partition(|(key, _)| mine(key));
            *entries = rest;
            if index == 0 {
                first = Some(taken);
            }
        }
        let mut taken = first.filter(|taken| !taken.is_empty()).ok_or_else(missing)?;
        if flat {
            return Self::of_flat(&taken);
        }
        match (taken.pop(), taken.is_empty()) {
            (Some((_, block)), true) => Self::of(&block),
            (Some(_) | None, _) => Err(Why::Malformed("it has several blocks of sops metadata".to_owned())),
        }
    }

    fn of(block: &Node) -> Result<Self, Why> {
        let text = |key: &str| block.get(key).and_then(Node::said);
        let mut wrapped = age_of(block);
        for (key, name) in OTHERS {
            let count = block.get(key).map_or(0, |list| list.items().len());
            wrapped.extend(std::iter::repeat_n(Wrapped::Other(name), count));
        }
        Ok(Self {
            wrapped,
            groups: block.get("key_groups").is_some_and(|groups| groups.items().len() > 1),
            mac: text("mac").ok_or_else(missing)?.to_owned(),
            last_modified: text("lastmodified").ok_or_else(missing)?.to_owned(),
            mac_only_encrypted: text("mac_only_encrypted").is_some_and(is_true),
        })
    }

    /// `sops_age__list_0__map_enc=…` and the like (sops `stores/flatten.go`).
    fn of_flat(entries: &[(String, Node)]) -> Result<Self, Why> {
        let text = |key: &str| {
            let entry = entries.iter().find(|(name, _)| name.strip_prefix(PREFIX) == Some(key));
            entry.and_then(|(_, value)| value.said())
        };
        let mut wrapped = Vec::new();
        for index in 0.. {
            let of = |field: &str| text(&format!("age__list_{index}__map_{field}")).map(str::to_owned);
            let (Some(recipient), Some(sealed)) = (of("recipient"), of("enc")) else { break };
            wrapped.push(Wrapped::Age { recipient, sealed });
        }
        let has =
            |key: &str| entries.iter().any(|(name, _)| name.starts_with(&format!("{PREFIX}{key}__list_")));
        wrapped.extend(OTHERS.iter().filter(|(key, _)| has(key)).map(|(_, name)| Wrapped::Other(name)));
        Ok(Self {
            wrapped,
            groups: has("key_groups"),
            mac: text("mac").ok_or_else(missing)?.to_owned(),
            last_modified: text("lastmodified").ok_or_else(missing)?.to_owned(),
            mac_only_encrypted: text("mac_only_encrypted").is_some_and(is_true),
        })
    }
}

fn is_true(said: &str) -> bool {
    said.eq_ignore_ascii_case("true")
}

fn missing() -> Why {
    Why::Malformed("its sops metadata is missing or not whole".to_owned())
}

fn age_of(block: &Node) -> Vec<Wrapped> {
    let of = |key: &Node| {
        let text = |field: &str| key.get(field).and_then(Node::said).map(str::to_owned);
        Some(Wrapped::Age { recipient: text("recipient")?, sealed: text("enc")? })
    };
    block.get("age").map(Node::items).unwrap_or_default().iter().filter_map(of).collect()
}

/// Whether a leaf is encrypted.
pub(crate) fn is_encrypted(leaf: &Leaf) -> bool {
    leaf.is_text && crate::cipher::is_token(&leaf.said)
}
