//! Whether a kind lives in a namespace, as far as it can be told without discovery.
//!
//! Kubernetes' own kinds are known; kinds that the bundle defines are read off their definitions; all others
//! are taken for namespaced. The agent's cluster side knows better by discovery and may drop the namespace.

use serde_json::Value;
use shared_manifest::{Manifest, ObjectId};
use std::collections::{BTreeMap, BTreeSet};

const CLUSTER_SCOPED: [(&str, &str); 34] = [
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("authentication.k8s.io", "SelfSubjectReview"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// Kinds that a bundle defines as cluster-scoped.
#[derive(Debug)]
pub(crate) struct Definitions(BTreeSet<(String, String)>);

/// Reads the definitions of cluster-scoped kinds among `manifests`.
pub(crate) fn of_definitions(manifests: &[Manifest]) -> Definitions {
    let cluster = |definition: &&Manifest| text(definition, "/spec/scope") == Some("Cluster");
    Definitions(definitions(manifests).filter(cluster).filter_map(kind).collect())
}

/// The groups and kinds that `manifests` define, each with its definition.
pub(crate) fn defined(manifests: &[Manifest]) -> BTreeMap<(String, String), ObjectId> {
    definitions(manifests).filter_map(|definition| Some((kind(definition)?, definition.id()))).collect()
}

fn definitions(manifests: &[Manifest]) -> impl Iterator<Item = &Manifest> {
    manifests.iter().filter(|manifest| manifest.is_crd())
}

fn kind(definition: &Manifest) -> Option<(String, String)> {
    Some((text(definition, "/spec/group")?.to_owned(), text(definition, "/spec/names/kind")?.to_owned()))
}

fn text<'a>(definition: &'a Manifest, pointer: &str) -> Option<&'a str> {
    definition.value().pointer(pointer).and_then(Value::as_str)
}

impl Definitions {
    pub(crate) fn is_cluster_scoped(&self, manifest: &Manifest) -> bool {
        CLUSTER_SCOPED.contains(&(manifest.group(), manifest.kind()))
            || self.0.contains(&(manifest.group().to_owned(), manifest.kind().to_owned()))
    }
}
