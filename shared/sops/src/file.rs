//! A whole file: read, opened, checked.
//!
//! Which values are encrypted is told by their look and not by the file's rules (`encrypted_regex` and the like): the MAC
//! covers them either way, and rules by comments or patterns need not be known here.

use crate::{
    Error, Identities, Plain, Why,
    bound::{Origin, Subject},
    cipher::{self, DataKey, Kind, MARKER},
    keys,
    metadata::{self, Metadata},
    tree::{self, Node},
};
use sha2::{Digest as _, Sha512};
use std::{collections::BTreeMap, fmt, sync::Arc};
use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
pub const LARGEST: usize = 2 << 20;
/// The most encrypted values that a file may have: each is kept, compared with and looked for.
pub const MOST_VALUES: usize = 2_000;

/// Begins a MAC over encrypted values alone: the SHA-256 of `sops`.
const MAC_ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b,
    0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML, maybe of several documents.
    Yaml,
    /// JSON.
    Json,
    /// `KEY=value` lines.
    Dotenv,
    /// Anything, as one value in JSON.
    Binary,
}

/// An encrypted file.
#[derive(Debug, Clone)]
pub struct File {
    path: String,
    format: Format,
    documents: Vec<Node>,
    metadata: Metadata,
}

/// What an encrypted file holds, checked. `Debug` shows no value.
pub struct Opened {
    /// By the encrypted value as the file has it, with the places where it was encrypted.
    values: BTreeMap<String, (Plain, Vec<Origin>)>,
    key: DataKey,
    /// Where comments may stand.
    places: Vec<String>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.values.len())
    }
}

/// Whether the text may be a file that sops encrypted: cheap, and never wrong about one that is.
pub fn is_encrypted(text: &str) -> bool {
    // Every such file has a MAC, which is such a value.
    text.contains(MARKER) && (text.contains("sops") && text.contains("mac"))
}

impl File {
    /// Reads an encrypted file; its name tells its form where the text does not.
    ///
    /// # Errors
    /// A text that sops did not write.
    pub fn read(path: &str, text: &str) -> Result<Self, Error> {
        let failed = |why| Error::new(path, why);
        if text.len() > LARGEST {
            return Err(failed(Why::Large(format!("more than {} MiB", LARGEST >> 20))));
        }
        let format = format_of(path, text).map_err(failed)?;
        let mut documents = tree::read(format, text).map_err(failed)?;
        let metadata = Metadata::take(&mut documents, format == Format::Dotenv).map_err(failed)?;
        if documents.iter().map(encrypted).sum::<usize>() > MOST_VALUES {
            return Err(failed(Why::Large(format!("more than {MOST_VALUES} encrypted values"))));
        }
        Ok(Self { path: path.to_owned(), format, documents, metadata })
    }

    /// Its form.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Decrypts every value and checks the MAC over all of them.
    ///
    /// # Errors
    /// When no identity fits, or anything in the file is not as sops wrote it.
    pub fn open(&self, identities: &Identities) -> Result<Opened, Error> {
        self.opened(identities).map_err(|why| Error::new(&self.path, why))
    }

    fn opened(&self, identities: &Identities) -> Result<Opened, Why> {
        let metadata = &self.metadata;
        if metadata.groups {
            return Err(Why::Groups);
        }
        let key = keys::unwrap(&metadata.wrapped, identities)?;
        let mut hash = Sha512::new();
        if metadata.mac_only_encrypted {
            hash.update(MAC_ONLY_ENCRYPTED);
        }
        let mut walk = Walk {
            hash,
            only_encrypted: metadata.mac_only_encrypted,
            opened: Opened { values: BTreeMap::new(), key, places: vec![String::new()] },
            // Unless the MAC covers it, anybody may have made it another object.
            tells_subjects: !metadata.mac_only_encrypted,
            subject: None,
        };
        for document in &self.documents {
            walk.document(document, &mut Vec::new())?;
        }
        let Walk { hash, opened, .. } = walk;
        let mac = cipher::decrypt(&metadata.mac, &opened.key, &metadata.last_modified).ok_or(Why::Mac)?;
        if mac.bytes() != hex::encode_upper(hash.finalize()).as_bytes() {
            return Err(Why::Mac);
        }
        Ok(opened)
    }
}

/// How many encrypted values there are.
fn encrypted(node: &Node) -> usize {
    match node {
        Node::Null => 0,
        Node::Leaf(leaf) => usize::from(metadata::is_encrypted(leaf)),
        Node::List(items) => items.iter().map(encrypted).sum(),
        Node::Map(entries) => entries.iter().map(|(_, value)| encrypted(value)).sum(),
    }
}

/// The form of a file, by its name as sops does it; by its text where the name does not tell.
fn format_of(path: &str, text: &str) -> Result<Format, Why> {
    let json = || {
        // The names alone: what they name is read once, and counted.
        let entries: BTreeMap<String, serde::de::IgnoredAny> = serde_json::from_str(text).ok()?;
        let only_data = entries.keys().all(|key| key == "data" || key == metadata::KEY);
        Some(if only_data { Format::Binary } else { Format::Json })
    };
    let flat = || text.lines().any(|line| line.starts_with("sops_mac="));
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("json") => Ok(Format::Json),
        Some("ini") if !text.trim_start().starts_with('{') => Err(Why::Ini),
        _ if text.trim_start().starts_with('{') => {
            json().ok_or_else(|| Why::Malformed("its JSON cannot be read".to_owned()))
        }
        _ if flat() => Ok(Format::Dotenv),
        _ => Ok(Format::Yaml),
    }
}

struct Walk {
    hash: Sha512,
    only_encrypted: bool,
    opened: Opened,
    tells_subjects: bool,
    /// The object that is being walked through, and how deep in the document it begins.
    subject: Option<(Arc<Subject>, usize)>,
}

impl Walk {
    /// One document, or one object of a list of them.
    fn document(&mut self, document: &Node, path: &mut Vec<String>) -> Result<(), Why> {
        let subject = Subject::of(document).filter(|_| self.tells_subjects);
        self.subject = subject.map(|subject| (subject, path.len()));
        match document {
            Node::Map(entries) if path.is_empty() && Subject::is_list(document) => {
                for (key, value) in entries {
                    path.push(key.clone());
                    match value {
                        Node::List(items) if key == "items" => {
                            items.iter().try_for_each(|item| self.document(item, path))?;
                            self.subject = None;
                        }
                        Node::List(_) | Node::Map(_) | Node::Leaf(_) | Node::Null => {
                            self.node(value, path)?
                        }
                    }
                    path.pop();
                }
                Ok(())
            }
            Node::Map(_) | Node::List(_) | Node::Leaf(_) | Node::Null => self.node(document, path),
        }
    }

    fn node(&mut self, node: &Node, path: &mut Vec<String>) -> Result<(), Why> {
        match node {
            Node::Null => {}
            Node::List(items) => items.iter().try_for_each(|item| self.node(item, path))?,
            Node::Map(entries) => {
                if !path.is_empty() {
                    self.opened.places.push(path.join(":"));
                }
                for (key, value) in entries {
                    path.push(key.clone());
                    self.node(value, path)?;
                    path.pop();
                }
            }
            Node::Leaf(leaf) if metadata::is_encrypted(leaf) => {
                let place = path.join(":");
                let plain = cipher::decrypt(&leaf.said, &self.opened.key, &format!("{place}:"))
                    .ok_or_else(|| Why::Value(path.join(".")))?;
                if plain.kind != Kind::Comment {
                    self.hash.update(plain.bytes());
                }
                let origin = match &self.subject {
                    None => Origin::Loose,
                    Some((of, depth)) => Origin::Object { of: Arc::clone(of), path: path[*depth..].to_vec() },
                };
                let held = self.opened.values.entry(leaf.said.clone()).or_insert((plain, Vec::new()));
                held.1.push(origin);
            }
            Node::Leaf(leaf) if !self.only_encrypted => self.hash.update(leaf.said.as_bytes()),
            Node::Leaf(_) => {}
        }
        Ok(())
    }
}

impl Opened {
    /// The value that this encrypted one stands for.
    pub fn value(&self, token: &str) -> Option<&Plain> {
        self.values.get(token).map(|(plain, _)| plain)
    }

    /// The same, and where it was encrypted.
    pub(crate) fn found(&self, token: &str) -> Option<(&Plain, &[Origin])> {
        self.values.get(token).map(|(plain, origins)| (plain, origins.as_slice()))
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Plain> {
        self.values.values().map(|(plain, _)| plain)
    }

    /// A comment, which may stand below any map.
    pub(crate) fn comment(&self, token: &str) -> Option<Plain> {
        let mut places = self.places.iter();
        places.find_map(|place| cipher::decrypt(token, &self.key, &format!("{place}:")))
    }

    /// The plain text of the file, as `sops decrypt` would write it but for spacing.
    ///
    /// # Errors
    /// A value that is not text, in a file of text.
    pub fn plain(&self, file: &File, text: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        crate::write::plain(self, file.format, &file.documents, text)
            .map_err(|why| Error::new(&file.path, why))
    }
}
