//! What the life cycle must know of each kind.

use shared_model::{Kind, gvk};
use shared_objects::{Resource, meta::Rules, names::NameRule};

/// The kind as refusals name it.
pub const fn resource(kind: Kind) -> Resource<'static> {
    let gvk = gvk(kind);
    Resource { group: gvk.group, kind: gvk.kind, plural: gvk.plural }
}

/// The rules of the kind's life cycle.
pub const fn rules(kind: Kind) -> Rules {
    let immutable: &[&str] = match kind {
        // Immutable records: what was shipped, and what was promised to a cluster.
        Kind::FleetRollout | Kind::EnrollmentToken => &["spec"],
        Kind::Secret => &["type"],
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::RolloutPolicy
        | Kind::Namespace
        | Kind::ConfigMap
        | Kind::Event => &[],
    };
    let sealable: &[&str] = match kind {
        Kind::Secret => &["data"],
        Kind::ConfigMap => &["data", "binaryData"],
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Event => &[],
    };
    let name = match kind {
        Kind::Namespace => NameRule::Label,
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => NameRule::Subdomain,
    };
    // Statuses live under keys of their own for every kind: an object never carries one.
    Rules { namespaced: gvk(kind).namespaced, name, status_subresource: true, immutable, sealable }
}
