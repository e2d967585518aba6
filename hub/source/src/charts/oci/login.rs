//! Logging in at registries: as the registry says, when it says so (distribution-spec; RFC 7235, RFC 6750).
//!
//! # Guarantees
//! - Nothing is sent that was not asked for: the first question is nobody's, unless it is known already what the
//!   registry wants.
//! - A token got with one login is used by no other.

use super::super::{
    Talk,
    web::{Answer, AsWhom, Ask, Web, secret},
};
use crate::{Error, credentials::Login};
use parking_lot::Mutex;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue},
};
use serde::Deserialize;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Repositories whose way to log in is remembered; then all are forgotten, which costs a question each.
const REMEMBERED: usize = 1_000;
/// Of an answer with a token.
const MOST: u64 = 1 << 20;
/// How long a token is good where nobody says.
const LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 3600;
/// A token is not used for the last of its time.
const SPARE: Duration = Duration::from_secs(10);

/// What registries want to be shown.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<Vec<Known>>);

struct Known {
    base: Url,
    name: String,
    login: Option<Login>,
    pass: Pass,
}

#[derive(Clone)]
enum Pass {
    /// The login itself.
    Login,
    Token {
        value: HeaderValue,
        until: Instant,
    },
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.name)
    }
}

impl Tokens {
    /// Asks about the repository `name` of the registry at `base`; once more, logged in, when the registry says how.
    pub(super) fn with<'t>(
        &self,
        talk: &Talk<'_>,
        web: &Web<'t>,
        base: &Url,
        name: &str,
        mut ask: Ask<'_>,
    ) -> Result<Answer<'t>, Error> {
        let known = self.known(base, name, web.login());
        ask.as_whom = match &known {
            None if matches!(web.login(), Some(Login::Bearer { .. })) => AsWhom::Login,
            None => AsWhom::Nobody,
            Some(Pass::Login) => AsWhom::Login,
            Some(Pass::Token { value, .. }) => AsWhom::Bearer(value.clone()),
        };
        let answer = web.get(&ask)?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        self.forget(base, name, web.login());
        let Some(challenge) = Challenge::of(answer.headers()) else { return Ok(answer) };
        let pass = match challenge {
            Challenge::Basic if web.login().is_some() && !matches!(ask.as_whom, AsWhom::Login) => Pass::Login,
            Challenge::Basic => return Ok(answer),
            // The token that people gave was shown.
            Challenge::Bearer { .. } if matches!(web.login(), Some(Login::Bearer { .. })) => {
                return Ok(answer);
            }
            Challenge::Bearer { realm, service, scope } => {
                let scope = scope.unwrap_or_else(|| format!("repository:{name}:pull"));
                token(talk, web, base, &realm, service.as_deref(), &scope)?
            }
        };
        ask.as_whom = match &pass {
            Pass::Login => AsWhom::Login,
            Pass::Token { value, .. } => AsWhom::Bearer(value.clone()),
        };
        let answer = web.get(&ask)?;
        if answer.status() != 401 {
            self.remember(base, name, web.login(), pass);
        }
        Ok(answer)
    }

    fn known(&self, base: &Url, name: &str, login: Option<&Login>) -> Option<Pass> {
        let known = self.0.lock();
        let found = known.iter().find(|known| known.is(base, name, login))?;
        let good = match &found.pass {
            Pass::Login => true,
            Pass::Token { until, .. } => Instant::now() < *until,
        };
        good.then(|| found.pass.clone())
    }

    fn forget(&self, base: &Url, name: &str, login: Option<&Login>) {
        self.0.lock().retain(|known| !known.is(base, name, login));
    }

    fn remember(&self, base: &Url, name: &str, login: Option<&Login>, pass: Pass) {
        let mut known = self.0.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.retain(|known| !known.is(base, name, login));
        known.push(Known { base: base.clone(), name: name.to_owned(), login: login.cloned(), pass });
    }
}

impl Known {
    fn is(&self, base: &Url, name: &str, login: Option<&Login>) -> bool {
        self.name == name && self.base == *base && self.login.as_ref() == login
    }
}

/// A token for `scope`, from where the registry says.
fn token(
    talk: &Talk<'_>,
    registry: &Web<'_>,
    base: &Url,
    realm: &str,
    service: Option<&str>,
    scope: &str,
) -> Result<Pass, Error> {
    let odd = |what: &str| registry.broken(&format!("the registry's way to log in {what}"));
    let mut url = Url::parse(realm).map_err(|_| odd("is at no address"))?;
    if url.scheme() != "https" && (url.scheme() != "http" || base.scheme() != "http") {
        return Err(odd("is not over https"));
    }
    url.query_pairs_mut()
        .extend_pairs(service.map(|service| ("service", service)))
        .append_pair("scope", scope);
    let web = talk.web(&url)?.keeping_to_itself();
    let answer = web.get(&Ask::new(&url, "logging in at the registry"))?;
    if !answer.is_good() {
        return Err(match answer.status() {
            404 | 410 => odd("is not there"),
            _ => web.refused(&answer),
        });
    }
    #[derive(Deserialize)]
    struct Given {
        token: Option<String>,
        access_token: Option<String>,
        expires_in: Option<u64>,
    }
    let given: Given =
        serde_json::from_slice(&answer.bytes(MOST, "its token")?).map_err(|_| odd("gives no token"))?;
    let text = given.token.or(given.access_token).filter(|token| !token.is_empty());
    let value = text.and_then(|token| secret(&format!("Bearer {token}")));
    let life = Duration::from_secs(given.expires_in.unwrap_or(LIFE).min(LONGEST_LIFE));
    let until = Instant::now() + life.saturating_sub(SPARE);
    Ok(Pass::Token { value: value.ok_or_else(|| odd("gives no token"))?, until })
}

/// How a registry wants to be logged in to.
#[derive(Debug, PartialEq, Eq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

impl Challenge {
    /// The first that we can meet.
    fn of(headers: &HeaderMap) -> Option<Self> {
        headers.get_all("www-authenticate").iter().find_map(|value| Self::parse(value.to_str().ok()?))
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters(rest) {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// `name="value", name=value` of a header.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', ',']).to_owned();
        let after = after.trim_start();
        let value;
        match after.strip_prefix('"') {
            Some(quoted) => {
                let mut text = String::new();
                let mut characters = quoted.char_indices();
                rest = "";
                while let Some((at, c)) = characters.next() {
                    match c {
                        '"' => {
                            rest = &quoted[at + 1..];
                            break;
                        }
                        '\\' => text.extend(characters.next().map(|(_, c)| c)),
                        c => text.push(c),
                    }
                }
                value = text;
            }
            None => {
                let (plain, more) = after.split_once(',').unwrap_or((after, ""));
                value = plain.trim().to_owned();
                rest = more;
            }
        }
        found.push((name, value));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let check = |text: &str, expect: Option<(&str, &str, &str)>| {
            let got = Challenge::parse(text);
            let expect = expect.map(|(realm, service, scope)| {
                let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                Challenge::Bearer { realm: realm.to_owned(), service: some(service), scope: some(scope) }
            });
            assert_eq!(got, expect, "{text}");
        };
        check(
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:org/web:pull,push""#,
            Some(("https://auth.docker.io/token", "registry.docker.io", "repository:org/web:pull,push")),
        );
        check(
            r#"bearer realm="https://h/t?x=1&y=2" , service=reg"#,
            Some(("https://h/t?x=1&y=2", "reg", "")),
        );
        check(r#"Bearer realm="https://h/\"t""#, Some((r#"https://h/"t"#, "", "")));
        check(r#"Bearer realm="https://h/t"#, Some(("https://h/t", "", "")));
        check(r#"Bearer service="x""#, None);
        check("Negotiate", None);
        assert_eq!(Challenge::parse(r#"Basic realm="Registry""#), Some(Challenge::Basic));
        assert_eq!(Challenge::parse("basic"), Some(Challenge::Basic));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_registry_says_is_read(text in "(?s:.{0,80})|[Bb]earer [a-z=\",\\\\ ]{0,60}") {
            drop(Challenge::parse(&text));
        }
    }
}
