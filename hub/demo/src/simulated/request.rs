//! What a request asks for, read off its method, path and query.

use super::kinds::Kind;
use shared_objects::Status;
use std::collections::BTreeMap;

/// What a request is about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// `/version`.
    Version,
    /// `/api`.
    Core,
    /// `/apis`.
    Groups,
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    Resources(String, String),
    /// Objects of a kind, in a namespace or (empty) in all.
    Collection(Kind, String),
    /// One object.
    Object(Kind, String, String),
    /// The status of one object.
    Status(Kind, String, String),
}

impl Target {
    pub(crate) fn parse(path: &str) -> Result<Self, Status> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (group, version, rest) = match parts.as_slice() {
            ["version"] => return Ok(Self::Version),
            ["api"] => return Ok(Self::Core),
            ["apis"] => return Ok(Self::Groups),
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Status::no_such_path()),
        };
        let kind = |plural: &str| Kind::find(group, version, plural).ok_or_else(Status::no_such_path);
        match rest {
            [] => Ok(Self::Resources(group.to_owned(), version.to_owned())),
            ["namespaces", ns, plural] if *plural != "status" => {
                Ok(Self::Collection(kind(plural)?, (*ns).to_owned()))
            }
            ["namespaces", ns, plural, name] => {
                Ok(Self::Object(kind(plural)?, (*ns).to_owned(), (*name).to_owned()))
            }
            ["namespaces", ns, plural, name, "status"] => {
                Ok(Self::Status(kind(plural)?, (*ns).to_owned(), (*name).to_owned()))
            }
            [plural] => Ok(Self::Collection(kind(plural)?, String::new())),
            [plural, name] => Ok(Self::Object(kind(plural)?, String::new(), (*name).to_owned())),
            [plural, name, "status"] => Ok(Self::Status(kind(plural)?, String::new(), (*name).to_owned())),
            _ => Err(Status::no_such_path()),
        }
    }
}

/// The query's fields, decoded.
pub(crate) fn query(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
