//! Objects that are not Flotilla's: many, and some of them change all the time.

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Secret},
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::time::Duration;

const NAMESPACES: usize = 50;
/// Creations at once.
const AT_ONCE: usize = 48;
/// Changes of these objects while the agent's CPU time is counted.
const CHANGES_A_SECOND: u32 = 10;

fn namespace(number: usize) -> String {
    format!("others-{:02}", number % NAMESPACES)
}

/// Creates `count` objects: of a hundred two are Secrets and two are Deployments, the rest ConfigMaps.
pub(crate) async fn create(client: &Client, count: usize) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for number in 0..NAMESPACES {
        let object = of(json!({"metadata": {"name": namespace(number)}}))?;
        namespaces.create(&PostParams::default(), &object).await?;
    }
    stream::iter(0..count).map(Ok).try_for_each_concurrent(AT_ONCE, |number| one(client, number)).await
}

async fn one(client: &Client, number: usize) -> Result<()> {
    let (to, namespace, options) = (client.clone(), namespace(number), PostParams::default());
    let metadata =
        json!({"name": format!("other-{number}"), "labels": {"app": format!("app-{}", number % 200)}});
    let text = format!("value of {number}; ").repeat(12);
    match number % 100 {
        0 | 50 => {
            let object = of(json!({"metadata": metadata, "stringData": {"token": text}}))?;
            Api::<Secret>::namespaced(to, &namespace).create(&options, &object).await.map(drop)
        }
        25 | 75 => {
            let labels = json!({"app": format!("other-{number}")});
            let containers = json!([{"name": "main", "image": "others/main:v1"}]);
            let template = json!({"metadata": {"labels": labels}, "spec": {"containers": containers}});
            let spec = json!({"replicas": 2, "selector": {"matchLabels": labels}, "template": template});
            let object = of(json!({"metadata": metadata, "spec": spec}))?;
            Api::<Deployment>::namespaced(to, &namespace).create(&options, &object).await.map(drop)
        }
        _ => {
            let object = of(json!({"metadata": metadata, "data": {"settings": text}}))?;
            Api::<ConfigMap>::namespaced(to, &namespace).create(&options, &object).await.map(drop)
        }
    }
    .with_context(|| format!("create object {number} of the others"))
}

fn of<K: serde::de::DeserializeOwned>(value: Value) -> Result<K> {
    Ok(serde_json::from_value(value)?)
}

/// Changes some of them, ten a second, for as long as it is polled.
///
/// # Errors
/// When the API server refuses.
pub(crate) async fn change(client: Client, count: usize) -> Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / CHANGES_A_SECOND);
    // The first of each hundred that is a ConfigMap.
    let hundreds = (count / 100).clamp(1, 100);
    for number in (0..).map(|round: usize| 1 + 100 * (round % hundreds)) {
        let moment = ticks.tick().await;
        let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace(number));
        let change = json!({"data": {"changed": format!("{moment:?}")}});
        let changed =
            maps.patch(&format!("other-{number}"), &PatchParams::default(), &Patch::Merge(change)).await;
        changed.with_context(|| format!("change object {number} of the others"))?;
    }
    Ok(())
}
