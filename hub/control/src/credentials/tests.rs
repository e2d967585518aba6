use super::*;
use crate::tests::{index, records};
use jiff::Timestamp;
use serde_json::json;

fn secret(name: &str, kind: &str, fields: &Value) -> (Kind, Value) {
    let labels = json!({TYPE: kind});
    let metadata = json!({"name": name, "namespace": "argocd", "labels": labels});
    (Kind::Secret, json!({"metadata": metadata, "stringData": fields}))
}

fn map(name: &str, data: &Value) -> (Kind, Value) {
    (Kind::ConfigMap, json!({"metadata": {"name": name, "namespace": "argocd"}, "data": data}))
}

async fn indexed(objects: impl IntoIterator<Item = (Kind, Value)>) -> Index {
    let records = records();
    for (kind, object) in objects {
        records.create(kind, object, Timestamp::UNIX_EPOCH).await.unwrap();
    }
    index(&records).await
}

fn check(index: &Index, url: &str, expect: Option<&Credentials>) {
    assert!(find(index, &RepoUrl::new(url)).as_ref() == expect, "{url}");
}

fn basic(password: &str) -> Credentials {
    Credentials::basic("x-access-token", password)
}

#[tokio::test]
async fn the_most_exact_wins() {
    let index = indexed([
        secret("forge", "repo-creds", &json!({"url": "https://git.example.com", "password": "forge"})),
        secret("team", "repo-creds", &json!({"url": "https://git.example.com/team", "password": "team"})),
        secret(
            "app",
            "repository",
            &json!({"url": "https://git.example.com/team/app.git", "bearerToken": "app"}),
        ),
        secret("bare", "repository", &json!({"url": "https://git.example.com/team/bare"})),
    ])
    .await;
    check(&index, "https://git.example.com/team/app", Some(&Credentials::bearer("app")));
    check(&index, "https://git.example.com/team/other", Some(&basic("team")));
    check(&index, "https://git.example.com/team/bare", Some(&basic("team")));
    check(&index, "https://git.example.com/else", Some(&basic("forge")));
    check(&index, "https://elsewhere.example.com/x", None);
}

#[tokio::test]
async fn a_login_is_for_no_neighbour() {
    let index = indexed([
        secret("host", "repo-creds", &json!({"url": "https://git.example.com/", "password": "host"})),
        secret("org", "repo-creds", &json!({"url": "https://github.com/org", "password": "org"})),
        secret("ssh", "repo-creds", &json!({"url": "git@git.example.com:team/", "sshPrivateKey": "pem"})),
    ])
    .await;
    check(&index, "https://git.example.com/x", Some(&basic("host")));
    check(&index, "https://github.com/org/x", Some(&basic("org")));
    check(&index, "git@git.example.com:team/x", Some(&Credentials::ssh_key("pem")));
    for neighbour in [
        "https://git.example.com.evil.io/x",
        "https://git.example.com:4444/x",
        "https://git.example.community/x",
        "https://github.com/org-evil/x",
        "git@git.example.com:team-evil/x",
        "ssh://git@git.example.com:2222/team/x",
    ] {
        check(&index, neighbour, None);
        let module = RepoUrl::new(neighbour);
        assert!(!is_named(&index, &module), "{neighbour} as a submodule");
    }
}

#[tokio::test]
async fn only_secrets_of_our_own_namespace_count_and_case_does_not() {
    let (kind, mut theirs) =
        secret("theirs", "repo-creds", &json!({"url": "https://github.com/org", "proxy": "http://theirs:1"}));
    theirs["metadata"]["namespace"] = json!("team");
    let ours = secret("ours", "repo-creds", &json!({"url": "https://GitHub.com/Org", "password": "ours"}));
    let index = indexed([(kind, theirs), ours]).await;
    check(&index, "https://github.com/org/app", Some(&basic("ours")));
    check(&index, "https://github.com/ORG/app.git", Some(&basic("ours")));
    assert!(is_named(&index, &RepoUrl::new("https://github.com/org/app")));
}

#[tokio::test]
async fn settings_come_with_the_login_or_alone() {
    let index = indexed([
        secret(
            "forge",
            "repo-creds",
            &json!({
                "url": "https://git.example.com", "password": "forge", "insecure": "false",
                "tlsClientCertData": "chain", "tlsClientCertKey": "key",
            }),
        ),
        secret(
            "app",
            "repository",
            &json!({
                "url": "https://git.example.com/app", "insecure": "true",
                "proxy": "http://proxy:3128", "noProxy": "localhost",
            }),
        ),
        secret("open", "repository", &json!({"url": "https://open.example.com/a", "insecure": "true"})),
    ])
    .await;
    let forge = || basic("forge").with_client_certificate("chain", "key");
    check(&index, "https://git.example.com/other", Some(&forge()));
    let app = forge().insecure().through_proxy("http://proxy:3128", "localhost");
    check(&index, "https://git.example.com/app.git", Some(&app));
    check(&index, "https://open.example.com/a", Some(&Credentials::none().insecure()));
}

#[tokio::test]
async fn keys_and_known_hosts() {
    let index = indexed([
        secret("team", "repo-creds", &json!({"url": "git@git.example.com:team", "sshPrivateKey": "pem"})),
        map(KNOWN_HOSTS, &json!({"ssh_known_hosts": "git.example.com ssh-ed25519 AAAA"})),
    ])
    .await;
    let known = || Credentials::none().with_known_hosts("git.example.com ssh-ed25519 AAAA");
    let team = Credentials::ssh_key("pem").with_known_hosts("git.example.com ssh-ed25519 AAAA");
    check(&index, "git@git.example.com:team/app.git", Some(&team));
    check(&index, "ssh://git@git.example.com/team/app", Some(&team));
    check(&index, "git@git.example.com:other/app", Some(&known()));
    check(&index, "https://git.example.com/team/app", None);
}

#[tokio::test]
async fn github_apps() {
    let index = indexed([secret(
        "org",
        "repo-creds",
        &json!({
            "url": "https://github.com/org", "githubAppID": "7", "githubAppPrivateKey": "pem",
            "githubAppInstallationID": "9", "type": "git",
        }),
    )])
    .await;
    let app = Credentials::github_app("7", Some("9".to_owned()), "pem", None);
    check(&index, "https://github.com/org/app.git", Some(&app));
}

#[tokio::test]
async fn authorities_are_those_of_the_host() {
    let index = indexed([map(AUTHORITIES, &json!({"git.example.com": "pem", "::1": "six"}))]).await;
    let trusting = |pem: &str| Credentials::none().with_authorities(pem);
    check(&index, "https://Git.example.com:8443/team/app", Some(&trusting("pem")));
    check(&index, "https://[::1]:8443/app", Some(&trusting("six")));
    check(&index, "https://example.com/team/app", None);
}

fn at(repository: &str, chart: &str) -> RepoUrl {
    Address::of_source(repository, chart, false).unwrap().to_url()
}

#[tokio::test]
async fn charts_are_read_with_the_login_of_their_repository() {
    let index = indexed([
        secret(
            "charts",
            "repository",
            &json!({"type": "helm", "url": "https://charts.example.com/stable/", "username": "me", "password": "charts"}),
        ),
        secret(
            "registry",
            "repository",
            &json!({"type": "helm", "enableOCI": "true", "url": "registry.example.com:5000/charts", "password": "registry"}),
        ),
        secret(
            "one",
            "repository",
            &json!({"type": "oci", "url": "oci://registry.example.com:5000/charts/one", "bearerToken": "one"}),
        ),
        secret(
            "ghcr",
            "repo-creds",
            &json!({"type": "helm", "enableOCI": "true", "url": "ghcr.io/org", "password": "org"}),
        ),
        secret("forge", "repo-creds", &json!({"url": "https://charts.example.com", "sshPrivateKey": "pem"})),
        secret(
            "lab",
            "repository",
            &json!({"type": "oci", "url": "oci://lab:5000/x", "insecureOCIForceHttp": "true", "insecure": "true"}),
        ),
        map("argocd-tls-certs-cm", &json!({"registry.example.com": "authority"})),
    ])
    .await;
    let check = |url: &RepoUrl, expect: Option<&Credentials>| {
        assert!(find(&index, url).as_ref() == expect, "{url}");
    };
    let stable = Credentials::basic("me", "charts");
    check(&at("https://charts.example.com/stable", "web"), Some(&stable));
    // A key of Git is no login for charts.
    check(&at("https://charts.example.com/other", "web"), None);
    let trusted = |credentials: Credentials| credentials.with_authorities("authority");
    check(&at("registry.example.com:5000/charts", "web"), Some(&trusted(basic("registry"))));
    check(&at("oci://registry.example.com:5000/charts/web", ""), Some(&trusted(basic("registry"))));
    check(&at("registry.example.com:5000/charts", "one"), Some(&trusted(Credentials::bearer("one"))));
    check(&at("registry.example.com:5000/charts", "deeper/web"), Some(&trusted(basic("registry"))));
    check(&at("registry.example.com:5000/charts-of-others", "web"), Some(&trusted(Credentials::none())));
    check(&at("registry.example.com/charts", "web"), Some(&trusted(Credentials::none())));
    check(&at("ghcr.io/org/sub", "web"), Some(&basic("org")));
    check(&at("ghcr.io/org-of-others", "web"), None);
    check(&at("oci://lab:5000/x", "web"), Some(&Credentials::none().insecure().plain_http()));
    let file = Address::file("https://charts.example.com/stable/values.yaml").unwrap();
    check(&file.to_url(), None);
}

#[tokio::test]
async fn repositories_of_charts_have_names() {
    let index = indexed([
        secret("a", "repository", &json!({"type": "helm", "name": "stable", "url": "https://charts.example.com/stable"})),
        secret(
            "b",
            "repository",
            &json!({"type": "helm", "name": "ours", "url": "https://registry.example.com/x", "enableOCI": "true"}),
        ),
        secret("c", "repository", &json!({"type": "git", "name": "git", "url": "https://git.example.com/x"})),
    ])
    .await;
    let check = |repository: &str, expect: &str| {
        let got = chart(&index, repository, "web");
        let got = got.map_or_else(|err| err.to_string(), |named| named.address.to_url().to_string());
        assert_eq!(got, expect, "{repository}");
    };
    check("@stable", "helm+https://charts.example.com/stable#web");
    check("alias:stable", "helm+https://charts.example.com/stable#web");
    check("alias:ours", "oci://registry.example.com/x/web");
    check("https://registry.example.com/x/", "oci://registry.example.com/x/web");
    check("https://other.example.com/x", "helm+https://other.example.com/x#web");
    check("other.example.com/x", "oci://other.example.com/x/web");
    let called = |repository: &str| {
        let called = chart(&index, repository, "web").unwrap().called;
        called
            .iter()
            .map(ToString::to_string)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(called("@stable"), ["https://charts.example.com/stable"]);
    let registry = [
        "https://registry.example.com/x",
        "oci://registry.example.com/x",
        "oci://registry.example.com/x/web",
        "registry.example.com/x",
        "registry.example.com/x/web",
    ];
    assert_eq!(called("alias:ours"), registry);
    assert_eq!(called("registry.example.com/x"), registry[1..]);
    assert_eq!(called("oci://registry.example.com/x"), registry[1..]);
    let unnamed = "is no usable repository address: no repository Secret of `type: helm` has that `name`";
    check("@git", &format!("@git {unnamed}"));
    check("@none", &format!("@none {unnamed}"));
}
