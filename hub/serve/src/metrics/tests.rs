use crate::{
    Hub,
    tests::{config, field},
};
use base64::Engine as _;
use reqwest::{Certificate, Client, StatusCode};
use shared_runtime::Tasks;
use std::time::Duration;

/// Of the API, with the admin's token or without.
async fn of_api(hub: &Hub, token: bool) -> (StatusCode, String) {
    let data = field(hub, "certificate-authority-data:");
    let pem = base64::engine::general_purpose::STANDARD.decode(data).unwrap();
    let trust = Certificate::from_pem_bundle(&pem).unwrap();
    let client = Client::builder().tls_certs_only(trust).no_proxy().build().unwrap();
    let request = client
        .get(format!("{}/metrics", field(hub, "server:")))
        .header("accept", "application/openmetrics-text;version=1.0.0");
    let request = if token { request.bearer_auth(field(hub, "token:")) } else { request };
    let answer = request.send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_hub_shows_its_metrics_to_those_who_may_ask_and_on_a_port_of_their_own() {
    shared_runtime::install_crypto();
    let (folder, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
    let config =
        crate::Config { metrics_listen: Some("127.0.0.1:0".parse().unwrap()), ..config(folder.path()) };
    let hub = Hub::start(config, &tasks).await.unwrap();
    assert_eq!(of_api(&hub, false).await.0, StatusCode::UNAUTHORIZED);
    let (code, text) = of_api(&hub, true).await;
    assert_eq!(code, StatusCode::OK);
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("flotilla_build_info{component=\"hub\","), "{text}");
    assert!(text.contains("flotilla_api_requests_total{verb=\"get\",code=\"401\"} 1\n"), "{text}");
    let url = format!("http://{}/metrics", hub.metrics.unwrap());
    let plain = Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    assert_eq!(plain.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let plain = plain.text().await.unwrap();
    // The namespaces, at the least.
    let revision = plain.lines().find_map(|line| line.strip_prefix("flotilla_store_revision "));
    assert!(revision.is_some_and(|revision| revision.parse::<f64>().unwrap() > 0.0), "{plain}");
    assert!(plain.contains("flotilla_store_operation_seconds_count{operation=\"commit\"} "), "{plain}");
    assert!(tasks.drain(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    shared_runtime::install_crypto();
    let (folder, tasks) = (tempfile::tempdir().unwrap(), Tasks::new());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = crate::Config { metrics_listen: Some(address), ..config(folder.path()) };
    let error = Hub::start(config, &tasks).await.unwrap_err();
    let said = std::error::Error::source(&error).unwrap().to_string();
    assert!(said.contains(&address.to_string()) && said.contains("--metrics-listen"), "{said}");
    assert!(tasks.drain(Duration::from_secs(10)).await);
}
