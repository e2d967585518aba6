//! Whether a value is a Kubernetes object, and which.
//!
//! Decides from the value alone. Invariant: a [`Manifest`] has apiVersion, kind, a name or generateName, and labels and annotations that
//! are strings; so whoever holds one need not ask again. Refuses to know: schemas, and whether a kind lives in a namespace.

mod check;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

use crate::{Problem, yaml};

/// What makes an object the same object in a cluster, whatever version it is written in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// API group; empty for core.
    pub group: String,
    /// Kind, as in manifests.
    pub kind: String,
    /// Namespace; empty where the manifest has none (cluster-scoped, or not filled in yet).
    pub namespace: String,
    /// Name; `<generateName>*` for an object whose name the cluster is to make.
    pub name: String,
}

impl ObjectId {
    /// Reads the id off any object, a live one too, without checking it further; missing parts are empty.
    pub fn of(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        let name = match metadata["name"].as_str() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => metadata["generateName"].as_str().map(|prefix| format!("{prefix}*")).unwrap_or_default(),
        };
        Self {
            group: group_of(object["apiVersion"].as_str().unwrap_or_default()).to_owned(),
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name,
        }
    }

    /// `apps/Deployment`, or the kind alone for core kinds.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}/{}", self.group, self.kind) }
    }
}

impl fmt::Display for ObjectId {
    /// `apps/Deployment payments/orders-api`, `Namespace payments`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.group_kind())?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// A Kubernetes object as a user wants it: a JSON object that passed the checks of [`Manifest::new`].
///
/// `Debug` shows its id only, since its content may be secret.
#[derive(Clone, PartialEq)]
pub struct Manifest(Value);

impl Manifest {
    /// Checks `value`.
    ///
    /// # Errors
    /// The first fault found: no object, apiVersion, kind or name missing or of another type, a list that was not flattened,
    /// labels or annotations that are no strings.
    pub fn new(value: Value) -> Result<Self, Problem> {
        check::object(&value)?;
        Ok(Self(value))
    }

    /// `apps/v1`, `v1`.
    pub fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    /// `apps`; empty for core.
    pub fn group(&self) -> &str {
        group_of(self.api_version())
    }

    /// `v1`.
    pub fn version(&self) -> &str {
        self.api_version().rsplit('/').next().unwrap_or_default()
    }

    /// `Deployment`.
    pub fn kind(&self) -> &str {
        self.text("kind")
    }

    /// The name; empty when the cluster is to make it from [`Manifest::generate_name`].
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The prefix of the name that the cluster is to make, for objects without a name.
    pub fn generate_name(&self) -> Option<&str> {
        if self.name().is_empty() { self.0["metadata"]["generateName"].as_str() } else { None }
    }

    /// The namespace, if the manifest names one.
    pub fn namespace(&self) -> Option<&str> {
        self.0["metadata"]["namespace"].as_str().filter(|namespace| !namespace.is_empty())
    }

    /// Which object this is.
    pub fn id(&self) -> ObjectId {
        ObjectId::of(&self.0)
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0["metadata"]["annotations"][key].as_str()
    }

    /// The comma-separated items of an annotation, trimmed, without empty ones.
    pub fn annotation_items(&self, key: &str) -> impl Iterator<Item = &str> {
        self.annotation(key).unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty())
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.0["metadata"]["labels"][key].as_str()
    }

    /// Whether this is a core v1 Secret, of which nothing may be shown unmasked.
    pub fn is_secret(&self) -> bool {
        self.group().is_empty() && self.kind() == "Secret"
    }

    /// Whether this defines a kind.
    pub fn is_crd(&self) -> bool {
        self.group() == "apiextensions.k8s.io" && self.kind() == "CustomResourceDefinition"
    }

    /// The same object in `namespace`, whatever it said before.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        self.0["metadata"]["namespace"] = Value::from(namespace);
        self
    }

    /// The object.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// The object, for changing it.
    pub fn into_value(self) -> Value {
        self.0
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({})", self.id())
    }
}

/// Replaces a list (`kind: List`, or `ConfigMapList` and the like with `items`) by its items, lists within lists too; anything else is returned as it is.
/// Items of a typed list that leave out apiVersion and kind get them from the list.
pub fn flatten(value: Value) -> Vec<Value> {
    if !check::is_list(&value) {
        return vec![value];
    }
    let Value::Object(mut list) = value else { return Vec::new() };
    let item_kind = list
        .get("kind")
        .and_then(Value::as_str)
        .and_then(|kind| kind.strip_suffix("List"))
        .unwrap_or_default()
        .to_owned();
    let api_version = list.get("apiVersion").cloned();
    let Some(Value::Array(items)) = list.remove("items") else { return Vec::new() };
    let complete = |mut item: Value| {
        if let Some(fields) =
            item.as_object_mut().filter(|fields| !item_kind.is_empty() && !fields.contains_key("kind"))
        {
            fields.insert("kind".to_owned(), Value::from(item_kind.clone()));
            if let Some(api_version) = api_version.clone() {
                fields.entry("apiVersion").or_insert(api_version);
            }
        }
        item
    };
    items.into_iter().map(complete).flat_map(flatten).collect()
}

/// Reads every object of a text, lists flattened. `place` names the text in problems, e.g. a file's path.
///
/// Faulty documents become problems and the others are still returned; text that is no YAML is one problem and no manifests.
pub fn read(text: &str, place: &str) -> (Vec<Manifest>, Vec<Problem>) {
    let documents = match yaml::parse_all(text) {
        Ok(documents) => documents,
        Err(error) => return (Vec::new(), vec![Problem::new("", error.to_string(), "").at(place)]),
    };
    let (mut manifests, mut problems) = (Vec::new(), Vec::new());
    for document in documents {
        for value in flatten(document.value) {
            match Manifest::new(value) {
                Ok(manifest) => manifests.push(manifest),
                Err(problem) => problems.push(problem.at(format!("{place}, line {}", document.line))),
            }
        }
    }
    (manifests, problems)
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
