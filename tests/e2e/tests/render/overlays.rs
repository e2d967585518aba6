//! An overlay for each region, on one base.

use crate::ground::{THREE, fleet, ground, holds, set};
use anyhow::Result;

const BASE: &str =
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [settings.yaml]\n";
const SETTINGS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {tier: base, region: none}\n";

fn overlay(region: &str) -> String {
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../../base]
namePrefix: {region}-
patches:
- path: region.yaml
"
    )
}

fn patch(region: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{region: {region}}}\n")
}

#[tokio::test]
async fn an_overlay_for_each_region() -> Result<()> {
    let Some((control_plane, options)) = ground() else { return Ok(()) };
    let fleet = fleet(control_plane, &options, &[]).await?;
    fleet.push(&[
        ("web/base/kustomization.yaml", BASE),
        ("web/base/settings.yaml", SETTINGS),
        ("web/overlays/eu/kustomization.yaml", &overlay("eu")),
        ("web/overlays/eu/region.yaml", &patch("eu")),
        ("web/overlays/us/kustomization.yaml", &overlay("us")),
        ("web/overlays/us/region.yaml", &patch("us")),
    ])?;
    let source = format!(
        "source: {{repoURL: '{}', targetRevision: main, path: 'web/overlays/{{{{.metadata.labels.region}}}}', kustomize: {{nameSuffix: '-v1'}}}}",
        fleet.repository_url()
    );
    fleet.apply(&set("web", &source)).await?;
    for (cluster, region) in THREE {
        let region = region.trim_start_matches("region=");
        let name = format!("{region}-settings-v1");
        holds(&fleet, cluster, ("web", &name), &[("tier", "base"), ("region", region)]).await;
    }

    // The base changes everywhere, an overlay in its region only.
    fleet.push(&[("web/base/settings.yaml", &SETTINGS.replace("tier: base", "tier: next"))])?;
    for (cluster, region) in THREE {
        let region = region.trim_start_matches("region=");
        let name = format!("{region}-settings-v1");
        holds(&fleet, cluster, ("web", &name), &[("tier", "next"), ("region", region)]).await;
    }
    Ok(())
}
