use super::*;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn names(freezes: &[Value]) -> Vec<String> {
    freezes.iter().enumerate().map(|(index, freeze)| called(index, freeze)).collect()
}

#[test]
fn a_freeze_gets_a_name_that_nobody_has() {
    let (freezes, name) = add(vec![json!({"name": "freeze-1"}), json!({})], json!({"kind": "deny"})).unwrap();
    assert_eq!(
        (name.as_str(), names(&freezes)),
        ("freeze-2", vec!["freeze-1".into(), "#2".into(), "freeze-2".into()])
    );
    let refused = |name: &str| add(freezes.clone(), json!({"name": name})).unwrap_err().to_string();
    assert_eq!(
        refused("freeze-1"),
        "there is a freeze freeze-1 already; lift it first (`flotilla freeze lift freeze-1`) or take another --name"
    );
    assert_eq!(refused("#2"), "--name: `#2` is not a name; write e.g. black-friday");
}

#[test]
fn one_is_lifted_by_name_or_place() {
    let freezes = vec![json!({"name": "a", "more": 1}), json!({"description": "by hand"})];
    assert_eq!(lift(freezes.clone(), "a").unwrap(), [json!({"description": "by hand"})]);
    assert_eq!(lift(freezes.clone(), "#2").unwrap(), [json!({"name": "a", "more": 1})]);
    assert_eq!(lift(freezes, "b").unwrap_err().to_string(), "there is no freeze b; there are a, #2");
    assert_eq!(lift(Vec::new(), "b").unwrap_err().to_string(), "there is no freeze b; there are none");
}

#[test]
fn those_that_are_over_go() {
    let freezes = vec![
        json!({"name": "over", "until": "2026-11-21T12:00:00Z"}),
        json!({"name": "soon over", "until": "2026-11-21T12:00:01Z"}),
        json!({"name": "recurs", "schedule": "0 0 * * *", "duration": "1h"}),
        json!({"name": "who knows", "until": "tomorrow"}),
    ];
    assert_eq!(names(&without_those_over(freezes, now())), ["soon over", "recurs", "who knows"]);
}

#[test]
fn rows_say_whether_it_is_closed_and_until_when() {
    let check = |freeze: Value, expect: [&str; 5]| {
        assert_eq!(rows(std::slice::from_ref(&freeze), now()), [expect.map(str::to_owned)], "{freeze}");
    };
    check(
        json!({"name": "a", "kind": "deny", "from": "2026-11-21T00:00:00Z", "until": "2026-11-23T00:00:00Z", "description": "sales",
               "clusterSelector": {"matchLabels": {"env": "prod"}}}),
        [
            "a",
            "closed until 2026-11-23T00:00:00Z",
            "2026-11-21T00:00:00Z to 2026-11-23T00:00:00Z",
            "env=prod",
            "sales",
        ],
    );
    check(
        json!({"kind": "deny", "schedule": "0 22 * * *", "duration": "32400s", "timeZone": "Europe/Berlin"}),
        ["#1", "open until 2026-11-21T21:00:00Z", "0 22 * * * for 9h (Europe/Berlin)", "all", ""],
    );
    check(
        json!({"name": "b", "kind": "deny", "until": "2026-11-20T00:00:00Z", "applications": ["web-*"]}),
        ["b", "over", "until 2026-11-20T00:00:00Z", "applications web-*", ""],
    );
    assert_eq!(rows(&[json!("nights")], now()), [["#1", "cannot be read: closes everything"]]);
}

#[test]
fn what_the_hub_could_not_read_is_refused_before_it_is_sent() {
    let check = |window: Value, expect: &str| assert_eq!(check(&window).unwrap_err().to_string(), expect);
    check(
        json!({"kind": "deny", "schedule": "0 25 * * *", "duration": "1h"}),
        "schedule: `0 25 * * *`: the hour `25` is not within 0 to 23",
    );
}
