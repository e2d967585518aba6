//! Two Applications claim one object (Argo CD's `SharedResourceWarning`).

use crate::ground::Ground;
use anyhow::Result;
use serde_json::json;

pub(crate) const ONE: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: both}
data: {key: one}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: of-one}
data: {key: git}
";
pub(crate) const TWO: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: both}
data: {key: two}
";

pub(crate) async fn two_applications_that_claim_one_object_are_told(ground: &Ground) -> Result<()> {
    let mark = ground.way.mark();
    // Whoever did not write it last says so.
    let one = ground.says("one", &["ConfigMap shared/both", "also of Application two"]);
    let two = ground.says("two", &["ConfigMap shared/both", "also of Application one"]);
    futures::future::select(Box::pin(one), Box::pin(two)).await;
    // The rest of them is looked after all the same.
    ground.patch("shared", "configmap/of-one", r#"{"data":{"key":"mine"}}"#).await?;
    ground.becomes("shared", "configmap", "of-one", "/data/key", json!("git")).await;
    ground.stays_polite(mark, 0, "/configmaps/both", 2.0).await?;
    // Once Git gives it to one of them, the other one lets it go, and does not prune it.
    let before = ground.object("shared", "configmap", "both").await?["metadata"]["uid"].clone();
    ground.fleet.push(&[("two/all.yaml", &TWO.replace("both", "of-two"))])?;
    ground.becomes("shared", "configmap", "of-two", "/data/key", json!("two")).await;
    ground.is_settled("two").await;
    ground.becomes("shared", "configmap", "both", "/metadata/uid", before).await;
    ground.stays_polite(mark, 0, "/configmaps/both", 2.0).await?;
    Ok(())
}
