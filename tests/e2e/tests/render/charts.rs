//! One ApplicationSet, one chart, values of their own for each cluster.

use crate::ground::{THREE, fleet, ground, holds, renderings, set};
use anyhow::{Result, ensure};
use tests_e2e::{eventually, fleet::SOON};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: '7'\n";
const VALUES: &str = "color: grey\nregion: none\n";
const SETTINGS: &str = "apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
  namespace: {{ .Release.Namespace }}
data:
  color: {{ .Values.color | quote }}
  region: {{ .Values.region | quote }}
  app: {{ .Chart.AppVersion | quote }}
";
/// Where only those clusters are that can do a thing.
const VERSION: &str = "{{- if semverCompare \">=1.30-0\" .Capabilities.KubeVersion.Version }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: capable
data:
  version: {{ .Capabilities.KubeVersion.Minor | quote }}
  apps: {{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" | quote }}
  nothing: {{ .Capabilities.APIVersions.Has \"nothing.example.com/v1\" | quote }}
{{- end }}
";

#[tokio::test]
async fn a_chart_with_values_of_each_cluster() -> Result<()> {
    let Some((control_plane, options)) = ground() else { return Ok(()) };
    let fleet = fleet(control_plane, &options, &[]).await?;
    fleet.push(&[
        ("charts/shop/Chart.yaml", CHART),
        ("charts/shop/values.yaml", VALUES),
        ("charts/shop/templates/settings.yaml", SETTINGS),
        ("charts/shop/templates/version.yaml", VERSION),
        ("values/eu-1.yaml", "color: blue\n"),
        ("values/us-1.yaml", "color: red\n"),
        ("values/us-2.yaml", "color: white\n"),
    ])?;
    let source = format!(
        "source: {{repoURL: '{}', targetRevision: main, path: charts/shop, helm: {{releaseName: shop, valueFiles: ['../../values/{{{{.name}}}}.yaml'], parameters: [{{name: region, value: '{{{{.metadata.labels.region}}}}'}}]}}}}",
        fleet.repository_url()
    );
    fleet.apply(&set("shop", &source)).await?;
    let settings = ("shop", "shop-settings");
    for ((cluster, region), color) in THREE.into_iter().zip(["blue", "red", "white"]) {
        let region = region.trim_start_matches("region=");
        holds(&fleet, cluster, settings, &[("color", color), ("region", region), ("app", "7")]).await;
        holds(
            &fleet,
            cluster,
            ("shop", "capable"),
            &[("version", "34"), ("apps", "true"), ("nothing", "false")],
        )
        .await;
    }
    fleet.rollout("shop-1", "Done").await;

    // One value changes: one rendering, and the others are left alone.
    let before = renderings(&fleet).await?;
    ensure!(before >= 3, "three clusters with values of their own, and {before} renderings");
    fleet.push(&[("values/us-1.yaml", "color: green\n"), ("notes/unrelated.md", "nothing to render\n")])?;
    holds(&fleet, "us-1", settings, &[("color", "green"), ("region", "us"), ("app", "7")]).await;
    let after = renderings(&fleet).await?;
    ensure!(after == before + 1, "one cluster's values changed, and {} charts were rendered", after - before);

    // A chart that fails is told of, by template and line, and what runs goes on.
    fleet.push(&[(
        "charts/shop/templates/broken.yaml",
        "kind: {{ .Values.color | fromYaml | required \"x\" }}\n{{ nope }}\n",
    )])?;
    eventually(SOON, "the Application says what is wrong with the chart", async || {
        let app = fleet.object("application", "shop-us-1").await?;
        let conditions = app["status"]["conditions"].to_string();
        ensure!(conditions.contains("broken.yaml") && conditions.contains("nope"), "{conditions}");
        Ok(())
    })
    .await;
    holds(&fleet, "us-1", settings, &[("color", "green"), ("region", "us"), ("app", "7")]).await;
    Ok(())
}
