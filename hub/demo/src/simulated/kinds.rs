//! What the simulated cluster serves.

use shared_objects::{
    Resource,
    apply::Schema,
    discovery::{ApiResource, Subresource},
    meta::Rules,
    names::NameRule,
};

/// One kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
    /// Whether status is written by the controller only, and generations are counted.
    pub(crate) has_status: bool,
}

const fn of(
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
    has_status: bool,
) -> Kind {
    Kind { group, version: "v1", kind, plural, namespaced, has_status }
}

/// Every kind.
pub(crate) const KINDS: &[Kind] = &[
    of("", "Namespace", "namespaces", false, true),
    of("", "Node", "nodes", false, true),
    of("", "ConfigMap", "configmaps", true, false),
    of("", "Secret", "secrets", true, false),
    of("", "Service", "services", true, true),
    of("", "ServiceAccount", "serviceaccounts", true, false),
    of("apps", "Deployment", "deployments", true, true),
    of("networking.k8s.io", "NetworkPolicy", "networkpolicies", true, false),
    of("rbac.authorization.k8s.io", "ClusterRole", "clusterroles", false, false),
    of("rbac.authorization.k8s.io", "ClusterRoleBinding", "clusterrolebindings", false, false),
    of("rbac.authorization.k8s.io", "Role", "roles", true, false),
    of("rbac.authorization.k8s.io", "RoleBinding", "rolebindings", true, false),
];

impl Kind {
    /// The kind with this plural.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        KINDS
            .iter()
            .copied()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
    }

    pub(crate) const fn resource(&self) -> Resource<'static> {
        Resource { group: self.group, kind: self.kind, plural: self.plural }
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules {
            namespaced: self.namespaced,
            name: NameRule::Subdomain,
            status_subresource: self.has_status,
            immutable: &[],
            sealable: if matches!(self.kind, "ConfigMap" | "Secret") { &["data", "binaryData"] } else { &[] },
        }
    }

    /// How its lists and maps merge.
    pub(crate) fn schema(&self) -> Schema {
        Schema::of_kind(self.group, self.kind)
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The list that discovery is made from.
pub(crate) fn served() -> Vec<ApiResource> {
    const VERBS: [&str; 7] = ["create", "delete", "get", "list", "patch", "update", "watch"];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let status = |kind: &Kind| Subresource {
        name: "status".to_owned(),
        kind: String::new(),
        verbs: words(&["get", "patch", "update"]).into_iter().filter(|_| kind.has_status).collect(),
    };
    let resource = |kind: &Kind| ApiResource {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        kind: kind.kind.to_owned(),
        plural: kind.plural.to_owned(),
        singular: kind.kind.to_lowercase(),
        namespaced: kind.namespaced,
        verbs: words(&VERBS),
        subresources: if kind.has_status { vec![status(kind)] } else { Vec::new() },
        ..ApiResource::default()
    };
    KINDS.iter().map(resource).collect()
}
