//! Requests for the agent's own records: Secrets, a Lease and its Namespace. Paths are given: no discovery is needed.

use super::{Cluster, requests::MERGE_PATCH};
use futures::TryStreamExt as _;
use http::{Method, Request};
use kube::core::WatchEvent;
use serde_json::Value;
use shared_sync::Failure;
use std::{sync::Arc, time::Duration};

/// A watch is asked for anew after so long.
const WATCH_FOR: Duration = Duration::from_secs(290);
/// A request for a record without an answer for so long has failed: shorter than a Lease lasts.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

impl Cluster {
    /// Sends one request; `PATCH` is a merge patch (RFC 7386).
    pub(crate) async fn own(
        &self,
        verb: Method,
        uri: &str,
        body: Option<&Value>,
    ) -> Result<Arc<Value>, Failure> {
        let media = if verb == Method::PATCH { MERGE_PATCH } else { "application/json" };
        self.send_within(ANSWER_WITHIN, verb, uri, [media, "application/json"], body).await
    }

    /// As [`Cluster::own`], but sent to a server in trouble too: a Lease is renewed in time or is lost, a request each
    /// few seconds harms nobody, and a server may well answer this and ask all else to slow down.
    pub(crate) async fn own_lease(
        &self,
        verb: Method,
        uri: &str,
        body: Option<&Value>,
    ) -> Result<Arc<Value>, Failure> {
        self.send_anyway(ANSWER_WITHIN, verb, uri, body).await
    }

    /// A list without contents.
    pub(crate) async fn own_metadata(&self, uri: &str) -> Result<Arc<Value>, Failure> {
        self.send_within(ANSWER_WITHIN, Method::GET, uri, ["application/json", METADATA], None).await
    }

    /// Ends at the first change of the one object `name` of a collection after the resource version `from`, or when the
    /// watch does. What changed is to be read.
    pub(crate) async fn own_change(&self, collection: &str, name: &str, from: &str) -> Result<(), Failure> {
        let uri = format!(
            "{collection}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={from}&timeoutSeconds={}",
            WATCH_FOR.as_secs()
        );
        let request = Request::get(uri).body(Vec::new());
        let request = request.map_err(|error| Failure::Invalid(error.to_string()))?;
        let watch = async {
            let events = self.client.request_events::<Value>(request).await?;
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.try_next().await? {
                if !matches!(event, WatchEvent::Bookmark(_)) {
                    break;
                }
            }
            Ok::<_, kube::Error>(())
        };
        match tokio::time::timeout(WATCH_FOR + ANSWER_WITHIN, watch).await {
            Ok(done) => done.map_err(|error| super::failure::meaning(&error)),
            // A connection that died without a word.
            Err(_) => Ok(()),
        }
    }
}
