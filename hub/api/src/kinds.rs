//! What is served of each kind.

mod columns;
mod fields;
mod schema;
mod validate;

use shared_model::{Kind, gvk};
use shared_objects::discovery::{ApiResource, Subresource};

pub(crate) use columns::columns;
pub(crate) use fields::{Validation, check as check_fields};
pub(crate) use schema::schema;
pub(crate) use validate::validate;

/// What the hub would say against an object of a kind under `fieldValidation=Strict`, for whoever checks a file
/// without a hub; `None` when it would take it.
pub fn refusal(kind: Kind, object: &serde_json::Value) -> Option<String> {
    let checked = check_fields(kind, object, Validation::Strict).and_then(|_| validate(kind, object));
    checked.err().map(|refusal| refusal.message)
}

const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// What people type instead of the plural, as Argo CD has it for its kinds.
const fn short_names(kind: Kind) -> &'static [&'static str] {
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

/// Whether readers see a status, and may write it.
pub(crate) const fn has_status(kind: Kind) -> bool {
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

/// Everything that discovery lists.
pub(crate) fn resources() -> Vec<ApiResource> {
    let reviews = [
        ("authorization.k8s.io", "SelfSubjectAccessReview"),
        ("authorization.k8s.io", "SelfSubjectRulesReview"),
        ("authentication.k8s.io", "SelfSubjectReview"),
    ];
    let reviews = reviews.map(|(group, kind)| ApiResource {
        group: group.to_owned(),
        version: "v1".to_owned(),
        kind: kind.to_owned(),
        plural: format!("{}s", kind.to_lowercase()),
        singular: kind.to_lowercase(),
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
    let categories: &[&str] = match kind {
        Kind::Application | Kind::ApplicationSet | Kind::FleetRollout | Kind::Cluster => &["all", "flotilla"],
        Kind::AppProject | Kind::RolloutPolicy | Kind::EnrollmentToken => &["flotilla"],
        Kind::Namespace | Kind::Secret | Kind::ConfigMap | Kind::Event => &[],
    };
    ApiResource {
        group: gvk.group.to_owned(),
        version: gvk.version.to_owned(),
        kind: gvk.kind.to_owned(),
        plural: gvk.plural.to_owned(),
        singular: gvk.kind.to_lowercase(),
        short_names: owned(short_names(kind)),
        namespaced: gvk.namespaced,
        verbs: owned(&VERBS),
        categories: owned(categories),
        subresources: if has_status(kind) { vec![status] } else { Vec::new() }
            .into_iter()
            .chain(below(kind))
            .collect(),
    }
}
