use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-06-01T00:00:00Z")
}

fn introducing() -> (Phase, Vec<String>) {
    (Phase::Introducing { since: now(), by: "ada".into() }, vec!["old".into(), "new".into()])
}

fn replacing() -> (Phase, Vec<String>) {
    (Phase::Replacing { since: now(), by: "ada".into() }, vec!["new".into(), "old".into()])
}

fn member(name: &str, change: impl FnOnce(&mut Member)) -> Member {
    let identity = Identity {
        cluster_uid: "u".into(),
        authority: "old".into(),
        trusts: vec!["old".into()],
        expires_at: Some(at("2026-06-20T00:00:00Z")),
        ..Identity::default()
    };
    let mut member = Member { cluster: ClusterName::new(name), connected: true, identity };
    change(&mut member);
    member
}

fn token(id: &str, change: impl FnOnce(&mut Pending)) -> Pending {
    let spec = EnrollmentTokenSpec {
        cluster: "eu-9".into(),
        authority: "old".into(),
        expires: Some(at("2026-06-02T00:00:00Z")),
        ..EnrollmentTokenSpec::default()
    };
    let mut token = Pending { id: id.into(), spec, made: Some(at("2026-05-31T00:00:00Z")) };
    change(&mut token);
    token
}

#[track_caller]
fn check(
    (phase, fingerprints): (Phase, Vec<String>),
    members: Vec<Member>,
    tokens: Vec<Pending>,
    expect: &[&str],
) {
    let waits = wait(&phase, &fingerprints, members, tokens, now());
    assert_eq!(waits.lines(), expect);
    assert_eq!(waits.is_empty(), expect.is_empty());
}

#[test]
fn each_cluster_that_may_connect_is_waited_for_by_name() {
    check(introducing(), Vec::new(), Vec::new(), &[]);
    check(
        introducing(),
        vec![
            member("eu-1", |_| {}),
            member("eu-2", |member| member.connected = false),
            member("eu-3", |member| member.identity.trusts.push("new".into())),
        ],
        Vec::new(),
        &[
            "eu-1: to confirm that it trusts the new authority",
            "eu-2, which is not connected: to confirm that it trusts the new authority",
        ],
    );
    check(
        replacing(),
        vec![
            member("eu-1", |member| member.identity.trusts.push("new".into())),
            member("eu-3", |member| member.identity.authority = "new".into()),
        ],
        Vec::new(),
        &["eu-1: to use a certificate of the new authority"],
    );
}

#[test]
fn one_that_has_to_join_again_anyhow_is_not() {
    let revoked = member("eu-1", |member| member.identity.revoke("ada", "", now()));
    let long_gone = member("eu-2", |member| member.identity.expires_at = Some(at("2026-02-01T00:00:00Z")));
    let expired = member("eu-3", |member| member.identity.expires_at = Some(at("2026-05-01T00:00:00Z")));
    check(
        introducing(),
        vec![revoked, long_gone, expired],
        Vec::new(),
        &["eu-3: to confirm that it trusts the new authority"],
    );
}

#[test]
fn the_old_authority_stays_for_as_long_as_a_token_names_it() {
    let tokens = || {
        vec![
            token("t1", |_| {}),
            token("t2", |token| token.spec.authority = "new".into()),
            token("t3", |token| token.spec.expires = Some(at("2026-05-31T00:00:00Z"))),
            token("t4", |token| {
                token.spec.authority.clear();
                token.spec.expires = None;
            }),
            token("t5", |token| {
                token.spec.authority.clear();
                token.made = Some(at("2026-06-01T00:00:01Z"));
            }),
        ]
    };
    check(introducing(), Vec::new(), tokens(), &[]);
    check(
        replacing(),
        Vec::new(),
        tokens(),
        &[
            "token t1 for eu-9: to be used, to expire (at 2026-06-02T00:00:00Z), or `kubectl delete enrollmenttoken t1`; it names the old authority",
            "token t4 for eu-9: to be used, to expire (never), or `kubectl delete enrollmenttoken t4`; it names the old authority",
        ],
    );
}
