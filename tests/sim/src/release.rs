//! Releases: what commits make.

use serde_json::{Value, json};
use shared_manifest::{Bundle, Manifest, ObjectId};
use shared_model::{AppKey, Digest, ReleaseId, ReleaseSpec, SyncPolicy};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) const NAMESPACE: &str = "shop";

/// A release with all that belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) id: ReleaseId,
    pub(crate) spec: ReleaseSpec,
    pub(crate) content: Arc<Content>,
}

/// What a commit makes of an application's objects; the same on every cluster.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) compressed: Vec<u8>,
    /// What it says of each object: the value of its data or image.
    pub(crate) objects: BTreeMap<ObjectId, String>,
    digest: Digest,
    bytes: u64,
}

impl Content {
    /// Some ConfigMaps and a Deployment; which ones depends on the commit.
    pub(crate) fn new(name: &str, commit: usize) -> Self {
        let mut values: Vec<(Value, String)> = Vec::new();
        for number in 0..2 + commit % 3 {
            let value = format!("{commit}-{number}");
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("{name}-{number}")},
                "data": {"key": value},
            });
            values.push((object, value));
        }
        let image = format!("web:{commit}");
        let labels = json!({"app": name});
        let workload = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}},
            },
        });
        values.push((workload, image));
        let manifests: Vec<Manifest> =
            values.iter().map(|(value, _)| Manifest::new(value.clone()).expect("it is one")).collect();
        let objects = manifests
            .iter()
            .zip(&values)
            .map(|(manifest, (_, says))| {
                (ObjectId { namespace: NAMESPACE.to_owned(), ..manifest.id() }, says.clone())
            })
            .collect();
        let bytes = Bundle::new(manifests).0.to_bytes();
        let compressed = zstd::encode_all(&bytes[..], 1).expect("memory does not fail");
        Self { compressed, objects, digest: Digest::of(&bytes), bytes: bytes.len() as u64 }
    }
}

impl Release {
    pub(crate) fn new(application: &AppKey, content: &Arc<Content>) -> Self {
        let spec = ReleaseSpec {
            application: application.clone(),
            bundle: content.digest,
            bundle_bytes: content.bytes,
            namespace: NAMESPACE.to_owned(),
            project: "default".to_owned(),
            sync_policy: SyncPolicy::default(),
            ignore_differences: Vec::new(),
            self_heal: true,
            prune: true,
            revisions: Vec::new(),
            versions: Vec::new(),
        };
        Self { id: spec.id(), spec, content: Arc::clone(content) }
    }

    pub(crate) fn ids(&self) -> BTreeSet<ObjectId> {
        self.content.objects.keys().cloned().collect()
    }
}

/// What a live object says: to be compared with [`Release::objects`].
pub(crate) fn says(object: &Value) -> &str {
    let data = &object["data"]["key"];
    let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
    data.as_str().or_else(|| image.as_str()).unwrap_or_default()
}
