//! The hub's authority, towards people: who asks for a new one, and where they read whom to trust.

use crate::access;
use hub_api::{HubInfo, Keeper, Wanted, Wish};
use hub_gateway::{Authority, Rotation, RotationError};
use serde_json::Value;
use shared_runtime::Tasks;
use std::{path::PathBuf, sync::Arc};
use tokio::sync::{mpsc, watch};

/// Answers what people want of the authority, until the hub stops.
pub(crate) fn keep(rotation: Rotation, tasks: &Tasks) -> Keeper {
    let (keeper, mut wanted) = mpsc::channel::<Wanted>(16);
    tasks.spawn_until_stopped("authority", async move {
        while let Some(Wanted { wish, by, answer }) = wanted.recv().await {
            let now = shared_runtime::now();
            let done: Result<Value, RotationError> = async {
                match wish {
                    Wish::Show => {}
                    Wish::Rotate => rotation.start(&by, now).await?,
                    Wish::GoOn => rotation.go_on(now).await?,
                }
                rotation.report(now).await
            }
            .await;
            let _gone = answer.send(done.map_err(|error| error.to_string()));
        }
    });
    keeper
}

/// Keeps the admin's kubeconfig and what the API says of the hub at the authorities to trust.
pub(crate) fn publish(
    authority: Arc<Authority>,
    folder: PathBuf,
    server: String,
    info: watch::Sender<HubInfo>,
    tasks: &Tasks,
) {
    let mut changes = authority.changes();
    tasks.spawn_until_stopped("kubeconfig", async move {
        loop {
            let pem = authority.pem();
            info.send_modify(|info| info.ca_pem.clone_from(&pem));
            if let Err(error) = access::rewrite(&folder, &server, &pem) {
                tracing::error!(%error, "the admin's kubeconfig does not name the hub's authority");
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests;
