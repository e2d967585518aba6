//! Which tool a source is for.

use crate::tree::Tree;
use shared_manifest::Problem;
use shared_model::{Directory, Helm, Kustomize, Source};

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

impl SourceType {
    const fn name(self) -> &'static str {
        match self {
            Self::Directory => "Directory",
            Self::Helm => "Helm",
            Self::Kustomize => "Kustomize",
            Self::Plugin => "Plugin",
        }
    }
}

/// The type of a source: an explicit block decides, else the files directly in its folder (`names`, without
/// directories). A block without any field counts as none, since Argo CD takes those away, and of a folder with
/// both a chart's and a Kustomize file the latter counts, as in Argo CD.
///
/// # Errors
/// More than one block.
pub fn detect<'a>(source: &Source, names: impl IntoIterator<Item = &'a str>) -> Result<SourceType, Problem> {
    let Source { kustomize, helm, directory, plugin, .. } = source;
    let blocks = [
        (SourceType::Kustomize, kustomize.as_ref().is_some_and(|block| *block != Kustomize::default())),
        (SourceType::Helm, helm.as_ref().is_some_and(|block| *block != Helm::default())),
        (SourceType::Directory, directory.as_ref().is_some_and(|block| *block != Directory::default())),
        (SourceType::Plugin, plugin.is_some()),
    ];
    let explicit: Vec<SourceType> =
        blocks.into_iter().filter_map(|(kind, is_set)| is_set.then_some(kind)).collect();
    match explicit.as_slice() {
        [] => {}
        [one] => return Ok(*one),
        several => {
            let several: Vec<&str> = several.iter().map(|kind| kind.name()).collect();
            return Err(Problem::new(
                "spec.source",
                format!("multiple application sources defined: {}", several.join(",")),
                "keep one of the blocks",
            ));
        }
    }
    if !source.chart.is_empty() {
        return Ok(SourceType::Helm);
    }
    let mut found = SourceType::Directory;
    for name in names {
        match name {
            "kustomization.yaml" | "kustomization.yml" | "Kustomization" => return Ok(SourceType::Kustomize),
            "Chart.yaml" => found = SourceType::Helm,
            _ => {}
        }
    }
    Ok(found)
}

/// The type of a source in its folder of a tree.
///
/// # Errors
/// As [`detect`].
pub fn type_of(source: &Source, tree: &dyn Tree, folder: &str) -> Result<SourceType, Problem> {
    let skipped = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let entries = tree.under(folder);
    let names = entries.iter().map(|entry| &entry.path[skipped..]).filter(|name| !name.contains('/'));
    detect(source, names)
}
