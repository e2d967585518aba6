//! Plain directories of YAML and JSON.

use crate::glob::{self, Invalid};
use shared_manifest::{Bundle, Manifest, Problem, bundle::Repeated, object};
use shared_model::Directory;

/// The largest manifest file, in bytes.
pub const LARGEST_FILE: u64 = 8 * 1024 * 1024;
/// The most that the manifest files of one source may have together, in bytes (Argo CD's
/// `reposerver.max.combined.directory.manifests.size` is 10 MB).
pub const LARGEST_SOURCE: u64 = 10 * 1024 * 1024;

/// A rendered source.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The manifests.
    pub bundle: Bundle,
    /// Objects that were there more than once; the last one counts (RepeatedResourceWarning).
    pub repeated: Vec<Repeated>,
}

/// Which of `paths` (relative to the source's folder) are manifests: `.yaml`, `.yml`, `.json`,
/// directly in the folder unless `recurse`, as `include` and `exclude` say.
///
/// # Errors
/// When a glob cannot be read; the problem names the field.
pub fn select<'a>(
    paths: impl IntoIterator<Item = &'a str>,
    options: &Directory,
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
        matches!(extension, "yaml" | "yml" | "json")
            && (options.recurse || !path.contains('/'))
            && include.as_ref().is_none_or(|glob| glob.is_match(path))
            && !exclude.as_ref().is_some_and(|glob| glob.is_match(path))
    };
    Ok(paths.into_iter().filter(wanted).collect())
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
        Ok(Rendered { bundle, repeated })
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
