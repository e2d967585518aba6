use super::*;
use serde_json::json;
use std::time::Duration;

const AT: &str = "2026-11-21T18:00:00Z";

fn now(minutes: i64) -> Timestamp {
    AT.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minutes)
}

fn annotations(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What holds so many minutes after [`AT`]: the reason, the end in minutes, and a part of the problem.
fn check(all: &[(&str, &str)], minutes: i64, expect: Option<(&str, Option<i64>, &str)>) {
    let asked = of_annotations(&annotations(all), now(minutes));
    let found = asked.as_ref().map(|asked| {
        let end = asked.request.ends().map(|end| end.duration_since(now(0)).as_secs() / 60);
        (asked.request.reason.as_str(), end)
    });
    assert_eq!(found, expect.map(|(reason, end, _)| (reason, end)), "{all:?}");
    let problem = asked.and_then(|asked| asked.problem).unwrap_or_default();
    let part = expect.map_or("", |(_, _, problem)| problem);
    assert!(problem.contains(part) && problem.is_empty() == part.is_empty(), "{problem}");
}

#[test]
fn an_annotation_pauses_until_its_end() {
    let hour = &*json!({"reason": "INC-7", "by": "ann", "for": "1h", "at": AT}).to_string();
    check(&[], 0, None);
    check(&[(PAUSE_ANNOTATION, hour)], 59, Some(("INC-7", Some(60), "")));
    check(&[(PAUSE_ANNOTATION, hour)], 60, None);
    check(&[(PAUSE_ANNOTATION, "{}")], 60, Some(("", None, "")));
    check(&[(PAUSE_ANNOTATION, r#"{"reason": "INC-7"}"#)], 99, Some(("INC-7", None, "")));
}

#[test]
fn what_cannot_be_read_pauses_and_says_so() {
    let unreadable = "its annotation flotilla.dev/pause cannot be read";
    for (value, problem) in [
        ("INC-7", "its value is no JSON (expected value"),
        ("", "its value is no JSON (EOF"),
        ("true", "its value is no JSON object"),
        (r#"{"for": "soon"}"#, "a duration such as 90s, 15m or 1h30m"),
        (r#"{"reason": 7}"#, "expected a string"),
        (r#"{"until": "2026-11-21T18:30:00Z"}"#, "it has the unknown field `until`"),
    ] {
        check(&[(PAUSE_ANNOTATION, value)], 99, Some((unreadable, None, problem)));
    }
    // An end that cannot be known is none.
    check(&[(PAUSE_ANNOTATION, r#"{"for": "1h"}"#)], 99, Some(("", None, "`for` counts from `at`")));
}

#[test]
fn argo_cds_switch_has_no_end_and_names_itself() {
    let hour = &*json!({"reason": "INC-7", "for": "1h", "at": AT}).to_string();
    let switch = "annotation argocd.argoproj.io/skip-reconcile";
    check(&[(SKIP_RECONCILE_ANNOTATION, "true")], 0, Some((switch, None, "")));
    check(&[(SKIP_RECONCILE_ANNOTATION, "1")], 0, Some((switch, None, "")));
    for off in ["false", "", "yes"] {
        check(&[(SKIP_RECONCILE_ANNOTATION, off)], 0, None);
    }
    let both = [(PAUSE_ANNOTATION, hour), (SKIP_RECONCILE_ANNOTATION, "true")];
    check(&both, 30, Some((&format!("INC-7; {switch}"), None, "")));
    check(&both, 60, Some((switch, None, "")));
}

#[test]
fn a_cluster_is_paused_by_its_spec_or_by_the_switch() {
    let cluster = |annotations: &[(&str, &str)], pause: Option<PauseRequest>| {
        let mut cluster = crate::Cluster::default();
        cluster.metadata.annotations = self::annotations(annotations);
        cluster.spec.pause = pause;
        cluster.pause(now(30)).map(|pause| (pause.reason, pause.duration.is_some()))
    };
    let asked = |minutes: u64| PauseRequest {
        reason: "INC-7".into(),
        duration: Some(Duration::from_secs(minutes * 60)),
        at: Some(now(0)),
        ..PauseRequest::default()
    };
    let switch = [(SKIP_RECONCILE_ANNOTATION, "true")];
    assert_eq!(cluster(&[], None), None);
    assert_eq!(cluster(&[], Some(asked(60))), Some(("INC-7".to_owned(), true)));
    assert_eq!(cluster(&[], Some(asked(10))), None);
    let named = format!("annotation {SKIP_RECONCILE_ANNOTATION}");
    assert_eq!(cluster(&switch, Some(asked(10))), Some((named.clone(), false)));
    assert_eq!(cluster(&switch, Some(asked(60))), Some((format!("INC-7; {named}"), false)));
}
