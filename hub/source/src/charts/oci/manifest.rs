//! The manifest of an artefact: which of its layers is the archive.

use super::Label;
use crate::CommitId;
use serde::Deserialize;
use std::io::Read as _;

/// What is asked for. Lists of manifests too, to say what is wrong with them.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";
/// The layer that holds a chart, as Helm 3.8 and later push it, and earlier ones did.
const CHART: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// How the kinds of other layers end that are archives.
const ARCHIVES: [&str; 3] = ["tar+gzip", "tar.gzip", ".tar"];
/// More layers are those of an image.
const MOST_LAYERS: usize = 10;

/// The archive of an artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) digest: CommitId,
    /// In bytes, as the manifest says.
    pub(super) size: u64,
    pub(super) label: Label,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    media_type: String,
    #[serde(default)]
    layers: Vec<Descriptor>,
    manifests: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    #[serde(default)]
    size: u64,
}

/// The one layer of `body` that is an archive.
pub(super) fn layer(body: &[u8], name: &str, version: &str) -> Result<Layer, String> {
    let manifest: Manifest =
        serde_json::from_slice(body).map_err(|_| "the registry's manifest is none of OCI".to_owned())?;
    let list = manifest.media_type.ends_with("image.index.v1+json")
        || manifest.media_type.ends_with("manifest.list.v2+json");
    if list || manifest.manifests.is_some() {
        return Err(format!("`{version}` is an index of several manifests: name one of them (`sha256:…`)"));
    }
    if manifest.layers.len() > MOST_LAYERS {
        return Err(format!(
            "`{version}` has {} layers, so it is an image and no chart or artefact of manifests",
            manifest.layers.len()
        ));
    }
    let is_chart = |layer: &&Descriptor| CHART.contains(&layer.media_type.as_str());
    let is_archive = |layer: &&Descriptor| {
        let kind = layer.media_type.as_str();
        ARCHIVES.iter().any(|ending| kind.ends_with(ending))
    };
    let mut found: Vec<&Descriptor> = manifest.layers.iter().filter(is_chart).collect();
    let chart = !found.is_empty();
    if !chart {
        found = manifest.layers.iter().filter(is_archive).collect();
    }
    let [layer] = found.as_slice() else {
        let kinds: Vec<&str> = manifest.layers.iter().map(|layer| layer.media_type.as_str()).collect();
        return Err(format!(
            "`{version}` must have one layer that is a chart or another packed folder, its layers are: {}",
            if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") }
        ));
    };
    let digest = layer.digest.strip_prefix("sha256:").filter(|digits| digits.len() == 64);
    let digest = digest.and_then(|digits| digits.parse().ok());
    let digest =
        digest.ok_or_else(|| format!("the digest of its archive is no SHA-256: {}", layer.digest))?;
    let label = Label { name: name.to_owned(), version: version.to_owned(), chart };
    Ok(Layer { digest, size: layer.size, label })
}

/// Whether an archive is one that Helm packed: all in one folder, with a `Chart.yaml`.
pub(super) fn looks_like_a_chart(archive: &[u8]) -> bool {
    /// Bytes that are looked at: Helm writes `Chart.yaml` first.
    const LOOKED_AT: u64 = 1 << 20;
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(archive).take(LOOKED_AT));
    let Ok(entries) = tar.entries() else { return false };
    entries.map_while(Result::ok).take(16).any(|entry| {
        let path = entry.path_bytes();
        path.split(|byte| *byte == b'/').nth(1) == Some(b"Chart.yaml")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layers: &[(&str, char)], expect: Result<(char, bool), &str>) {
        let layers: Vec<_> = layers
            .iter()
            .map(|(kind, digit)| {
                let digest = format!("sha256:{}", digit.to_string().repeat(64));
                serde_json::json!({"mediaType": kind, "digest": digest, "size": 7})
            })
            .collect();
        let body = serde_json::json!({"schemaVersion": 2, "layers": layers}).to_string();
        let got = layer(body.as_bytes(), "web", "1.0.0");
        match expect {
            Ok((digit, chart)) => {
                let got = got.unwrap();
                assert_eq!(got.digest.as_str(), digit.to_string().repeat(64));
                assert_eq!((got.size, got.label.chart), (7, chart));
            }
            Err(part) => {
                let err = got.unwrap_err();
                assert!(err.contains(part), "{err}");
            }
        }
    }

    #[test]
    fn the_archive_is_found() {
        let chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
        let proof = "application/vnd.cncf.helm.chart.provenance.v1.prov";
        let plain = "application/vnd.oci.image.layer.v1.tar+gzip";
        check(&[(chart, 'a')], Ok(('a', true)));
        check(&[(proof, 'b'), (chart, 'a')], Ok(('a', true)));
        check(&[("application/tar+gzip", 'a')], Ok(('a', true)));
        check(&[(plain, 'c')], Ok(('c', false)));
        check(&[("application/vnd.oci.image.layer.v1.tar", 'c')], Ok(('c', false)));
        check(&[("application/vnd.docker.image.rootfs.diff.tar.gzip", 'c')], Ok(('c', false)));
        check(&[(plain, 'c'), (plain, 'd')], Err("must have one layer"));
        check(&[(proof, 'b')], Err("its layers are: application/vnd.cncf.helm.chart.provenance"));
        check(&[], Err("its layers are: none"));
        check(&[(plain, 'c'); 11], Err("has 11 layers, so it is an image"));
        check(&[(chart, 'x')], Err("no SHA-256"));
    }

    #[test]
    fn lists_and_nonsense_are_refused() {
        let check = |body: &str, part: &str| {
            let err = layer(body.as_bytes(), "web", "1.0.0").unwrap_err();
            assert!(err.contains(part), "{err}");
        };
        check(r#"{"manifests": []}"#, "an index of several manifests");
        check(r#"{"mediaType": "application/vnd.oci.image.index.v1+json"}"#, "an index of several manifests");
        check("<html>", "none of OCI");
        check("[]", "none of OCI");
    }
}
