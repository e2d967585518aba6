use super::*;
use expect_test::{Expect, expect};

fn argo() -> Value {
    v3("apis/argoproj.io/v1alpha1", "1").unwrap()
}

/// A field as `kubectl explain` shows it: its description, and the fields below with their types.
fn explain(path: &str, expect: &Expect) {
    let document = argo();
    let mut at = &document["components"]["schemas"]["io.argoproj.v1alpha1.Application"];
    for name in path.split('.') {
        at = &at["properties"][name];
        at = at.get("items").filter(|_| at["type"] == "array").unwrap_or(at);
    }
    let mut shown = format!("{}\n", at["description"].as_str().unwrap());
    for (name, field) in at["properties"].as_object().into_iter().flatten() {
        shown += &format!("  {name} <{}>\n", field["type"].as_str().unwrap_or("any"));
    }
    expect.assert_eq(&shown);
}

#[test]
fn fields_explain_themselves() {
    explain(
        "spec.syncPolicy",
        &expect![[r#"
            When and how the cluster is changed.
              automated <object>
              managedNamespaceMetadata <object>
              retry <object>
              syncOptions <array>
        "#]],
    );
    explain(
        "spec.source.kustomize.replicas",
        &expect![[r#"
            How many replicas a workload gets.
              count <any>
              name <string>
        "#]],
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    for name in documents() {
        let document = v3(&name, "1").unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        each_reference(&document, &mut |reference| {
            let name = reference.strip_prefix("#/components/schemas/").unwrap();
            assert!(schemas.contains_key(name), "no {name}");
        });
        assert!(!document["paths"].as_object().unwrap().is_empty(), "{name}");
    }
    let document = v2("1");
    each_reference(&document, &mut |reference| {
        let name = reference.strip_prefix("#/definitions/").unwrap();
        assert!(document["definitions"].get(name).is_some(), "no {name}");
    });
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters")
        {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(!operation["description"].as_str().unwrap().is_empty(), "{method} {path}");
            assert!(ids.insert(id.clone()), "{id} is there twice");
        }
    }
    for expected in [
        "listArgoprojIoV1alpha1NamespacedApplication",
        "listArgoprojIoV1alpha1ApplicationForAllNamespaces",
        "patchArgoprojIoV1alpha1NamespacedApplicationSetStatus",
        "deleteCoreV1CollectionNamespacedSecret",
        "createAuthorizationV1SelfSubjectAccessReview",
        "readFlotillaDevV1alpha1Cluster",
    ] {
        assert!(ids.contains(expected), "no {expected} in {ids:#?}");
    }
    assert!(v3("apis/nothing.io/v1", "1").is_none());
}

fn each_reference(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value.as_str() {
            Some(reference) if name == "$ref" => see(reference),
            _ => each_reference(value, see),
        }),
        Value::Array(items) => items.iter().for_each(|item| each_reference(item, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn what_clients_look_for_is_said() {
    let document = argo();
    let object = "/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications/{name}";
    let patch = &document["paths"][object]["patch"];
    let parameters = patch["parameters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap());
    assert_eq!(parameters.collect::<Vec<_>>(), ["dryRun", "fieldManager", "fieldValidation", "force"]);
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_none());
    let kind = json!({"group": "argoproj.io", "version": "v1alpha1", "kind": "Application"});
    assert_eq!(patch["x-kubernetes-group-version-kind"], kind);
    let secrets = v3("api/v1", "1").unwrap();
    let patch = &secrets["paths"]["/api/v1/namespaces/{namespace}/secrets/{name}"]["patch"];
    assert!(patch["requestBody"]["content"].get("application/strategic-merge-patch+json").is_some());
    let owners =
        &secrets["components"]["schemas"][format!("{META}.ObjectMeta")]["properties"]["ownerReferences"];
    assert_eq!(owners["x-kubernetes-list-map-keys"], json!(["uid"]));
    assert_eq!(owners["x-kubernetes-patch-merge-key"], "uid");
}

/// The binary form holds what the JSON one does: read back by the wire's own rules.
#[test]
fn the_binary_form_holds_every_definition() {
    let bytes = v2_protobuf("1");
    let document = v2("1");
    let definitions = fields(&bytes).into_iter().find(|(number, _)| *number == 9).unwrap().1;
    let names: Vec<String> = fields(definitions)
        .into_iter()
        .map(|(_, entry)| String::from_utf8(fields(entry)[0].1.to_vec()).unwrap())
        .collect();
    assert_eq!(names, document["definitions"].as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    let secret = names.iter().position(|name| name == "io.k8s.api.core.v1.Secret").unwrap();
    let secret = fields(fields(definitions)[secret].1)[1].1;
    let extension = fields(secret).into_iter().find(|(number, _)| *number == 31).unwrap().1;
    let text = String::from_utf8(fields(fields(extension)[1].1)[0].1.to_vec()).unwrap();
    assert_eq!(text, r#"[{"group":"","kind":"Secret","version":"v1"}]"#);
}

/// The fields of a message that are bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, &[u8])> {
    fn number(bytes: &mut &[u8]) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = number(&mut bytes);
        match tag & 7 {
            0 => drop(number(&mut bytes)),
            1 => bytes = &bytes[8..],
            _ => {
                let length = usize::try_from(number(&mut bytes)).unwrap();
                found.push((tag >> 3, &bytes[..length]));
                bytes = &bytes[length..];
            }
        }
    }
    found
}
