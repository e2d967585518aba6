//! Configurations, whom they tell, and in which words.

use crate::{Config, Event, Message, Sink, Subject, Told, batch};
use expect_test::{Expect, expect};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared_history::{Entry, What};
use shared_model::{AppKey, ClusterName, Owner, OwnerKind, RolloutName};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn read(text: &str) -> Config {
    let map = json!({"metadata": {"name": "flotilla-cm"}, "data": {"notifications.yaml": text}});
    Config::read(&map, at(100))
}

/// One sink with these lines besides.
fn sink(lines: &str) -> Sink {
    let config = read(&format!("sinks:\n- name: oncall\n  url: https://x\n{lines}"));
    assert!(config.problems.is_empty(), "{:?}", config.problems);
    config.sinks.into_iter().next().unwrap()
}

#[track_caller]
fn refused(text: &str, expect: &Expect) {
    let config = read(text);
    assert!(config.sinks.is_empty(), "half of it is in force");
    expect.assert_eq(&config.problems.join("\n"));
}

fn lost(cluster: &str) -> Told {
    let entry = Entry {
        cluster: Some(ClusterName::new(cluster)),
        ..Entry::new(What::ClusterLost, at(5), format!("{cluster} is lost"))
    };
    Told { key: format!("hist/{cluster}"), entry, subject: Subject::default() }
}

fn halted(set: &str) -> Told {
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: set.into() };
    let entry = Entry::new(What::RolloutHalted, at(6), format!("{set}-2 halted: <b> & co"))
        .of_rollout(&owner, &RolloutName::new(format!("{set}-2")));
    let subject = Subject { set: Some(set.into()), project: Some("retail".into()), labels: None };
    Told { key: format!("hist/{set}"), entry, subject }
}

fn degraded(app: &str, set: Option<&str>, env: &str) -> Told {
    let entry = Entry {
        cluster: Some(ClusterName::new("eu-1")),
        application: Some(AppKey::new("argocd", app)),
        ..Entry::new(What::Degraded, at(7), format!("{app} is degraded"))
    };
    let labels = Some([("env".to_owned(), env.to_owned())].into());
    let subject = Subject { set: set.map(str::to_owned), project: Some("retail".into()), labels };
    Told { key: format!("hist/{app}"), entry, subject }
}

#[test]
fn what_cannot_be_read_is_named_with_its_path_and_remedy() {
    refused(
        "sinks: [",
        &expect![
            "data[notifications.yaml]: line 2, column 1: a value is expected here: quote it if it starts with a special character"
        ],
    );
    refused(
        "sink: []",
        &expect!["data[notifications.yaml].sink: there is no such field; did you mean `sinks`?"],
    );
    refused("sinks: {name: a}", &expect!["data[notifications.yaml].sinks: write a list: - name: oncall"]);
    refused(
        "sinks:\n- name: On Call\n  typ: slack\n  on: [halt]\n- name: b\n  type: teams\n  url: ftp://x\n  on: []\n  timeout: 2h\n",
        &expect![[r#"
            data[notifications.yaml].sinks[0].typ: there is no such field; did you mean `type`?
            data[notifications.yaml].sinks[0].name: a name of lower-case letters, digits and `-` is required, e.g. oncall
            data[notifications.yaml].sinks[0]: url or urlFrom is required, e.g. urlFrom: {secret: flotilla-notifications, key: slack}
            data[notifications.yaml].sinks[0].on[0]: there is no event `halt`; there are started, waitingForApproval, approved, halted, rolledBack, done, drift, degraded, healthy, clusterLost, clusterBack, paused, resumed, removalHeld, commit
            data[notifications.yaml].sinks[1].type: `teams` is no type; there are generic and slack
            data[notifications.yaml].sinks[1].url: must be an address as in https://hooks.example.com/flotilla
            data[notifications.yaml].sinks[1].on: name what it wants to hear: some of started, waitingForApproval, approved, halted, rolledBack, done, drift, degraded, healthy, clusterLost, clusterBack, paused, resumed, removalHeld, commit
            data[notifications.yaml].sinks[1].timeout: `2h` is too long; write at most 1m"#]],
    );
    refused(
        "sinks:\n- {name: a, urlFrom: {secret: s}, on: [done], match: {clusters: {matchLabel: {}}, sets: ['[']}}\n- {name: a, url: https://x, urlFrom: {secret: s, key: k}, on: [done], headers: [{name: 'a b', value: x}, {name: A}]}\n",
        &expect![[r#"
            data[notifications.yaml].sinks[0].urlFrom: secret and key are required: the name of a Secret of namespace argocd, and a key in it
            data[notifications.yaml].sinks[0].match.sets[0]: is no pattern; write e.g. shop-*
            data[notifications.yaml].sinks[0].match.clusters.matchLabel: there is no such field; did you mean `matchLabels`?
            data[notifications.yaml].sinks[1]: url and urlFrom exclude one another; keep urlFrom when the address is a secret
            data[notifications.yaml].sinks[1].headers[0].name: the name of a header is required, e.g. Authorization
            data[notifications.yaml].sinks[1].headers[1]: one of value and valueFrom is required
            data[notifications.yaml].sinks[1].name: there is another sink `a`"#]],
    );
    refused(
        "sinks:\n- {name: a, url: https://x, on: [done], template: '{{ .text '}\n- {name: b, url: https://x, on: [done], template: '{{ index .commits 7 }}'}\n- {name: c, url: https://x, on: [done], body: '{{ .text }}'}\n- {name: d, url: https://x, on: [done], template: '{{ if eq .event \"started\" }}x{{ end }}'}\n- {name: e, url: https://x, on: [done], template: '{{ range until 100000000 }}x{{ end }}'}\n",
        &expect![[r#"
            data[notifications.yaml].sinks[0].template: template: template:1: unclosed action
            data[notifications.yaml].sinks[1].template: on done: template: template:1:3: executing "template" at <index .commits 7>: error calling index: index out of range: 7
            data[notifications.yaml].sinks[2].body: on done: gives what is no JSON (expected value at line 1 column 1); `{{ .text | toJson }}` puts a text in quotes
            data[notifications.yaml].sinks[3].template: on done: gives no text
            data[notifications.yaml].sinks[4].template: on done: template: template: stopped after 200000 steps: it loops too long"#]],
    );
    let many: String =
        (0..21).map(|number| format!("- {{name: s{number}, url: https://x, on: [done]}}\n")).collect();
    refused(
        &format!("sinks:\n{many}"),
        &expect!["data[notifications.yaml].sinks: there are 21; there may be 20"],
    );
}

#[test]
fn a_secret_address_is_in_no_text() {
    let config = read(
        "sinks:\n- {name: a, url: 'https://hooks.slack.com/services/T0/B0/hidden', on: [done], headers: [{name: Authorization, value: Bearer hidden}]}\n",
    );
    assert!(!format!("{config:?}").contains("hidden"));
    let wrong = read("sinks:\n- {name: a, url: 'hooks hidden', on: [done]}\n");
    assert!(!wrong.problems.join("").contains("hidden"), "{:?}", wrong.problems);
}

#[test]
fn what_was_written_for_a_sink_can_be_compared_and_not_seen() {
    let one = |lines: &str| sink(lines).written;
    let known = one("  on: [done]\n  headers: [{name: X-Team, value: hidden}]");
    assert_eq!(
        known,
        one("  headers:\n  - {name: X-Team, value: hidden}\n  on:\n  - done"),
        "only the layout differs"
    );
    assert_ne!(known, one("  on: [done]\n  headers: [{name: X-Team, value: other}]"));
    assert_ne!(known, one("  on: [done, halted]\n  headers: [{name: X-Team, value: hidden}]"));
    assert_eq!(format!("{known:?}"), "Written(…)");
}

#[test]
fn nothing_configured_is_nobody_told() {
    for config in [Config::read(&json!({"data": {}}), at(0)), read(""), read("sinks:"), read("sinks: []")] {
        assert!(config.sinks.is_empty() && config.problems.is_empty());
    }
}

#[test]
fn each_sink_gets_what_it_asked_for() {
    let all = [
        halted("shop"),
        halted("other"),
        degraded("web", Some("shop"), "prod"),
        degraded("api", Some("shop"), "dev"),
        degraded("alone", None, "prod"),
        lost("eu-1"),
    ];
    let check = |lines: &str, expect: &str| {
        let messages = batch(&sink(lines), &all);
        let found: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        assert_eq!(found.join("; ").replace('\n', "+"), expect, "{lines}");
    };
    check("  on: [done]", "");
    check("  on: [halted]", "shop-2 halted: <b> & co; other-2 halted: <b> & co");
    check(
        "  on: [halted, clusterLost, degraded]\n  match: {sets: [sh*]}",
        "shop-2 halted: <b> & co; web is degraded+api is degraded; eu-1 is lost",
    );
    check(
        "  on: [degraded]\n  match: {clusters: {matchLabels: {env: prod}}}",
        "web is degraded+alone is degraded",
    );
    check("  on: [degraded]\n  match: {applications: [a*]}", "api is degraded+alone is degraded");
    check("  on: [degraded, halted]\n  match: {projects: [wholesale]}", "");
}

#[test]
fn a_fleet_that_is_lost_is_one_message_of_bounded_size() {
    let all: Vec<Told> = (0..500).map(|number| lost(&format!("c{number}"))).collect();
    let messages = batch(&sink("  on: [clusterLost]"), &all);
    let [message] = &messages[..] else { panic!("{} messages", messages.len()) };
    assert_eq!((message.count, message.entries.len()), (500, 50));
    assert_eq!(message.title, "500 clusters lost");
    assert!(message.text.ends_with("c9 is lost\nand 490 more"), "{}", message.text);
    let again = batch(&sink("  on: [clusterLost]"), &all);
    assert_eq!(again[0].id, message.id, "sent again it is known");
    assert_ne!(batch(&sink("  on: [clusterLost]"), &all[1..])[0].id, message.id);
}

fn shown(message: &Message, sink: &Sink) -> String {
    serde_json::to_string_pretty(&message.body(sink, at(100)).unwrap().0).unwrap()
}

#[test]
fn bodies_are_as_their_receivers_know_them() {
    let generic = sink("  on: [halted]");
    let message = batch(&generic, &[halted("shop")]).remove(0);
    expect![[r#"
        {
          "at": "1970-01-01T00:00:06Z",
          "count": 1,
          "entries": [
            {
              "at": "1970-01-01T00:00:06Z",
              "owners": [
                {
                  "kind": "ApplicationSet",
                  "name": "shop",
                  "namespace": "argocd"
                }
              ],
              "rollout": "shop-2",
              "text": "shop-2 halted: <b> & co",
              "what": "RolloutHalted"
            }
          ],
          "event": "halted",
          "id": "c20128f399150258d9dfa2c6cc2114be",
          "sink": "oncall",
          "text": "shop-2 halted: <b> & co",
          "title": "shop-2 halted: <b> & co",
          "version": 1
        }"#]]
    .assert_eq(&shown(&message, &generic));
    let slack = sink("  type: slack\n  on: [halted]");
    expect![[r#"
        {
          "blocks": [
            {
              "text": {
                "text": ":red_circle: shop-2 halted: &lt;b&gt; &amp; co",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "halted · rollout shop-2 · 1970-01-01 00:00:06Z",
                  "type": "mrkdwn"
                }
              ],
              "type": "context"
            }
          ],
          "text": "shop-2 halted: &lt;b&gt; &amp; co"
        }"#]]
    .assert_eq(&shown(&message, &slack));
    let own = sink(
        "  type: slack\n  on: [halted]\n  template: '*{{ .rollout }}* {{ .event | upper }}: {{ (index .entries 0).what }}'",
    );
    // Nothing but the text is another.
    let (said, own) = ("shop-2 halted: &lt;b&gt; &amp; co", shown(&message, &own));
    assert_eq!(own, shown(&message, &slack).replace(said, "*shop-2* HALTED: RolloutHalted"));
    let whole = sink(
        "  on: [halted]\n  template: 'x {{ .wave }}'\n  body: '{\"summary\": {{ .text | toJson }}, \"n\": {{ .count }}}'",
    );
    expect![[r#"
        {
          "n": 1,
          "summary": "x"
        }"#]]
    .assert_eq(&shown(&message, &whole));
}

#[test]
fn every_event_has_an_example_that_a_sink_would_get() {
    let words: Vec<&str> = Event::ALL.iter().map(|event| event.word()).collect();
    let all = sink(&format!("  on: [{}]", words.join(", ")));
    for event in Event::ALL {
        let message = crate::example(&all, event, at(9));
        let entry = &message.entries[0];
        assert_eq!(Event::of(entry.what), Some(event));
        assert_eq!(all.wants(entry, &Subject::default()), Some(event));
        assert_eq!(event.word().parse(), Ok(event));
        assert_eq!(json!(event), Value::String(event.word().into()));
    }
}

proptest! {
    #[test]
    fn no_configuration_panics_and_each_is_whole_or_refused(text in "(sinks:\n)?([-a-z{}\\[\\]:,'\" \n]{0,200})") {
        let config = read(&text);
        prop_assert!(config.sinks.is_empty() || config.problems.is_empty());
    }
}

#[test]
fn what_others_wrote_mentions_nobody_in_slack() {
    let check = |settings: &str, expect: &str| {
        let sink = sink(&format!("  type: slack\n  on: [halted]\n{settings}"));
        let mut message = batch(&sink, &[halted("shop")]).remove(0);
        message.entries[0].text = "Fix <!channel> & <https://evil|approve>".to_owned();
        message.entries[0].reason = "<@U1>".to_owned();
        message.text = message.entries[0].text.clone();
        let body = message.body(&sink, at(0)).unwrap();
        let text = [&body.0["text"], &body.0["blocks"][0]["text"]["text"]]
            .map(|text| text.as_str().unwrap_or_default());
        assert_eq!(text.join("\n"), expect, "{settings}");
    };
    let safe = "Fix &lt;!channel&gt; &amp; &lt;https://evil|approve&gt;";
    // The marks of the template are its own.
    check(
        "  template: '<!here> *{{ .text }}* {{ .reason }} {{ (index .entries 0).text }}'",
        &format!("<!here> *{safe}* &lt;@U1&gt; {safe}\n:red_circle: <!here> *{safe}* &lt;@U1&gt; {safe}"),
    );
    check("  body: '{\"text\": {{ .text | toJson }}}'", &format!("{safe}\n"));
    check(
        "  template: '<!here> {{ .text }}'\n  body: '{\"text\": {{ .text | toJson }}}'",
        &format!("<!here> {safe}\n"),
    );
    check("  body: '{\"text\": {{ .reason | toJson }}}'", "&lt;@U1&gt;\n");
}
