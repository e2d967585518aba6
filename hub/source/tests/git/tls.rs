//! Servers of HTTPS: what they are trusted by, what they ask for, and what leads to them.

use crate::{authority::Vouched, proxy::Proxy, *};
use hub_source::Credentials;

async fn resolve(fixture: &Fixture, credentials: Credentials) -> String {
    let got = fixture.repositories.resolve(&fixture.url(), "main", Some(&credentials)).await;
    let got = got.map_or_else(|err| err.to_string(), |commit| commit.to_string());
    assert!(!got.contains("s3cret"), "{got}");
    got
}

fn fixture(
    pick: impl FnOnce(&Vouched) -> std::sync::Arc<rustls::ServerConfig>,
) -> (Fixture, Vouched, String) {
    let vouched = authority::vouched();
    let fixture = Fixture::with(|options| options.tls = Some(pick(&vouched)));
    let commit = fixture.app.commit("a.yaml", "1");
    (fixture, vouched, commit)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_one_repository() {
    let (fixture, vouched, commit) = fixture(|v| v.server.clone());
    assert_eq!(
        resolve(&fixture, Credentials::none().with_authorities(vouched.authority.as_str())).await,
        commit
    );
    let unknown = resolve(&fixture, Credentials::none()).await;
    assert!(unknown.contains("invalid peer certificate"), "{unknown}");
    assert_eq!(resolve(&fixture, Credentials::none().insecure()).await, commit);
    let nonsense =
        resolve(&fixture, Credentials::none().with_authorities("-----BEGIN CERTIFICATE-----\n?")).await;
    assert!(nonsense.contains("cannot be used: its authorities"), "{nonsense}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_ours() {
    let (fixture, vouched, commit) = fixture(|v| v.mutual.clone());
    let trusting = || Credentials::none().with_authorities(vouched.authority.as_str());
    let (chain, key) = &vouched.client;
    let shown = trusting().with_client_certificate(chain, key);
    assert_eq!(resolve(&fixture, shown.clone()).await, commit);
    fixture.repositories.fetch(&fixture.url(), &id(&commit), "main", Some(&shown)).await.unwrap();
    let none = resolve(&fixture, trusting()).await;
    assert!(none.ends_with("CertificateRequired"), "{none}");
    assert_eq!(
        resolve(&fixture, Credentials::none().insecure().with_client_certificate(chain, key)).await,
        commit
    );
    let nonsense = resolve(&fixture, trusting().with_client_certificate(chain, "s3cret")).await;
    assert!(nonsense.contains("are no certificate with its key"), "{nonsense}");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_proxy() {
    let (fixture, vouched, commit) = fixture(|v| v.server.clone());
    // `me:s3cret`
    let proxy = Proxy::start(Some("Basic bWU6czNjcmV0"));
    let through = |login: &str, except: &str| {
        let url = format!("http://{login}{}", proxy.address());
        Credentials::none().with_authorities(vouched.authority.as_str()).through_proxy(url, except)
    };
    assert_eq!(resolve(&fixture, through("me:s3cret@", "")).await, commit);
    assert_eq!(proxy.ways(), 1);
    let refused = resolve(&fixture, through("", "")).await;
    assert!(refused.starts_with("cannot reach") && refused.contains("proxy"), "{refused}");
    assert_eq!(resolve(&fixture, through("", "elsewhere.example,localhost")).await, commit);
    assert_eq!(proxy.ways(), 1);
    let socks = Credentials::none().through_proxy("ftp://me:s3cret@proxy", "");
    let wrong = resolve(&fixture, socks).await;
    assert!(
        wrong.ends_with("cannot be used: `proxy`: write http://HOST:PORT or https://HOST:PORT"),
        "{wrong}"
    );
}
