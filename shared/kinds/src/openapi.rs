//! OpenAPI: what `kubectl explain`, code generators and Terraform read, as Kubernetes publishes it.
//!
//! Version 3 is a document per group and version, version 2 one of everything, as JSON or as gnostic's protobuf
//! ([`v2_protobuf`]). Both hold the paths of what is served and the schemas of kinds, lists and options. Argo CD's and
//! Flotilla's kinds are written out whole, as custom resources are; Kubernetes' own refer to each other.

mod paths;
mod protobuf;

use crate::{
    publish::{Style, map, published, schema},
    tree::{self, Home},
};
use paths::{Operation, Path, Served};
use serde_json::{Map, Value, json};
use shared_objects::discovery::ApiResource;
use std::collections::BTreeSet;

pub use protobuf::v2_protobuf;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const TYPES: [&str; 2] = ["application/json", "application/yaml"];

/// The names of the documents of version 3, as in `apis/argoproj.io/v1alpha1`.
pub fn documents() -> BTreeSet<String> {
    let mut names = BTreeSet::from(["api", "apis", "version"].map(str::to_owned));
    for resource in crate::resources() {
        if !resource.group.is_empty() {
            names.insert(format!("apis/{}", resource.group));
        }
        names.insert(base(&resource.group, &resource.version).trim_start_matches('/').to_owned());
    }
    names
}

/// A document of version 3; `None` when there is none with this name.
pub fn v3(name: &str, version: &str) -> Option<Value> {
    if !documents().contains(name) {
        return None;
    }
    let resources: Vec<ApiResource> =
        crate::resources().into_iter().filter(|one| base(&one.group, &one.version)[1..] == *name).collect();
    let mut paths = Map::new();
    let mut schemas = Map::new();
    if let Some((path, operation)) = paths::plain(name) {
        paths.insert(path, json!({"get": v3_operation(&operation)}));
    }
    for served in resources.iter().map(Served::of) {
        for path in served.paths() {
            paths.insert(path.path.clone(), v3_path(&path));
        }
        schemas.extend(schemas_of(&served, Style::V3));
    }
    if !resources.is_empty() {
        schemas.extend(shared_schemas(Style::V3, &resources));
    }
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Flotilla", "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"BearerToken": bearer()},
        },
    }))
}

/// The document of version 2.
pub fn v2(version: &str) -> Value {
    let resources = crate::resources();
    let mut paths = Map::new();
    let mut schemas = shared_schemas(Style::V2, &resources);
    for name in documents() {
        if let Some((path, operation)) = paths::plain(&name) {
            paths.insert(path, json!({"get": v2_operation(&operation)}));
        }
    }
    for served in resources.iter().map(Served::of) {
        for path in served.paths() {
            paths.insert(path.path.clone(), v2_path(&path));
        }
        schemas.extend(schemas_of(&served, Style::V2));
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Flotilla", "version": version},
        "paths": paths,
        "definitions": schemas,
        "securityDefinitions": {"BearerToken": bearer()},
        "security": [{"BearerToken": []}],
    })
}

fn bearer() -> Value {
    json!({
        "type": "apiKey", "name": "authorization", "in": "header",
        "description": "A token, as in Bearer TOKEN.",
    })
}

fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// The schemas of a kind and its list.
fn schemas_of(served: &Served<'_>, style: Style) -> Vec<(String, Value)> {
    let kind = tree::named(&served.resource.kind);
    let mut object = schema(kind, style);
    object.insert("x-kubernetes-group-version-kind".into(), json!([served.identity("")]));
    let mut schemas = vec![(served.name(""), Value::Object(object))];
    if served.can("list") {
        let reference = |name: String| match style {
            Style::V3 => json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]}),
            Style::V2 | Style::Definition => json!({"$ref": format!("#/definitions/{name}")}),
        };
        let mut metadata = map(reference(format!("{META}.ListMeta")));
        metadata.insert("description".into(), json!("Where the list stands."));
        let text = |about: &str| json!({"type": "string", "description": about});
        let list = json!({
            "type": "object",
            "description": format!("A list of {}.", served.resource.plural),
            "required": ["items"],
            "properties": {
                "apiVersion": text("The group and version that the list is written in."),
                "kind": text(&format!("{}List.", served.resource.kind)),
                "metadata": metadata,
                "items": {"type": "array", "description": "The objects.", "items": reference(served.name(""))},
            },
            "x-kubernetes-group-version-kind": [served.identity("List")],
        });
        schemas.push((served.name("List"), list));
    }
    schemas
}

/// The schemas of Kubernetes' own types that the kinds refer to, but for the kinds themselves.
fn shared_schemas(style: Style, resources: &[ApiResource]) -> Map<String, Value> {
    let kinds = crate::resources();
    let is_kind = |name: &str| kinds.iter().any(|one| one.kind == name);
    let wanted = |prefix: &str| {
        let group = |one: &ApiResource| match prefix {
            META => true,
            "io.k8s.api.core.v1" => one.group.is_empty(),
            _ => one.group.ends_with(".k8s.io"),
        };
        resources.iter().any(group)
    };
    let mut schemas = Map::new();
    for kind in tree::types() {
        let Home::Named(prefix) = kind.home else { continue };
        let is_base = kind.name == "Object" || kind.name == "CoreObject";
        if !wanted(prefix) || is_kind(kind.name) || is_base {
            continue;
        }
        let mut schema = schema(kind, style);
        if ["Status", "DeleteOptions"].contains(&kind.name) {
            let identity = json!([{"group": "", "version": "v1", "kind": kind.name}]);
            schema.insert("x-kubernetes-group-version-kind".into(), identity);
        }
        if let Some(name) = published(kind) {
            schemas.insert(name, Value::Object(schema));
        }
    }
    schemas
}

fn v3_path(path: &Path) -> Value {
    let mut item = Map::new();
    for operation in &path.operations {
        item.insert(operation.method.to_owned(), v3_operation(operation));
    }
    if !path.parameters.is_empty() {
        item.insert("parameters".into(), path.parameters.iter().map(|one| one.v3()).collect());
    }
    Value::Object(item)
}

fn v3_operation(operation: &Operation) -> Value {
    let reference = |name: &str| match name {
        "" => json!({"type": "object"}),
        name => json!({"$ref": format!("#/components/schemas/{name}")}),
    };
    let content = |types: &[&str], name: &str| -> Map<String, Value> {
        types.iter().map(|kind| ((*kind).to_owned(), json!({"schema": reference(name)}))).collect()
    };
    let mut responses = Map::new();
    for (code, about) in &operation.codes {
        let answer = json!({"description": about, "content": content(&TYPES, &operation.answer)});
        responses.insert((*code).to_owned(), answer);
    }
    responses.insert("401".into(), json!({"description": "Unauthorized"}));
    let mut said = described(operation);
    said.insert("parameters".into(), operation.parameters.iter().map(|one| one.v3()).collect());
    if let Some(body) = &operation.body {
        let request =
            json!({"content": content(&operation.consumes, body), "required": operation.method != "delete"});
        said.insert("requestBody".into(), request);
    }
    said.insert("responses".into(), Value::Object(responses));
    Value::Object(said)
}

fn v2_path(path: &Path) -> Value {
    let mut item = Map::new();
    for operation in &path.operations {
        item.insert(operation.method.to_owned(), v2_operation(operation));
    }
    if !path.parameters.is_empty() {
        item.insert("parameters".into(), path.parameters.iter().map(|one| one.v2()).collect());
    }
    Value::Object(item)
}

fn v2_operation(operation: &Operation) -> Value {
    let reference = |name: &str| match name {
        "" => json!({"type": "object"}),
        name => json!({"$ref": format!("#/definitions/{name}")}),
    };
    let mut responses = Map::new();
    for (code, about) in &operation.codes {
        responses.insert(
            (*code).to_owned(),
            json!({"description": about, "schema": reference(&operation.answer)}),
        );
    }
    responses.insert("401".into(), json!({"description": "Unauthorized"}));
    let body = operation.body.as_ref().map(|body| {
        json!({"name": "body", "in": "body", "required": operation.method != "delete", "schema": reference(body)})
    });
    let parameters = body.into_iter().chain(operation.parameters.iter().map(|one| one.v2()));
    let mut said = described(operation);
    said.insert("parameters".into(), parameters.collect());
    said.insert("consumes".into(), json!(operation.consumes));
    said.insert("produces".into(), json!(TYPES));
    said.insert("schemes".into(), json!(["https"]));
    said.insert("responses".into(), Value::Object(responses));
    Value::Object(said)
}

/// What both versions say of an operation.
fn described(operation: &Operation) -> Map<String, Value> {
    let mut said = map(json!({
        "description": operation.about, "operationId": operation.id, "tags": [operation.tag],
    }));
    if let Some(identity) = &operation.identity {
        said.insert("x-kubernetes-action".into(), json!(operation.action));
        said.insert("x-kubernetes-group-version-kind".into(), identity.clone());
    }
    said
}

#[cfg(test)]
mod tests;
