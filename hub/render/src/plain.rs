//! Plain directories of YAML and JSON.

use crate::{
    glob::{self, Invalid},
    job::{Job, Work},
    rendered::{Rendered, Warning},
    request::{Failure, Request},
    tree::{self, Astray, Found, Mode},
    view::View,
};
use shared_manifest::{Bundle, Manifest, Problem, object};
use shared_model::Directory;

/// The largest manifest file, in bytes.
pub const LARGEST_FILE: u64 = 8 * 1024 * 1024;
/// The most that the manifest files of one source may have together, in bytes (Argo CD's
/// `reposerver.max.combined.directory.manifests.size` is 10 MB).
pub const LARGEST_SOURCE: u64 = 10 * 1024 * 1024;

/// Which of `paths` (relative to the source's folder) are manifests: `.yaml`, `.yml`, `.json`,
/// directly in the folder unless `recurse`, as `include` and `exclude` say.
///
/// # Errors
/// When a glob cannot be read; the problem names the field.
pub fn select<'a>(
    paths: impl IntoIterator<Item = &'a str>,
    options: &Directory,
) -> Result<Vec<&'a str>, Problem> {
    chosen(paths, options, &["yaml", "yml", "json"])
}

fn chosen<'a>(
    paths: impl IntoIterator<Item = &'a str>,
    options: &Directory,
    extensions: &[&str],
) -> Result<Vec<&'a str>, Problem> {
    let compile = |glob: &str, field: &str| match glob {
        "" => Ok(None),
        glob => glob::compile(glob).map(Some).map_err(|Invalid(message)| {
            Problem::new(
                format!("spec.source.directory.{field}"),
                message,
                "write a glob such as {*.yml,*.yaml}",
            )
        }),
    };
    let (include, exclude) = (compile(&options.include, "include")?, compile(&options.exclude, "exclude")?);
    let wanted = |path: &&str| {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        extensions.contains(&extension)
            && (options.recurse || !path.contains('/'))
            && include.as_ref().is_none_or(|glob| glob.is_match(path))
            && !exclude.as_ref().is_some_and(|glob| glob.is_match(path))
    };
    Ok(paths.into_iter().filter(wanted).collect())
}

/// The rendering of a folder of manifests: its selected files, by their paths in the tree. A link is followed inside the
/// tree; one that leads nowhere is passed over, as in Argo CD.
///
/// # Errors
/// A glob that cannot be read, a link that leads out of the tree, Jsonnet.
pub(crate) async fn prepare(request: &Request<'_>) -> Result<Job, Failure> {
    let Request { tree, folder, .. } = request;
    let options = request.source.directory.clone().unwrap_or_default();
    let skipped = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let entries = tree.under(folder);
    let readable = || entries.iter().filter(|entry| entry.mode != Mode::Submodule);
    jsonnet(readable().map(|entry| &entry.path[skipped..]), &options)?;
    let selected = select(readable().map(|entry| &entry.path[skipped..]), &options)
        .map_err(|problem| Failure::Inputs(vec![problem]))?;
    let selected: std::collections::BTreeSet<&str> = selected.into_iter().collect();
    let (mut view, mut warnings) = (View::new(), Vec::new());
    for entry in readable().filter(|entry| selected.contains(&entry.path[skipped..])) {
        if entry.mode == Mode::File {
            view.show(entry.path.clone(), tree, entry.clone());
            continue;
        }
        match tree::follow(&***tree, &entry.path).await {
            Ok(Found::File(real)) => view.show(entry.path.clone(), tree, real),
            Ok(Found::Folder(_)) => {}
            Err(Astray::Absent { .. } | Astray::Circle { .. }) => {
                warnings.push(format!(
                    "`{}` is a symbolic link that leads nowhere and is passed over",
                    entry.path
                ));
            }
            Err(outside @ Astray::Outside { .. }) => {
                return Err(Failure::inputs("spec.source.path", outside.to_string(), ""));
            }
            Err(unreadable @ Astray::Unreadable { .. }) => {
                return Err(Failure::Circumstance(unreadable.to_string()));
            }
        }
    }
    Ok(Job {
        work: Work::Directory,
        view,
        may_vary: false,
        own: String::new(),
        fetched: Vec::new(),
        warnings,
        charts: Vec::new(),
    })
}

/// Manifests that Jsonnet would make are not left out in silence: without them, objects would be pruned.
fn jsonnet<'a>(paths: impl Iterator<Item = &'a str>, options: &Directory) -> Result<(), Failure> {
    let found = chosen(paths, options, &["jsonnet"]).map_err(|problem| Failure::Inputs(vec![problem]))?;
    match found.first() {
        None => Ok(()),
        Some(path) => Err(Failure::inputs(
            "spec.source.directory",
            format!("`{path}` is Jsonnet, which is not evaluated"),
            "commit the manifests that it makes, and leave it out by directory.exclude: '*.jsonnet'",
        )),
    }
}

/// What the files say. A file that holds Kubernetes objects and something else is an error; one
/// without any is skipped, as in Argo CD, if nothing in it looks like an object.
///
/// # Errors
/// Every problem of every file, with file and line.
pub fn plain(files: &[(String, &[u8])]) -> Result<Rendered, Vec<Problem>> {
    let (mut manifests, mut problems): (Vec<Manifest>, Vec<Problem>) = (Vec::new(), Vec::new());
    for (path, bytes) in files {
        let Ok(text) = std::str::from_utf8(bytes) else {
            let problem = Problem::new("", "the file is not UTF-8 text", "save it as UTF-8, or exclude it");
            problems.push(problem.at(path.clone()));
            continue;
        };
        let (read, wrong) = object::read(text, path);
        if read.is_empty() && !mentions_an_object(text) && !wrong.is_empty() && !is_broken(text) {
            continue;
        }
        manifests.extend(read);
        problems.extend(wrong);
    }
    if problems.is_empty() {
        let (bundle, repeated) = Bundle::new(manifests);
        Ok(Rendered { bundle, warnings: Warning::repeated(&repeated) })
    } else {
        Err(problems)
    }
}

/// Whether the text could hold a Kubernetes object (Argo CD looks for `apiVersion` and `kind` too).
fn mentions_an_object(text: &str) -> bool {
    text.contains("apiVersion") && text.contains("kind")
}

fn is_broken(text: &str) -> bool {
    shared_manifest::yaml::parse_all(text).is_err()
}
