use super::{files, way};
use std::path::PathBuf;
use tempfile::TempDir;

const CONFIG: &str = "
current-context: flotilla
contexts: [{name: flotilla, context: {cluster: hub, user: admin}}]
clusters: [{name: hub, cluster: {server: 'https://127.0.0.1:8443/', certificate-authority-data: Y2E=}}]
users: [{name: admin, user: {token: t0ken}}]
";

fn written(texts: &[(&str, &str)]) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let paths = texts.iter().map(|(name, text)| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    });
    let paths = paths.collect();
    (folder, paths)
}

/// What is found in files, or why nothing is: `SERVER AUTHORITY TOKEN`, or the error.
fn found(texts: &[(&str, &str)], context: Option<&str>) -> String {
    let (_folder, paths) = written(texts);
    match files(&paths).and_then(|files| way(&files, context)) {
        Ok(way) => format!("{} {} {}", way.server, String::from_utf8_lossy(&way.authority_pem), way.token),
        Err(error) => format!("{error:#}"),
    }
}

fn check(text: &str, part: &str) {
    let said = found(&[("config", text)], None);
    assert!(said.contains(part), "{said}");
}

#[test]
fn the_way_to_a_hub_is_its_current_context() {
    check(CONFIG, "https://127.0.0.1:8443 ca t0ken");
}

#[test]
fn what_is_missing_is_said_with_its_remedy() {
    check(&CONFIG.replace("user: {token: t0ken}", "user: {}"), "the user has no token: it has none");
    check(
        &CONFIG.replace("current-context: flotilla", "current-context: other"),
        "has no context `other` (it has flotilla); `flotilla login --server URL`",
    );
    check(&CONFIG.replace("current-context: flotilla", ""), "has no current context: name one by --context");
    check(&CONFIG.replace(", certificate-authority-data: Y2E=", ""), "admin.kubeconfig");
    check(
        &CONFIG.replace("certificate-authority-data: Y2E=", "insecure-skip-tls-verify: true"),
        "is refused",
    );
    check("a: [", "a value is expected here");
    let error = files(&[PathBuf::from("/nowhere/config")]).unwrap_err().to_string();
    assert!(error.contains("there is no kubeconfig /nowhere/config: `flotilla login"), "{error}");
}

#[test]
fn what_is_no_bearer_token_is_refused_by_its_name() {
    let of = |user: &str| CONFIG.replace("user: {token: t0ken}", &format!("user: {user}"));
    check(&of("{exec: {command: aws}}"), "a program gives its credentials (exec)");
    check(&of("{client-certificate-data: Y2E=, client-key-data: Y2E=}"), "by a client certificate");
    check(&of("{username: a, password: b}"), "by a password");
    check(&of("{auth-provider: {name: gcp}}"), "an auth-provider");
}

#[test]
fn of_several_files_the_first_counts() {
    let other = "
current-context: prod
contexts: [{name: prod, context: {cluster: hub, user: eve}}, {name: flotilla, context: {cluster: none, user: none}}]
clusters: [{name: hub, cluster: {server: 'https://prod'}}]
users: [{name: eve, user: {token: other}}, {name: admin, user: {token: wrong}}]
";
    let both = [("a", CONFIG), ("b", other)];
    assert_eq!(found(&both, None), "https://127.0.0.1:8443 ca t0ken");
    assert_eq!(found(&both, Some("prod")), "https://127.0.0.1:8443 ca other");
    let (folder, mut paths) = written(&both);
    paths.insert(0, folder.path().join("gone"));
    assert_eq!(way(&files(&paths).unwrap(), None).unwrap().token, "t0ken");
}

#[test]
fn paths_are_relative_to_their_file() {
    let text = CONFIG
        .replace("certificate-authority-data: Y2E=", "certificate-authority: ca.pem")
        .replace("user: {token: t0ken}", "user: {tokenFile: token, token: before}");
    let said = found(&[("config", &text), ("ca.pem", "the: ca"), ("token", "from-file\n")], None);
    assert_eq!(said, "https://127.0.0.1:8443 the: ca from-file");
    check(&text, "certificate-authority");
}
