//! Schedules as cron writes them, in the dialect of robfig/cron v3 with which Argo CD reads sync windows: minute, hour, day of month, month, day
//! of week.
//!
//! Decides when a schedule fires, on a wall clock without zones: seconds since 1970 as that clock shows them.
//!
//! Invariants:
//! - a day of the month and a day of the week that are both limited mean either; if one is `*` or `?`, both must hold. A step
//!   (`*/2`) limits, as in robfig/cron `parser.go`;
//! - looking for the next time ends: at the limit that the caller gives, or five years on.
//!
//! Beyond Argo CD, which refuses them: the macros `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly` and their other names.

use jiff::{Timestamp, civil::Date, tz::Offset};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// How far ahead times are looked for, in seconds: five years, as robfig/cron.
pub(super) const AHEAD: i64 = 5 * 366 * DAY;

/// A schedule, each field a set of bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the day must satisfy both fields, not just one.
    both: bool,
}

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", low: 0, high: 59, names: &[] };
const HOUR: Field = Field { name: "hour", low: 0, high: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { name: "day of month", low: 1, high: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const DAY_OF_WEEK: Field =
    Field { name: "day of week", low: 0, high: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Cron {
    /// Reads a schedule.
    ///
    /// # Errors
    /// What is wrong and how to mend it, as a fragment.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            text if text.starts_with('@') => {
                return Err("use five fields, or @hourly, @daily, @weekly, @monthly or @yearly".to_owned());
            }
            text if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") => {
                return Err("a schedule takes no zone; write it in timeZone".to_owned());
            }
            text => text,
        };
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "expected the five fields minute, hour, day of month, month and day of week, found {}",
                fields.len()
            ));
        };
        let (minutes, _) = MINUTE.read(minute)?;
        let (hours, _) = HOUR.read(hour)?;
        let (days, any_day) = DAY_OF_MONTH.read(day)?;
        let (months, _) = MONTH.read(month)?;
        let (weekdays, any_weekday) = DAY_OF_WEEK.read(weekday)?;
        let cron = Self { minutes, hours, days, months, weekdays, both: any_day || any_weekday };
        // Nine years hold a leap day, whatever the century does.
        let never = cron.next(0, 9 * 366 * DAY).is_none();
        if never { Err("it never fires; is there such a day?".to_owned()) } else { Ok(cron) }
    }

    /// The first time after `after` at which it fires, up to `limit`.
    pub(super) fn next(&self, after: i64, limit: i64) -> Option<i64> {
        let earliest = after.div_euclid(60) * 60 + 60;
        let mut day = earliest.div_euclid(DAY);
        let mut from = earliest.rem_euclid(DAY) / 60;
        let mut date = Offset::UTC.to_datetime(Timestamp::from_second(day * DAY).ok()?).date();
        while day * DAY <= limit {
            if self.months >> date.month() & 1 == 0 {
                day += i64::from(date.days_in_month() - date.day()) + 1;
                date = date.last_of_month().tomorrow().ok()?;
                from = 0;
                continue;
            }
            let time = if self.takes(date) { self.in_day(from) } else { None };
            if let Some(minute) = time {
                return Some(day * DAY + minute * 60).filter(|fires| *fires <= limit);
            }
            day += 1;
            date = date.tomorrow().ok()?;
            from = 0;
        }
        None
    }

    /// The last time that it fires on the day on which it fires at `fires`.
    pub(super) fn last_of_day(&self, fires: i64) -> i64 {
        let minute = i64::from(self.hours.ilog2()) * 60 + i64::from(self.minutes.ilog2());
        fires.div_euclid(DAY) * DAY + minute * 60
    }

    /// The longest time between two firings of one day, in seconds.
    pub(super) fn longest_pause(&self) -> i64 {
        let (first, last) = (self.minutes.trailing_zeros(), self.minutes.ilog2());
        let within = widest(self.minutes);
        let between = match widest(self.hours) {
            0 => 0,
            hours => hours * 60 + i64::from(first) - i64::from(last),
        };
        within.max(between) * 60
    }

    /// The time from the last firing of a day to the first of the next, in seconds, if it fires on every day.
    pub(super) fn overnight(&self) -> Option<i64> {
        let all = |bits: u64, field: &Field| bits == every(field);
        let (day, weekday) = (all(self.days, &DAY_OF_MONTH), all(self.weekdays, &DAY_OF_WEEK));
        let daily = all(self.months, &MONTH) && if self.both { day && weekday } else { day || weekday };
        let first = i64::from(self.hours.trailing_zeros()) * 60 + i64::from(self.minutes.trailing_zeros());
        daily.then(|| DAY - self.last_of_day(0) + first * 60)
    }

    fn takes(&self, date: Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        if self.both { day && weekday } else { day || weekday }
    }

    /// The first minute of a day, from `from` on, at which it fires on days that it takes.
    fn in_day(&self, from: i64) -> Option<i64> {
        let (hour, minute) = (from / 60, from % 60);
        let first = |bits: u64| (bits != 0).then(|| i64::from(bits.trailing_zeros()));
        if self.hours >> hour & 1 == 1
            && let Some(later) = first(self.minutes >> minute)
        {
            return Some(from + later);
        }
        let later = first(self.hours >> (hour + 1))?;
        Some((hour + 1 + later) * 60 + first(self.minutes)?)
    }
}

impl Field {
    /// The values, and whether `*` or `?` without a step is among them.
    fn read(&self, text: &str) -> Result<(u64, bool), String> {
        let (mut bits, mut any) = (0, false);
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (range, whole) = self.range(part)?;
            bits |= range;
            any |= whole;
        }
        if bits == 0 {
            return Err(format!("the {} `{text}` names no value", self.name));
        }
        Ok((bits, any))
    }

    fn range(&self, text: &str) -> Result<(u64, bool), String> {
        let wrong = |what: &str| Err(format!("the {} `{text}` {what}", self.name));
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((_, step)) if step.contains('/') => return wrong("has more than one step"),
            Some((range, step)) => (range, Some(self.number(step, text)?)),
        };
        let (low, high) = range.split_once('-').map_or((range, None), |(low, high)| (low, Some(high)));
        let whole = low == "*" || low == "?";
        let (low, high) = match high {
            _ if whole => (self.low, self.high),
            Some(high) if high.contains('-') => return wrong("has more than one range"),
            Some(high) => (self.value(low, text)?, self.value(high, text)?),
            None if step.is_some() => (self.value(low, text)?, self.high),
            None => (self.value(low, text)?, self.value(low, text)?),
        };
        let step = step.unwrap_or(1);
        if low < self.low || high > self.high {
            return wrong(&format!("is not within {} to {}", self.low, self.high));
        }
        if low > high {
            return wrong("begins after it ends");
        }
        if step == 0 {
            return wrong("has the step 0; steps begin at 1");
        }
        let values = (low..=high).step_by(step as usize);
        Ok((values.fold(0, |bits, value| bits | 1 << value), whole && step == 1))
    }

    fn value(&self, text: &str, part: &str) -> Result<u32, String> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match named.and_then(|index| u32::try_from(index).ok()) {
            Some(index) => Ok(index + self.low),
            None => self.number(text, part),
        }
    }

    fn number(&self, text: &str, part: &str) -> Result<u32, String> {
        let expected = || format!("the {} `{part}` has `{text}` where a number belongs", self.name);
        text.parse().map_err(|_| expected())
    }
}

fn every(field: &Field) -> u64 {
    (field.low..=field.high).fold(0, |bits, value| bits | 1 << value)
}

/// The widest gap between two neighbours in a set; 0 when it has only one element.
fn widest(mut bits: u64) -> i64 {
    let mut widest = 0;
    while bits & (bits - 1) != 0 {
        let lowest = bits.trailing_zeros();
        bits &= bits - 1;
        widest = widest.max(i64::from(bits.trailing_zeros() - lowest));
    }
    widest
}

#[cfg(test)]
mod tests;
