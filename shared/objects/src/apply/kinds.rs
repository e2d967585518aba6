//! The types of the kinds that we know: Kubernetes' own, Argo CD's and ours, as a real API server has them.
//!
//! The tables are written by `tests/compat/apply-recorder` from the OpenAPI of a kube-apiserver with the CRDs
//! installed.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::schema::{Field, Kinds, Map, Schema, Strategy, Type, TypeRef, read};

struct Known {
    kinds: BTreeMap<(String, String), Schema>,
    any: Schema,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut native = Kinds::default();
    read(include_str!("kinds/kubernetes.types"), &mut native).expect("the table of Kubernetes' types reads");
    let names: Vec<_> = native.kinds.keys().cloned().collect();
    let mut all = native;
    read(include_str!("kinds/argo.types"), &mut all).expect("the table of Argo CD's types reads");
    read(include_str!("kinds/flotilla.types"), &mut all).expect("the table of our types reads");
    let any = Schema::new(of_any(&all));
    let kinds = all.kinds.into_iter().map(|(name, (root, status))| {
        let mut schema = Schema::new(root);
        schema.native = names.contains(&name);
        if status {
            schema = subresource(schema, &name.1);
        }
        (name, schema)
    });
    Known { kinds: kinds.collect(), any }
});

/// What Kubernetes' own strategies leave alone (`GetResetFields`).
fn subresource(schema: Schema, kind: &str) -> Schema {
    let schema = schema.with_status();
    match kind {
        "Deployment" => schema.not_of_status(&["metadata", "labels"]),
        "Pod" => schema
            .not_of_status(&["metadata", "deletionTimestamp"])
            .not_of_status(&["metadata", "ownerReferences"]),
        _ => schema,
    }
}

/// An object of a kind that has no schema: only its metadata is known.
fn of_any(all: &Kinds) -> TypeRef {
    let (some, _) = all.kinds.values().next().expect("the tables have kinds");
    let map = some.get().map.as_ref().expect("an object is a map");
    let known = ["apiVersion", "kind", "metadata"];
    let field = |name: &&str| {
        ((*name).to_owned(), Field { strategy: Strategy::default(), ..map.fields[*name].clone() })
    };
    let map = Map { fields: known.iter().map(field).collect(), rest: Some(TypeRef::Deduced), atomic: false };
    TypeRef::Of(Arc::new(Type { map: Some(map), ..Type::default() }))
}

impl Schema {
    /// The schema of any object: its metadata is that of every object, and everything else is merged as it
    /// comes, maps by field and lists as wholes.
    pub fn object() -> Self {
        KNOWN.any.clone()
    }

    /// The schema of one of the kinds that we know (whatever its version); of any other,
    /// [`Schema::object`].
    pub fn of_kind(group: &str, kind: &str) -> Self {
        KNOWN.kinds.get(&(group.to_owned(), kind.to_owned())).unwrap_or(&KNOWN.any).clone()
    }
}
