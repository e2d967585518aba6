use super::*;
use crate::exposition::{Format, read};

const SCRAPE: &str = "# HELP a_total What.\n# TYPE a_total counter\na_total{x=\"1\"} 3\na_total{x=\"2\"} 4\n\
    # HELP g How.\n# TYPE g gauge\ng 1\n";

fn check(expression: &str, labels: &[&str], expect: &[&str]) {
    let mut shown = Shown::default();
    shown.add(&read(SCRAPE, Format::Plain).unwrap());
    let labels = labels.iter().map(|&label| label.to_owned()).collect();
    let asked = Asked { place: "here".into(), expression: expression.into(), labels };
    assert_eq!(shown.lacks(&asked), expect, "{expression}");
}

#[test]
fn what_is_asked_for_must_be_shown() {
    check("sum by (x) (rate(a_total{x=\"1\"}[5m])) > 0", &["x", "instance"], &[]);
    check("a_total{x=~\"1|2\", job=\"hub\"}", &[], &[]);
    check("b > g", &[], &["here: nobody shows b"]);
    check("a_total{y=\"1\"}", &[], &["here: a_total has no label y"]);
    check("a_total{x=\"3\"}", &[], &["here: x of a_total is never 3"]);
    check("a_total{x=~\"1|3\"}", &[], &["here: x of a_total is never 3"]);
    check("sum by (y) (a_total)", &[], &["here: nothing in it has a label y"]);
    check("g", &["x"], &["here: nothing in it has a label x"]);
    check("sum(", &[], &["here: the expression ends too early: sum("]);
    check("up == 0", &["instance"], &[]);
}

#[test]
fn a_list_and_a_scrape_are_the_same() {
    let families = read(SCRAPE, Format::Plain).unwrap();
    let rows =
        |rows: &[(&str, &str)]| rows.iter().map(|(name, row)| ((*name).into(), (*row).into())).collect();
    let right = [("a_total", "counter | `x` | What |"), ("g", "gauge |  | How |")];
    assert_eq!(differ(&rows(&right), &families), [""; 0]);
    let wrong = rows(&[("a_total", "counter |  | What |"), ("h", "gauge |  | Gone |"), right[1]]);
    let expect = [
        "deploy/metrics.md lacks the row: | `a_total` | counter | `x` | What |",
        "deploy/metrics.md lists h, which is not shown",
    ];
    assert_eq!(differ(&wrong, &families), expect);
}
