//! Go's time layouts, where `2006-01-02 15:04:05` stands for the parts of a time.

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::Fail;
use crate::quote::quote;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// One part of a layout, longest spelling first where one starts another.
const PARTS: [(&str, Part); 33] = [
    ("January", Part::MonthName),
    ("Jan", Part::MonthShort),
    ("Monday", Part::DayName),
    ("Mon", Part::DayShort),
    ("MST", Part::Zone),
    ("2006", Part::Year),
    ("__2", Part::YearDay('_')),
    ("_2", Part::Day(b'_')),
    ("002", Part::YearDay('0')),
    ("01", Part::Month(true)),
    ("02", Part::Day(b'0')),
    ("03", Part::HalfHour(true)),
    ("04", Part::Minute(true)),
    ("05", Part::Second(true)),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("1", Part::Month(false)),
    ("2", Part::Day(b' ')),
    ("3", Part::HalfHour(false)),
    ("4", Part::Minute(false)),
    ("5", Part::Second(false)),
    ("PM", Part::Noon(true)),
    ("pm", Part::Noon(false)),
    ("-07:00:00", Part::Offset { colon: true, zulu: false, short: false }),
    ("-07:00", Part::Offset { colon: true, zulu: false, short: false }),
    ("-0700", Part::Offset { colon: false, zulu: false, short: false }),
    ("-07", Part::Offset { colon: false, zulu: false, short: true }),
    ("Z07:00", Part::Offset { colon: true, zulu: true, short: false }),
    ("Z0700", Part::Offset { colon: false, zulu: true, short: false }),
    ("Z07", Part::Offset { colon: false, zulu: true, short: true }),
    (".000000000", Part::Fraction(9)),
    (".000000", Part::Fraction(6)),
    (".000", Part::Fraction(3)),
];

#[derive(Clone, Copy, Debug)]
enum Part {
    Year,
    ShortYear,
    MonthName,
    MonthShort,
    Month(bool),
    DayName,
    DayShort,
    /// Padded with `0`, `_` (a space) or not at all.
    Day(u8),
    YearDay(char),
    Hour,
    HalfHour(bool),
    Minute(bool),
    Second(bool),
    Noon(bool),
    Zone,
    Offset {
        colon: bool,
        zulu: bool,
        short: bool,
    },
    /// So many digits.
    Fraction(usize),
    /// As many digits as there are, up to so many.
    Trimmed(usize),
}

/// The first part of `layout`, what stands before it, and what after.
fn next_part(layout: &str) -> Option<(&str, Part, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = &layout[at..];
        if let Some((part, length)) = fraction(rest) {
            return Some((&layout[..at], part, &rest[length..]));
        }
        let found = PARTS
            .iter()
            .find(|(text, _)| rest.starts_with(text) && !(*text == "Jan" && is_lower(&rest[3..])));
        if let Some((text, part)) = found {
            return Some((&layout[..at], *part, &rest[text.len()..]));
        }
    }
    None
}

fn is_lower(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_ascii_lowercase())
}

/// `.000` or `,999`, not followed by another digit.
fn fraction(rest: &str) -> Option<(Part, usize)> {
    let digits = rest.strip_prefix(['.', ','])?;
    let first = digits.chars().next().filter(|first| matches!(first, '0' | '9'))?;
    let count = digits.len() - digits.trim_start_matches(first).len();
    if digits[count..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    Some((if first == '0' { Part::Fraction(count) } else { Part::Trimmed(count) }, count + 1))
}

/// Go's `Time.Format` in UTC.
pub(super) fn format(layout: &str, instant: Timestamp) -> String {
    let time = instant.to_zoned(TimeZone::UTC);
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, part, after)) = next_part(rest) {
        out.push_str(before);
        out.push_str(&format_part(part, &time));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn format_part(part: Part, time: &Zoned) -> String {
    let padded = |number: i8, pads: bool| if pads { format!("{number:02}") } else { number.to_string() };
    let month = MONTHS[usize::from(time.month().unsigned_abs()).saturating_sub(1) % 12];
    let day = DAYS[usize::from(time.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    match part {
        Part::Year => format!("{:04}", time.year()),
        Part::ShortYear => format!("{:02}", time.year().rem_euclid(100)),
        Part::MonthName => month.to_owned(),
        Part::MonthShort => month[..3].to_owned(),
        Part::Month(pads) => padded(time.month(), pads),
        Part::DayName => day.to_owned(),
        Part::DayShort => day[..3].to_owned(),
        Part::Day(b'0') => padded(time.day(), true),
        Part::Day(b'_') => format!("{:2}", time.day()),
        Part::Day(_) => time.day().to_string(),
        Part::YearDay('_') => format!("{:3}", time.day_of_year()),
        Part::YearDay(_) => format!("{:03}", time.day_of_year()),
        Part::Hour => padded(time.hour(), true),
        Part::HalfHour(pads) => padded(if time.hour() % 12 == 0 { 12 } else { time.hour() % 12 }, pads),
        Part::Minute(pads) => padded(time.minute(), pads),
        Part::Second(pads) => padded(time.second(), pads),
        Part::Noon(upper) => match (time.hour() >= 12, upper) {
            (true, true) => "PM".to_owned(),
            (true, false) => "pm".to_owned(),
            (false, true) => "AM".to_owned(),
            (false, false) => "am".to_owned(),
        },
        Part::Zone => "UTC".to_owned(),
        Part::Offset { zulu: true, .. } => "Z".to_owned(),
        Part::Offset { short: true, .. } => "+00".to_owned(),
        Part::Offset { colon, .. } => if colon { "+00:00" } else { "+0000" }.to_owned(),
        Part::Fraction(count) => format!(".{}", &nanos(time)[..count.min(9)]),
        Part::Trimmed(count) => match nanos(time)[..count.min(9)].trim_end_matches('0') {
            "" => String::new(),
            digits => format!(".{digits}"),
        },
    }
}

fn nanos(time: &Zoned) -> String {
    format!("{:09}", time.subsec_nanosecond())
}

/// What has been read of a time.
#[derive(Debug)]
struct Read {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    afternoon: Option<bool>,
    offset: i32,
}

/// Go's `time.ParseInLocation` in UTC.
pub(super) fn parse(layout: &str, text: &str) -> Result<Timestamp, Fail> {
    let fail = || {
        Fail::from(format!(
            "parsing time {} as {}: cannot parse",
            quote(text.as_bytes()),
            quote(layout.as_bytes())
        ))
    };
    let mut read = Read {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        offset: 0,
    };
    let (mut pattern, mut rest) = (layout, text);
    while let Some((before, part, after)) = next_part(pattern) {
        rest = rest.strip_prefix(before).ok_or_else(fail)?;
        rest = read.part(part, rest).ok_or_else(fail)?;
        if matches!(part, Part::Second(_)) && rest.starts_with('.') && !after.starts_with('.') {
            rest = read.part(Part::Trimmed(9), rest).ok_or_else(fail)?;
        }
        pattern = after;
    }
    if rest != pattern {
        return Err(fail());
    }
    read.timestamp().ok_or_else(fail)
}

fn number(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if digits < least {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn name<'t>(names: &[&str], short: bool, text: &'t str) -> Option<(i8, &'t str)> {
    for (index, name) in names.iter().enumerate() {
        let name = if short { &name[..3] } else { name };
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Some((i8::try_from(index).ok()?, &text[name.len()..]));
        }
    }
    None
}

impl Read {
    fn part<'t>(&mut self, part: Part, text: &'t str) -> Option<&'t str> {
        let small = |least, text| {
            number(text, least, 2).and_then(|(value, rest)| Some((i8::try_from(value).ok()?, rest)))
        };
        let width = |pads: bool| if pads { 2 } else { 1 };
        let rest;
        match part {
            Part::Year => {
                let (year, after) = number(text, 4, 4)?;
                (self.year, rest) = (i16::try_from(year).ok()?, after);
            }
            Part::ShortYear => {
                let (year, after) = number(text, 2, 2)?;
                (self.year, rest) = (i16::try_from(year + if year >= 69 { 1900 } else { 2000 }).ok()?, after);
            }
            Part::MonthName | Part::MonthShort => {
                let (index, after) = name(&MONTHS, matches!(part, Part::MonthShort), text)?;
                (self.month, rest) = (index + 1, after);
            }
            Part::Month(pads) => (self.month, rest) = small(width(pads), text)?,
            Part::DayName | Part::DayShort => (_, rest) = name(&DAYS, matches!(part, Part::DayShort), text)?,
            Part::Day(pad) => {
                (self.day, rest) =
                    small(width(pad == b'0'), text.strip_prefix(' ').filter(|_| pad == b'_').unwrap_or(text))?
            }
            Part::YearDay(_) => return None,
            Part::Hour => (self.hour, rest) = small(2, text)?,
            Part::HalfHour(pads) => (self.hour, rest) = small(width(pads), text)?,
            Part::Minute(pads) => (self.minute, rest) = small(width(pads), text)?,
            Part::Second(pads) => (self.second, rest) = small(width(pads), text)?,
            Part::Noon(_) => {
                let half = text.get(..2)?;
                self.afternoon = Some(match half {
                    "PM" | "pm" => true,
                    "AM" | "am" => false,
                    _ => return None,
                });
                rest = &text[2..];
            }
            Part::Zone => rest = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT"))?,
            Part::Offset { colon, zulu, short } => return self.offset(colon, zulu, short, text),
            Part::Fraction(_) | Part::Trimmed(_) => {
                let Some(digits) = text.strip_prefix(['.', ',']) else {
                    return matches!(part, Part::Trimmed(_)).then_some(text);
                };
                let count = digits.bytes().take_while(u8::is_ascii_digit).count();
                self.nanos = format!("{:0<9}", &digits[..count.min(9)]).parse().ok()?;
                rest = &digits[count..];
            }
        }
        Some(rest)
    }

    fn offset<'t>(&mut self, colon: bool, zulu: bool, short: bool, text: &'t str) -> Option<&'t str> {
        if zulu && let Some(rest) = text.strip_prefix('Z') {
            return Some(rest);
        }
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, rest) = number(&text[1..], 2, 2)?;
        let (minutes, rest) =
            if short { (0, rest) } else { number(if colon { rest.strip_prefix(':')? } else { rest }, 2, 2)? };
        self.offset = sign * (hours * 3600 + minutes * 60);
        Some(rest)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = Date::new(self.year, self.month, self.day).ok()?;
        let time = Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        Offset::from_seconds(self.offset).ok()?.to_timestamp(date.to_datetime(time)).ok()
    }
}
