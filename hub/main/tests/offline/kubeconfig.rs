//! Kubeconfigs, exit codes and the arguments of commands that ask a hub, with no hub.

use super::{Place, command};

const CONFIG: &str = "apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: one, user: ada}}
- {name: cloud, context: {cluster: one, user: cloud}}
clusters:
- {name: one, cluster: {server: 'https://127.0.0.1:1', certificate-authority: ca.pem}}
users:
- {name: ada, user: {token: t0ken}}
- {name: cloud, user: {exec: {command: aws}}}
";

const CA: &str = include_str!("authority.pem");

#[track_caller]
fn check(place: &Place, environment: &[(&str, &str)], line: &str, code: i32, parts: &[&str]) {
    let output = command(place.0.path(), line).envs(environment.iter().copied()).output().expect("it starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{line}\n{said}");
    for part in parts {
        assert!(said.contains(part), "{line}: {part} in {said}");
    }
    assert!(!said.contains("t0ken"), "{line}: the token is in {said}");
}

#[test]
fn a_way_is_found_as_kubectl_finds_it() {
    let place = Place::new(&[
        ("config", CONFIG),
        ("ca.pem", CA),
        ("second/config", &CONFIG.replace("one", "two")),
        ("second/ca.pem", CA),
    ]);
    let several = [("KUBECONFIG", "gone:config:second/config")];
    let away = "cannot be reached; is `flotilla hub` running there? context";
    check(&place, &several, "app list", 1, &[away, "context one of config", "--context chooses another"]);
    check(&place, &several, "app list --context two", 1, &[away, "context two of second/config"]);
    check(
        &place,
        &several,
        "app list --context three",
        1,
        &["has no context `three` (it has one, cloud, two)"],
    );
    check(&place, &several, "app list --kubeconfig config --context two", 1, &["(it has one, cloud)"]);
    check(
        &place,
        &several,
        "cluster get eu-1 --context cloud",
        1,
        &["a program gives its credentials (exec)"],
    );
    check(
        &place,
        &[],
        "app list",
        1,
        &["there is no kubeconfig", ".kube/config: `flotilla login --server URL`"],
    );
    place.write(&[(".kube/config", CONFIG), (".kube/ca.pem", CA)]);
    check(&place, &[], "app list", 1, &[away, ".kube/config leads there"]);
    check(&place, &[("KUBECONFIG", "")], "app list", 1, &[away]);
}

#[test]
fn wrong_command_lines_are_told_from_what_failed() {
    let place = Place::new(&[]);
    for (line, part) in [
        ("app get", "<NAME>"),
        ("app get web -o xml", "possible values: table, wide, json, yaml, name"),
        ("app list -n a -A", "cannot be used with"),
        ("app wait", "<NAME>"),
        ("app wait web -l a=b", "cannot be used with"),
        ("app wait web --revision main", "git rev-parse HEAD"),
        ("app wait web --timeout soon", "--timeout"),
        ("cluster observe", "<NAME>"),
        ("login", "--server <URL>"),
        ("login --server http://hub", "write https://HOST:PORT"),
        ("login --server https://hub --ca-fingerprint abc", "the 64 hex digits"),
        ("login --server https://hub --ca a --ca-fingerprint b", "--ca-fingerprint"),
        ("login --server https://hub --set-current=perhaps", "possible values: true, false"),
    ] {
        check(&place, &[], line, 2, &[part]);
    }
    check(&place, &[], "app wait --help", 0, &["124 not in --timeout"]);
    check(&place, &[], "--help", 0, &["124  `app wait`", "130  interrupted", "3    `rollout watch`"]);
}

#[test]
fn a_login_that_does_not_come_about_writes_nothing() {
    let place = Place::new(&[("broken", "a: ["), ("token", "t0ken\n"), ("ca.pem", CA), ("other", CONFIG)]);
    let away = "login --server https://127.0.0.1:1 --token-file token";
    check(&place, &[], away, 1, &["cannot be reached", "curl -k https://127.0.0.1:1/readyz"]);
    check(&place, &[], &format!("{away} --ca ca.pem"), 1, &["cannot be reached"]);
    check(&place, &[], &format!("{away} --ca gone.pem"), 1, &["--ca gone.pem"]);
    check(&place, &[], &format!("{away} --ca ca.pem --kubeconfig broken"), 1, &["kubeconfig broken"]);
    let named = CONFIG.replace("name: one, context", "name: flotilla, context");
    place.write(&[("other", &named)]);
    let line = "login --server https://127.0.0.1:2 --token-file token --ca ca.pem --kubeconfig other";
    check(&place, &[], line, 1, &["context flotilla leads to https://127.0.0.1:1: give --context NAME"]);
    check(&place, &[], &format!("{line} --context flotilla"), 1, &["cannot be reached"]);
    assert!(!place.path(".kube").exists());
    assert_eq!(std::fs::read_to_string(place.path("other")).expect("it is there"), named);
}
