use super::*;

const PLAIN: &str =
    "# HELP a_total What.\n# TYPE a_total counter\na_total{x=\"1, \\\"}\"} 3\na_total{x=\"2\"} 4\n";
const OPEN: &str = "# HELP a What.\n# TYPE a counter\na_total{x=\"1\"} 3\n# HELP h How.\n# TYPE h histogram\n\
    h_sum 2.5\nh_count 2\nh_bucket{le=\"1.0\"} 1 # {trace_id=\"4bf9\"} 0.5 1700000000.0\nh_bucket{le=\"+Inf\"} 2\n# EOF\n";

#[test]
fn what_is_allowed_is_read() {
    let plain = read(PLAIN, Format::Plain).unwrap();
    assert_eq!(plain[0].samples[0].labels["x"], "1, \"}");
    assert_eq!((plain[0].kind.as_str(), plain[0].samples[1].value), ("counter", 4.0));
    let open = read(OPEN, Format::OpenMetrics).unwrap();
    assert_eq!((open.len(), open[1].samples.len()), (2, 4));
    assert_eq!(open[1].samples[2].exemplar.as_ref().unwrap()["trace_id"], "4bf9");
}

#[test]
fn what_is_not_allowed_is_refused() {
    let check = |format: Format, from: &str, to: &str, expect: &str| {
        let text = if format == Format::Plain { PLAIN } else { OPEN };
        assert!(text.contains(from), "{from}");
        let refused = read(&text.replacen(from, to, 1), format).unwrap_err();
        assert!(refused.contains(expect), "{refused} lacks {expect}");
    };
    let (plain, open) = (Format::Plain, Format::OpenMetrics);
    check(open, "# EOF\n", "", "no # EOF");
    check(open, "# EOF\n", "# EOF\na_total 1\n", "follows # EOF");
    check(plain, "a_total{x=\"2\"} 4\n", "a_total{x=\"2\"} 4\n# EOF\n", "no word of this format");
    check(
        plain,
        "a_total{x=\"2\"} 4\n",
        "a_total{x=\"2\"} 4 # {t=\"1\"} 1\n",
        "an exemplar where none may be",
    );
    check(plain, "x=\"2\"", "x=\"1, \\\"}\"", "the same sample twice");
    check(plain, "} 4", "} four", "is no number");
    check(plain, "} 4", "} -4", "nothing can be counted");
    check(plain, "} 4", "}  4", "one space");
    check(plain, "x=\"2\"", "x=\"2", "without an end");
    check(plain, "x=\"2\"", "9=\"2\"", "no name of a label");
    check(plain, "x=\"2\"", "x=\"2\",x=\"2\"", "twice");
    check(plain, "# HELP a_total What.\n", "", "without a help");
    check(plain, "counter", "summary", "no type that we use");
    check(plain, "a_total{x=\"2\"} 4", "b 4", "no sample of a_total");
    check(open, "# TYPE a counter", "# TYPE a gauge", "no sample of a");
    check(open, "h_bucket{le=\"1.0\"} 1", "h_bucket{le=\"1.0\"} 3", "out of order");
    check(open, "h_count 2", "h_count 3", "is not the count");
    check(open, "h_sum 2.5\n", "", "no count or sum");
    check(open, "h_sum 2.5", "h_sum{le=\"1\"} 2.5", "buckets alone");
    check(open, "{trace_id=\"4bf9\"} 0.5", "{trace_id=\"4bf9\"} x", "an exemplar is");
}
