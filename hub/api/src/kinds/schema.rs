//! How lists and maps of a kind merge, as Argo CD's CRDs, ours and Kubernetes mark them.

use std::{collections::BTreeMap, sync::LazyLock};

use shared_model::{Kind, gvk};
use shared_objects::apply::Schema;

/// Made once: a request need not walk all types of a kind.
static SCHEMAS: LazyLock<BTreeMap<Kind, Schema>> = LazyLock::new(|| {
    let schema = |kind: Kind| {
        let gvk = gvk(kind);
        // What we do not know of is kept and told of (design §4), and every status is a subresource.
        (kind, Schema::of_kind(gvk.group, gvk.kind).open().with_status())
    };
    Kind::ALL.iter().copied().map(schema).collect()
});

/// The schema of a kind.
pub(crate) fn schema(kind: Kind) -> &'static Schema {
    SCHEMAS.get(&kind).expect("every kind has a schema")
}
