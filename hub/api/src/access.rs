//! Who asks, and what they may: bearer tokens, known by their SHA-256 only.

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use shared_objects::{Status, status::Resource};
use std::fmt;

/// A bearer token that the hub accepts, and whose it is.
#[derive(Clone)]
pub struct Token {
    /// SHA-256 of the token, in lowercase hex.
    pub hash: String,
    /// The name of who holds it.
    pub user: String,
    /// The groups of who holds it.
    pub groups: Vec<String>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("user", &self.user)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
}

/// What a subject may or may not do. Everything that is not here, every subject may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// To release members of a rollout ahead of their wave, unproven (design §4).
    Expedite,
}

/// Whether a subject may do something: the one place that decides it.
pub(crate) fn allowed(subject: &Subject, verb: Verb) -> bool {
    let groups: &[&str] = match verb {
        Verb::Expedite => &["system:masters", "flotilla:expedite"],
    };
    subject.groups.iter().any(|group| groups.contains(&group.as_str()))
}

/// Who the request's token belongs to.
pub(crate) fn subject(headers: &HeaderMap, tokens: &[Token]) -> Result<Subject, Status> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    given.and_then(|token| of_token(token, tokens)).ok_or_else(Status::unauthorized)
}

/// Who a token belongs to.
pub(crate) fn of_token(token: &str, tokens: &[Token]) -> Option<Subject> {
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    // Every token is compared, in full: how long it takes tells nothing.
    let found = tokens.iter().fold(None, |found, token| {
        if same(token.hash.as_bytes(), hash.as_bytes()) { Some(token) } else { found }
    });
    found.map(|found| Subject { user: found.user.clone(), groups: found.groups.clone() })
}

/// Refuses to act for somebody else: the hub does not know yet who may, and must not do it as who asks.
pub(crate) fn impersonates(headers: &HeaderMap) -> Result<(), Status> {
    match headers.keys().find(|name| name.as_str().starts_with("impersonate-")) {
        None => Ok(()),
        Some(name) => {
            let nothing = Resource { group: "", kind: "", plural: "" };
            let why = format!(
                "the hub acts for nobody else, and the request carries {name:?}: ask without --as, with the token of \
                 who shall act"
            );
            Err(Status::forbidden(nothing, "", &why))
        }
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_a_known_bearer_token_has_a_subject() {
        let token = |secret: &str, user: &str| Token {
            hash: hex::encode(Sha256::digest(secret.as_bytes())),
            user: user.into(),
            groups: Vec::new(),
        };
        let tokens = [token("one", "ada"), token("two", "bob")];
        let check = |header: Option<&str>, expect: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
            }
            let found = subject(&headers, &tokens).ok().map(|subject| subject.user);
            assert_eq!(found.as_deref(), expect, "{header:?}");
        };
        check(Some("Bearer one"), Some("ada"));
        check(Some("bearer two"), Some("bob"));
        check(Some("Bearer three"), None);
        check(Some("Bearer "), None);
        check(Some("Basic one"), None);
        check(None, None);
        assert!(!format!("{:?}", tokens[0]).contains(&tokens[0].hash));
    }
}
