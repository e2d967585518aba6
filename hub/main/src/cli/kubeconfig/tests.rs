use super::read;

fn check(text: &str, part: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, text).unwrap();
    let Err(error) = read(Some(path)) else { panic!("read: {text}") };
    let error = format!("{error:#}");
    assert!(error.contains(part), "{error}");
}

const CONFIG: &str = "
current-context: flotilla
contexts: [{name: flotilla, context: {cluster: hub, user: admin}}]
clusters: [{name: hub, cluster: {server: 'https://127.0.0.1:8443/', certificate-authority-data: Y2E=}}]
users: [{name: admin, user: {token: t0ken}}]
";

#[test]
fn the_way_to_a_hub_is_its_current_context() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, CONFIG).unwrap();
    let way = read(Some(path)).unwrap();
    assert_eq!(
        (way.server.as_str(), way.token.as_str(), &way.authority_pem[..]),
        ("https://127.0.0.1:8443", "t0ken", &b"ca"[..])
    );
}

#[test]
fn what_is_missing_is_said_with_its_remedy() {
    check(&CONFIG.replace("user: {token: t0ken}", "user: {}"), "user admin has no token");
    check(
        &CONFIG.replace("current-context: flotilla", "current-context: other"),
        "there is no context `other`",
    );
    check(&CONFIG.replace(", certificate-authority-data: Y2E=", ""), "admin.kubeconfig");
    check("a: [", "a value is expected here");
    let Err(error) = read(None) else { panic!("no path was needed") };
    assert!(error.to_string().contains("export KUBECONFIG="), "{error}");
}
