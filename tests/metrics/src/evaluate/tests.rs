use super::*;
use crate::{fires::series, promql::parse};

/// Minutes of series, and what an expression comes to at a minute: labels and values.
#[track_caller]
fn check(given: &[(&str, &str)], expression: &str, minute: u32, expect: &[(&str, f64)]) {
    let (expr, _) = parse(expression).unwrap();
    let value = series(given).at(&expr, f64::from(minute) * 60.0).unwrap();
    let found: Vec<(String, f64)> = match value {
        Value::Number(number) => vec![("number".to_owned(), number)],
        Value::Vector(vector) => {
            let text = |labels: Labels| {
                let labels = labels.into_iter().map(|(label, value)| format!("{label}={value}"));
                labels.collect::<Vec<_>>().join(",")
            };
            vector.into_iter().map(|(labels, value)| (text(labels), (value * 1e6).round() / 1e6)).collect()
        }
    };
    let expect: Vec<(String, f64)> =
        expect.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect();
    assert_eq!(found, expect, "{expression} at minute {minute}");
}

#[test]
fn operators_bind_and_join_as_in_prometheus() {
    let given = [("a{x=\"1\"}", "2x9"), ("a{x=\"2\"}", "5x9"), ("b{x=\"1\"}", "4x9")];
    check(&given, "1 + 2 * 3 ^ 2", 0, &[("number", 19.0)]);
    check(&given, "-2 ^ 2", 0, &[("number", -4.0)]);
    check(&given, "a > 3 or b > 3", 5, &[("x=1", 4.0), ("x=2", 5.0)]);
    check(&given, "a and b", 5, &[("x=1", 2.0)]);
    check(&given, "a unless b", 5, &[("x=2", 5.0)]);
    check(&given, "a / on (x) b", 5, &[("x=1", 0.5)]);
    check(&given, "3 < a", 5, &[("x=2", 5.0)]);
    check(&given, "sum(a) + 1", 5, &[("", 8.0)]);
    check(&given, "max by (x) (a{x=~\"2|3\"})", 5, &[("x=2", 5.0)]);
    check(&given, "time() - a", 5, &[("x=1", 298.0), ("x=2", 295.0)]);
    check(&given, "absent(a{x=\"3\"})", 5, &[("", 1.0)]);
    check(&given, "absent(a)", 5, &[]);
    // Five minutes after the last sample it is gone.
    check(&given, "b", 13, &[("x=1", 4.0)]);
    check(&given, "b", 14, &[]);
}

#[test]
fn ranges_are_counted_as_in_prometheus() {
    // Four samples are inside the last four minutes: the first is not.
    check(&[("c", "0+10x9")], "increase(c[4m])", 5, &[("", 40.0)]);
    check(&[("c", "0+60x9")], "rate(c[4m])", 5, &[("", 1.0)]);
    // A restart in between is no loss.
    check(&[("c", "0 10 20 5 15 25")], "increase(c[4m])", 5, &[("", 33.333_333)]);
    // What the first sample has already is not counted: nobody knows since when.
    check(&[("c", "_x4 7x5")], "increase(c[4m])", 9, &[("", 0.0)]);
    check(&[("c", "_x4 7x5")], "increase(c[4m])", 4, &[]);
    check(&[("g", "1 0 1x9")], "min_over_time(g[5m])", 5, &[("", 0.0)]);
    check(&[("g", "1 0 1x9")], "min_over_time(g[5m])", 6, &[("", 1.0)]);
}
