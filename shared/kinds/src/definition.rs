//! The kinds as CustomResourceDefinitions, for a Kubernetes API server that is to serve them.

use crate::{
    categories, columns, has_status,
    publish::{Style, schema as publish},
    schema, short_names,
    tree::Home,
};
use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::table::Cell;

/// The definition of a kind; `None` of Kubernetes' own kinds, which it has already.
///
/// Columns that are made of several fields are left out: a definition has paths only. The status is a subresource, as
/// it is on the hub.
pub fn definition(kind: Kind) -> Option<Value> {
    let of = schema(kind);
    if of.home != Home::WrittenOut {
        return None;
    }
    let gvk = gvk(kind);
    let columns = columns(kind).into_iter().filter_map(|column| match column.cell {
        Cell::Path(path) => {
            let mut shown = json!({"name": column.name, "type": column.kind, "jsonPath": path.to_string()});
            if column.priority > 0 {
                shown["priority"] = json!(column.priority);
            }
            Some(shown)
        }
        Cell::With(_) => None,
    });
    let mut version = json!({
        "name": gvk.version, "served": true, "storage": true,
        "schema": {"openAPIV3Schema": publish(of, Style::Definition)},
        "additionalPrinterColumns": columns.collect::<Vec<_>>(),
    });
    if has_status(kind) {
        version["subresources"] = json!({"status": {}});
    }
    Some(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{}.{}", gvk.plural, gvk.group)},
        "spec": {
            "group": gvk.group,
            "names": {
                "kind": gvk.kind, "listKind": format!("{}List", gvk.kind),
                "plural": gvk.plural, "singular": gvk.kind.to_lowercase(),
                "shortNames": short_names(kind), "categories": categories(kind),
            },
            "scope": if gvk.namespaced { "Namespaced" } else { "Cluster" },
            "versions": [version],
        },
    }))
}

#[cfg(test)]
mod tests;
