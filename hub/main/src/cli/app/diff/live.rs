//! Comparing with clusters, through the hub and its agents.

use super::{
    super::offline::{
        make::{self, Made, Subject},
        progress,
    },
    show::Compared,
};
use crate::cli::client::Hub;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::{StreamExt as _, stream};
use serde_json::json;
use shared_diff::Changes;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Clusters that are asked at once.
const AT_ONCE: usize = 16;
/// The most that a request to the hub may have, in bytes.
const LARGEST: usize = 3 << 20;

/// Compares each Application with what its cluster has. One that cannot be compared says why, and stops no other.
pub(super) async fn compare(hub: &Hub, subjects: Vec<Subject>, made: Option<Vec<Made>>) -> Vec<Compared> {
    let (all, done) = (subjects.len(), AtomicUsize::new(0));
    let made: Vec<Option<Made>> = match made {
        Some(made) => made.into_iter().map(Some).collect(),
        None => subjects.iter().map(|_| None).collect(),
    };
    let asked = subjects.into_iter().zip(made).map(|(subject, made)| {
        let done = &done;
        async move {
            let found = one(hub, &subject, made.as_ref()).await.map_err(|error| said(&error));
            progress(&format!("compared {} of {all}", done.fetch_add(1, Ordering::Relaxed) + 1));
            Compared::of(&subject, found, "")
        }
    });
    let compared = stream::iter(asked).buffered(AT_ONCE).collect().await;
    progress("");
    compared
}

async fn one(hub: &Hub, subject: &Subject, made: Option<&Made>) -> anyhow::Result<Changes> {
    if subject.cluster.is_empty() {
        anyhow::bail!("the hub knows no cluster for it: spec.destination names none that has joined");
    }
    let mut body = json!({"application": subject.key()});
    if let Some(made) = made {
        let spec = make::release(subject, &made.bundle);
        let packed = zstd::encode_all(&made.bundle.to_bytes()[..], 3)?;
        body["spec"] = json!(spec);
        body["bundle"] = json!(STANDARD.encode(packed));
    }
    let size = body.to_string().len();
    if size > LARGEST {
        anyhow::bail!(
            "its manifests have {size} bytes, compressed; at most {LARGEST} can be compared with a cluster: use --revisions"
        );
    }
    let path = format!("/flotilla/v1/clusters/{}/compare", subject.cluster);
    let answer = hub.post_patiently(&path, &body).await?;
    Ok(serde_json::from_value(answer)?)
}

fn said(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
