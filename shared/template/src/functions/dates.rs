//! sprig's dates, in UTC.
//!
//! The present is the time that the caller passes to the rendering; without one, what needs it fails. `Local` is UTC, and so is a zone
//! that is not known: zones other than UTC are not known yet, as on a machine without a zone database.

use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::layout::{format, parse};
use super::text::{any, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::number::parse_int;
use crate::{Object, Value};

pub(super) const TABLE: &[Row] = &[
    ("ago", "a", ago),
    ("date", "sa", |scope, a| shown(scope, &text(a, 0), any(a, 1))),
    ("dateInZone", "sas", |scope, a| shown(scope, &text(a, 0), any(a, 1))),
    ("date_in_zone", "sas", |scope, a| shown(scope, &text(a, 0), any(a, 1))),
    ("dateModify", "st", modify),
    ("date_modify", "st", modify),
    ("mustDateModify", "st", must_modify),
    ("must_date_modify", "st", must_modify),
    ("duration", "a", duration),
    ("durationRound", "a", duration_round),
    ("htmlDate", "a", |scope, a| shown(scope, "2006-01-02", any(a, 0))),
    ("htmlDateInZone", "as", |scope, a| shown(scope, "2006-01-02", any(a, 0))),
    ("mustToDate", "ss", |_, a| Ok(moment(parse(&text(a, 0), &text(a, 1))?))),
    ("now", "", |scope, _| Ok(moment(scope.now()?))),
    ("toDate", "ss", |_, a| Ok(moment(parse(&text(a, 0), &text(a, 1)).unwrap_or(ZERO)))),
    ("unixEpoch", "t", |scope, a| Ok(instant(scope, any(a, 0))?.as_second().to_string().into())),
];

/// Go's zero time, the first of January of year 1.
const ZERO: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Go's `time.Time`.
#[derive(Clone, Copy, Debug)]
struct Moment(Timestamp);

fn moment(timestamp: Timestamp) -> Value {
    Value::Object(Rc::new(Moment(timestamp)))
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn member(&self, _: &mut Scope<'_>, name: &str, arguments: &[Value]) -> Option<Answer> {
        let date = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        Some(match (name, arguments) {
            ("Format", [Value::Str(layout)]) => Ok(format(&layout.text(), self.0).into()),
            ("Unix", []) => Ok(Value::Int64(self.0.as_second())),
            ("UnixMilli", []) => Ok(Value::Int64(self.0.as_millisecond())),
            ("Year", []) => Ok(Value::Int(date.year().into())),
            ("Day", []) => Ok(Value::Int(date.day().into())),
            ("Hour", []) => Ok(Value::Int(date.hour().into())),
            ("Minute", []) => Ok(Value::Int(date.minute().into())),
            ("Second", []) => Ok(Value::Int(date.second().into())),
            ("YearDay", []) => Ok(Value::Int(date.day_of_year().into())),
            ("IsZero", []) => Ok(Value::Bool(self.0 == ZERO)),
            ("UTC" | "Local", []) => Ok(moment(self.0)),
            ("String", []) => Ok(self.print().into()),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        format("2006-01-02 15:04:05.999999999 -0700 MST", self.0)
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// A time, or seconds since 1970; anything else is the present.
fn instant(scope: &Scope<'_>, value: &Value) -> Result<Timestamp, Fail> {
    match value {
        Value::Object(object) => match object.as_any().downcast_ref::<Moment>() {
            Some(moment) => Ok(moment.0),
            None => scope.now(),
        },
        Value::Int(seconds) | Value::Int64(seconds) => {
            Timestamp::from_second(*seconds).map_err(|error| Fail::from(error.to_string()))
        }
        Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::List(_)
        | Value::Map(_) => scope.now(),
    }
}

fn shown(scope: &mut Scope<'_>, layout: &str, value: &Value) -> Answer {
    let instant = instant(scope, value)?;
    scope.charge(layout.len().saturating_mul(10))?;
    Ok(format(layout, instant).into())
}

fn modified(arguments: &[Value]) -> Result<Option<Value>, Fail> {
    let Value::Object(object) = any(arguments, 1) else { return Ok(None) };
    let Some(moment_given) = object.as_any().downcast_ref::<Moment>() else { return Ok(None) };
    let nanos = parse_duration(&text(arguments, 0))?;
    let sum = moment_given
        .0
        .checked_add(SignedDuration::from_nanos(nanos))
        .map_err(|error| Fail::from(error.to_string()))?;
    Ok(Some(moment(sum)))
}

fn modify(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(modified(arguments).ok().flatten().unwrap_or_else(|| any(arguments, 1).clone()))
}

fn must_modify(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(modified(arguments)?.unwrap_or_else(|| any(arguments, 1).clone()))
}

fn ago(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let elapsed = scope.now()?.duration_since(instant(scope, any(arguments, 0))?);
    let seconds = elapsed.as_secs() + i64::from(elapsed.subsec_nanos() >= 500_000_000)
        - i64::from(elapsed.subsec_nanos() < -500_000_000);
    Ok(format_seconds(seconds).into())
}

fn duration(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let seconds = match any(arguments, 0) {
        Value::Int64(seconds) => *seconds,
        Value::Str(text) => text.text().parse().unwrap_or(0),
        Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_)
        | Value::Object(_) => 0,
    };
    Ok(format_seconds(seconds).into())
}

/// Go's `Duration.String` of whole seconds.
fn format_seconds(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let size = seconds.unsigned_abs();
    let (hours, minutes, rest) = (size / 3600, size / 60 % 60, size % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{rest}s"),
        (0, _) => format!("{sign}{minutes}m{rest}s"),
        (_, _) => format!("{sign}{hours}h{minutes}m{rest}s"),
    }
}

fn duration_round(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let value = any(arguments, 0);
    let nanos = match value {
        Value::Str(text) => parse_duration(&text.text()).unwrap_or(0),
        Value::Int64(nanos) => *nanos,
        Value::Object(_) => {
            let elapsed = scope.now()?.duration_since(instant(scope, value)?);
            i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
        }
        Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => 0,
    };
    let seconds_float = nanos.unsigned_abs();
    let second: u64 = 1_000_000_000;
    let units = [("y", 365 * 86_400), ("mo", 30 * 86_400), ("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let unit = units.into_iter().find(|(_, seconds)| seconds_float > seconds * second);
    Ok(unit
        .map_or_else(
            || "0s".to_owned(),
            |(name, seconds)| format!("{}{name}", seconds_float / (seconds * second)),
        )
        .into())
}

/// Go's `time.ParseDuration`, in nanoseconds.
fn parse_duration(source: &str) -> Result<i64, Fail> {
    let invalid = || Fail::from(format!("time: invalid duration {}", crate::quote::quote(source.as_bytes())));
    let (negative, mut rest) = match source.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, source.strip_prefix('+').unwrap_or(source)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.').len();
        let (number, after) = rest.split_at(digits);
        let name = after.len()
            - after
                .trim_start_matches(|character: char| character != '.' && !character.is_ascii_digit())
                .len();
        let (unit, after) = after.split_at(name);
        let nanos: i64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(invalid()),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let parsed = if whole.is_empty() && !fraction.is_empty() {
            Some(0)
        } else {
            parse_int(&format!("+{}", strip_zeros(whole)))
        };
        let whole = parsed.filter(|_| !number.is_empty()).ok_or_else(invalid)?;
        let part = fraction_of(fraction, nanos).ok_or_else(invalid)?;
        total = whole
            .checked_mul(nanos)
            .and_then(|whole| total.checked_add(whole)?.checked_add(part))
            .ok_or_else(invalid)?;
        rest = after;
    }
    Ok(if negative { -total } else { total })
}

/// Leading zeros would make an octal number of it.
fn strip_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" if !digits.is_empty() => "0",
        stripped => stripped,
    }
}

fn fraction_of(digits: &str, nanos: i64) -> Option<i64> {
    let digits = &digits[..digits.len().min(15)];
    if digits.is_empty() {
        return Some(0);
    }
    let number: i128 = digits.parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(digits.len()).ok()?)?;
    i64::try_from(number * i128::from(nanos) / scale).ok()
}
