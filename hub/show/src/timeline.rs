//! A line of the timeline: for somebody who was woken up at three in the morning.

use crate::style::{Ink, Line, Style};
use jiff::{Timestamp, tz::TimeZone};
use shared_history::{Entry, Tone, Topic};
use shared_model::duration;
use std::time::Duration;

/// How much a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The time, how long ago, what.
    Short,
    /// Also the date, the word of the entry, the rollout and the trace.
    Wide,
}

/// The line of an entry: local time (with the date when it was another day), how long ago, and what happened. Lines are
/// not cut: what they end with may be what matters.
pub fn timeline_line(entry: &Entry, zone: &TimeZone, now: Timestamp, style: Style, detail: Detail) -> String {
    let (at, today) = (entry.at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let when = match detail {
        Detail::Short if at.date() == today.date() => at.strftime("%H:%M:%S").to_string(),
        Detail::Short => at.strftime("%d %b %H:%M:%S").to_string(),
        Detail::Wide => at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    };
    let width = if detail == Detail::Wide { 25 } else { 15 };
    let seconds = now.duration_since(entry.at).as_secs().max(0).unsigned_abs();
    // Seconds of an hour ago tell nobody anything.
    let coarse = match seconds {
        0..60 => seconds,
        60..3600 => seconds / 60 * 60,
        3600..86_400 => seconds / 600 * 600,
        _ => seconds / 3600 * 3600,
    };
    let ago = format!("{} ago", duration(Duration::from_secs(coarse)));
    let ink = ink(entry.what.tone());
    let word = match detail {
        Detail::Short => entry.what.topic().word().to_owned(),
        Detail::Wide => entry.what.to_string(),
    };
    let topics = Topic::ALL.iter().map(|topic| topic.word().len()).max().unwrap_or_default();
    let column = if detail == Detail::Wide { 18 } else { topics };
    let line = Line::new(Style { width: usize::MAX, ..style })
        .column(Ink::Plain, &format!("{when:>width$}"), width)
        .column(Ink::Dim, &format!("{ago:>10}"), 10)
        .column(ink, &word, column)
        .ink(ink, &text(entry));
    let line = if detail == Detail::Wide { line.ink(Ink::Dim, &more(entry)) } else { line };
    line.end()
}

/// The sentence, with how often where that was more than once.
fn text(entry: &Entry) -> String {
    let text: String = entry.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if entry.count > 1 { format!("{text} ({} times within a minute)", entry.count) } else { text }
}

fn more(entry: &Entry) -> String {
    let rollout = entry.rollout.as_ref().map(|rollout| format!("  rollout={rollout}")).unwrap_or_default();
    let trace = if entry.trace.is_empty() { String::new() } else { format!("  trace={}", entry.trace) };
    let by = if entry.by.is_empty() { String::new() } else { format!("  by={}", entry.by) };
    format!("{by}{rollout}{trace}")
}

const fn ink(tone: Tone) -> Ink {
    match tone {
        Tone::Bad => Ink::Red,
        Tone::Attention => Ink::Yellow,
        Tone::Good => Ink::Green,
        Tone::Plain => Ink::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use shared_history::What;
    use shared_model::{Owner, OwnerKind, RolloutName};

    fn check(color: bool, detail: Detail, expect: &Expect) {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let owner =
            Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "shop".into() };
        let of = |entry: Entry| entry.of_rollout(&owner, &RolloutName::new("shop-2"));
        let entries = [
            Entry::new(What::CommitSeen, at("2026-11-19T22:15:00Z"), "main is 1a2b3c4 “Fix” by Ann"),
            of(Entry {
                trace: "abc".into(),
                ..Entry::new(What::RolloutHalted, at("2026-11-21T01:02:03Z"), "shop-2 halted in wave canary")
            }),
            Entry {
                count: 3,
                ..Entry::new(What::DriftHealed, at("2026-11-21T02:11:00Z"), "web on eu-1: drift was healed")
            },
            of(Entry::new(What::Approved, at("2026-11-21T02:12:30Z"), "shop-2: ann approved wave rest"))
                .by("ann", ""),
        ];
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let style = Style { color, width: 40, height: 20 };
        let lines = entries
            .iter()
            .map(|entry| timeline_line(entry, &zone, at("2026-11-21T02:13:00Z"), style, detail));
        expect.assert_eq(&lines.collect::<Vec<_>>().join("\n").replace('\x1b', "ESC"));
    }

    #[test]
    fn a_line_says_when_how_long_ago_and_what() {
        check(
            false,
            Detail::Short,
            &expect![[r#"
            19 Nov 23:15:00    1d3h ago  commit    main is 1a2b3c4 “Fix” by Ann
                   02:02:03   1h10m ago  rollout   shop-2 halted in wave canary
                   03:11:00      2m ago  drift     web on eu-1: drift was healed (3 times within a minute)
                   03:12:30     30s ago  decision  shop-2: ann approved wave rest"#]],
        );
    }

    #[test]
    fn a_wide_line_says_who_and_in_which_rollout() {
        check(
            false,
            Detail::Wide,
            &expect![[r#"
            2026-11-19T23:15:00+01:00    1d3h ago  CommitSeen          main is 1a2b3c4 “Fix” by Ann
            2026-11-21T02:02:03+01:00   1h10m ago  RolloutHalted       shop-2 halted in wave canary  rollout=shop-2  trace=abc
            2026-11-21T03:11:00+01:00      2m ago  DriftHealed         web on eu-1: drift was healed (3 times within a minute)
            2026-11-21T03:12:30+01:00     30s ago  Approved            shop-2: ann approved wave rest  by=ann  rollout=shop-2"#]],
        );
    }

    #[test]
    fn trouble_is_red_on_a_terminal() {
        check(
            true,
            Detail::Short,
            &expect![[r#"
            19 Nov 23:15:00  ESC[2m  1d3h agoESC[0m  commit    main is 1a2b3c4 “Fix” by Ann
                   02:02:03  ESC[2m 1h10m agoESC[0m  ESC[31mrolloutESC[0m   ESC[31mshop-2 halted in wave canaryESC[0m
                   03:11:00  ESC[2m    2m agoESC[0m  ESC[33mdriftESC[0m     ESC[33mweb on eu-1: drift was healed (3 times within a minute)ESC[0m
                   03:12:30  ESC[2m   30s agoESC[0m  ESC[32mdecisionESC[0m  ESC[32mshop-2: ann approved wave restESC[0m"#]],
        );
    }
}
