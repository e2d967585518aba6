//! Objects that somebody edits, deletes, unmarks, or makes anew; and objects that are none of ours.

use crate::ground::Ground;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests_e2e::{eventually, fleet::SOON};

/// One ConfigMap for each kind of tampering, so that no heal waits for another one's.
pub(crate) const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: edited}
data: {key: git, other: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: emptied}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: deleted}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unlabelled}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: relabelled}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: untracked}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unmarked}
data: {key: git}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: 'shop/web:v1'}]}
";

/// A Deployment whose replicas are somebody else's, and an object that the next commit does not have.
pub(crate) const OTHERS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaled}
spec:
  selector: {matchLabels: {app: scaled}}
  template:
    metadata: {labels: {app: scaled}}
    spec: {containers: [{name: main, image: 'shop/web:v1'}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stays}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: leaves}
data: {key: git}
";

/// One object that Kubernetes lets nobody change once it is marked so, and one that may be replaced then.
pub(crate) const IMMUTABLE: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: frozen}
data: {key: git}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: forced, annotations: {argocd.argoproj.io/sync-options: Force=true}}
data: {key: git}
";

const OWNER: &str = "flotilla.dev/owner";
const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// Waits until the ConfigMap is as the release says, marks included; gives it.
async fn whole(ground: &Ground, namespace: &str, name: &str, label: &str) -> Value {
    eventually(SOON, &format!("{namespace}/{name} is whole"), async || {
        let map = ground.object(namespace, "configmap", name).await?;
        let metadata = &map["metadata"];
        ensure!(map["data"]["key"] == "git" && metadata["labels"][OWNER] == label, "{map:#}");
        let tracking = format!("{namespace}:/ConfigMap:{namespace}/{name}");
        ensure!(metadata["annotations"][TRACKING] == tracking.as_str(), "{map:#}");
        Ok(map)
    })
    .await
}

async fn label(ground: &Ground, namespace: &str, name: &str) -> Result<String> {
    let map = ground.object(namespace, "configmap", name).await?;
    Ok(map["metadata"]["labels"][OWNER].as_str().context("it has our label")?.to_owned())
}

pub(crate) async fn tampered_objects_are_put_right(ground: &Ground) -> Result<()> {
    const IN: &str = "--namespace=objects";
    let label = label(ground, "objects", "edited").await?;
    ground.patch("objects", "configmap/edited", r#"{"data":{"key":"mine","more":"of somebody"}}"#).await?;
    ground.patch("objects", "configmap/emptied", r#"{"data":null}"#).await?;
    ground.kubectl(&["delete", "configmap", "deleted", IN]).await?;
    ground.kubectl(&["label", "configmap", "unlabelled", IN, &format!("{OWNER}-")]).await?;
    ground.kubectl(&["label", "configmap", "relabelled", IN, "--overwrite", &format!("{OWNER}=me")]).await?;
    ground.kubectl(&["annotate", "configmap", "untracked", IN, &format!("{TRACKING}-")]).await?;
    let unmark = json!({"metadata": {"labels": {OWNER: null}, "annotations": {TRACKING: null}}, "data": {"key": "mine"}});
    ground.patch("objects", "configmap/unmarked", &unmark.to_string()).await?;
    ground.kubectl(&["scale", "deployment", "web", IN, "--replicas=3"]).await?;

    for name in ["edited", "emptied", "deleted", "unlabelled", "relabelled", "untracked", "unmarked"] {
        whole(ground, "objects", name, &label).await;
    }
    ground.becomes("objects", "deployment", "web", "/spec/replicas", json!(1)).await;
    let edited = ground.object("objects", "configmap", "edited").await?;
    ensure!(edited["data"]["other"] == "git", "{edited:#}");
    ground.is_settled("objects").await;
    let status = ground.status("objects").await?;
    ensure!(status["healed"].as_u64().is_some_and(|healed| healed >= 8), "{status:#}");
    Ok(())
}

pub(crate) async fn what_is_not_ours_is_left_alone(ground: &Ground) -> Result<()> {
    let label = label(ground, "others", "stays").await?;
    let mark = ground.way.mark();
    // An autoscaler sets what the release does not.
    ground.kubectl(&["scale", "deployment", "scaled", "--namespace=others", "--replicas=3"]).await?;
    // Somebody copies our marks: naming our object, and naming the copy.
    for (name, tracked) in [("copied", "stays"), ("claimed", "claimed")] {
        let marked = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": name, "namespace": "others", "labels": {OWNER: label},
            "annotations": {TRACKING: format!("others:/ConfigMap:others/{tracked}")}}, "data": {"key": name}});
        ground.cluster().apply(&marked.to_string()).await?;
    }
    let (left, _) = OTHERS.rsplit_once("---").context("it has parts")?;
    ground.fleet.push(&[("others/all.yaml", left)])?;
    eventually(SOON, "what left the release is pruned", async || {
        let left = ground.object("others", "configmap", "leaves").await;
        ensure!(left.is_err(), "{left:?}");
        Ok(())
    })
    .await;
    ground.is_settled("others").await;
    for name in ["copied", "claimed"] {
        ground.becomes("others", "configmap", name, "/data/key", json!(name)).await;
    }
    ground.becomes("others", "deployment", "scaled", "/spec/replicas", json!(3)).await;
    let written: Vec<_> = ground.way.since(mark).into_iter().filter(|asked| asked.is_write()).collect();
    let foreign = |path: &str| path.ends_with("/copied") || path.ends_with("/claimed");
    ensure!(!written.iter().any(|asked| foreign(&asked.path)), "{written:#?}");
    Ok(())
}

pub(crate) async fn what_cannot_be_changed_is_told(ground: &Ground) -> Result<()> {
    let label = label(ground, "immutable", "frozen").await?;
    let mark = ground.way.mark();
    let freeze = r#"{"immutable":true,"data":{"key":"mine"}}"#;
    ground.patch("immutable", "configmap/frozen", freeze).await?;
    ground.patch("immutable", "configmap/forced", freeze).await?;
    whole(ground, "immutable", "forced", &label).await;
    ground.says("immutable", &["cannot heal ConfigMap immutable/frozen", "immutable"]).await;
    let status = ground.status("immutable").await?;
    ensure!(status["sync"]["status"] == "OutOfSync", "{status:#}");
    ground.stays_polite(mark, 2, "/configmaps/frozen", 2.0).await?;
    // The person who froze it takes it away.
    ground.kubectl(&["delete", "configmap", "frozen", "--namespace=immutable"]).await?;
    whole(ground, "immutable", "frozen", &label).await;
    ground.is_settled("immutable").await;
    Ok(())
}
