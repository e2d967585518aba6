//! Where and how each kind is served: what discovery lists.

use shared_model::{Kind, gvk};
use shared_objects::discovery::{ApiResource, Subresource};

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What people type instead of the plural, as Argo CD has it for its kinds.
pub const fn short_names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Application => &["app", "apps"],
        Kind::ApplicationSet => &["appset", "appsets"],
        Kind::AppProject => &["appproj", "appprojs"],
        Kind::Cluster => &["cl"],
        Kind::FleetRollout => &["fr"],
        Kind::RolloutPolicy => &["rp"],
        Kind::EnrollmentToken => &["et"],
        Kind::Namespace => &["ns"],
        Kind::ConfigMap => &["cm"],
        Kind::Event => &["ev"],
        Kind::Secret => &[],
    }
}

/// The words that people type for several kinds at once, as in `kubectl get all`.
pub const fn categories(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Application | Kind::ApplicationSet | Kind::FleetRollout | Kind::Cluster => &["all", "flotilla"],
        Kind::AppProject | Kind::RolloutPolicy | Kind::EnrollmentToken => &["flotilla"],
        Kind::Namespace | Kind::Secret | Kind::ConfigMap | Kind::Event => &[],
    }
}

/// Whether readers see a status, and may write it.
pub const fn has_status(kind: Kind) -> bool {
    match kind {
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace => true,
        Kind::Secret | Kind::ConfigMap | Kind::Event => false,
    }
}

/// The fields beside name and namespace by which objects of a kind are selected, as in `--field-selector type=Opaque`.
pub const fn selectable(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Secret => &["type"],
        Kind::Namespace => &["status.phase"],
        Kind::Event => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::ConfigMap => &[],
    }
}

/// Everything that discovery lists.
pub fn resources() -> Vec<ApiResource> {
    let reviews = [
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("authorization.k8s.io", "SelfSubjectRulesReview"),
        ("authorization.k8s.io", "SubjectAccessReview"),
        ("authorization.k8s.io", "LocalSubjectAccessReview"),
        ("authentication.k8s.io", "SelfSubjectReview"),
        ("authentication.k8s.io", "TokenReview"),
    ];
    let reviews = reviews.map(|(group, kind)| ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
        singular: kind.to_lowercase(),
        namespaced: kind == "LocalSubjectAccessReview",
        verbs: vec!["create".to_owned()],
        ..ApiResource::default()
    });
    Kind::ALL.into_iter().map(resource).chain(reviews).collect()
}

/// What is served below the objects of a kind, beside their status.
fn below(kind: Kind) -> Vec<Subresource> {
    let one = |name: &str, kind: &str, verb: &str| Subresource {
        name: name.to_owned(),
        kind: kind.to_owned(),
        verbs: vec![verb.to_owned()],
    };
    match kind {
        Kind::FleetRollout => vec![
            one("decisions", "FleetRolloutDecision", "create"),
            one("members", "FleetRolloutMemberList", "get"),
        ],
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => Vec::new(),
    }
}

fn resource(kind: Kind) -> ApiResource {
    let gvk = gvk(kind);
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let status = Subresource {
        name: "status".to_owned(),
        kind: String::new(),
        verbs: owned(&["get", "patch", "update"]),
    };
    ApiResource {
        group: gvk.group.to_owned(),
        version: gvk.version.to_owned(),
        kind: gvk.kind.to_owned(),
        plural: gvk.plural.to_owned(),
        singular: gvk.kind.to_lowercase(),
        short_names: owned(short_names(kind)),
        namespaced: gvk.namespaced,
        verbs: VERBS
            .into_iter()
            // Namespaces go one by one, as in Kubernetes.
            .filter(|verb| kind != Kind::Namespace || *verb != "deletecollection")
            .map(str::to_owned)
            .collect(),
        categories: owned(categories(kind)),
        subresources: if has_status(kind) { vec![status] } else { Vec::new() }
            .into_iter()
            .chain(below(kind))
            .collect(),
    }
}
