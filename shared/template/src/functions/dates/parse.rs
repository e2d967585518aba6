//! Go's `time.ParseInLocation` where the location is UTC, errors included.

use jiff::civil::{Date, Time};

use super::layout::{DAYS, MONTHS, OffsetForm, Pad, Part, next_part};
use super::{Moment, Zone};
use crate::functions::Fail;

/// What has been read of a time.
#[derive(Debug, Default)]
struct Read {
    year: i32,
    month: Option<i32>,
    day: Option<i32>,
    year_day: Option<i32>,
    hour: i32,
    minute: i32,
    second: i32,
    nanos: i32,
    afternoon: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone: String,
}

/// Why a part cannot be read.
enum Fault {
    /// It does not look like one.
    Bad,
    /// It is no such number.
    Range(&'static str),
}

type Rest<'t> = Result<&'t str, Fault>;

fn cannot(layout: &str, text: &str, element: &str, found: &str) -> Fail {
    Fail::from(format!(
        "parsing time {} as {}: cannot parse {} as {}",
        quote(text),
        quote(layout),
        quote(found),
        quote(element)
    ))
}

/// The package `time` has its own way of quoting.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' | 0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// Reads `text` by `layout`.
///
/// # Errors
/// In Go's words.
pub(super) fn parse(layout: &str, text: &str) -> Result<Moment, Fail> {
    let mut read = Read::default();
    let (mut pattern, mut rest) = (layout, text);
    let message = |words: &str| Fail::from(format!("parsing time {}: {words}", quote(text)));
    while let Some((before, part, written, after)) = next_part(pattern) {
        rest = skip(rest, before).map_err(|left| cannot(layout, text, before, left))?;
        pattern = after;
        let hold = rest;
        rest = match read.part(part, rest, pattern) {
            Ok(rest) => rest,
            Err(Fault::Bad) => return Err(cannot(layout, text, written, hold)),
            Err(Fault::Range(what)) => return Err(message(&format!("{what} out of range"))),
        };
    }
    rest = skip(rest, pattern).map_err(|left| cannot(layout, text, pattern, left))?;
    if !rest.is_empty() {
        return Err(message(&format!("extra text: {}", quote(rest))));
    }
    read.finish().map_err(message)
}

/// Without `prefix`, whose spaces stand for any number of them. The error is what is left where they differ.
fn skip<'t>(mut text: &'t str, mut prefix: &str) -> Result<&'t str, &'t str> {
    while let Some(first) = prefix.chars().next() {
        if first == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(text);
            }
            (prefix, text) = (prefix.trim_start_matches(' '), text.trim_start_matches(' '));
            continue;
        }
        text = text.strip_prefix(first).ok_or(text)?;
        prefix = &prefix[first.len_utf8()..];
    }
    Ok(text)
}

fn digit(text: &str, at: usize) -> Option<i32> {
    text.as_bytes().get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| i32::from(byte - b'0'))
}

/// One or two digits; two when `fixed`.
fn number(text: &str, fixed: bool) -> Result<(i32, &str), Fault> {
    let first = digit(text, 0).ok_or(Fault::Bad)?;
    match digit(text, 1) {
        Some(second) => Ok((first * 10 + second, &text[2..])),
        None if fixed => Err(Fault::Bad),
        None => Ok((first, &text[1..])),
    }
}

fn lookup<'t>(names: &[&str], length: Option<usize>, text: &'t str) -> Result<(i32, &'t str), Fault> {
    for (index, name) in names.iter().enumerate() {
        let name = &name[..length.unwrap_or(name.len())];
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((i32::try_from(index).unwrap_or(0), &text[name.len()..]));
        }
    }
    Err(Fault::Bad)
}

fn within(number: i32, range: std::ops::RangeInclusive<i32>, what: &'static str) -> Result<(), Fault> {
    if range.contains(&number) { Ok(()) } else { Err(Fault::Range(what)) }
}

/// A separator and `count - 1` digits, as nanoseconds.
fn nanoseconds(text: &str, count: usize) -> Result<(i32, &str), Fault> {
    let written = text.get(..count).ok_or(Fault::Bad)?;
    let digits = written.strip_prefix(['.', ',']).ok_or(Fault::Bad)?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Bad);
    }
    let digits = &digits[..digits.len().min(9)];
    Ok((format!("{digits:0<9}").parse().map_err(|_| Fault::Bad)?, &text[count..]))
}

impl Read {
    fn part<'t>(&mut self, part: Part, text: &'t str, pattern: &str) -> Rest<'t> {
        let rest;
        match part {
            Part::Year => {
                let year = text.get(..4).filter(|_| digit(text, 0).is_some()).ok_or(Fault::Bad)?;
                (self.year, rest) = (year.parse().map_err(|_| Fault::Bad)?, &text[4..]);
            }
            Part::ShortYear => {
                let year: i32 = text.get(..2).ok_or(Fault::Bad)?.parse().map_err(|_| Fault::Bad)?;
                (self.year, rest) = (year + if year >= 69 { 1900 } else { 2000 }, &text[2..]);
            }
            Part::MonthName | Part::MonthShort => {
                let length = (part == Part::MonthShort).then_some(3);
                let (index, after) = lookup(&MONTHS, length, text)?;
                (self.month, rest) = (Some(index + 1), after);
            }
            Part::Month(pad) => {
                let (month, after) = number(text, pad == Pad::Zero)?;
                within(month, 1..=12, "month")?;
                (self.month, rest) = (Some(month), after);
            }
            Part::DayName | Part::DayShort => {
                (_, rest) = lookup(&DAYS, (part == Part::DayShort).then_some(3), text)?
            }
            Part::Day(pad) => {
                let text = text.strip_prefix(' ').filter(|_| pad == Pad::Space).unwrap_or(text);
                let (day, after) = number(text, pad == Pad::Zero)?;
                (self.day, rest) = (Some(day), after);
            }
            Part::YearDay(pad) => rest = self.year_day(pad, text)?,
            Part::Hour | Part::HalfHour(_) => {
                let (hour, after) = number(text, part == Part::HalfHour(Pad::Zero))?;
                within(hour, 0..=if part == Part::Hour { 23 } else { 12 }, "hour")?;
                (self.hour, rest) = (hour, after);
            }
            Part::Minute(pad) => {
                let (minute, after) = number(text, pad == Pad::Zero)?;
                within(minute, 0..=59, "minute")?;
                (self.minute, rest) = (minute, after);
            }
            Part::Second(pad) => rest = self.second(pad, text, pattern)?,
            Part::Noon(upper) => {
                self.afternoon = Some(match (text.get(..2), upper) {
                    (Some("PM"), true) | (Some("pm"), false) => true,
                    (Some("AM"), true) | (Some("am"), false) => false,
                    _ => return Err(Fault::Bad),
                });
                rest = &text[2..];
            }
            Part::Zone => rest = self.zone(text)?,
            Part::Offset(form) => rest = self.offset(form, text)?,
            Part::Fraction(count, _) => (self.nanos, rest) = nanoseconds(text, count + 1)?,
            Part::Trimmed(..) => {
                if !text.starts_with(['.', ',']) || digit(text, 1).is_none() {
                    return Ok(text);
                }
                (self.nanos, rest) = nanoseconds(text, 1 + digits(&text[1..]))?;
            }
        }
        Ok(rest)
    }

    fn year_day<'t>(&mut self, pad: Pad, mut text: &'t str) -> Rest<'t> {
        for _ in 0..2 {
            text = text.strip_prefix(' ').filter(|_| pad == Pad::Space).unwrap_or(text);
        }
        let count = digits(text).min(3);
        if count == 0 || pad == Pad::Zero && count != 3 {
            return Err(Fault::Bad);
        }
        self.year_day = Some(text[..count].parse().map_err(|_| Fault::Bad)?);
        Ok(&text[count..])
    }

    /// Takes a fraction, too, when the layout does not ask for one.
    fn second<'t>(&mut self, pad: Pad, text: &'t str, pattern: &str) -> Rest<'t> {
        let (second, mut rest) = number(text, pad == Pad::Zero)?;
        within(second, 0..=59, "second")?;
        self.second = second;
        if rest.starts_with(['.', ',']) && digit(rest, 1).is_some() {
            let next = next_part(pattern).map(|(_, part, _, _)| part);
            if !matches!(next, Some(Part::Fraction(..) | Part::Trimmed(..))) {
                (self.nanos, rest) = nanoseconds(rest, 1 + digits(&rest[1..]))?;
            }
        }
        Ok(rest)
    }

    fn zone<'t>(&mut self, text: &'t str) -> Rest<'t> {
        if let Some(rest) = text.strip_prefix("UTC") {
            self.utc = true;
            return Ok(rest);
        }
        let length = zone_length(text).ok_or(Fault::Bad)?;
        text[..length].clone_into(&mut self.zone);
        Ok(&text[length..])
    }

    fn offset<'t>(&mut self, form: OffsetForm, text: &'t str) -> Rest<'t> {
        if form.zulu
            && let Some(rest) = text.strip_prefix('Z')
        {
            self.utc = true;
            return Ok(rest);
        }
        let colon = usize::from(form.colon);
        let (minutes, seconds) = (3 + colon, 5 + 2 * colon);
        let length = match form {
            OffsetForm { seconds: true, .. } => seconds + 2,
            OffsetForm { minutes: true, .. } => minutes + 2,
            OffsetForm { .. } => 3,
        };
        let written = text.get(..length).ok_or(Fault::Bad)?;
        let colons = [form.minutes.then_some(3), form.seconds.then_some(6)];
        if form.colon && colons.into_iter().flatten().any(|at| written.as_bytes().get(at) != Some(&b':')) {
            return Err(Fault::Bad);
        }
        let two =
            |at: usize| written.get(at..at + 2).ok_or(Fault::Bad).and_then(|digits| number(digits, true));
        let hours = two(1)?.0;
        let minutes = if form.minutes { two(minutes)?.0 } else { 0 };
        let seconds = if form.seconds { two(seconds)?.0 } else { 0 };
        let rest = &text[length..];
        within(hours, 0..=24, "time zone offset hour")?;
        within(minutes, 0..=60, "time zone offset minute")?;
        within(seconds, 0..=60, "time zone offset second")?;
        let size = (hours * 60 + minutes) * 60 + seconds;
        self.offset = Some(match written.as_bytes()[0] {
            b'+' => size,
            b'-' => -size,
            _ => return Err(Fault::Bad),
        });
        Ok(rest)
    }

    fn finish(mut self) -> Result<Moment, &'static str> {
        match self.afternoon {
            Some(true) if self.hour < 12 => self.hour += 12,
            Some(false) if self.hour == 12 => self.hour = 0,
            _ => {}
        }
        let small = |number: i32| i8::try_from(number).map_err(|_| "day out of range");
        let year = i16::try_from(self.year).map_err(|_| "day out of range")?;
        let date = match self.year_day {
            Some(ordinal) => self.by_ordinal(year, ordinal)?,
            None => Date::new(year, small(self.month.unwrap_or(1))?, small(self.day.unwrap_or(1))?)
                .map_err(|_| "day out of range")?,
        };
        let time = Time::new(small(self.hour)?, small(self.minute)?, small(self.second)?, self.nanos)
            .map_err(|_| "day out of range")?;
        let name = self.zone.as_str();
        let (offset, zone) = match self.offset {
            _ if self.utc => (0, Zone::Utc),
            Some(0) | None if name.is_empty() => (0, Zone::Utc),
            Some(offset) => (offset, Zone::Fixed(offset, name.into())),
            None => {
                let hours = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok());
                (0, Zone::Fixed(hours.unwrap_or(0) * 3600, name.into()))
            }
        };
        let shift = jiff::SignedDuration::from_secs(offset.into());
        let instant = jiff::tz::TimeZone::UTC
            .to_timestamp(date.to_datetime(time))
            .and_then(|instant| instant.checked_sub(shift))
            .map_err(|_| "day out of range")?;
        Ok(Moment { instant, zone })
    }

    fn by_ordinal(&self, year: i16, ordinal: i32) -> Result<Date, &'static str> {
        let first = Date::new(year, 1, 1).map_err(|_| "day-of-year out of range")?;
        if ordinal < 1 || ordinal > i32::from(first.days_in_year()) {
            return Err("day-of-year out of range");
        }
        let date = first
            .checked_add(jiff::SignedDuration::from_hours(24 * i64::from(ordinal - 1)))
            .map_err(|_| "day-of-year out of range")?;
        if self.month.is_some_and(|month| month != i32::from(date.month())) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|day| day != i32::from(date.day())) {
            return Err("day-of-year does not match day");
        }
        Ok(date)
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// How many bytes of `text` name a zone.
fn zone_length(text: &str) -> Option<usize> {
    let signed = |text: &str| {
        let count = digits(text.strip_prefix(['+', '-'])?);
        let hours: u32 = text[1..=count].parse().ok()?;
        (hours <= 23).then_some(count + 1)
    };
    if text.len() < 3 {
        return None;
    }
    if text.starts_with("ChST") || text.starts_with("MeST") {
        return Some(4);
    }
    if let Some(offset) = text.strip_prefix("GMT") {
        return Some(3 + signed(offset).unwrap_or(0));
    }
    if text.starts_with(['+', '-']) {
        return signed(text);
    }
    match text.bytes().take_while(u8::is_ascii_uppercase).count() {
        3 => Some(3),
        4 if text.as_bytes()[3] == b'T' || text.starts_with("WITA") => Some(4),
        5 if text.as_bytes()[4] == b'T' => Some(5),
        _ => None,
    }
}
