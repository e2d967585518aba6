//! Which tool a source is for.

use shared_model::Source;

/// Which tool a source is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceType {
    /// YAML and JSON as they are.
    Directory,
    /// A Helm chart.
    Helm,
    /// A Kustomize overlay.
    Kustomize,
    /// A config management plugin.
    Plugin,
}

/// The type of a source: an explicit block decides, else the files directly in its folder
/// (`names`, without directories), as in Argo CD.
pub fn detect<'a>(source: &Source, names: impl IntoIterator<Item = &'a str>) -> SourceType {
    if source.plugin.is_some() {
        return SourceType::Plugin;
    }
    if !source.chart.is_empty() || source.helm.is_some() {
        return SourceType::Helm;
    }
    if source.kustomize.is_some() {
        return SourceType::Kustomize;
    }
    if source.directory.is_some() {
        return SourceType::Directory;
    }
    let mut found = SourceType::Directory;
    for name in names {
        match name {
            "Chart.yaml" => return SourceType::Helm,
            "kustomization.yaml" | "kustomization.yml" | "Kustomization" => found = SourceType::Kustomize,
            _ => {}
        }
    }
    found
}

impl SourceType {
    /// Why a source of this type is not rendered, with the remedy; `None` when it is.
    pub const fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Directory => None,
            Self::Helm => Some(
                "the source is a Helm chart, which this version does not render: commit the output of `helm template`, or set `directory: {}` to apply the files as they are",
            ),
            Self::Kustomize => Some(
                "the source is a Kustomize overlay, which this version does not render: commit the output of `kustomize build`, or set `directory: {}` to apply the files as they are",
            ),
            Self::Plugin => {
                Some("config management plugins are not run: commit the manifests that the plugin makes")
            }
        }
    }
}
