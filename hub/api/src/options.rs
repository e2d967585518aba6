//! What requests ask for beside the object: selectors, forms of the answer, versions; and failures in the
//! API's words.

pub(crate) mod rules;

use crate::query::Query;
use http::{HeaderMap, header};
use hub_records::{Error, resource};
use hub_store::Revision;
use serde_json::{Value, json};
use shared_model::LabelSelector;
use shared_objects::{
    Status, meta,
    selector::{FieldSelector, parse_labels},
    status::MODIFIED,
    table::IncludeObject,
};
use std::collections::BTreeMap;

/// A failure of the records as the API answers it.
pub(crate) fn failed(error: Error) -> Status {
    match error {
        Error::AlreadyExists { kind, name } => Status::already_exists(resource(kind), &name),
        Error::NotFound { kind, name } => Status::not_found(resource(kind), &name),
        Error::Conflict { kind, name } => Status::conflict(resource(kind), &name, MODIFIED),
        Error::Invalid(status) => status,
        Error::Store(hub_store::Error::ValueTooLarge { size, .. }) => Status::too_large(&format!(
            "the object has {size} bytes, limit is {}; put large content into Git and refer to it",
            crate::body::OBJECT_LIMIT
        )),
        Error::Store(hub_store::Error::KeyTooLong { .. }) => {
            Status::bad_request("the object's name is too long")
        }
        Error::Store(hub_store::Error::Closed) => Status::unavailable("the hub is stopping", 1),
        Error::Store(error) => {
            tracing::error!(%error, "the store failed");
            Status::internal("the store failed; the hub's log says why")
        }
        error @ Error::Unreadable { .. } => {
            tracing::error!(%error, "a record cannot be read");
            Status::internal("a record cannot be read; the hub's log says which")
        }
    }
}

/// Which objects are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    pub(crate) namespace: Option<String>,
}

impl Selector {
    pub(crate) fn parse(query: &Query, namespace: Option<&str>) -> Result<Self, Status> {
        let labels = parse_labels(query.get("labelSelector"));
        let fields = FieldSelector::parse(query.get("fieldSelector"), FIELDS);
        Ok(Self {
            labels: labels.map_err(|error| Status::bad_request(error.to_string()))?,
            fields: fields.map_err(|error| Status::bad_request(error.to_string()))?,
            namespace: namespace.map(str::to_owned),
        })
    }

    /// Whether it selects everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields == FieldSelector::default()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.namespace.as_deref().is_none_or(|namespace| meta::namespace(object) == namespace)
            && self.fields.matches(object)
            && (self.labels.is_empty() || self.labels.matches(&labels(object)))
    }
}

/// Fields beside name and namespace: those by which kubectl finds Events (`kubectl describe`).
const FIELDS: &[&str] = &[
    "involvedObject.uid",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.kind",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "type",
];

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

/// In which form objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Object,
    /// As rows of a `meta.k8s.io/v1` Table.
    Table(IncludeObject),
    /// Their metadata only.
    Metadata,
}

impl Form {
    /// Reads `Accept`: the first form that is served.
    pub(crate) fn of(headers: &HeaderMap, query: &Query) -> Result<Self, Status> {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let accept = accept.collect::<Vec<_>>().join(",");
        let mut refused = false;
        for range in accept.split(',').map(str::trim).filter(|range| !range.is_empty()) {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            if !["application/json", "application/yaml", "application/*", "*/*"].contains(&media_type) {
                refused = true;
                continue;
            }
            let parameter = |name: &str| {
                range.split(';').filter_map(|p| p.trim().split_once('=')).find(|(n, _)| *n == name)
            };
            let is_meta = parameter("g").is_none_or(|(_, group)| group == "meta.k8s.io")
                && parameter("v").is_none_or(|(_, version)| version == "v1");
            match parameter("as").map(|(_, form)| form) {
                None => return Ok(Self::Object),
                Some("Table") if is_meta => {
                    let asked = query.get("includeObject");
                    let include = IncludeObject::parse(asked).ok_or_else(|| {
                        Status::bad_request(format!(
                            "includeObject: {asked:?} is none of None, Metadata, Object"
                        ))
                    })?;
                    return Ok(Self::Table(include));
                }
                Some("PartialObjectMetadata" | "PartialObjectMetadataList") if is_meta => {
                    return Ok(Self::Metadata);
                }
                Some(_) => refused = true,
            }
        }
        if refused {
            Err(Status::not_acceptable(&["application/json", "application/yaml"]))
        } else {
            Ok(Self::Object)
        }
    }
}

/// An object's metadata alone.
pub(crate) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// Reads a `resourceVersion` parameter; `None` when it is absent.
pub(crate) fn version(query: &Query) -> Result<Option<Revision>, Status> {
    match query.get("resourceVersion") {
        "" => Ok(None),
        text => text.parse().map(|revision| Some(Revision(revision))).map_err(|_| {
            Status::bad_request(format!(
                "invalid resource version {text:?}: it is a number that this API gave out"
            ))
        }),
    }
}
