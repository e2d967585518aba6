//! The files of values that a chart of an overlay is rendered with, as the tool makes them of what its kustomization says.

use super::{
    Closure, Named, Root,
    names::{at, below, read},
};
use crate::{
    helm::inflate::{self, Place, Values},
    kustomize::{
        charts::{Chart, Inline},
        references::Kind,
        remote, values,
    },
    request::Failure,
    tree::{self, Astray},
};
use bytes::Bytes;
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::RepoUrl;

impl Closure<'_> {
    /// The files of values, and encrypted ones whose values are in them.
    pub(super) async fn values(
        &mut self,
        root: &Root,
        place: &Place,
        path: &str,
        chart: &Chart,
        inline: Inline,
    ) -> Result<(Vec<Values>, Vec<Bytes>), Failure> {
        let given = Value::Object(chart.values_inline.clone());
        let (first, mut beside) = match inline {
            Inline::Alone if !chart.values_inline.is_empty() => {
                (Values::Text(yaml::to_string(&given).into()), Vec::new())
            }
            Inline::Alone => (self.values_file(root, place, path, chart).await?, Vec::new()),
            Inline::Merged(_) if chart.values_inline.is_empty() => {
                (self.values_file(root, place, path, chart).await?, Vec::new())
            }
            Inline::Merged(winner) => {
                let original = match self.values_file(root, place, path, chart).await? {
                    Values::Text(text) => text,
                    Values::Of(_, entry) => read(&self.mounts[root.tree], &entry).await?,
                };
                let wrong = |message: String, remedy: &str| Failure::inputs("valuesInline", message, remedy);
                let text = std::str::from_utf8(&original).unwrap_or_default();
                let file = values::read(text)
                    .map_err(|error| {
                        wrong(format!("the file of values is not YAML: {error}"), "correct the file")
                    })?
                    .ok_or_else(|| {
                        let message = "the file of values is empty, and kustomize merges with nothing";
                        wrong(message.to_owned(), "write `{}` into the file, or set `valuesMerge: replace`")
                    })?;
                let merged = values::merged(&chart.values_inline, file, winner)
                    .map_err(|unlike| wrong(unlike.to_string(), "make both the same"))?;
                (Values::Text(yaml::to_string(&merged).into()), vec![original])
            }
        };
        beside.retain(|text| std::str::from_utf8(text).is_ok_and(shared_sops::is_encrypted));
        let mut values = vec![first];
        for (at, file) in chart.additional_values_files.iter().enumerate() {
            let field = format!("additionalValuesFiles[{at}]");
            if remote::is_web(file) {
                let message = format!("`{}` is on the web", RepoUrl::new(file.as_str()));
                return Err(Failure::inputs(field, message, "name a file of the repository"));
            }
            values.push(self.file(root, file, &field).await?);
        }
        Ok((values, beside))
    }

    /// The file that stands for the chart's own values.
    async fn values_file(
        &mut self,
        root: &Root,
        place: &Place,
        path: &str,
        chart: &Chart,
    ) -> Result<Values, Failure> {
        let default = below(path, "values.yaml");
        let is_default = chart.values_file.is_empty();
        let file = if is_default { &default } else { &chart.values_file };
        let missing = || {
            let message = format!("there is no `{file}` in the chart, and kustomize reads one");
            Failure::inputs("valuesFile", message, "name another file, or add it to the chart")
        };
        let joined = |path: &str| tree::join(&root.folder, path);
        let within = joined(file).zip(joined(path)).and_then(|(file, chart)| {
            let rest = file.strip_prefix(&chart)?.strip_prefix('/')?;
            Some((file.clone(), rest.to_owned()))
        });
        match (place, within) {
            (Place::Packed(packed), Some((at, within))) => {
                if !self.may_read(root, &at) {
                    return Err(outside(file, "valuesFile"));
                }
                inflate::file(&packed.archive, &within).map(Values::Text).ok_or_else(missing)
            }
            _ => match self.file(root, file, "valuesFile").await {
                Err(Failure::Inputs(_)) if is_default && self.is_absent(root, file).await => Err(missing()),
                found => found,
            },
        }
    }

    async fn is_absent(&self, root: &Root, path: &str) -> bool {
        matches!(self.local(root, path).await, Err(Astray::Absent { .. }))
    }

    /// A file that a chart reads.
    async fn file(&mut self, root: &Root, file: &str, field: &str) -> Result<Values, Failure> {
        match self.find(root, Kind::File, file).await.map_err(|failure| at(failure, "", field))? {
            Named::File(tree, entry) if self.may_read(root, &entry.path) => {
                Ok(Values::Of(self.mounts[tree].tree.clone(), entry))
            }
            Named::File(..) => Err(outside(file, field)),
            Named::Fetched(_, bytes) => Ok(Values::Text(bytes)),
            Named::Folder(_) => Err(Failure::inputs(field, format!("`{file}` is a folder"), "name a file")),
        }
    }
}

fn outside(file: &str, field: &str) -> Failure {
    let message = format!("`{file}` is not in or below the kustomization's folder");
    let remedy = "keep it there, or allow others by the build option --load-restrictor=LoadRestrictionsNone";
    Failure::inputs(field, message, remedy)
}
