//! What SOPS encrypted is opened in the clusters that have the key, and is plain nowhere else.

use crate::ground::{THREE, fleet, ground, set};
use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use std::path::Path;
use tests_e2e::{Fleet, eventually, fleet::SOON};

/// What the files hold that are encrypted below.
const PASSWORD: &str = "hunter2-ž-✓";
const OF_VALUES: &str = "hunter2-of-values";
const KUSTOMIZATION: &str = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: sealed
commonAnnotations: {team: orders}
resources: [secret.enc.yaml]
";
const CHART: &str = "apiVersion: v2\nname: orders\nversion: 1.0.0\n";
const TEMPLATE: &str = "apiVersion: v1
kind: Secret
metadata: {name: values}
data:
  password: {{ .Values.db.password | b64enc }}
";

/// A recorded answer of the real sops, and the key of these files alone.
fn vector(name: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/sops/src/tests/vectors");
    std::fs::read_to_string(folder.join(name)).with_context(|| name.to_owned())
}

async fn give_key(fleet: &Fleet, cluster: &str) -> Result<()> {
    let key = fleet.folder().join(format!("{cluster}.agekey"));
    std::fs::write(&key, vector("one.key")?)?;
    let cluster = fleet.cluster(cluster);
    cluster.kubectl(&["create", "namespace", "flotilla-agent"]).await?;
    let file = format!("--from-file={}", key.display());
    let create = ["create", "secret", "generic", "flotilla-sops-age", "--namespace=flotilla-agent", &file];
    cluster.kubectl(&create).await.map(drop)
}

async fn holds(fleet: &Fleet, cluster: &str, name: &str, expected: &str) {
    eventually(SOON, &format!("{name} of {cluster} is open"), async || {
        let secrets: Api<Secret> = Api::namespaced(fleet.cluster(cluster).client(), "sealed");
        let secret = secrets.get(name).await?;
        let annotations = secret.metadata.annotations.unwrap_or_default();
        ensure!(!annotations.keys().any(|key| key.contains("sops")), "{annotations:?}");
        let data = secret.data.unwrap_or_default();
        let password = data.get("password").context("it has a password")?;
        ensure!(password.0 == expected.as_bytes(), "{password:?}");
        Ok(())
    })
    .await;
}

/// Every file of a folder that holds one of these texts; compressed ones are opened.
fn leaks(folder: &Path, texts: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(leaks(&path, texts)?);
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let opened = zstd::decode_all(&bytes[..]).unwrap_or_default();
        let holds = |text: &&String| [&bytes, &opened].iter().any(|bytes| contains(bytes, text.as_bytes()));
        found.extend(texts.iter().find(holds).map(|_| path.display().to_string()));
    }
    Ok(found)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_sealed_secret_is_opened_in_its_clusters_and_nowhere_else() -> Result<()> {
    let Some((control_plane, options)) = ground() else { return Ok(()) };
    let fleet = fleet(control_plane, &options, &[]).await?;
    for cluster in ["eu-1", "us-1"] {
        give_key(&fleet, cluster).await?;
    }
    fleet.push(&[
        ("sealed/kustomization.yaml", KUSTOMIZATION),
        ("sealed/secret.enc.yaml", &vector("secret.enc.yaml")?),
        ("chart/Chart.yaml", CHART),
        ("chart/templates/secret.yaml", TEMPLATE),
        ("chart/values.enc.yaml", &vector("values.enc.yaml")?),
    ])?;
    let url = fleet.repository_url();
    let sources = format!(
        "sources: [{{repoURL: '{url}', targetRevision: main, path: sealed}}, {{repoURL: '{url}', targetRevision: main, path: chart, helm: {{valueFiles: [values.enc.yaml]}}}}]"
    );
    fleet.apply(&set("sealed", &sources)).await?;
    for cluster in ["eu-1", "us-1"] {
        holds(&fleet, cluster, "db", PASSWORD).await;
        holds(&fleet, cluster, "values", OF_VALUES).await;
    }

    // A cluster without the key has nothing of it, and says so; it goes on when it has one.
    eventually(SOON, "the Application of the cluster without a key says what to do", async || {
        let app = fleet.object("application", "sealed-us-2").await?["status"].to_string();
        ensure!(app.contains("flotilla-sops-age"), "{app}");
        Ok(())
    })
    .await;
    let secrets: Api<Secret> = Api::namespaced(fleet.cluster("us-2").client(), "sealed");
    ensure!(secrets.get_opt("db").await?.is_none(), "it was written without being opened");
    give_key(&fleet, "us-2").await?;
    holds(&fleet, "us-2", "db", PASSWORD).await;

    // It heals to the same, and nobody but the clusters has seen it.
    fleet.cluster("eu-1").kubectl(&["delete", "secret", "db", "--namespace=sealed"]).await?;
    holds(&fleet, "eu-1", "db", PASSWORD).await;
    let plain = [PASSWORD, OF_VALUES];
    let texts: Vec<String> =
        plain.iter().flat_map(|text| [(*text).to_owned(), BASE64_STANDARD.encode(text)]).collect();
    let leaks = leaks(fleet.folder(), &texts)?;
    ensure!(leaks.is_empty(), "plain in {leaks:?}");
    for (cluster, _) in THREE {
        let app = format!("sealed-{cluster}");
        let said = fleet.hub().run(&["app", "diff", &app]).await?.text;
        let objects =
            fleet.kubectl(&["get", "applications,fleetrollouts,clusters", "-A", "--output=yaml"]).await?;
        let shown = [said, objects, fleet.agent_status(cluster).await?].concat();
        ensure!(!texts.iter().any(|text| shown.contains(text)), "{cluster} shows it:\n{shown}");
    }
    Ok(())
}
