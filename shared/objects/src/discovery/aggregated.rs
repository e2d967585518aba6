//! The aggregated form: everything in two requests.

use serde_json::{Value, json};

use super::{ApiResource, groups, of, versions};

/// The media type of the aggregated documents, which clients ask for in `Accept` and find in `Content-Type`.
pub const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// `GET /api` for who accepts [`AGGREGATED`].
pub fn aggregated_core(resources: &[ApiResource]) -> Value {
    let empty = versions(resources, "").is_empty();
    if empty { list(&[]) } else { list(&[group(resources, "")]) }
}

/// `GET /apis` for who accepts [`AGGREGATED`].
pub fn aggregated_groups(resources: &[ApiResource]) -> Value {
    let groups: Vec<_> = groups(resources).iter().map(|name| group(resources, name)).collect();
    list(&groups)
}

fn list(items: &[Value]) -> Value {
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    })
}

fn group(resources: &[ApiResource], name: &str) -> Value {
    let versions: Vec<_> = versions(resources, name)
        .into_iter()
        .map(|version| {
            let served: Vec<_> = of(resources, name, version).map(resource).collect();
            json!({"version": version, "freshness": "Current", "resources": served})
        })
        .collect();
    let mut metadata = json!({"creationTimestamp": null});
    if !name.is_empty() {
        metadata["name"] = name.into();
    }
    json!({"metadata": metadata, "versions": versions})
}

fn resource(resource: &ApiResource) -> Value {
    let mut document = json!({
        "resource": resource.plural,
        "responseKind": response_kind(resource, &resource.kind),
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": resource.verbs,
    });
    for (field, texts) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !texts.is_empty() {
            document[field] = json!(texts);
        }
    }
    if !resource.subresources.is_empty() {
        let below = resource.subresources.iter().map(|sub| {
            let kind = response_kind(resource, sub.kind(resource));
            json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
        });
        document["subresources"] = below.collect();
    }
    document
}

fn response_kind(resource: &ApiResource, kind: &str) -> Value {
    json!({"group": resource.group, "version": resource.version, "kind": kind})
}
