//! Edits and deletes objects of the application, and waits until each is back.

use anyhow::{Context, Result, bail};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
    runtime::watcher::{self, Event},
};
use serde_json::json;
use std::{
    pin::pin,
    time::{Duration, Instant},
};

/// Longer than any heal.
const WITHIN: Duration = Duration::from_secs(60);

/// How long heals took, from before the request that tampers until a watch showed the object as released.
#[derive(Debug, Default)]
pub(crate) struct Heals {
    pub(crate) edits: Vec<Duration>,
    pub(crate) deletions: Vec<Duration>,
}

/// Tampers `count` times, with another object each time, one after the other.
///
/// # Errors
/// When the API server refuses, or an object is not back within a minute.
pub(crate) async fn tamper(maps: &Api<ConfigMap>, owned: usize, count: usize) -> Result<Heals> {
    let mut events = pin!(watcher::watcher(maps.clone(), watcher::Config::default()));
    loop {
        match events.try_next().await?.context("the watch ended")? {
            Event::InitDone => break,
            Event::Init | Event::InitApply(_) | Event::Apply(_) | Event::Delete(_) => {}
        }
    }
    let mut heals = Heals::default();
    for round in 0..count {
        let number = round * 7 % owned;
        let name = format!("owned-{number}");
        let began = Instant::now();
        let edits = round % 2 == 0;
        if edits {
            let edit = Patch::Merge(json!({"data": {"number": "tampered"}}));
            maps.patch(&name, &PatchParams::default(), &edit).await.map(drop)?;
        } else {
            maps.delete(&name, &DeleteParams::default()).await.map(drop)?;
        }
        let mut away = false;
        let back = async {
            while let Some(event) = events.try_next().await? {
                match event {
                    Event::Apply(map) if map.metadata.name.as_deref() == Some(&name) => {
                        let value = map.data.unwrap_or_default().remove("number").unwrap_or_default();
                        if away && value == number.to_string() {
                            return Ok(());
                        }
                        away = true;
                    }
                    Event::Delete(map) => away |= map.metadata.name.as_deref() == Some(&name),
                    Event::Apply(_) | Event::Init | Event::InitApply(_) | Event::InitDone => {}
                }
            }
            bail!("the watch ended")
        };
        tokio::time::timeout(WITHIN, back)
            .await
            .with_context(|| format!("{name} is not back after a minute"))??;
        if edits { &mut heals.edits } else { &mut heals.deletions }.push(began.elapsed());
    }
    Ok(heals)
}
