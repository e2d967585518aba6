//! Releases: what commits make.

use serde_json::{Value, json};
use shared_manifest::{Bundle, Manifest, ObjectId};
use shared_model::{AppKey, Digest, ReleaseId, ReleaseSpec, SyncPolicy};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const NAMESPACE: &str = "shop";

/// A release with all that belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) id: ReleaseId,
    pub(crate) spec: ReleaseSpec,
    pub(crate) compressed: Vec<u8>,
    /// What it says of each object: the value of its data or image.
    pub(crate) objects: BTreeMap<ObjectId, String>,
}

impl Release {
    /// The release of a commit: some ConfigMaps and a Deployment; which ones depends on the commit.
    pub(crate) fn new(application: &AppKey, commit: usize) -> Self {
        let mut values: Vec<(Value, String)> = Vec::new();
        for number in 0..2 + commit % 3 {
            let name = format!("{}-{number}", application.name);
            let value = format!("{commit}-{number}");
            let object = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value},
            });
            values.push((object, value));
        }
        let image = format!("web:{commit}");
        let labels = json!({"app": application.name});
        let workload = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": application.name},
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
        let digest = Digest::of(&bytes);
        let spec = ReleaseSpec {
            application: application.clone(),
            bundle: digest,
            bundle_bytes: bytes.len() as u64,
            namespace: NAMESPACE.to_owned(),
            project: "default".to_owned(),
            sync_policy: SyncPolicy::default(),
            ignore_differences: Vec::new(),
            self_heal: true,
            prune: true,
            revisions: Vec::new(),
        };
        let compressed = zstd::encode_all(&bytes[..], 1).expect("memory does not fail");
        Self { id: spec.id(), spec, compressed, objects }
    }

    pub(crate) fn ids(&self) -> BTreeSet<ObjectId> {
        self.objects.keys().cloned().collect()
    }
}

/// What a live object says: to be compared with [`Release::objects`].
pub(crate) fn says(object: &Value) -> &str {
    let data = &object["data"]["key"];
    let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
    data.as_str().or_else(|| image.as_str()).unwrap_or_default()
}
