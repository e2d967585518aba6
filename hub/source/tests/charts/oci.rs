//! Registries of OCI, as far as they are asked: logging in, pages of tags, what is pinned.

use crate::*;
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// Of `/token`, for `me`.
const TOKEN: &str = "Bearer t0ken";

fn manifest(kind: &str, bytes: &[u8]) -> Vec<u8> {
    let layer =
        json!({"mediaType": kind, "digest": format!("sha256:{}", digest(bytes)), "size": bytes.len()});
    json!({"schemaVersion": 2, "layers": [layer]}).to_string().into_bytes()
}

fn oci(web: &Web, name: &str) -> RepoUrl {
    Address::oci(&format!("{}/{name}", web.host()), "").unwrap().to_url()
}

/// A registry with one chart in some versions, two tags to a page, open to everybody.
fn registry(versions: &'static [&'static str]) -> impl Fn(&Asked) -> Said + Send + Sync + 'static {
    move |asked| {
        let path = asked.path.split('?').next().unwrap_or_default();
        let rest = path.strip_prefix("/v2/").unwrap_or("?");
        if rest.is_empty() {
            return Said::ok("{}");
        }
        let Some(rest) = rest.strip_prefix("charts/web/") else { return Said::of(404) };
        if let Some(tag) = rest.strip_prefix("manifests/") {
            let found = versions.iter().find(|version| {
                **version == tag || tag == format!("sha256:{}", digest(&manifest(CHART, version.as_bytes())))
            });
            return found.map_or(Said::of(404), |version| Said::ok(manifest(CHART, version.as_bytes())));
        }
        if let Some(wanted) = rest.strip_prefix("blobs/sha256:") {
            let found = versions.iter().find(|version| digest(version.as_bytes()).as_str() == wanted);
            return found.map_or(Said::of(404), |version| Said::ok(*version));
        }
        let after = asked.path.split_once("last=").map_or("", |(_, last)| last);
        let from = versions.iter().position(|version| *version == after).map_or(0, |at| at + 1);
        let page: Vec<_> = versions[from..].iter().take(2).collect();
        let said = Said::ok(json!({"name": "charts/web", "tags": page}).to_string());
        match page.last().filter(|last| ***last != versions[versions.len() - 1]) {
            Some(last) => {
                said.with("Link", format!("</v2/charts/web/tags/list?n=2&last={last}>; rel=\"next\""))
            }
            None => said,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_versions() {
    const VERSIONS: &[&str] = &["0.9.0", "1.0.0", "1.2.0_build.7", "1.10.0", "2.0.0-rc.1", "latest"];
    let web = Web::start(None, registry(VERSIONS));
    let (fixture, none) = (Fixture::new(), Credentials::none().plain_http());
    let url = oci(&web, "charts/web");
    for (version, expect) in [
        ("1.0.0", "1.0.0"),
        ("v1.0.0", "1.0.0"),
        ("1.2.0+build.7", "1.2.0_build.7"),
        ("1.2", "1.2.0_build.7"),
        ("latest", "latest"),
        ("", "1.10.0"),
        ("1.x", "1.10.0"),
        (">=1.0.0-0", "2.0.0-rc.1"),
        (&format!("sha256:{}", digest(&manifest(CHART, b"0.9.0"))), "0.9.0"),
    ] {
        let commit = digest(expect.as_bytes());
        assert_eq!(fixture.resolve(&url, version, &none).await, commit.as_str(), "{version}");
        assert_eq!(fixture.fetch(&url, version, &commit, &none).await, commit.as_str());
    }
    let label = fixture.charts.describe(&digest(b"1.2.0_build.7")).unwrap();
    assert_eq!((label.name.as_str(), label.version.as_str(), label.chart), ("web", "1.2.0+build.7", true));
    web.asked();
    fixture.resolve(&url, "1.0.0", &none).await;
    assert_eq!(web.paths(), ["/v2/charts/web/manifests/1.0.0"], "an exact version is one question");
    let missing = fixture.resolve(&url, "3.x", &none).await;
    assert!(
        missing.ends_with("no version is in that range; versions there: latest, 2.0.0-rc.1, 1.10.0, 1.2.0+build.7, 1.0.0 and 1 more"),
        "{missing}"
    );
    let missing = fixture.resolve(&url, &format!("sha256:{}", "0".repeat(64)), &none).await;
    assert!(missing.ends_with("the registry has no such manifest"), "{missing}");
    let nowhere = fixture.resolve(&oci(&web, "charts/db"), "1.x", &none).await;
    assert!(nowhere.starts_with("no repository at"), "{nowhere}");
    let gone = fixture.fetch(&url, "1.0.0", &digest(b"other"), &none).await;
    assert!(gone.contains("the registry does not have it any more"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_on_this_machine_may_be_without_tls() {
    let web = Web::start(None, registry(&["1.0.0"]));
    let fixture = Fixture::new();
    let url = oci(&web, "charts/web");
    assert_eq!(fixture.resolve(&url, "1.0.0", &Credentials::none()).await, digest(b"1.0.0").as_str());
    let nobody = Address::oci("localhost:1/charts/web", "").unwrap().to_url();
    let err = fixture.resolve(&nobody, "1.0.0", &Credentials::none()).await;
    assert!(err.starts_with("cannot reach oci://localhost:1/charts/web"), "{err}");
}

/// A registry that wants a token, from a place that takes a login.
fn with_tokens(count: Arc<AtomicUsize>) -> impl Fn(&Asked) -> Said + Send + Sync + 'static {
    let open = registry(&["1.0.0"]);
    move |asked| {
        let host = asked.header("host").to_owned();
        let given = asked.header("authorization");
        if asked.path.starts_with("/token?") {
            count.fetch_add(1, Ordering::AcqRel);
            assert!(asked.path.contains("service=registry"), "{}", asked.path);
            assert!(asked.path.contains("scope=repository%3Acharts%2Fweb%3Apull"), "{}", asked.path);
            return match given {
                BASIC => Said::ok(json!({"token": "t0ken", "expires_in": 300}).to_string()),
                "" => Said::ok(json!({"access_token": "nobody"}).to_string()),
                _ => Said::of(401),
            };
        }
        match given {
            TOKEN => open(asked),
            "Bearer nobody" => Said::of(403),
            _ => Said::of(401).with(
                "WWW-Authenticate",
                format!("Bearer realm=\"http://{host}/token\",service=\"registry\",scope=\"repository:charts/web:pull\""),
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_got_with_the_login_and_used_until_they_end() {
    let tokens = Arc::new(AtomicUsize::new(0));
    let web = Web::start(None, with_tokens(Arc::clone(&tokens)));
    let fixture = Fixture::new();
    let url = oci(&web, "charts/web");
    let me = me().plain_http();
    let commit = digest(b"1.0.0");
    for _ in 0..3 {
        assert_eq!(fixture.resolve(&url, "1.0.0", &me).await, commit.as_str());
    }
    assert_eq!(fixture.fetch(&url, "1.0.0", &commit, &me).await, commit.as_str());
    assert_eq!(tokens.load(Ordering::Acquire), 1);
    for asked in web.asked().iter().filter(|asked| !asked.path.starts_with("/token")) {
        assert!(!asked.header("authorization").starts_with("Basic"), "the login goes where tokens are only");
    }
    let nobody = fixture.resolve(&url, "1.0.0", &Credentials::none().plain_http()).await;
    assert!(nobody.contains("refused to be read without credentials"), "{nobody}");
    let wrong = fixture.resolve(&url, "1.0.0", &Credentials::basic("me", "other").plain_http()).await;
    assert!(wrong.contains("refused to be read with the given credentials"), "{wrong}");
    // A token that people were given is shown as it is.
    let given = Credentials::bearer("t0ken").plain_http();
    assert_eq!(fixture.resolve(&url, "1.0.0", &given).await, commit.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_may_be_asked_for_as_it_is_and_goes_nowhere_else() {
    let stranger = Web::start(None, |_| Said::ok("1.0.0"));
    let to = format!("{}/blob", stranger.url());
    let open = registry(&["1.0.0"]);
    let web = Web::start(None, move |asked| match asked.header("authorization") {
        BASIC if asked.path.contains("/blobs/") => Said::of(307).with("Location", to.clone()),
        BASIC => open(asked),
        _ => Said::of(401).with("WWW-Authenticate", "Basic realm=\"registry\""),
    });
    let fixture = Fixture::new();
    let url = oci(&web, "charts/web");
    let me = me().plain_http().passed_on();
    let commit = digest(b"1.0.0");
    assert_eq!(fixture.resolve(&url, "1.0.0", &me).await, commit.as_str());
    assert_eq!(fixture.fetch(&url, "1.0.0", &commit, &me).await, commit.as_str());
    assert_eq!(stranger.asked()[0].header("authorization"), "");
    web.asked();
    fixture.resolve(&url, "1.0.0", &me).await;
    assert_eq!(web.paths().len(), 1, "how it is logged in to is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_lies_is_not_believed() {
    let web = Web::start(None, |asked| match asked.path.as_str() {
        "/v2/x/lies/manifests/1.0.0" => Said::ok(manifest(CHART, b"x"))
            .with("Docker-Content-Digest", format!("sha256:{}", "0".repeat(64))),
        "/v2/x/web/manifests/1.0.0" => Said::ok(manifest(CHART, b"x")),
        "/v2/x/web/manifests/2.0.0" => Said::ok(json!({"manifests": []}).to_string()),
        "/v2/x/large/manifests/1.0.0" => Said::ok(manifest(CHART, &vec![0; 200_000])),
        path if path.starts_with("/v2/x/web/blobs/") => Said::ok("y"),
        path if path.starts_with("/v2/x/endless/tags/list") => {
            Said::ok(r#"{"tags": ["1"]}"#).with("Link", "</v2/x/endless/tags/list?n=1&last=1>; rel=\"next\"")
        }
        path if path.starts_with("/v2/x/login/") => {
            Said::of(401).with("WWW-Authenticate", "Bearer realm=\"file:///etc/passwd\"")
        }
        _ => Said::of(404),
    });
    let fixture = Fixture::with(|config| config.archive = 100_000);
    let me = me().plain_http();
    let check = async |name: &str, version: &str, part: &str| {
        let got = fixture.resolve(&oci(&web, name), version, &me).await;
        assert!(got.contains(part), "{got}");
    };
    check("x/lies", "1.0.0", "the registry sends the manifest sha256:").await;
    check("x/web", "2.0.0", "is an index of several manifests").await;
    check("x/large", "1.0.0", "200000 bytes packed, the limit is 100000").await;
    check("x/endless", "1.x", "lists tags for ever").await;
    check("x/login", "1.0.0", "way to log in is not over https").await;
    let got = fixture.fetch(&oci(&web, "x/web"), "1.0.0", &digest(b"x"), &me).await;
    assert!(got.contains(&format!("sends sha256:{}", digest(b"y"))), "{got}");
}
