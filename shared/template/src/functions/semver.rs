//! sprig's versions: `Masterminds/semver` v3, which is laxer than the specification (`v1.2` is 1.2.0) and has its own ranges.

mod constraint;

pub(crate) use constraint::Constraints;

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;

use super::text::{bytes, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::value::exotic::Exotic;
use crate::{Fields, Object, Value};

pub(super) const TABLE: &[Row] = &[("semver", "s", semver), ("semverCompare", "ss", compare)];

static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?(?:-([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?(?:\+([0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*))?$";
    Regex::new(pattern).expect("a constant pattern")
});

fn semver(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    scope.charge(bytes(arguments, 0).len().saturating_mul(3))?;
    Ok(Value::Object(Rc::new(Version::parse(&text(arguments, 0))?)))
}

fn compare(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    // Of `>1` comes a constraint with a version.
    let held = bytes(arguments, 0).len().saturating_mul(64);
    scope.charge(held)?;
    scope.steps(bytes(arguments, 0).len().saturating_mul(4))?;
    let constraints = Constraints::parse(&text(arguments, 0))?;
    let accepted = constraints.accept(&Version::parse(&text(arguments, 1))?);
    scope.release(held);
    Ok(Value::Bool(accepted))
}

/// A version; ordered as the specification says, build metadata aside.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    original: String,
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Result<Self, Fail> {
        let invalid = || Fail::from("Invalid Semantic Version");
        let parts = VERSION.captures(text).ok_or_else(invalid)?;
        let part = |index| parts.get(index).map_or("", |part| part.as_str());
        let mut numbers = [0; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            let digits = part(index + 1).trim_start_matches('.');
            if !digits.is_empty() {
                *number = digits.parse().map_err(|_| {
                    let reason = format!("strconv.ParseUint: parsing {digits:?}: value out of range");
                    Fail::from(format!("Error parsing version segment: {reason}"))
                })?;
            }
        }
        let leading_zero = |identifier: &str| {
            identifier.len() > 1
                && identifier.starts_with('0')
                && identifier.bytes().all(|digit| digit.is_ascii_digit())
        };
        if part(4).split('.').any(leading_zero) {
            return Err(Fail::from("Version segment starts with 0"));
        }
        Ok(Self {
            original: text.to_owned(),
            numbers,
            prerelease: part(4).to_owned(),
            metadata: part(5).to_owned(),
        })
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.prerelease.as_str(), other.prerelease.as_str()) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (one, another) => compare_prereleases(one, another),
            }
        })
    }
}

fn compare_prereleases(one: &str, another: &str) -> Ordering {
    let mut left = one.split('.');
    let mut right = another.split('.');
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => compare_identifiers(left.unwrap_or(""), right.unwrap_or("")),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A number is below a word; nothing is below both.
fn compare_identifiers(left: &str, right: &str) -> Ordering {
    if left == right || left.is_empty() || right.is_empty() {
        return left.is_empty().cmp(&right.is_empty()).reverse();
    }
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(formatter, "{major}.{minor}.{patch}")?;
        if !self.prerelease.is_empty() {
            write!(formatter, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(formatter, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn member(&self, _: &mut Scope<'_>, name: &str, arguments: &[Value]) -> Option<Answer> {
        let number = |index: usize| Value::Int64(i64::try_from(self.numbers[index]).unwrap_or(i64::MAX));
        let other = || match arguments {
            [Value::Object(other)] => {
                other.as_any().downcast_ref::<Self>().cloned().ok_or_else(|| Fail::from("not a version"))
            }
            _ => Err(Fail::from("wrong number of args: want 1")),
        };
        let compared =
            |test: fn(Ordering) -> bool| other().map(|other| Value::Bool(test(self.compare(&other))));
        Some(match name {
            "Major" => Ok(number(0)),
            "Minor" => Ok(number(1)),
            "Patch" => Ok(number(2)),
            "Prerelease" => Ok(self.prerelease.as_str().into()),
            "Metadata" => Ok(self.metadata.as_str().into()),
            "Original" => Ok(self.original.as_str().into()),
            "String" => Ok(self.to_string().into()),
            "Compare" => other().map(|other| Value::Int(self.compare(&other) as i64)),
            "Equal" => compared(Ordering::is_eq),
            "LessThan" => compared(Ordering::is_lt),
            "GreaterThan" => compared(Ordering::is_gt),
            "LessThanEqual" => compared(Ordering::is_le),
            "GreaterThanEqual" => compared(Ordering::is_ge),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        self.to_string()
    }

    fn copied(&self) -> Option<Value> {
        let zero = Self {
            original: String::new(),
            numbers: [0; 3],
            prerelease: String::new(),
            metadata: String::new(),
        };
        Some(Value::Object(Rc::new(zero)))
    }

    fn fields(&self) -> Option<Fields> {
        let [major, minor, patch] =
            self.numbers.map(|number| Value::Object(Rc::new(Exotic::Unsigned(number))));
        let values = vec![
            ("major", major),
            ("minor", minor),
            ("patch", patch),
            ("pre", self.prerelease.as_str().into()),
            ("metadata", self.metadata.as_str().into()),
            ("original", self.original.as_str().into()),
        ];
        Some(Fields { printed: false, values })
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}
