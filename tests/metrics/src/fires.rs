//! Which alerts a course of events makes: the rules of `deploy/alerts`, evaluated each minute over series that are
//! written by hand, in the notation of `promtool test rules`.
//!
//! Source: Prometheus' documentation, "Unit testing for rules" and "Alerting rules": one that holds for `for` fires.

use crate::{
    deployed::alerts,
    evaluate::{Series, Value},
    exposition::Labels,
    promql::{self, Expr},
};
use std::collections::BTreeMap;

/// Series with a sample each minute from the first on: `1 2`, `1x3` (four of them), `0+10x2` (0 10 20), `_` for none.
pub(crate) fn series(given: &[(&str, &str)]) -> Series {
    let mut series = Series::default();
    for (name, values) in given {
        let Ok((Expr::Select { selector, .. }, _)) = promql::parse(name) else { panic!("no series: {name}") };
        let labels: Labels =
            selector.matchers.iter().map(|(label, _, value)| (label.clone(), value.clone())).collect();
        let minutes = values.split_whitespace().flat_map(samples).enumerate();
        let samples = minutes.filter_map(|(minute, value)| Some((minute as f64 * 60.0, value?))).collect();
        assert!(series.0.insert((selector.metric, labels), samples).is_none(), "twice: {name}");
    }
    series
}

fn samples(text: &str) -> Vec<Option<f64>> {
    let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("no number: {text}"));
    let (what, times) = text.split_once('x').map_or((text, 0), |(what, times)| {
        (what, times.parse::<usize>().unwrap_or_else(|_| panic!("how often? {text}")))
    });
    if what == "_" {
        return vec![None; times.max(1)];
    }
    let (first, step) = what.split_once('+').unwrap_or((what, "0"));
    let (first, step) = (number(first), number(step));
    (0..=times).map(|time| Some(first + step * time as f64)).collect()
}

/// In which minutes until the last one an alert fires, for any labels: the first and the last of each run.
pub(crate) fn fires(alert: &str, series: &Series, last: u32) -> Vec<(u32, u32)> {
    let rules = alerts();
    let rule = rules.iter().find(|rule| rule["alert"] == alert).unwrap_or_else(|| panic!("no alert {alert}"));
    let (expr, _) = promql::parse(rule["expr"].as_str().expect("expr")).expect("an expression");
    let holds = promql::seconds(rule["for"].as_str().expect("for")).expect("a duration");
    let mut since: BTreeMap<Labels, f64> = BTreeMap::new();
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for minute in 0..=last {
        let now = f64::from(minute) * 60.0;
        let Value::Vector(found) = series.at(&expr, now).unwrap_or_else(|why| panic!("{alert}: {why}"))
        else {
            panic!("{alert}: a number is no alert")
        };
        since.retain(|labels, _| found.contains_key(labels));
        for labels in found.into_keys() {
            since.entry(labels).or_insert(now);
        }
        if since.values().any(|since| now - since >= holds) {
            match runs.last_mut() {
                Some((_, until)) if *until + 1 == minute => *until = minute,
                Some(_) | None => runs.push((minute, minute)),
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests;
