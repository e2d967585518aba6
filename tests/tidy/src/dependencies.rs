//! What we depend on: versions, bans, licences. `.deny.toml` says the same to cargo-deny.

use crate::{
    fault::{self, Fault},
    tracked::files,
    workspace::workspace,
};
use std::collections::{BTreeMap, BTreeSet};

/// Two versions of these would be two worlds: their types meet in our code.
const SINGLE: &[&str] = &["tonic", "prost", "rustls", "hyper", "http", "axum", "kube", "tokio", "serde"];

/// One TLS, in Rust, with one provider.
const BANNED: &[&str] = &["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"];

fn file(path: &str) -> &'static str {
    let found = files().iter().find(|file| file.path == path);
    &found.unwrap_or_else(|| panic!("{path} is not tracked: restore it")).text
}

/// Every package of `Cargo.lock`: for all systems, not only this one.
fn locked() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut locked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in file("Cargo.lock").split("[[package]]").skip(1) {
        let value = |key: &str| entry.lines().find_map(|line| line.strip_prefix(key)?.strip_suffix('"'));
        let (name, version) = (value("name = \"").unwrap(), value("version = \"").unwrap());
        locked.entry(name).or_default().insert(version);
    }
    assert!(locked.contains_key("tokio"), "Cargo.lock reads differently now");
    locked
}

#[test]
fn what_must_be_one_is_one() {
    let locked = locked();
    let several = SINGLE.iter().filter_map(|name| {
        let versions = locked.get(name).filter(|versions| versions.len() > 1)?;
        let versions: Vec<&str> = versions.iter().copied().collect();
        let remedy = format!("`cargo tree -i {name}@VERSION` shows who asks for which; move them to one");
        Some(Fault::new("Cargo.lock", format!("{name} in versions {}", versions.join(", ")), remedy))
    });
    fault::none("Crates whose types meet in our code have one version.", several);
}

#[test]
fn nothing_banned_is_locked() {
    let locked = locked();
    let banned = BANNED.iter().filter(|name| locked.contains_key(*name)).map(|name| {
        let remedy = format!(
            "`cargo tree --target all -i {name}` shows what brings it in; choose its rustls and ring features"
        );
        Fault::new("Cargo.lock", format!("locks {name}"), remedy)
    });
    fault::none("TLS is rustls with ring, and nothing else.", banned);
    let missing = BANNED.iter().filter(|name| !file(".deny.toml").contains(&format!("crate = \"{name}\"")));
    let fault = |name: &&str| Fault::new(".deny.toml", format!("does not ban {name}"), "add it to bans.deny");
    fault::none(".deny.toml and this test ban the same.", missing.map(fault));
}

/// The texts of a list in `.deny.toml`: `key = [` and one text a line until `]`.
fn listed(key: &str) -> BTreeSet<&'static str> {
    let lines = file(".deny.toml").lines();
    let inside =
        lines.skip_while(|line| *line != format!("{key} = [")).skip(1).take_while(|line| *line != "]");
    let list: BTreeSet<&str> = inside.filter_map(|line| line.trim().split('"').nth(1)).collect();
    assert!(!list.is_empty(), ".deny.toml: `{key} = [` with one text a line was expected");
    list
}

#[test]
fn every_licence_is_allowed() {
    let allowed = listed("allow");
    let mut faults = Vec::new();
    for package in workspace().packages.values() {
        let place = format!("{} {}", package.name, package.version);
        let licence = package.licence.as_deref().unwrap_or_default();
        match Licence::parse(licence) {
            Some(parsed) if parsed.is_met(&allowed) => {}
            _ => faults.push(Fault::new(
                place,
                format!("its licence is `{licence}`"),
                "do without it, or have the licence looked at and add it to .deny.toml",
            )),
        }
    }
    fault::none("Every dependency has a licence that .deny.toml allows.", faults);
}

/// A licence expression.
#[derive(Debug, PartialEq, Eq)]
enum Licence {
    One(String),
    Any(Vec<Self>),
    All(Vec<Self>),
}

impl Licence {
    /// An SPDX expression, or names with `/` between as crates wrote them once.
    fn parse(text: &str) -> Option<Self> {
        let text = text.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let (licence, rest) = Self::any(&words)?;
        rest.is_empty().then_some(licence)
    }

    fn any<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        let (first, mut rest) = Self::all(words)?;
        let mut licences = vec![first];
        while let ["OR", after @ ..] = rest {
            let (next, left) = Self::all(after)?;
            licences.push(next);
            rest = left;
        }
        Some((Self::Any(licences), rest))
    }

    fn all<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        let (first, mut rest) = Self::one(words)?;
        let mut licences = vec![first];
        while let ["AND", after @ ..] = rest {
            let (next, left) = Self::one(after)?;
            licences.push(next);
            rest = left;
        }
        Some((Self::All(licences), rest))
    }

    fn one<'a>(words: &'a [&'a str]) -> Option<(Self, &'a [&'a str])> {
        match words {
            ["(", rest @ ..] => match Self::any(rest)? {
                (licence, [")", rest @ ..]) => Some((licence, rest)),
                _ => None,
            },
            [name, "WITH", exception, rest @ ..] => {
                Some((Self::One(format!("{name} WITH {exception}")), rest))
            }
            [name, rest @ ..] if !["AND", "OR", "WITH", ")"].contains(name) => {
                Some((Self::One((*name).to_owned()), rest))
            }
            _ => None,
        }
    }

    fn is_met(&self, allowed: &BTreeSet<&str>) -> bool {
        match self {
            Self::One(name) => allowed.contains(name.as_str()),
            Self::Any(licences) => licences.iter().any(|licence| licence.is_met(allowed)),
            Self::All(licences) => licences.iter().all(|licence| licence.is_met(allowed)),
        }
    }
}

#[test]
fn expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"]);
    let check = |text: &str, expect: Option<bool>| {
        assert_eq!(Licence::parse(text).map(|licence| licence.is_met(&allowed)), expect, "{text}");
    };
    check("MIT", Some(true));
    check("GPL-3.0", Some(false));
    check("GPL-3.0 OR MIT", Some(true));
    check("MIT/Apache-2.0", Some(true));
    check("GPL-3.0 AND MIT", Some(false));
    check("(MIT OR Apache-2.0) AND Unicode-3.0", Some(true));
    check("MIT AND (GPL-3.0 OR LGPL-2.1)", Some(false));
    check("Apache-2.0 WITH LLVM-exception", Some(false));
    check("", None);
    check("MIT OR", None);
    check("(MIT", None);
}
