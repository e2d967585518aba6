//! Go's `Time.Format`.

use super::Moment;
use super::layout::{DAYS, MONTHS, OffsetForm, Pad, Part, next_part};

/// The time as `layout` shows it.
pub(super) fn format(layout: &str, moment: &Moment) -> String {
    let civil = moment.civil();
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, part, _, after)) = next_part(rest) {
        out.push_str(before);
        out.push_str(&format_part(part, civil, moment));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn format_part(part: Part, time: jiff::civil::DateTime, moment: &Moment) -> String {
    let padded = |number: i8, pad: Pad| match pad {
        Pad::Zero => format!("{number:02}"),
        Pad::Space => format!("{number:2}"),
        Pad::Not => number.to_string(),
    };
    let month = MONTHS[usize::from(time.month().unsigned_abs()).saturating_sub(1) % 12];
    let day = DAYS[usize::from(time.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    match part {
        Part::Year if time.year() < 0 => format!("-{:04}", time.year().unsigned_abs()),
        Part::Year => format!("{:04}", time.year()),
        Part::ShortYear => format!("{:02}", time.year().max(0) % 100),
        Part::MonthName => month.to_owned(),
        Part::MonthShort => month[..3].to_owned(),
        Part::Month(pad) => padded(time.month(), pad),
        Part::DayName => day.to_owned(),
        Part::DayShort => day[..3].to_owned(),
        Part::Day(pad) => padded(time.day(), pad),
        Part::YearDay(Pad::Space) => format!("{:3}", time.day_of_year()),
        Part::YearDay(_) => format!("{:03}", time.day_of_year()),
        Part::Hour => padded(time.hour(), Pad::Zero),
        Part::HalfHour(pad) => padded(if time.hour() % 12 == 0 { 12 } else { time.hour() % 12 }, pad),
        Part::Minute(pad) => padded(time.minute(), pad),
        Part::Second(pad) => padded(time.second(), pad),
        Part::Noon(upper) => match (time.hour() >= 12, upper) {
            (true, true) => "PM".to_owned(),
            (true, false) => "pm".to_owned(),
            (false, true) => "AM".to_owned(),
            (false, false) => "am".to_owned(),
        },
        Part::Zone => {
            let (offset, name) = moment.offset();
            if name.is_empty() { offset_of(offset, SHORT) } else { name }
        }
        Part::Offset(form) => offset_of(moment.offset().0, form),
        Part::Fraction(count, separator) => format!("{separator}{}", &nanos(time)[..count.min(9)]),
        Part::Trimmed(count, separator) => match nanos(time)[..count.min(9)].trim_end_matches('0') {
            "" => String::new(),
            digits => format!("{separator}{digits}"),
        },
    }
}

/// In place of a zone's name.
const SHORT: OffsetForm = OffsetForm { zulu: false, colon: false, minutes: true, seconds: false };

fn offset_of(offset: i32, form: OffsetForm) -> String {
    if form.zulu && offset == 0 {
        return "Z".to_owned();
    }
    let (sign, minutes) = if offset / 60 < 0 { ('-', -(offset / 60)) } else { ('+', offset / 60) };
    let colon = if form.colon { ":" } else { "" };
    let mut out = format!("{sign}{:02}", minutes / 60);
    if form.minutes {
        out.push_str(&format!("{colon}{:02}", minutes % 60));
    }
    if form.seconds {
        out.push_str(&format!("{colon}{:02}", offset.abs() % 60));
    }
    out
}

fn nanos(time: jiff::civil::DateTime) -> String {
    format!("{:09}", time.subsec_nanosecond())
}
