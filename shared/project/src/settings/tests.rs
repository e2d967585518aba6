use super::*;
use crate::{Gate, Windows};

fn check(data: &Value, windows: usize, limit: Option<usize>, problems: &[&str]) -> Settings {
    let settings = Settings::read(&json!({"data": data}));
    assert_eq!(settings.problems, problems, "{data}");
    assert_eq!((settings.windows.len(), settings.max_per_cluster), (windows, limit), "{data}");
    settings
}

#[test]
fn freezes_and_the_limit_are_read() {
    assert_eq!(Settings::read(&Value::Null), Settings::default());
    let freezes = "
# Ask before you lift it.
- name: black-friday
  kind: deny
  from: 2026-11-26T00:00:00Z
  until: 2026-11-28T00:00:00Z
  clusterSelector: {matchLabels: {env: prod}}
- kind: deny
  schedule: 0 22 * * *
  duration: 9h
";
    let settings = check(&json!({WINDOWS: freezes, MAX_PER_CLUSTER: " 2\n"}), 2, Some(2), &[]);
    assert_eq!(settings.windows[0].name, "black-friday");
    check(&json!({WINDOWS: ""}), 0, None, &[]);
}

#[test]
fn what_cannot_be_read_is_as_careful_as_it_could_have_been() {
    let limit = "data[rollout.maxUnprovenPerCluster]: `0` is not a count; write \"1\" or more, or take the key away for no limit";
    check(&json!({MAX_PER_CLUSTER: "0"}), 0, Some(1), &[limit]);
    let typing_error = "data[window.yaml]: there is no such setting; there are windows.yaml, rollout.maxUnprovenPerCluster, webhook.allowUnsigned, webhook.pollInterval, git.submodules, kustomize.remoteBases, notifications.yaml, traces.url";
    check(&json!({"window.yaml": "[]"}), 0, None, &[typing_error]);
    let wrong = "data[windows.yaml][0].timeZone: `Berlin` is not a zone of the IANA database, such as Europe/Berlin; leave it out for UTC";
    let entry = "- {kind: deny, schedule: '0 22 * * *', duration: 9h, timeZone: Berlin}";
    let closed = [
        check(&json!({WINDOWS: entry}), 1, None, &[wrong]),
        check(
            &json!({WINDOWS: "kind: deny"}),
            1,
            None,
            &["data[windows.yaml]: write a list of windows: - kind: deny"],
        ),
    ];
    for settings in closed {
        let gate = Windows::new(&settings.windows).gate("2026-11-21T12:00:00Z".parse().unwrap());
        assert!(matches!(gate, Gate::Closed { until: None, manual: false, overrun: false, .. }), "{gate:?}");
    }
    let broken = Settings::read(&json!({"data": {WINDOWS: "- kind: [deny"}}));
    assert_eq!(broken.problems.len(), 1, "{:?}", broken.problems);
    assert_eq!(broken.windows.len(), 1);
}

#[test]
fn webhooks_need_secrets_until_somebody_says_otherwise_clearly() {
    let check = |text: &str, expect: bool, problems: usize| {
        let settings = Settings::read(&json!({"data": {ALLOW_UNSIGNED: text}}));
        assert_eq!((settings.allow_unsigned, settings.problems.len()), (expect, problems), "{text}");
    };
    check("true", true, 0);
    check("false\n", false, 0);
    check("yes", false, 1);
    check("True", false, 1);
    let slow = |text: &str| Settings::read(&json!({"data": {WEBHOOK_POLL: text}}));
    assert_eq!(slow("30m").webhook_poll, Some(Duration::from_secs(1800)));
    assert_eq!((slow("often").webhook_poll, slow("often").problems.len()), (None, 1));
}

#[test]
fn traces_are_shown_where_the_template_says() {
    let jaeger = "https://jaeger.example.com/trace/{traceID}";
    let settings = check(&json!({TRACES_URL: format!("{jaeger}\n")}), 0, None, &[]);
    assert_eq!(settings.traces_url.as_deref(), Some(jaeger));
    assert_eq!(trace_url(jaeger, "0af7").unwrap(), "https://jaeger.example.com/trace/0af7");
    let wrong = "data[traces.url]: `jaeger.example.com` is no URL with {traceID} in it; write e.g. https://jaeger.example.com/trace/{traceID}";
    check(&json!({TRACES_URL: "jaeger.example.com"}), 0, None, &[wrong]);
}

#[test]
fn what_is_written_is_read_again() {
    let entries = vec![
        json!({"kind": "deny", "name": "a", "from": "2026-11-26T00:00:00Z", "description": "sales: don't"}),
        json!({"kind": "deny", "name": "b", "schedule": "0 22 * * *", "duration": "9h"}),
    ];
    assert_eq!(freezes(&written(&entries)), Ok(entries.clone()));
    assert_eq!(freezes(&written(&[])), Ok(Vec::new()));
    check(&config_map(&entries)["data"], 2, None, &[]);
}
