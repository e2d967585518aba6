//! The parts of Go's time layouts, where `2006-01-02 15:04:05` stands for the parts of a time.

pub(super) const MONTHS: [&str; 12] = [
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
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How a number is filled up to its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    Not,
    Zero,
    Space,
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetForm {
    /// `Z` for UTC.
    pub(super) zulu: bool,
    pub(super) colon: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    ShortYear,
    MonthName,
    MonthShort,
    Month(Pad),
    DayName,
    DayShort,
    Day(Pad),
    YearDay(Pad),
    Hour,
    HalfHour(Pad),
    Minute(Pad),
    Second(Pad),
    /// Upper or lower case.
    Noon(bool),
    Zone,
    Offset(OffsetForm),
    /// So many digits, after this separator.
    Fraction(usize, char),
    /// As many digits as there are, up to so many.
    Trimmed(usize, char),
}

const fn offset(zulu: bool, colon: bool, minutes: bool, seconds: bool) -> Part {
    Part::Offset(OffsetForm { zulu, colon, minutes, seconds })
}

/// Longest spelling first where one starts another.
const PARTS: [(&str, Part); 33] = [
    ("January", Part::MonthName),
    ("Jan", Part::MonthShort),
    ("Monday", Part::DayName),
    ("Mon", Part::DayShort),
    ("MST", Part::Zone),
    ("2006", Part::Year),
    ("__2", Part::YearDay(Pad::Space)),
    ("_2", Part::Day(Pad::Space)),
    ("002", Part::YearDay(Pad::Zero)),
    ("01", Part::Month(Pad::Zero)),
    ("02", Part::Day(Pad::Zero)),
    ("03", Part::HalfHour(Pad::Zero)),
    ("04", Part::Minute(Pad::Zero)),
    ("05", Part::Second(Pad::Zero)),
    ("06", Part::ShortYear),
    ("15", Part::Hour),
    ("1", Part::Month(Pad::Not)),
    ("2", Part::Day(Pad::Not)),
    ("3", Part::HalfHour(Pad::Not)),
    ("4", Part::Minute(Pad::Not)),
    ("5", Part::Second(Pad::Not)),
    ("PM", Part::Noon(true)),
    ("pm", Part::Noon(false)),
    ("-070000", offset(false, false, true, true)),
    ("-07:00:00", offset(false, true, true, true)),
    ("-0700", offset(false, false, true, false)),
    ("-07:00", offset(false, true, true, false)),
    ("-07", offset(false, false, false, false)),
    ("Z070000", offset(true, false, true, true)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z0700", offset(true, false, true, false)),
    ("Z07:00", offset(true, true, true, false)),
    ("Z07", offset(true, false, false, false)),
];

/// The first part of `layout`: what stands before it, how it is written, and what after.
pub(super) fn next_part(layout: &str) -> Option<(&str, Part, &str, &str)> {
    for (at, first) in layout.char_indices() {
        if !"JMSZPp0123456_-.,".contains(first) {
            continue;
        }
        let rest = &layout[at..];
        // An underscore before a year is itself.
        if let Some(after) = rest.strip_prefix("_2006") {
            return Some((&layout[..=at], Part::Year, "2006", after));
        }
        let found = fraction(rest).or_else(|| {
            let fits = |(text, _): &&(&str, Part)| {
                rest.starts_with(text) && !(matches!(*text, "Jan" | "Mon") && is_lower(&rest[3..]))
            };
            PARTS.iter().find(fits).map(|(text, part)| (*part, text.len()))
        });
        if let Some((part, length)) = found {
            return Some((&layout[..at], part, &rest[..length], &rest[length..]));
        }
    }
    None
}

fn is_lower(rest: &str) -> bool {
    rest.starts_with(|next: char| next.is_ascii_lowercase())
}

/// `.000` or `,999`, not followed by another digit.
fn fraction(rest: &str) -> Option<(Part, usize)> {
    let separator = rest.chars().next()?;
    let digits = rest.strip_prefix(['.', ','])?;
    let first = digits.chars().next().filter(|first| matches!(first, '0' | '9'))?;
    let count = digits.len() - digits.trim_start_matches(first).len();
    if digits[count..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    let part = if first == '0' { Part::Fraction(count, separator) } else { Part::Trimmed(count, separator) };
    Some((part, count + 1))
}
