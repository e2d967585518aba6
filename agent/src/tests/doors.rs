//! Ways to a hub: several addresses, proxies; and what is no way at all.

use super::{
    hub::{Hub, Spoke, config_map, end},
    proxy::Proxy,
    scripted::{Ca, Scripted},
};
use crate::{
    LinkConfig, Proxies,
    link::{self, Dialer},
};
use shared_model::JoinToken;
use std::path::PathBuf;

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

fn hubs(list: &[&str]) -> LinkConfig {
    LinkConfig { hubs: list.iter().map(|hub| (*hub).to_owned()).collect(), ..LinkConfig::default() }
}

#[tokio::test]
async fn hubs_are_tried_in_turn_and_one_that_refuses_holds_up_nobody() {
    let (away, stranger) = (nobody().await, Scripted::start(&Ca::new()).await);
    let (first, spoke) = (Hub::start().await, Spoke::new("u1"));
    let second = nobody().await;
    let (refusing, working) = (stranger.address.clone(), first.address.clone());
    let list = [away.as_str(), &refusing, &working, &second];
    let token = first.token("eu-1", 60).await;
    let (_, tasks) = spoke.start_with(hubs(&list), Some(token)).await.unwrap();
    let status = spoke.status(|status| status.connected).await;
    assert_eq!(status.hub, working);
    // The hub moves to the other address, with everything it has.
    let (records, folder, _) = first.stop().await;
    let status = spoke.status(|status| !status.connected && status.hub == list.join(", ")).await;
    let problem = format!("{refusing}: {refusing} is not the hub that made the token");
    assert!(status.problems[0].starts_with(&problem), "{:?}", status.problems);
    let hub = Hub::start_with(records, folder, &second).await;
    let status = spoke.status(|status| status.connected).await;
    assert_eq!(status.hub, second);
    spoke.kubernetes.put(
        "/api/v1/namespaces/shop",
        &serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    hub.assign("eu-1", 1, &[config_map("a", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    end(&tasks).await;
}

fn through(hub: &str, proxy: &str, ca: Option<PathBuf>) -> LinkConfig {
    let proxies = Proxies::new(Some(proxy), |_| None, ca);
    LinkConfig { proxies, ..LinkConfig::of(hub) }
}

#[tokio::test]
async fn an_agent_works_through_a_proxy_that_wants_a_password() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    let proxy = Proxy::start(Some("Basic YWRhOnNAZWNyZXQ="), None).await;
    let config = through(&hub.address, &format!("http://ada:s%40ecret@{}", proxy.address), None);
    let token = hub.token("eu-1", 60).await;
    let (_, tasks) = spoke.start_with(config, Some(token)).await.unwrap();
    spoke.status(|status| status.connected).await;
    let connect = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", hub.address);
    let requests = proxy.requests();
    // One to join, one for the session.
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.starts_with(&connect)), "{requests:?}");
    end(&tasks).await;
}

/// What joining says through a proxy; `joined` when it works.
async fn joining(config: &LinkConfig, token: &JoinToken) -> String {
    let dialer = match Dialer::new(config) {
        Ok(dialer) => dialer,
        Err(error) => return error.to_string(),
    };
    let hubs = config.hubs.iter().map(String::as_str);
    match link::enroll().unwrap().ask_each(&dialer, hubs, token, "u1").await {
        Ok(_) => "joined".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn what_a_proxy_says_against_it_is_told_without_its_password() {
    let hub = Scripted::start(&Ca::new()).await;
    let (address, token) = (hub.address.as_str(), hub.token("t1"));
    let closed = Proxy::start(Some("Basic eDp5"), None).await.address;
    let check = |found: String, proxy: &str, expect: &str| {
        assert_eq!(found, format!("the hub {address} cannot be reached: the proxy {proxy} {expect}"));
    };
    let url = format!("http://{closed}");
    let asks = "asks for a user and a password (407): put them in its URL, http://USER:PASSWORD@HOST";
    check(joining(&through(address, &url, None), &token).await, &url, asks);
    let wrong = through(address, &format!("http://x:wrong@{closed}"), None);
    check(joining(&wrong, &token).await, &url, "does not take the user and password of its URL (407)");
    let open = format!("http://{}", Proxy::start(None, None).await.address);
    let away = nobody().await;
    let found = joining(&through(&away, &open, None), &token).await;
    assert!(found.ends_with("refused the tunnel: HTTP/1.1 502 Bad Gateway"), "{found}");
    let found = joining(&through(address, &format!("http://{}", nobody().await), None), &token).await;
    assert!(found.contains("cannot be reached: Connection refused"), "{found}");
    // Not HTTP at all: the hub itself.
    let found = joining(&through(address, &format!("http://{address}"), None), &token).await;
    assert!(found.contains("broke off") || found.contains("does not speak HTTP"), "{found}");
    assert!(
        joining(&through(address, "socks5://x", None), &token).await.starts_with("--proxy is not the URL")
    );
    assert_eq!(joining(&through(address, &open, None), &token).await, "joined");
}

#[tokio::test]
async fn a_proxy_with_tls_is_proven_by_its_own_authority() {
    let (hub, ca) = (Scripted::start(&Ca::new()).await, Ca::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("proxy.pem");
    std::fs::write(&file, &ca.pem).unwrap();
    let proxy = Proxy::start(None, Some(&ca)).await;
    let (url, token) = (format!("https://{}", proxy.address), hub.token("t1"));
    let found = joining(&through(&hub.address, &url, None), &token).await;
    assert!(found.contains("its TLS failed") && found.contains("--proxy-ca"), "{found}");
    assert_eq!(joining(&through(&hub.address, &url, Some(file.clone())), &token).await, "joined");
    std::fs::write(&file, "nothing").unwrap();
    let found = joining(&through(&hub.address, &url, Some(file)), &token).await;
    assert!(
        found.ends_with("cannot be used: it has no certificate; expected certificates in PEM"),
        "{found}"
    );
}

#[tokio::test]
async fn a_hub_is_not_taken_for_a_cluster() {
    let (hub, spoke) = (Hub::start().await, Spoke::new("u1"));
    spoke.kubernetes.set_version("v1.34.0+flotilla-0.1.0");
    let token = hub.token("eu-1", 60).await;
    let refused = spoke.start(&hub.address, Some(token.clone())).await.unwrap_err().to_string();
    let expect = "the kubeconfig leads to a Flotilla hub (v1.34.0+flotilla-0.1.0), not to a cluster";
    assert!(refused.starts_with(expect), "{refused}");
    // The token is still good.
    spoke.kubernetes.set_version("v1.34.3");
    let (_, tasks) = spoke.start(&hub.address, Some(token)).await.unwrap();
    end(&tasks).await;
}
