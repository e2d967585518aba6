//! What the API says it serves: the documents of `/api` and `/apis`, plain (`meta/v1`) and aggregated
//! (`apidiscovery.k8s.io/v2`).
//!
//! All from one list of [`ApiResource`]s, so that they cannot disagree. Groups, and kinds within a version,
//! keep the order of the list; versions go by Kubernetes' priority: stable before beta before alpha, newer
//! before older.

mod aggregated;

use std::cmp::Reverse;
use std::net::SocketAddr;

use serde_json::{Value, json};

pub use aggregated::{AGGREGATED, aggregated_core, aggregated_groups};

/// One kind that is served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApiResource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    /// The name in URLs.
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub namespaced: bool,
    /// As in `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verbs: Vec<String>,
    /// As in `all`.
    pub categories: Vec<String>,
    pub subresources: Vec<Subresource>,
}

/// Something served below each object of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subresource {
    /// As in `status`.
    pub name: String,
    /// What it reads and writes; empty: the kind itself.
    pub kind: String,
    pub verbs: Vec<String>,
}

impl ApiResource {
    /// As in `argoproj.io/v1alpha1` or `v1`.
    pub fn group_version(&self) -> String {
        group_version(&self.group, &self.version)
    }
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// `GET /api`: the versions of the core group. `server` is where clients reach the API.
pub fn api_versions(resources: &[ApiResource], server: SocketAddr) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": versions(resources, ""),
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server.to_string()}],
    })
}

/// `GET /apis`: the groups but the core group.
pub fn api_group_list(resources: &[ApiResource]) -> Value {
    let groups: Vec<_> = groups(resources).iter().map(|group| group_fields(resources, group)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `GET /apis/GROUP`; `None` when there is no such group.
pub fn api_group(resources: &[ApiResource], group: &str) -> Option<Value> {
    if !groups(resources).contains(&group) {
        return None;
    }
    let mut document = group_fields(resources, group);
    document["kind"] = "APIGroup".into();
    document["apiVersion"] = "v1".into();
    Some(document)
}

/// `GET /apis/GROUP/VERSION`, or `GET /api/v1` for the core group; `None` when nothing is served there.
pub fn api_resource_list(resources: &[ApiResource], group: &str, version: &str) -> Option<Value> {
    let listed: Vec<_> = of(resources, group, version).flat_map(listed).collect();
    (!listed.is_empty()).then(|| {
        json!({
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version(group, version),
            "resources": listed,
        })
    })
}

fn of<'a>(resources: &'a [ApiResource], group: &str, version: &str) -> impl Iterator<Item = &'a ApiResource> {
    resources.iter().filter(move |r| r.group == group && r.version == version)
}

/// The groups but the core group, in the order of the list.
fn groups(resources: &[ApiResource]) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for resource in resources.iter().filter(|r| !r.group.is_empty()) {
        if !groups.contains(&resource.group.as_str()) {
            groups.push(&resource.group);
        }
    }
    groups
}

/// The versions of a group, the preferred one first.
fn versions<'a>(resources: &'a [ApiResource], group: &str) -> Vec<&'a str> {
    let mut versions: Vec<_> =
        resources.iter().filter(|r| r.group == group).map(|r| r.version.as_str()).collect();
    versions.sort_by_key(|version| (Reverse(priority(version)), *version));
    versions.dedup();
    versions
}

/// Of `v2beta1`: (stability, 2, 1). Anything else comes last.
fn priority(version: &str) -> Option<(u8, u32, u32)> {
    let rest = version.strip_prefix('v')?;
    for (word, stability) in [("alpha", 0), ("beta", 1)] {
        if let Some((major, minor)) = rest.split_once(word) {
            return Some((stability, major.parse().ok()?, minor.parse().ok()?));
        }
    }
    Some((2, rest.parse().ok()?, 0))
}

fn group_fields(resources: &[ApiResource], group: &str) -> Value {
    let versions: Vec<_> = versions(resources, group)
        .into_iter()
        .map(|version| json!({"groupVersion": group_version(group, version), "version": version}))
        .collect();
    json!({"name": group, "preferredVersion": versions.first(), "versions": versions})
}

/// A kind and its subresources, as an `APIResourceList` has them: side by side.
fn listed(resource: &ApiResource) -> Vec<Value> {
    let mut main = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": resource.verbs,
    });
    for (field, texts) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !texts.is_empty() {
            main[field] = json!(texts);
        }
    }
    let below = resource.subresources.iter().map(|sub| {
        json!({
            "name": format!("{}/{}", resource.plural, sub.name),
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": sub.kind(resource),
            "verbs": sub.verbs,
        })
    });
    [main].into_iter().chain(below).collect()
}

impl Subresource {
    fn kind<'a>(&'a self, resource: &'a ApiResource) -> &'a str {
        if self.kind.is_empty() { &resource.kind } else { &self.kind }
    }
}

#[cfg(test)]
mod tests;
