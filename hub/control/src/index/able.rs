//! What clusters can do, as their agents told it last: the part of a Cluster's status that rendering depends on.
//!
//! Of a cluster whose agent never reported nothing is known. Agents of old versions tell its version, and not which APIs it
//! serves.
//!
//! Many clusters are alike, so equal answers are kept once.

use hub_render::{Capabilities, Told};
use serde::Deserialize;
use shared_model::ClusterName;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What clusters can do.
#[derive(Debug, Default, Clone)]
pub(crate) struct Able {
    of: BTreeMap<ClusterName, Arc<Capabilities>>,
    all: BTreeSet<Arc<Capabilities>>,
    /// Another number, whenever a cluster can do something else.
    pub(crate) number: u64,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    facts: Facts,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Facts {
    kubernetes_version: String,
    served: BTreeMap<String, Vec<String>>,
}

impl Able {
    /// What a cluster can do; of one that never told, nothing is known.
    pub(crate) fn of(&self, cluster: &ClusterName) -> Arc<Capabilities> {
        let unknown = || {
            let told = Told::Nothing { cluster: cluster.to_string() };
            Arc::new(Capabilities { told, ..Capabilities::default() })
        };
        self.of.get(cluster).cloned().unwrap_or_else(unknown)
    }

    /// Takes a Cluster's status, or that it has none; whether it says anything new.
    pub(super) fn put(&mut self, cluster: ClusterName, status: Option<&[u8]>) -> bool {
        let is_new = self.take(cluster, status);
        self.number += u64::from(is_new);
        is_new
    }

    fn take(&mut self, cluster: ClusterName, status: Option<&[u8]>) -> bool {
        let facts = status.and_then(|status| serde_json::from_slice::<Status>(status).ok());
        let Facts { kubernetes_version, served } = facts.unwrap_or_default().facts;
        let kinds = served.iter().flat_map(|(version, kinds)| {
            let kinds = kinds.iter().map(move |kind| format!("{version}/{kind}"));
            std::iter::once(version.clone()).chain(kinds)
        });
        let mut api_versions: Vec<String> = kinds.collect();
        api_versions.sort();
        let told = if api_versions.is_empty() { Told::Version } else { Told::All };
        let told = Capabilities { kube_version: kubernetes_version, api_versions: api_versions.into(), told };
        if told.kube_version.is_empty() && told.api_versions.is_empty() {
            return self.of.remove(&cluster).is_some();
        }
        if *self.of(&cluster) == told {
            return false;
        }
        let shared = self.all.get(&told).cloned().unwrap_or_else(|| Arc::new(told));
        self.all.insert(Arc::clone(&shared));
        self.of.insert(cluster, shared);
        if self.all.len() > self.of.len() {
            self.all.retain(|known| Arc::strong_count(known) > 1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_clusters_share_what_they_can_do() {
        let mut able = Able::default();
        let mut put = |name: &str, version: &str, served: serde_json::Value| {
            let status = json!({"connection": {"state": "Connected"}, "facts": {"kubernetesVersion": version, "served": served}});
            able.put(ClusterName::new(name), Some(status.to_string().as_bytes()))
        };
        let served = || json!({"v1": ["Pod"], "apps/v1": ["Deployment"]});
        assert!(put("eu-1", "v1.34.0", served()) && put("eu-2", "v1.34.0", served()));
        assert!(!put("eu-1", "v1.34.0", served()));
        let of = |able: &Able, name: &str| able.of(&ClusterName::new(name));
        assert!(Arc::ptr_eq(&of(&able, "eu-1"), &of(&able, "eu-2")));
        assert_eq!(of(&able, "eu-1").api_versions[..], ["apps/v1", "apps/v1/Deployment", "v1", "v1/Pod"]);
        assert!(able.put(ClusterName::new("eu-1"), None));
        assert_eq!(of(&able, "eu-1").told, Told::Nothing { cluster: "eu-1".to_owned() });
        let old = br#"{"facts": {"kubernetesVersion": "v1.33.1"}}"#;
        assert!(
            able.put(ClusterName::new("eu-3"), Some(old)) && !able.put(ClusterName::new("eu-3"), Some(old))
        );
        assert_eq!(of(&able, "eu-3").told, Told::Version);
        assert_eq!(of(&able, "eu-2").told, Told::All);
        assert!(!able.put(ClusterName::new("eu-9"), Some(b"{}")));
    }
}
