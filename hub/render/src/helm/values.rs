//! Where the value files of a source are: in its own repository, in that of a source with a `ref`, or on the web.
//!
//! As in Argo CD (`reposerver/repository`, `util/io/path`): a path is seen from the chart, one with a leading `/` from the
//! root of the repository, `$name/…` from the root of the source with that `ref`; the build environment is filled in;
//! patterns are expanded in their place, and a file that is named by itself stands where it is named.

use super::{Shown, glob};
use crate::{
    environment::Environment,
    request::{Failure, Request},
    tree::{Astray, Entry, Found, Tree, follow, join},
};
use std::{collections::BTreeSet, sync::Arc};

/// Where a file is.
#[derive(Debug, Clone)]
enum Place<'a> {
    /// A path from the root of a tree; `name` is the `ref` of the source, empty for its own.
    In {
        tree: &'a Arc<dyn Tree>,
        name: &'a str,
        path: String,
    },
    Web(String),
}

/// The files of a source that are named from outside its chart.
#[derive(Debug)]
pub(super) struct Resolver<'a, 'b> {
    request: &'a Request<'b>,
    environment: Environment,
}

impl<'a, 'b> Resolver<'a, 'b> {
    pub(super) fn new(request: &'a Request<'b>) -> Self {
        Self { request, environment: request.environment() }
    }

    /// Shows the value files; what to write for each after `--values`, in order.
    pub(super) async fn value_files(
        &self,
        written: &[String],
        skip_missing: bool,
        shown: &mut Shown,
    ) -> Result<Vec<String>, Failure> {
        let fields = |at: usize| format!("spec.source.helm.valueFiles[{at}]");
        let mut places = Vec::new();
        for (at, raw) in written.iter().enumerate() {
            places.push(self.place(raw, &fields(at))?);
        }
        // Named by themselves: patterns leave them where they are named.
        let named: BTreeSet<(String, String)> = places
            .iter()
            .filter_map(|place| match place {
                Place::In { name, path, .. } if !glob::is_pattern(path) => {
                    Some(((*name).to_owned(), path.clone()))
                }
                Place::In { .. } | Place::Web(_) => None,
            })
            .collect();
        let (mut arguments, mut seen) = (Vec::new(), named);
        for (at, (place, raw)) in places.into_iter().zip(written).enumerate() {
            match place {
                Place::In { tree, name, path } if glob::is_pattern(&path) => {
                    let found = glob::expand(&**tree, &path).await.map_err(|why| {
                        Failure::inputs(fields(at), why, "write a pattern such as `envs/*.yaml`")
                    })?;
                    let mut any = false;
                    for path in found {
                        if !seen.insert((name.to_owned(), path.clone())) {
                            any = true;
                            continue;
                        }
                        match self.find(tree, &path, &fields(at)).await? {
                            Some(entry) => arguments.push(shown.file(tree, name, &path, entry)),
                            None => continue,
                        }
                        any = true;
                    }
                    if !any && !skip_missing {
                        return Err(Failure::inputs(
                            fields(at),
                            format!("values file glob \"{raw}\" matched no files"),
                            "add a file that it matches, or set `ignoreMissingValueFiles: true`",
                        ));
                    }
                }
                Place::In { tree, name, path } => match self.find(tree, &path, &fields(at)).await? {
                    Some(entry) => arguments.push(shown.file(tree, name, &path, entry)),
                    None if skip_missing => {}
                    None => return Err(self.missing(raw, tree, &path, &fields(at), "valueFiles")),
                },
                Place::Web(url) => arguments.push(self.web(&url, shown).await?),
            }
        }
        Ok(arguments)
    }

    /// Shows a file whose contents are a value; what to write for it after `--set-file NAME=`.
    pub(super) async fn file(&self, raw: &str, field: &str, shown: &mut Shown) -> Result<String, Failure> {
        match self.place(raw, field)? {
            Place::Web(url) => self.web(&url, shown).await,
            Place::In { tree, name, path } => match self.find(tree, &path, field).await? {
                Some(entry) => Ok(shown.file(tree, name, &path, entry)),
                None => Err(self.missing(raw, tree, &path, field, "fileParameters")),
            },
        }
    }

    fn place(&self, raw: &str, field: &str) -> Result<Place<'a>, Failure> {
        let request = self.request;
        let outside = || {
            Failure::inputs(
                field,
                format!("`{raw}` leads out of the repository"),
                "keep value files inside it, or in a source with a `ref`",
            )
        };
        if let Some(rest) = raw.strip_prefix('$') {
            let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
            if let Some((name, tree)) = request.references.get_key_value(name) {
                let path =
                    join("", self.environment.fill(path).trim_start_matches('/')).ok_or_else(outside)?;
                return Ok(Place::In { tree, name, path });
            }
        }
        let filled = self.environment.fill(raw);
        if let Some(scheme) = scheme(&filled) {
            let allowed = &request.settings.values_schemes;
            if allowed.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
                return Ok(Place::Web(filled));
            }
            return Err(Failure::inputs(
                field,
                format!("value files with the scheme `{scheme}` are not allowed"),
                format!(
                    "add `{scheme}` to `helm.valuesFileSchemes` of argocd-cm, or keep the file in a repository"
                ),
            ));
        }
        let path = match filled.strip_prefix('/') {
            Some(_) => join("", filled.trim_start_matches('/')),
            None => join(request.folder, &filled),
        };
        Ok(Place::In { tree: request.tree, name: "", path: path.ok_or_else(outside)? })
    }

    /// The file at a path; `None` when there is nothing.
    async fn find(&self, tree: &Arc<dyn Tree>, path: &str, field: &str) -> Result<Option<Entry>, Failure> {
        match follow(&**tree, path).await {
            Ok(Found::File(entry)) => Ok(Some(entry)),
            Ok(Found::Folder(_)) if path.is_empty() => {
                Err(Failure::inputs(field, "names the repository itself, not a file in it", "name a file"))
            }
            Ok(Found::Folder(folder)) => {
                let remedy = format!("name a file, or all of them with `{path}/*.yaml`");
                Err(Failure::inputs(field, format!("`{folder}` is a folder"), remedy))
            }
            Err(Astray::Absent { .. }) => Ok(None),
            Err(astray @ Astray::Unreadable { .. }) => Err(Failure::Circumstance(astray.to_string())),
            Err(astray @ (Astray::Outside { .. } | Astray::Circle { .. })) => {
                Err(Failure::inputs(field, astray.to_string(), ""))
            }
        }
    }

    fn missing(&self, raw: &str, tree: &Arc<dyn Tree>, path: &str, field: &str, list: &str) -> Failure {
        let first = raw.strip_prefix('$').map(|rest| rest.split('/').next().unwrap_or_default());
        if let Some(name) =
            first.filter(|name| !self.environment.knows(name) && !self.request.references.contains_key(*name))
        {
            return Failure::inputs(
                field,
                format!("`{raw}` names the source `${name}`, and no source has `ref: {name}`"),
                "add it to spec.sources, or correct the name",
            );
        }
        let remedy = match list {
            "valueFiles" => "add the file, correct the path, or set `ignoreMissingValueFiles: true`",
            _ => "add the file or correct the path",
        };
        Failure::inputs(field, format!("there is no file `{path}` in {}", tree.name()), remedy)
    }

    async fn web(&self, url: &str, shown: &mut Shown) -> Result<String, Failure> {
        Ok(shown.web(self.request.fetch.file(url).await?))
    }
}

/// The scheme of a web address.
fn scheme(path: &str) -> Option<&str> {
    let (scheme, _) = path.split_once(':')?;
    let mut letters = scheme.chars();
    let first = letters.next()?;
    (first.is_ascii_alphabetic() && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)))
        .then_some(scheme)
}
