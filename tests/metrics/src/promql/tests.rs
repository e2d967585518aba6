use super::*;

fn check(expression: &str, expect: &[&str]) {
    let found = selectors(expression).unwrap_or_else(|why| panic!("{expression}: {why}"));
    let told: Vec<String> = found
        .iter()
        .map(|selector| {
            let matchers: Vec<String> = selector
                .matchers
                .iter()
                .map(|(label, operator, value)| format!("{label}{operator}{value}"))
                .collect();
            let grouped: Vec<&str> = selector.grouped.iter().map(String::as_str).collect();
            format!("{}[{}]({})", selector.metric, matchers.join(","), grouped.join(","))
        })
        .collect();
    assert_eq!(told, expect, "{expression}");
}

#[test]
fn metrics_matchers_and_groups_are_found_wherever_they_stand() {
    check("up", &["up[]()"]);
    check("a{x=\"1\",y=~\"b|c\"} > 0", &["a[x=1,y=~b|c]()"]);
    check(
        "sum by (x) (rate(a_total[5m])) / on (x) group_left (z) b",
        &["a_total[]()".replace("()", "(x,z)").as_str(), "b[](x,z)"],
    );
    check("histogram_quantile(0.9, sum by (le, job) (rate(h_bucket[5m])))", &["h_bucket[](job,le)"]);
    check("topk(5, max without (instance) (a)) unless b == 1", &["a[](instance)", "b[]()"]);
    check(
        "(time() - a_timestamp_seconds) > 3 * 60 and on (cluster) b",
        &["a_timestamp_seconds[](cluster)", "b[](cluster)"],
    );
    check("max_over_time(a[1h:5m] offset 1d) or vector(0)", &["a[]()"]);
    check("-a + 1.5e3", &["a[]()"]);
    check("sum(a) by (x)", &["a[](x)"]);
}

#[test]
fn what_is_no_expression_is_refused() {
    let check = |expression: &str, expect: &str| {
        let refused = selectors(expression).unwrap_err();
        assert!(refused.contains(expect), "{expression}: {refused} lacks {expect}");
    };
    check("sum(rate(a[5m])", "too early");
    check("sum(a))", "follows the expression");
    check("rate(a)", "needs one");
    check("a[5m]", "instant vector");
    check("sum(a[5m])", "over an instant vector");
    check("rat(a[5m])", "no function");
    check("a{x} + 1", "a matcher is");
    check("a{x==\"1\"}", "compares no labels");
    check("rate(a[5])", "a duration is expected");
    check("a > ", "too early");
    check("a{x=\"1}", "without an end");
    check("a ! b", "no sign");
    check("time(1)", "takes 0 to 0");
    check("", "too early");
}
