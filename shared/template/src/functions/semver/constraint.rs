//! Ranges of versions: `>=1.2 <2 || ~3.4 || ^5.x`.
//!
//! A prerelease is accepted only by a constraint that names one.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::Version;
use crate::functions::Fail;

const PATTERN: &str = r"v?([0-9xX*|]+)(\.[0-9xX*|]+)?(\.[0-9xX*|]+)?(-(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+(?:[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static ONE: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"^\s*({OPERATORS})\s*({PATTERN})\s*$")));
static HYPHEN: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"\s*({PATTERN})\s+-\s+({PATTERN})\s*")));
static EACH: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"({OPERATORS})\s*({PATTERN})")));
static VALID: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(r"^(\s*({OPERATORS})\s*({PATTERN})\s*)((?:\s+|,\s*)({OPERATORS})\s*({PATTERN})\s*)*$"))
});

/// Any of the lists must hold as a whole.
#[derive(Debug)]
pub(crate) struct Constraints(Vec<Vec<Constraint>>);

#[derive(Debug)]
struct Constraint {
    operator: String,
    version: Version,
    /// Some part is left open (`1.2`, `1.x`).
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

impl Constraints {
    pub(crate) fn parse(text: &str) -> Result<Self, Fail> {
        let text = HYPHEN.replace_all(text, ">= $1, <= $6 ");
        let parsed = text.split("||").map(|part| {
            if !VALID.is_match(part) {
                return Err(Fail::from(format!("improper constraint: {part}")));
            }
            EACH.find_iter(part).map(|one| Constraint::parse(one.as_str())).collect()
        });
        Ok(Self(parsed.collect::<Result<_, _>>()?))
    }

    pub(crate) fn accept(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|one| one.accepts(version)))
    }
}

fn is_open(part: &str) -> bool {
    matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*")
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Fail> {
        let parts = ONE.captures(text).ok_or_else(|| Fail::from(format!("improper constraint: {text}")))?;
        let part = |index| parts.get(index).map_or("", |part| part.as_str());
        let (major, minor, patch, prerelease) = (part(3), part(4), part(5), part(6));
        let (closed, minor_dirty, patch_dirty) = if is_open(major) {
            (format!("0.0.0{prerelease}"), false, false)
        } else if is_open(minor) {
            (format!("{major}.0.0{prerelease}"), true, false)
        } else if is_open(patch) {
            (format!("{major}{minor}.0{prerelease}"), false, true)
        } else {
            (part(2).to_owned(), false, false)
        };
        let dirty = is_open(major) || minor_dirty || patch_dirty;
        let version = Version::parse(&closed).map_err(|_| Fail::from("constraint Parser Error"))?;
        Ok(Self { operator: part(1).to_owned(), version, dirty, minor_dirty, patch_dirty })
    }

    fn accepts(&self, version: &Version) -> bool {
        let bars_prerelease = !version.prerelease.is_empty() && self.version.prerelease.is_empty();
        if bars_prerelease && (self.operator != "!=" || self.dirty) {
            return false;
        }
        let order = version.compare(&self.version);
        match self.operator.as_str() {
            "!=" => self.differs(version, order),
            ">" => self.exceeds(version, order),
            "<" => order == Ordering::Less,
            ">=" | "=>" => order != Ordering::Less,
            "<=" | "=<" => self.at_most(version, order),
            "~" | "~>" => self.tilde(version, order),
            "^" => self.caret(version, order),
            _ if self.dirty => self.tilde(version, order),
            _ => order == Ordering::Equal,
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, patch], [my_major, my_minor, my_patch]) = (version.numbers, self.version.numbers);
        if !self.dirty {
            return order != Ordering::Equal;
        }
        if major != my_major {
            return true;
        }
        if self.minor_dirty {
            return false;
        }
        if minor != my_minor {
            return true;
        }
        if self.patch_dirty {
            return version.prerelease != self.version.prerelease;
        }
        patch != my_patch || order != Ordering::Equal
    }

    fn exceeds(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, _], [my_major, my_minor, _]) = (version.numbers, self.version.numbers);
        if !self.dirty || major == my_major && !self.minor_dirty && !self.patch_dirty {
            return order == Ordering::Greater;
        }
        major > my_major || major == my_major && self.patch_dirty && minor > my_minor
    }

    fn at_most(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, _], [my_major, my_minor, _]) = (version.numbers, self.version.numbers);
        if !self.dirty {
            return order != Ordering::Greater;
        }
        major <= my_major && !(major == my_major && minor > my_minor && !self.minor_dirty)
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, _], [my_major, my_minor, _]) = (version.numbers, self.version.numbers);
        if order == Ordering::Less {
            return false;
        }
        if self.version.numbers == [0; 3] && !self.minor_dirty && !self.patch_dirty {
            return true;
        }
        major == my_major && (minor == my_minor || self.minor_dirty)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let ([major, minor, patch], [my_major, my_minor, my_patch]) = (version.numbers, self.version.numbers);
        if order == Ordering::Less || major != my_major {
            return false;
        }
        if my_major > 0 || self.minor_dirty {
            return true;
        }
        if minor != my_minor {
            return false;
        }
        my_minor > 0 || self.patch_dirty || patch == my_patch
    }
}
