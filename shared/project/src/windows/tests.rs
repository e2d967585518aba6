use super::*;
use proptest::{prelude::*, sample::select};
use serde_json::json;

mod stepping;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window(value: Value) -> SyncWindow {
    serde_json::from_value(value).expect("a window")
}

fn windows(values: &Value) -> Windows {
    let windows: Vec<_> = values.as_array().expect("a list").iter().cloned().map(window).collect();
    Windows::new(&windows)
}

/// What a gate says, on one line.
fn said(gate: &Gate) -> String {
    let time = |until: &Option<Timestamp>| until.map_or("never".to_owned(), |until| until.to_string());
    match gate {
        Gate::Open { until } => format!("open, until {}", time(until)),
        Gate::Closed { until, why, manual, overrun } => {
            let flags = [(*manual, ", manual"), (*overrun, ", overrun")];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
            format!("closed, until {}{flags}: {why}", time(until))
        }
    }
}

/// What windows say at each of the times.
fn check(values: &Value, expect: &[(&str, &str)]) {
    let windows = windows(values);
    for (now, expected) in expect {
        assert_eq!(said(&windows.gate(at(now))), *expected, "{values} at {now}");
    }
}

#[test]
fn without_windows_changes_may_always_go_out() {
    check(&json!([]), &[("2026-11-21T12:00:00Z", "open, until never")]);
    assert!(Windows::new([]).is_empty());
}

#[test]
fn a_deny_window_closes_while_it_is_open() {
    check(
        &json!([{"kind": "deny", "schedule": "0 22 * * *", "duration": "9h", "timeZone": "Europe/Berlin", "description": "nights"}]),
        &[
            ("2026-11-21T20:59:59Z", "open, until 2026-11-21T21:00:00Z"),
            (
                "2026-11-21T21:00:00Z",
                "closed, until 2026-11-22T06:00:00Z: deny window `0 22 * * *` for 9h (Europe/Berlin): nights",
            ),
            (
                "2026-11-22T05:59:59.999Z",
                "closed, until 2026-11-22T06:00:00Z: deny window `0 22 * * *` for 9h (Europe/Berlin): nights",
            ),
            ("2026-11-22T06:00:00Z", "open, until 2026-11-22T21:00:00Z"),
        ],
    );
}

#[test]
fn allow_windows_close_while_none_of_them_is_open() {
    check(
        &json!([
            {"kind": "allow", "schedule": "0 2 * * *", "duration": "1h"},
            {"kind": "allow", "schedule": "30 2 * * *", "duration": "90m", "manualSync": true},
        ]),
        &[
            (
                "2026-11-21T01:00:00Z",
                "closed, until 2026-11-21T02:00:00Z: outside of allow window `0 2 * * *` for 1h (UTC), and 1 more",
            ),
            ("2026-11-21T02:45:00Z", "open, until 2026-11-21T04:00:00Z"),
        ],
    );
}

#[test]
fn deny_wins_over_allow() {
    let both = json!([
        {"kind": "allow", "schedule": "0 2 * * *", "duration": "4h"},
        {"kind": "deny", "schedule": "0 3 * * *", "duration": "1h"},
    ]);
    check(
        &both,
        &[
            ("2026-11-21T02:30:00Z", "open, until 2026-11-21T03:00:00Z"),
            (
                "2026-11-21T03:30:00Z",
                "closed, until 2026-11-21T04:00:00Z: deny window `0 3 * * *` for 1h (UTC)",
            ),
            ("2026-11-21T04:30:00Z", "open, until 2026-11-21T06:00:00Z"),
            (
                "2026-11-21T06:30:00Z",
                "closed, until 2026-11-22T02:00:00Z: outside of allow window `0 2 * * *` for 4h (UTC)",
            ),
        ],
    );
}

#[test]
fn a_window_that_opens_while_another_closes_does_not_open_the_gate() {
    check(
        &json!([
            {"kind": "deny", "schedule": "0 8 * * *", "duration": "1h"},
            {"kind": "deny", "schedule": "0 9 * * *", "duration": "1h"},
            {"kind": "deny", "schedule": "30 9 * * *", "duration": "2h"},
        ]),
        &[(
            "2026-11-21T08:10:00Z",
            "closed, until 2026-11-21T11:30:00Z: deny window `0 8 * * *` for 1h (UTC)",
        )],
    );
}

#[test]
fn manual_and_overrun_need_all_that_close() {
    let check = |first: bool, second: bool, expect: (bool, bool)| {
        let deny = |manual: bool| json!({"kind": "deny", "schedule": "0 3 * * *", "duration": "1h", "manualSync": manual, "syncOverrun": manual});
        let gate = windows(
            &json!([deny(first), deny(second), {"kind": "allow", "schedule": "0 9 * * *", "duration": "1h"}]),
        )
        .gate(at("2026-11-21T03:30:00Z"));
        let Gate::Closed { manual, overrun, .. } = gate else { panic!("{gate:?}") };
        assert_eq!((manual, overrun), expect);
    };
    check(true, true, (true, true));
    check(true, false, (false, false));
    check(false, false, (false, false));
    let outside = json!([
        {"kind": "allow", "schedule": "0 3 * * *", "duration": "1h", "manualSync": true, "syncOverrun": true},
        {"kind": "deny", "schedule": "0 9 * * *", "duration": "1h"},
    ]);
    self::check(
        &outside,
        &[(
            "2026-11-21T05:00:00Z",
            "closed, until 2026-11-22T03:00:00Z, manual, overrun: outside of allow window `0 3 * * *` for 1h (UTC)",
        )],
    );
}

#[test]
fn places_are_open_each_for_itself() {
    let project = windows(&json!([{"kind": "allow", "schedule": "0 2 * * *", "duration": "2h"}]));
    let fleet =
        windows(&json!([{"kind": "allow", "schedule": "0 3 * * *", "duration": "2h", "manualSync": true}]));
    let joined = Windows::join([project, Windows::default(), fleet]);
    let check = |now: &str, expect: &str| assert_eq!(said(&joined.gate(at(now))), expect);
    check(
        "2026-11-21T02:30:00Z",
        "closed, until 2026-11-21T03:00:00Z, manual: outside of allow window `0 3 * * *` for 2h (UTC)",
    );
    check("2026-11-21T03:30:00Z", "open, until 2026-11-21T04:00:00Z");
    check(
        "2026-11-21T05:30:00Z",
        "closed, until 2026-11-22T03:00:00Z: outside of allow window `0 2 * * *` for 2h (UTC), and 1 more",
    );
}

#[test]
fn a_freeze_opens_once() {
    let freeze = json!([{
        "kind": "deny", "name": "black-friday", "description": "sales",
        "from": "2026-11-26T00:00:00Z", "until": "2026-11-28T00:00:00+01:00",
    }]);
    let closed = "closed, until 2026-11-27T23:00:00Z: deny window black-friday, from 2026-11-26T00:00:00Z until 2026-11-28T00:00:00+01:00: sales";
    check(
        &freeze,
        &[
            ("2026-11-21T00:00:00Z", "open, until 2026-11-26T00:00:00Z"),
            ("2026-11-26T00:00:00Z", closed),
            ("2026-11-27T23:00:00Z", "open, until never"),
        ],
    );
    check(
        &json!([{"kind": "deny", "from": "2026-11-26T00:00:00Z"}]),
        &[("2027-01-01T00:00:00Z", "closed, until never: deny window from 2026-11-26T00:00:00Z on")],
    );
}

#[test]
fn what_cannot_be_read_stays_closed() {
    let deny = "deny window `0 25 * * *` for 1h (UTC); it cannot be read: schedule: `0 25 * * *`: the hour `25` is not within 0 to 23";
    check(
        &json!([{"kind": "deny", "schedule": "0 25 * * *", "duration": "1h", "manualSync": true, "syncOverrun": true}]),
        &[("2026-11-21T00:00:00Z", &format!("closed, until never: {deny}"))],
    );
    check(
        &json!([{"kind": "allow", "schedule": "0 2 * * *", "duration": "1h", "timeZone": "Mars/Olympus"}]),
        &[(
            "2026-11-21T02:30:00Z",
            "closed, until never: outside of allow window `0 2 * * *` for 1h (Mars/Olympus); it cannot be read: timeZone: `Mars/Olympus` is not a zone of the IANA database, such as Europe/Berlin; leave it out for UTC",
        )],
    );
    // Another one that can be read still opens.
    check(
        &json!([
            {"kind": "allow", "schedule": "x", "duration": "1h"},
            {"kind": "allow", "schedule": "0 2 * * *", "duration": "1h"},
        ]),
        &[("2026-11-21T02:30:00Z", "open, until 2026-11-21T03:00:00Z")],
    );
}

#[test]
fn windows_follow_the_clocks_of_their_zone_through_its_changes() {
    let deny = |schedule: &str, duration: &str, zone: &str| json!([{"kind": "deny", "schedule": schedule, "duration": duration, "timeZone": zone}]);
    let until = |values: &Value, now: &str| match windows(values).gate(at(now)) {
        Gate::Open { until } => format!("open {}", until.unwrap()),
        Gate::Closed { until, .. } => format!("closed {}", until.unwrap()),
    };
    let check = |values: Value, expect: &[(&str, &str)]| {
        for (now, expected) in expect {
            assert_eq!(until(&values, now), *expected, "{values} at {now}");
        }
    };
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC. A night is an hour shorter, and ends at 07:00.
    check(
        deny("0 22 * * *", "9h", "Europe/Berlin"),
        &[("2026-03-28T21:00:00Z", "closed 2026-03-29T05:00:00Z")],
    );
    // 02:30 is skipped: open from the jump on, until clocks show 03:30.
    check(
        deny("30 2 * * *", "1h", "Europe/Berlin"),
        &[
            ("2026-03-29T00:59:59Z", "open 2026-03-29T01:00:00Z"),
            ("2026-03-29T01:00:00Z", "closed 2026-03-29T01:30:00Z"),
            ("2026-03-29T01:30:00Z", "open 2026-03-30T00:30:00Z"),
        ],
    );
    // A window that lies wholly in the skipped hour is not open that day.
    check(
        deny("15 2 * * *", "30m", "Europe/Berlin"),
        &[("2026-03-28T12:00:00Z", "open 2026-03-30T00:15:00Z")],
    );
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC. A night is an hour longer; 02:30 comes twice.
    check(
        deny("0 22 * * *", "9h", "Europe/Berlin"),
        &[("2026-10-24T20:00:00Z", "closed 2026-10-25T06:00:00Z")],
    );
    check(
        deny("30 2 * * *", "15m", "Europe/Berlin"),
        &[
            ("2026-10-25T00:30:00Z", "closed 2026-10-25T00:45:00Z"),
            ("2026-10-25T00:45:00Z", "open 2026-10-25T01:30:00Z"),
            ("2026-10-25T01:30:00Z", "closed 2026-10-25T01:45:00Z"),
        ],
    );
    // New York, 2026-03-08 at 07:00 UTC and 2026-11-01 at 06:00 UTC.
    check(
        deny("30 2 * * *", "45m", "America/New_York"),
        &[
            ("2026-03-08T06:30:00Z", "open 2026-03-08T07:00:00Z"),
            ("2026-03-08T07:00:00Z", "closed 2026-03-08T07:15:00Z"),
        ],
    );
    check(
        deny("0 1 * * 0", "1h", "America/New_York"),
        &[("2026-11-01T05:00:00Z", "closed 2026-11-01T07:00:00Z")],
    );
    // Other names and another case of a zone.
    check(deny("0 22 * * *", "9h", "us/eastern"), &[("2026-07-01T12:00:00Z", "open 2026-07-02T02:00:00Z")]);
}

#[test]
fn problems_say_where_and_how_to_mend_it() {
    let check = |scope: Scope, value: Value, expect: &[&str]| {
        assert_eq!(problems(&[window(value.clone())], scope, "spec.windows"), expect, "{value}");
    };
    let good = json!({"kind": "deny", "schedule": "0 22 * * *", "duration": "9h", "applications": ["*"]});
    let with = |field: &str, value: Value| {
        let mut window = good.clone();
        window[field] = value;
        window
    };
    check(Scope::Project, good.clone(), &[]);
    check(
        Scope::Project,
        with("kind", json!("Deny")),
        &["spec.windows[0].kind: `Deny` is not a kind of window: use allow or deny"],
    );
    check(
        Scope::Project,
        with("duration", json!("1x")),
        &["spec.windows[0].duration: `1x`: write how long the window stays open, e.g. 1h30m"],
    );
    check(
        Scope::Project,
        with("duration", json!("0s")),
        &[
            "spec.windows[0].duration: `0s`: a window that is open for no time has no effect; write e.g. 1h30m",
        ],
    );
    check(
        Scope::Project,
        with("timeZone", json!("Berlin")),
        &[
            "spec.windows[0].timeZone: `Berlin` is not a zone of the IANA database, such as Europe/Berlin; leave it out for UTC",
        ],
    );
    check(
        Scope::Project,
        with("applications", json!(["[a"])),
        &["spec.windows[0].applications[0]: `[a` is not a pattern; write e.g. prod-*"],
    );
    let silent = with("applications", json!([]));
    check(Scope::Fleet, silent.clone(), &[]);
    check(
        Scope::Project,
        silent,
        &[
            "spec.windows[0].applications: the window concerns nothing; name applications, namespaces or clusters, e.g. '*'",
        ],
    );
    check(
        Scope::Policy,
        with("namespaces", json!(["shop"])),
        &[
            "spec.windows[0].namespaces: a policy does not know them; name applications, clusters or a clusterSelector",
        ],
    );
    check(
        Scope::Fleet,
        with("clusterSelector", json!({"matchExpressions": [{"key": "env", "operator": "Is"}]})),
        &[
            "spec.windows[0].clusterSelector.matchExpressions[0].operator: `Is` is not an operator: use In, NotIn, Exists or DoesNotExist",
        ],
    );
    check(
        Scope::Fleet,
        with("until", json!("2026-11-26T00:00:00Z")),
        &["spec.windows[0].from: a window has a schedule and a duration, or from and until, not both"],
    );
    check(
        Scope::Fleet,
        json!({"kind": "deny", "from": "2026-11-26T00:00:00Z", "until": "tomorrow"}),
        &["spec.windows[0].until: `tomorrow` is not a time such as 2026-12-24T00:00:00Z"],
    );
    check(
        Scope::Fleet,
        json!({"kind": "deny", "from": "2026-11-26T00:00:00Z", "until": "2026-11-25T00:00:00Z"}),
        &["spec.windows[0].until: `2026-11-25T00:00:00Z` is not after from"],
    );
    check(
        Scope::Fleet,
        json!({"kind": "deny"}),
        &[
            "spec.windows[0].schedule: it is missing; write when the window opens, e.g. 0 22 * * *, or from and until",
            "spec.windows[0].duration: ``: write how long the window stays open, e.g. 1h30m",
        ],
    );
}

#[test]
fn entries_that_are_no_windows_close_everything() {
    let project = json!({"spec": {"syncWindows": [
        "nights",
        {"kind": "deny", "schedule": "0 1 * * *", "duration": "1h", "applications": ["*"], "shedule": "x"},
    ]}});
    let (read, wrong) = of_project(&project);
    assert_eq!(
        wrong,
        [
            "spec.syncWindows[0]: invalid type: string \"nights\", expected struct SyncWindow; write a window with kind, schedule and duration",
            "spec.syncWindows[1].shedule: a window has no such field",
        ]
    );
    let gate = said(&Windows::new(&read).gate(at("2026-11-21T12:00:00Z")));
    assert!(gate.starts_with("closed, until never: deny window"), "{gate}");
}

#[test]
fn a_window_concerns_what_its_lists_name() {
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let check = |value: Value, expect: bool| {
        let found =
            Windows::applies(&window(value.clone()), "web", "shop", "eu-1", "https://eu-1:6443", &labels);
        assert_eq!(found, expect, "{value}");
    };
    check(json!({}), true);
    check(json!({"applications": ["w*"]}), true);
    check(json!({"applications": ["api", "db"]}), false);
    check(json!({"applications": ["api"], "namespaces": ["sh?p"]}), true);
    check(json!({"applications": ["api"], "namespaces": ["shop"], "andOperator": true}), false);
    check(json!({"applications": ["web"], "namespaces": ["shop"], "andOperator": true}), true);
    check(json!({"clusters": ["eu-*"]}), true);
    check(json!({"clusters": ["https://eu-*"]}), true);
    check(json!({"clusters": ["us-*"]}), false);
    check(json!({"clusters": ["[x"]}), true);
    check(json!({"clusterSelector": {"matchLabels": {"env": "prod"}}}), true);
    check(json!({"clusterSelector": {"matchLabels": {"env": "test"}}}), false);
    check(json!({"applications": ["web"], "clusterSelector": {"matchLabels": {"env": "test"}}}), false);
    check(json!({"applications": ["api"], "clusterSelector": {"matchLabels": {"env": "prod"}}}), false);
}

#[test]
fn a_window_of_a_project_that_names_nothing_concerns_nothing() {
    let silent = json!({"kind": "deny", "schedule": "0 1 * * *", "duration": "1h"});
    let (read, wrong) = of_project(&json!({"spec": {"syncWindows": [silent]}}));
    assert_eq!((read.len(), wrong.len()), (0, 1));
}
