//! How lists and maps of a kind merge, as Argo CD's CRDs and Kubernetes mark them.

use shared_model::{Kind, gvk};
use shared_objects::apply::Schema;

/// The schema of a kind.
pub(crate) fn schema(kind: Kind) -> Schema {
    let gvk = gvk(kind);
    let schema = Schema::of_kind(gvk.group, gvk.kind);
    match kind {
        Kind::RolloutPolicy => schema.list_map("spec.waves", "name"),
        // Who may change a pause may change all of it: who asked and when are the hub's to say.
        Kind::Cluster => schema.atomic("spec.pause"),
        Kind::Application
        | Kind::ApplicationSet
        | Kind::AppProject
        | Kind::FleetRollout
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => schema,
    }
}
