use crate::*;
use serde_json::json;
use std::time::Duration;

#[test]
fn durations_read_and_write_as_go() {
    for (text, seconds) in
        [("90s", 90.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1.5s", 1.5), ("0", 0.0), ("2d", 172_800.0)]
    {
        assert_eq!(parse_duration(text).unwrap(), Duration::from_secs_f64(seconds), "{text}");
    }
    for text in ["", "5", "m", "3 parsecs", "-1s"] {
        let error = parse_duration(text).unwrap_err().to_string();
        assert!(error.contains("a duration such as"), "{error}");
    }
    assert_eq!(duration(Duration::from_secs(3700)), "1h1m");
    assert_eq!(duration(Duration::from_millis(1500)), "1.5s");
}

#[test]
fn amounts_follow_argo_cd() {
    let check = |value, total, expected| {
        let amount: Amount = serde_json::from_value(value).unwrap();
        assert_eq!(amount.of(total), expected, "{amount} of {total}");
    };
    check(json!(3), 10, 3);
    check(json!("25%"), 10, 2);
    check(json!("1%"), 10, 1);
    check(json!("0%"), 10, 0);
    check(json!(0), 10, 0);
    check(json!("ten"), 10, 1);
}

#[test]
fn repository_addresses_hide_credentials_and_normalise() {
    let url = RepoUrl::new("https://user:hunter2@Git.Example.com/team/app.git/");
    assert_eq!(url.to_string(), "https://Git.Example.com/team/app.git/");
    assert_eq!(url.normalized(), "https://git.example.com/team/app");
    assert!(!format!("{url:?}").contains("hunter2"));
    for url in [
        "git@Git.example.com:team/app.git",
        "ssh://git@git.example.com/team/app",
        "git.example.com:team/app/",
    ] {
        assert_eq!(RepoUrl::new(url).normalized(), "ssh://git.example.com/team/app", "{url}");
    }
    assert_eq!(RepoUrl::new("/srv/a:b").normalized(), "/srv/a:b");
}

#[test]
fn a_release_is_named_by_what_changes_the_cluster() {
    let spec = ReleaseSpec {
        application: AppKey::new("argocd", "web"),
        bundle: Digest::of(b"a"),
        bundle_bytes: 1,
        namespace: "web".into(),
        project: "default".into(),
        sync_policy: SyncPolicy::default(),
        ignore_differences: Vec::new(),
        self_heal: false,
        prune: false,
        revisions: Vec::new(),
        versions: Vec::new(),
    };
    let commit: CommitId = "a".repeat(40).parse().unwrap();
    let seen =
        ReleaseSpec { revisions: vec![commit.clone()], versions: vec!["1.2.3".into()], ..spec.clone() };
    assert_eq!(spec.id(), seen.id());
    assert_eq!(seen.shown(), ["1.2.3"]);
    assert_eq!(ReleaseSpec { versions: Vec::new(), ..seen.clone() }.shown(), [commit.to_string()]);
    // As agents read it from before there were charts.
    #[derive(serde::Deserialize)]
    struct Before {
        revisions: Vec<CommitId>,
    }
    let digest: CommitId = "b".repeat(64).parse().unwrap();
    let chart = ReleaseSpec { revisions: vec![digest.clone()], ..seen };
    let before: Before = serde_json::from_value(serde_json::to_value(chart).unwrap()).unwrap();
    assert_eq!(before.revisions, [digest]);
    assert_ne!(spec.id(), ReleaseSpec { prune: true, ..spec.clone() }.id());
    assert_ne!(spec.id(), ReleaseSpec { bundle: Digest::of(b"b"), ..spec }.id());
}

#[test]
fn unsupported_fields_are_named_with_a_remedy() {
    let object = json!({"spec": {
        "sourceHydrator": {"drySource": {}},
        "sources": [{"repoURL": "x"}, {"repoURL": "x", "helm": {"values": "a: b"}, "plugin": {"name": "a"}}],
        "info": [],
    }});
    let paths: Vec<_> = unsupported::application(&object).into_iter().map(|field| field.path).collect();
    assert_eq!(paths, ["spec.sourceHydrator", "spec.sources[1].plugin"]);
}

#[test]
fn policies_say_what_is_wrong() {
    let policy: RolloutPolicySpec = serde_json::from_value(json!({"waves": [
        {"name": "canary", "match": {"matchExpressions": [{"key": "ring", "operator": "Equals", "values": ["canary"]}]}},
        {"name": "canary", "take": 0, "maxUpdate": "many"},
    ]}))
    .unwrap();
    let problems = policy.problems().join("\n");
    for part in [
        "waves[0].match.matchExpressions[0].operator",
        "waves[1].name",
        "waves[1].take",
        "waves[1].maxUpdate",
    ] {
        assert!(problems.contains(part), "{problems}");
    }
}

#[test]
fn pauses_end_by_duration() {
    let at: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let pause =
        PauseRequest { duration: Some(Duration::from_secs(60)), at: Some(at), ..PauseRequest::default() };
    assert!(pause.is_active(at + Duration::from_secs(59)));
    assert!(!pause.is_active(at + Duration::from_secs(60)));
    assert!(PauseRequest { duration: None, ..pause }.is_active(at + Duration::from_secs(1_000_000)));
}

#[test]
fn tokens_survive_their_text_and_errors_keep_the_secret() {
    let token = JoinToken { id: "eu-1-x7".into(), secret: "s3cr3t".into(), authority: "ab".repeat(32) };
    assert_eq!(token.to_string().parse::<JoinToken>().unwrap(), token);
    assert!(!format!("{token:?}").contains("s3cr3t"));
    let error = "flt1.eu-1.s3cr3t".parse::<JoinToken>().unwrap_err().to_string();
    assert!(error.contains("flotilla cluster token") && !error.contains("s3cr3t"), "{error}");
}
