//! `flotilla app wait`: watches Applications until they are where they are wanted, or cannot get there.
//!
//! Each is watched by its name; a watch that ends, and a hub that is restarted, are waited out. What an Application's
//! state comes to [`judge`] decides.

mod judge;

use crate::{
    args::WaitOptions,
    cli::{
        client::{Hub, Refused, collection, encoded},
        output,
    },
};
use futures::future::{join_all, pending};
use judge::{Said, Waits, Word};
use reqwest::StatusCode;
use serde_json::Value;
use shared_model::Kind;
use std::{process::ExitCode, time::Duration};
use tokio::sync::mpsc;

/// The exit code of `timeout(1)`.
const TIMED_OUT: u8 = 124;
/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;
/// How long to wait before a hub that went away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a watch tells: the Application, or nothing when it is gone.
type News = (String, Option<Value>);

pub(super) async fn run(hub: &Hub, asked: &WaitOptions) -> anyhow::Result<ExitCode> {
    let namespace = asked.applications.namespace.namespace.as_str();
    let names = super::pause::names(hub, &asked.applications).await?;
    let mut waits = Waits::new(&names, &asked.goals);
    let (tell, mut told) = mpsc::unbounded_channel();
    // One that is not there is a mistake, and no reason to wait.
    for name in &names {
        tell.send((name.clone(), Some(hub.read(Kind::Application, namespace, name).await?))).ok();
    }
    let watches = join_all(names.iter().map(|name| follow(hub, namespace, name, tell.clone())));
    let mut watches = Box::pin(watches);
    let deadline = async {
        match asked.timeout {
            Duration::ZERO => pending().await,
            timeout => tokio::time::sleep(timeout).await,
        }
    };
    tokio::pin!(deadline);
    let interrupted = shared_runtime::interrupted();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            biased;
            Some((name, object)) = told.recv() => match waits.handle(&name, object.as_ref()) {
                Said::Nothing => {}
                Said::Line(line) => output::line(&line),
                Said::End(Word::Done) => return Ok(ExitCode::SUCCESS),
                Said::End(Word::Failed(why)) => {
                    output::error(&anyhow::anyhow!("{why}"));
                    output::note(&format!("`flotilla app get {name} -n {namespace}` shows it."));
                    return Ok(ExitCode::FAILURE);
                }
            },
            failed = &mut watches => {
                // Watches end by a refusal only.
                for error in failed {
                    error?;
                }
            }
            () = &mut interrupted => return Ok(ExitCode::from(INTERRUPTED)),
            () = &mut deadline => {
                for line in waits.left() {
                    output::note(&line);
                }
                output::note(&format!(
                    "timed out after {}: {} of {} applications are not there yet; --timeout sets how long to wait",
                    shared_model::duration(asked.timeout), waits.left().len(), names.len(),
                ));
                return Ok(ExitCode::from(TIMED_OUT));
            }
        }
    }
}

/// Tells what becomes of an Application, until the hub refuses to.
async fn follow(
    hub: &Hub,
    namespace: &str,
    name: &str,
    tell: mpsc::UnboundedSender<News>,
) -> anyhow::Result<()> {
    let fields = encoded(&format!("metadata.name={name}"));
    let path = format!(
        "{}?watch=1&resourceVersion=0&fieldSelector={fields}",
        collection(Kind::Application, namespace)
    );
    loop {
        let watched = hub
            .lines(&path, |line| {
                let event: Value = serde_json::from_str(line).unwrap_or_default();
                let news = match event["type"].as_str() {
                    Some("ADDED" | "MODIFIED") => Some(event["object"].clone()),
                    Some("DELETED") => None,
                    Some(_) | None => return Ok(()),
                };
                tell.send((name.to_owned(), news))?;
                Ok(())
            })
            .await;
        if let Err(error) = watched {
            match error.downcast_ref::<Refused>() {
                Some(refused) if refused.code.is_client_error() && refused.code != StatusCode::GONE => {
                    return Err(error);
                }
                Some(_) | None => tracing::debug!(%error, "the watch ended"),
            }
        }
        tokio::time::sleep(AGAIN).await;
        // It may have gone meanwhile, which no watch that begins later tells.
        match hub.find(Kind::Application, namespace, name).await {
            Ok(object) => tell.send((name.to_owned(), object))?,
            Err(error) => tracing::debug!(%error, "the hub is away"),
        }
    }
}
