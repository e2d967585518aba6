//! Finds everything that carries our marks: the inventory after a loss.

use super::{
    Cluster,
    discovery::Served,
    requests::{ANSWER_WITHIN, collection},
};
use http::Method;
use serde_json::Value;
use shared_manifest::{ObjectId, tracking};
use shared_sync::Failure;
use std::collections::BTreeMap;

const PAGE: usize = 500;

impl Cluster {
    /// The objects of every application, by the hash that [`tracking::owner_hash`] makes of it.
    ///
    /// Only objects whose tracking annotation names themselves count: controllers copy labels to what they
    /// make. A kind that the agent may not list has nothing of ours.
    pub(crate) async fn survey(&self) -> Result<BTreeMap<String, Vec<ObjectId>>, Failure> {
        let mut found: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
        for served in self.discovery.all(&self.client).await? {
            let mut from = String::new();
            loop {
                let page = match self.page(&served, &from).await {
                    Ok(page) => page,
                    Err(Failure::Forbidden(_) | Failure::NotFound(_)) => break,
                    Err(failure) => return Err(failure),
                };
                for item in page["items"].as_array().into_iter().flatten() {
                    let id = ObjectId {
                        group: served.resource.group.clone(),
                        kind: served.resource.kind.clone(),
                        ..ObjectId::of(item)
                    };
                    let definition = id.kind == "CustomResourceDefinition";
                    let named = tracking::tracking_of(item).is_some_and(|mark| same(&mark.object, &id));
                    if let Some(owner) = tracking::owner_of(item).filter(|_| definition || named) {
                        found.entry(owner.to_owned()).or_default().push(id);
                    }
                }
                from = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
                if from.is_empty() {
                    break;
                }
            }
        }
        Ok(found)
    }

    async fn page(&self, served: &Served, from: &str) -> Result<std::sync::Arc<Value>, Failure> {
        let everywhere = Served { namespaced: false, ..served.clone() };
        let from = if from.is_empty() { String::new() } else { format!("&continue={from}") };
        let uri = format!(
            "{}?labelSelector={}&limit={PAGE}{from}",
            collection(&everywhere, ""),
            tracking::OWNER_LABEL.replace('/', "%2F")
        );
        // Metadata alone where the server can; every server falls back to whole objects.
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
        self.send_within(ANSWER_WITHIN, Method::GET, &uri, ["application/json", accept], None).await
    }
}

/// Whether a mark names this object. Definitions that are not in a bundle are taken for namespaced when
/// marks are made, so a cluster-scoped object may be marked with a namespace.
fn same(mark: &ObjectId, id: &ObjectId) -> bool {
    mark == id || (id.namespace.is_empty() && ObjectId { namespace: String::new(), ..mark.clone() } == *id)
}
