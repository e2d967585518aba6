//! Charts of a Helm repository and of an OCI registry, with values from Git.

use crate::ground::{THREE, fleet, ground, holds, set};
use anyhow::{Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tests_e2e::{
    Fleet, Tool,
    charts::{ChartRepository, Identity, PASSWORD, Registry, USERNAME, index, package},
    eventually,
    fleet::SOON,
};

const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data:
  version: {{ .Chart.Version | quote }}
  color: {{ .Values.color | quote }}
";

/// A packed chart of this version.
fn pack(helm: &Path, folder: &Path, version: &str, to: &Path) -> Result<PathBuf> {
    let chart = folder.join(version).join("web");
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), format!("apiVersion: v2\nname: web\nversion: {version}\n"))?;
    fs::write(chart.join("values.yaml"), "color: grey\n")?;
    fs::write(chart.join("templates/settings.yaml"), SETTINGS)?;
    package(helm, &chart, to)
}

/// What a hub is told of a server of charts.
fn secret(name: &str, fields: &str) -> String {
    format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: repository}}}}
stringData: {{name: {name}, {fields}, username: {USERNAME}, password: {PASSWORD}}}
"
    )
}

fn authority(identity: &Identity) -> String {
    let lines: String = identity.authority().lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-tls-certs-cm, namespace: argocd}}\ndata:\n  localhost: |\n{lines}"
    )
}

/// What every cluster's Application follows.
async fn revision(fleet: &Fleet, app: &str, expected: &str) {
    eventually(SOON, &format!("{app} is at {expected}"), async || {
        let status = fleet.object("application", app).await?["status"]["sync"].to_string();
        ensure!(status.contains(expected), "{status}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn charts_of_a_repository_and_of_a_registry() -> Result<()> {
    let Some((control_plane, options)) = ground() else { return Ok(()) };
    let (Some(helm), Some(program)) = (Tool::Helm.path(), Tool::Registry.path()) else { return Ok(()) };
    let (folder, identity) = (tempfile::tempdir()?, Identity::new()?);
    let served = folder.path().join("served");
    fs::create_dir_all(&served)?;
    let old = pack(helm, folder.path(), "1.0.0", &served)?;
    index(helm, &served)?;
    let repository = ChartRepository::serve(&served, &identity)?;
    let registry = Registry::start(program, &identity).await?;
    registry.push(helm, &old, "fleet")?;

    let fleet = fleet(control_plane, &options, &[]).await?;
    fleet.push(&[
        ("values/eu-1.yaml", "color: blue\n"),
        ("values/us-1.yaml", "color: red\n"),
        ("values/us-2.yaml", "color: white\n"),
    ])?;
    let (charts, oci) = (repository.url(), registry.host());
    fleet.apply(&authority(&identity)).await?;
    fleet.apply(&secret("charts", &format!("type: helm, url: '{charts}'"))).await?;
    fleet.apply(&secret("registry", &format!("type: helm, enableOCI: 'true', url: '{oci}/fleet'"))).await?;
    let sources = |url: &str| {
        format!(
            "sources: [{{repoURL: '{url}', chart: web, targetRevision: 1.x, helm: {{releaseName: web, valueFiles: ['$fleet/values/{{{{.name}}}}.yaml']}}}}, {{repoURL: '{}', targetRevision: main, ref: fleet}}]",
            fleet.repository_url()
        )
    };
    fleet.apply(&set("helm", &sources(&charts))).await?;
    fleet.apply(&set("oci", &sources(&format!("{oci}/fleet")))).await?;
    let colors = THREE.map(|(cluster, _)| cluster).into_iter().zip(["blue", "red", "white"]);
    for (cluster, color) in colors.clone() {
        for namespace in ["helm", "oci"] {
            holds(&fleet, cluster, (namespace, "settings"), &[("version", "1.0.0"), ("color", color)]).await;
        }
    }
    revision(&fleet, "helm-eu-1", "1.0.0").await;

    // A newer version in the range goes out by itself; one outside of it does not.
    for version in ["1.1.0", "2.0.0"] {
        let archive = pack(helm, folder.path(), version, &served)?;
        registry.push(helm, &archive, "fleet")?;
    }
    index(helm, &served)?;
    for (cluster, color) in colors {
        for namespace in ["helm", "oci"] {
            holds(&fleet, cluster, (namespace, "settings"), &[("version", "1.1.0"), ("color", color)]).await;
        }
    }
    revision(&fleet, "oci-us-2", "1.1.0").await;
    ensure!(!fleet.hub().log().contains(PASSWORD), "the hub logs the password");
    Ok(())
}
