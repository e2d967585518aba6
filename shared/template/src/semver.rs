//! Ranges of versions as Argo CD reads them in `targetRevision` (`Masterminds/semver` v3, `util/versions`).
//!
//! It decides which of some names is the newest version in a range: `v1.2` is 1.2.0, and a prerelease is in
//! a range only when the range names one. It refuses to know what the names are of.

use crate::functions::semver::{Constraints, Version};
use std::cmp::Ordering;

/// A range of versions: `1.*`, `>=1.2 <2`, `^1.2 || ~3.4`, `*`.
#[derive(Debug)]
pub struct Range(Constraints);

impl Range {
    /// The range that `text` is. `None` for a single version (`1.2`, `v1.2.0`), which is a name like any
    /// other, and for what is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if Version::parse(text).is_ok() {
            return None;
        }
        Constraints::parse(text).ok().map(Self)
    }

    /// The range that `text` is, a single version being the range of what is equal to it (`1.2` is any 1.2.x), and
    /// nothing that of every version: as Helm reads the version of a chart. `None` for what is no version and no range.
    pub fn around(text: &str) -> Option<Self> {
        let text = if text.trim().is_empty() { "*" } else { text };
        Constraints::parse(text).ok().map(Self)
    }

    /// Whether `name` is a version in the range.
    pub fn accepts(&self, name: &str) -> bool {
        Version::parse(name).is_ok_and(|version| self.0.accept(&version))
    }

    /// The name of the newest version in the range, the first of those that are equal; names that are no
    /// versions do not count.
    pub fn newest<'n>(&self, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        let mut newest: Option<(Version, &str)> = None;
        for name in names {
            let Ok(version) = Version::parse(name) else { continue };
            let newer = newest.as_ref().is_none_or(|(best, _)| version.compare(best) == Ordering::Greater);
            if newer && self.0.accept(&version) {
                newest = Some((version, name));
            }
        }
        newest.map(|(_, name)| name)
    }
}

/// Whether `version` is what `wanted` asks for: a range, or a single version that may be partial (`1.2` is any 1.2), as a
/// chart names those that it needs. `None` when `wanted` is neither or `version` is none.
pub fn matches(wanted: &str, version: &str) -> Option<bool> {
    let wanted = Constraints::parse(wanted).ok()?;
    Some(wanted.accept(&Version::parse(version).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: [&str; 9] = [
        "nightly",
        "v0.9.0",
        "v1.0.0",
        "v1.2.0",
        "1.2.1",
        "v1.10.0",
        "v2.0.0-rc.1",
        "v2.0.0",
        "v2.1.0-beta.2",
    ];

    fn check(range: &str, expect: &str) {
        let got = match Range::parse(range) {
            Some(range) => range.newest(TAGS.into_iter()).unwrap_or("none"),
            None => "no range",
        };
        assert_eq!(got, expect, "{range}");
    }

    #[test]
    fn a_version_is_a_range_too() {
        let check = |text: &str, expect: Option<&str>| {
            let got = Range::around(text).map(|range| range.newest(TAGS.into_iter()).unwrap_or("none"));
            assert_eq!(got, expect, "{text}");
        };
        check("", Some("v2.0.0"));
        check("1.2.1", Some("1.2.1"));
        check("v1.2", Some("1.2.1"));
        check("1", Some("v1.10.0"));
        check("2.0.0-rc.1", Some("v2.0.0-rc.1"));
        check("3.0.0", Some("none"));
        check("main", None);
    }

    #[test]
    fn the_newest_in_a_range() {
        check("1.*", "v1.10.0");
        check("1.2.x", "1.2.1");
        check("v1.2.*", "1.2.1");
        check(">=1.2 <1.10", "1.2.1");
        check(">=1.2, <2", "v1.10.0");
        check("^1.2", "v1.10.0");
        check("~1.2", "1.2.1");
        check("*", "v2.0.0");
        check("x", "v2.0.0");
        check(">=2.0.0-0", "v2.1.0-beta.2");
        check("~2.0.0-0", "v2.0.0");
        check("<1 || 1.0 - 1.1", "v1.0.0");
        check(">3", "none");
        // As Masterminds has it: a difference bars no prerelease.
        check("!=2.0.0", "v2.1.0-beta.2");
    }

    #[test]
    fn versions_that_are_asked_for() {
        for (wanted, version, expect) in [
            ("1.2.0", "1.2.0", Some(true)),
            ("1.2.0", "1.2.1", Some(false)),
            ("1.2", "1.2.7", Some(true)),
            ("^1.2.0", "v1.9.0", Some(true)),
            (">=1 <2", "2.0.0", Some(false)),
            ("", "3.0.0", None),
            ("*", "1.0.0-rc.1", Some(false)),
            ("latest", "1.0.0", None),
            ("1.2.0", "none", None),
        ] {
            assert_eq!(matches(wanted, version), expect, "{wanted} {version}");
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in ["1.2", "v1.2.0", "1", "main", "HEAD", "release-1.x", "", "1.2.0-rc.1", "a b"] {
            check(text, "no range");
        }
    }
}
