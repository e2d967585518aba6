//! A hub as a process has it: the authority is replaced under the API and the admin's kubeconfig.

use crate::{
    Hub,
    tests::{config, field},
};
use base64::Engine as _;
use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use shared_runtime::Tasks;
use std::time::Duration;

/// The authorities of the kubeconfig, PEM.
fn authorities(hub: &Hub) -> Vec<u8> {
    let data = field(hub, "certificate-authority-data:");
    base64::engine::general_purpose::STANDARD.decode(data).unwrap()
}

fn count(pem: &[u8]) -> usize {
    Certificate::from_pem_bundle(pem).unwrap().len()
}

async fn ask(hub: &Hub, trust: &[u8], wish: Option<&Value>) -> Result<Value, reqwest::Error> {
    let trust = Certificate::from_pem_bundle(trust).unwrap();
    let client = Client::builder().tls_certs_only(trust).no_proxy().build().unwrap();
    let url = format!("{}/flotilla/v1/authority", field(hub, "server:"));
    let request = match wish {
        Some(wish) => client.post(url).json(wish),
        None => client.get(url),
    };
    request.bearer_auth(field(hub, "token:")).send().await?.json().await
}

#[tokio::test]
async fn the_kubeconfig_and_the_api_follow_a_new_authority() {
    shared_runtime::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let tasks = Tasks::new();
    let hub = Hub::start(config(folder.path()), &tasks).await.unwrap();
    let old = authorities(&hub);
    // A cluster that is away: the first phase waits for it.
    let away = json!({"metadata": {"name": "eu-1"}, "spec": {}});
    hub.records.create(shared_model::Kind::Cluster, away, shared_runtime::now()).await.unwrap();
    let status = json!({"identity": {"clusterUid": "u", "validFrom": 1}});
    hub.records.put_status(shared_model::Kind::Cluster, "", "eu-1", &status).await.unwrap();
    let report = ask(&hub, &old, Some(&json!({"action": "rotate"}))).await.unwrap();
    assert_eq!((&report["phase"], &report["by"]), (&json!("Introducing"), &json!("admin")));
    let until = |wanted: usize| {
        let hub = &hub;
        async move {
            let mut pem = authorities(hub);
            while count(&pem) != wanted {
                tokio::task::yield_now().await;
                pem = authorities(hub);
            }
            pem
        }
    };
    let both = tokio::time::timeout(Duration::from_secs(20), until(2)).await.expect("no second authority");
    assert!(both.starts_with(&old), "the one that issues goes first");
    let waits = ask(&hub, &old, None).await.unwrap()["waitsFor"].to_string();
    assert!(waits.contains("eu-1, which is not connected"), "{waits}");
    let again = ask(&hub, &both, Some(&json!({"action": "rotate"}))).await.unwrap();
    assert!(again["message"].as_str().unwrap().contains("is being replaced already"), "{again}");
    ask(&hub, &both, Some(&json!({"action": "goOn"}))).await.unwrap();
    let settled = ask(&hub, &both, Some(&json!({"action": "goOn"}))).await.unwrap();
    assert_eq!(settled["phase"], "Settled");
    let new = tokio::time::timeout(Duration::from_secs(20), until(1)).await.expect("the old one stays");
    assert_ne!(new, old);
    assert_eq!(ask(&hub, &new, None).await.unwrap()["phase"], "Settled");
    assert!(ask(&hub, &old, None).await.is_err(), "the API shows a certificate of the old authority");
    assert!(tasks.drain(Duration::from_secs(10)).await);
}
