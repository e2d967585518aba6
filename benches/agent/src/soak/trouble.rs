//! Everything that happens to them, each in a rhythm of its own.

use crate::soak::{
    ground::{CLUSTER, Ground, SETTLED_WITHIN},
    truth::APPS,
};
use anyhow::{Result, ensure};
use kube::api::{DeleteParams, Patch, PatchParams};
use std::{convert::Infallible, time::Duration};
use tests_e2e::{Network, eventually};
use tokio::time::{interval, sleep};

const A_COMMIT: Duration = Duration::from_secs(5);
const BY_HAND: Duration = Duration::from_secs(2);
/// Between two times of a bad network, and how long one lasts.
const GOOD_NETWORK: Duration = Duration::from_secs(40);
const BAD_NETWORK: Duration = Duration::from_secs(20);
const BAD: [Network; 4] = [
    Network::Cut,
    Network::Blackhole,
    Network::Reset(Duration::from_secs(2)),
    Network::Delay(Duration::from_millis(500)),
];
/// Between two pauses, and how long one lasts.
const WORK: Duration = Duration::from_secs(100);
const PAUSE: Duration = Duration::from_secs(20);
/// Between two removals of an application, and how long it is away.
const THERE: Duration = Duration::from_secs(120);
const AWAY: Duration = Duration::from_secs(10);
/// What somebody writes over a value; Base64.
const TAMPERED: &str = "dGFtcGVyZWQ=";

/// All trouble at once, until it is dropped.
///
/// # Errors
/// When something that does not depend on the network fails.
pub(crate) async fn all(ground: &Ground) -> Result<Infallible> {
    tokio::select! {
        failed = commits(ground) => failed,
        failed = hands(ground) => failed,
        failed = networks(ground) => failed,
        failed = pauses(ground) => failed,
        failed = removals(ground) => failed,
    }
}

/// Takes all trouble back, and waits until the cluster is as Git says.
///
/// # Errors
/// When a command is refused.
///
/// # Panics
/// When it does not become so.
pub(crate) async fn end(ground: &Ground) -> Result<()> {
    ground.fleet.network().set(Network::Open).await;
    ground.fleet.git_network().set(Network::Open).await;
    ground.fleet.flotilla(&["cluster", "resume", CLUSTER]).await?;
    ground.in_the_cluster(&["resume"]).await?;
    for app in APPS {
        // One that is going has to be gone before it can come back.
        eventually(SETTLED_WITHIN, &format!("{app} is there"), async || {
            ground.fleet.apply(&ground.application(app)).await?;
            let application = ground.fleet.object("application", app).await?;
            ensure!(application["metadata"]["deletionTimestamp"].is_null(), "{}", application["metadata"]);
            Ok(())
        })
        .await;
    }
    ground.is_as_git_says().await;
    Ok(())
}

async fn commits(ground: &Ground) -> Result<Infallible> {
    let mut ticks = interval(A_COMMIT);
    loop {
        ticks.tick().await;
        let files = ground.truth.borrow_mut().commit();
        ground.push(&files)?;
        ground.counts.borrow_mut().commits += 1;
    }
}

/// Somebody edits an object, and the next time deletes one.
async fn hands(ground: &Ground) -> Result<Infallible> {
    let mut ticks = interval(BY_HAND);
    for edits in [true, false].into_iter().cycle() {
        ticks.tick().await;
        let (app, object) = ground.truth.borrow_mut().any();
        let (api, name) = (ground.api(object.kind, Some(app)), object.to_string());
        let done = if edits {
            let patch = Patch::Merge(object.kind.holding(TAMPERED));
            api.patch(&name, &PatchParams::default(), &patch).await.map(drop)
        } else {
            api.delete(&name, &DeleteParams::default()).await.map(drop)
        };
        let mut counts = ground.counts.borrow_mut();
        match done {
            Ok(()) if edits => counts.edits += 1,
            Ok(()) => counts.deletions += 1,
            // The cluster is behind Git, or the application is away.
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Err(error.into()),
        }
    }
    unreachable!("a cycle has no end")
}

async fn networks(ground: &Ground) -> Result<Infallible> {
    for bad in BAD.into_iter().cycle() {
        sleep(GOOD_NETWORK).await;
        ground.fleet.network().set(bad).await;
        if bad == Network::Cut {
            ground.fleet.git_network().set(bad).await;
        }
        sleep(BAD_NETWORK).await;
        ground.fleet.network().set(Network::Open).await;
        ground.fleet.git_network().set(Network::Open).await;
        ground.counts.borrow_mut().cuts += 1;
    }
    unreachable!("a cycle has no end")
}

/// By the hub, and the next time in the cluster.
async fn pauses(ground: &Ground) -> Result<Infallible> {
    for by_hub in [true, false].into_iter().cycle() {
        sleep(WORK).await;
        if by_hub {
            let pause = ["cluster", "pause", CLUSTER, "--for", "1h", "--reason", "soak"];
            ground.fleet.flotilla(&pause).await?;
        } else {
            ground.in_the_cluster(&["pause", "--for", "1h", "--reason", "soak"]).await?;
        }
        sleep(PAUSE).await;
        if by_hub {
            ground.fleet.flotilla(&["cluster", "resume", CLUSTER]).await?;
        } else {
            ground.in_the_cluster(&["resume"]).await?;
        }
        ground.counts.borrow_mut().pauses += 1;
    }
    unreachable!("a cycle has no end")
}

async fn removals(ground: &Ground) -> Result<Infallible> {
    for app in APPS.into_iter().cycle() {
        sleep(THERE).await;
        let delete = ["delete", "application", app, "--namespace=argocd", "--wait=false"];
        ground.fleet.kubectl(&delete).await?;
        eventually(SETTLED_WITHIN, &format!("{app} is gone"), async || {
            let names = ["get", "applications", "--namespace=argocd", "--output=name"];
            let names = ground.fleet.kubectl(&names).await?;
            ensure!(!names.lines().any(|line| line.ends_with(&format!("/{app}"))), "{names}");
            Ok(())
        })
        .await;
        sleep(AWAY).await;
        ground.fleet.apply(&ground.application(app)).await?;
        ground.counts.borrow_mut().removals += 1;
    }
    unreachable!("a cycle has no end")
}
