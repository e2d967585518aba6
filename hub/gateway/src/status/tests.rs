use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// What a hello with a clock that differs by so many milliseconds leaves in the status.
#[track_caller]
fn check_clock(differs: i64, skew: &str, condition: &str) {
    let hello = v1::Hello { clock_ms: now().as_millisecond() + differs, ..v1::Hello::default() };
    let used = Used { expires: now(), authority: String::new() };
    let mut status = json!({});
    connected(&mut status, &hello, &used, now());
    assert_eq!(status["connection"]["clockSkew"], skew, "{differs}");
    let message = status.pointer("/conditions/0/message").and_then(Value::as_str).unwrap_or_default();
    assert!(
        message.contains(condition) && message.is_empty() == condition.is_empty(),
        "{differs}: {message}"
    );
    // The clock is right again.
    let hello = v1::Hello { clock_ms: now().as_millisecond(), ..v1::Hello::default() };
    connected(&mut status, &hello, &used, now());
    assert!(status.pointer("/conditions/0").is_none(), "{status}");
}

#[test]
fn a_clock_that_differs_is_shown_and_above_half_a_minute_warned_of() {
    check_clock(0, "0s", "");
    check_clock(400, "0s", "");
    check_clock(-400, "0s", "");
    check_clock(30_000, "30s", "");
    check_clock(31_000, "31s", "is 31s ahead of the hub's");
    check_clock(-90_000, "-1m30s", "is 1m30s behind the hub's");
    check_clock(3_600_000, "1h", "rollouts go by the hub's clock alone");
}

#[test]
fn an_agent_that_does_not_tell_its_clock_has_no_skew() {
    let mut status = json!({});
    connected(&mut status, &v1::Hello::default(), &Used { expires: now(), authority: String::new() }, now());
    assert_eq!(status["connection"].get("clockSkew"), None);
}

#[test]
fn a_connection_tells_of_the_identity_and_never_when_it_is_good_from() {
    let identity = Identity { cluster_uid: "u".into(), valid_from: 7, ..Identity::default() };
    let mut status = json!({});
    identity.put(&mut status);
    let hello = v1::Hello { authorities: vec!["a".into(), "b".into()], ..v1::Hello::default() };
    connected(&mut status, &hello, &Used { expires: now(), authority: "b".into() }, now());
    let expected = Identity {
        expires_at: Some(now()),
        authority: "b".into(),
        trusts: vec!["a".into(), "b".into()],
        ..identity
    };
    assert_eq!(Identity::of(&status), Some(expected));
}

#[test]
fn facts_take_no_more_of_a_status_than_can_be_written() {
    let served = |group: usize| v1::Served {
        api_version: format!("group-{group}.example/v1"),
        kinds: (0..500).map(|kind| format!("{}{kind:03}", "K".repeat(300))).collect(),
    };
    let facts = v1::Facts {
        kubernetes_version: "v".repeat(1 << 20),
        platform: "p".repeat(1 << 20),
        served: (0..1_000).map(served).collect(),
        ..v1::Facts::default()
    };
    let mut status = json!({});
    self::facts(&mut status, &facts);
    let bytes = status.to_string().len();
    assert!((200 << 10..=260 << 10).contains(&bytes), "{bytes}");
    let first = &status["facts"]["served"]["group-0.example/v1"];
    assert_eq!(first.as_array().map(Vec::len), Some(500));
}
