//! A definition of a kind is deleted, and with it all its objects.

use crate::ground::Ground;
use anyhow::Result;
use serde_json::json;

pub(crate) const MANIFEST: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ships.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Ship, plural: ships, singular: ship}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {sails: {type: integer}}}}}}
---
apiVersion: example.com/v1
kind: Ship
metadata: {name: one}
spec: {sails: 1}
---
apiVersion: example.com/v1
kind: Ship
metadata: {name: two}
spec: {sails: 2}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: crew}
data: {key: git}
";

pub(crate) async fn a_deleted_definition_comes_back_with_its_objects(ground: &Ground) -> Result<()> {
    let mark = ground.way.mark();
    ground.kubectl(&["delete", "crd", "ships.example.com"]).await?;
    ground.patch("kinds", "configmap/crew", r#"{"data":{"key":"mine"}}"#).await?;
    ground.becomes("kinds", "configmap", "crew", "/data/key", json!("git")).await;
    for (name, sails) in [("one", 1), ("two", 2)] {
        ground.becomes("kinds", "ships", name, "/spec/sails", json!(sails)).await;
    }
    ground.is_settled("kinds").await;
    // Drift of the kind is seen again.
    ground.patch("kinds", "ships/one", r#"{"spec":{"sails":7}}"#).await?;
    ground.becomes("kinds", "ships", "one", "/spec/sails", json!(1)).await;
    ground.is_settled("kinds").await;
    ground.stays_polite(mark, 1, "/ships", 3.0).await
}
