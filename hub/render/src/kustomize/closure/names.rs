//! Names of files in kustomizations, and what is said when they lead nowhere.

use super::Mount;
use crate::{
    plain::LARGEST_FILE,
    request::Failure,
    tree::{Astray, Entry},
};
use bytes::Bytes;
use serde_json::Value;
use shared_manifest::{Problem, yaml};

pub(super) async fn read(mount: &Mount, entry: &Entry) -> Result<Bytes, Failure> {
    let read = mount.tree.read(std::slice::from_ref(entry)).await.map_err(Failure::Circumstance)?;
    let bytes = read.into_iter().next().unwrap_or_default();
    if bytes.len() as u64 > LARGEST_FILE {
        let message = format!("the file has more than {} MiB", LARGEST_FILE >> 20);
        return Err(at(Failure::inputs("", message, "split it"), &entry.path, ""));
    }
    Ok(bytes)
}

/// The objects of a text, if it is nothing but objects: then it names no file.
pub(super) fn objects(text: &str) -> Option<Vec<Value>> {
    let documents = yaml::parse_all(text).ok()?;
    let objects: Vec<Value> = documents.into_iter().map(|document| document.value).collect();
    let all = !objects.is_empty() && objects.iter().all(|one| one.is_object() || one.is_array());
    all.then_some(objects)
}

pub(super) fn stream(objects: &[Value]) -> String {
    objects.iter().map(yaml::to_string).collect::<Vec<_>>().join("---\n")
}

/// Key and file of `[key=]file`; `None` where the tool has something to say about it.
pub(super) fn keyed(text: &str) -> Option<(&str, &str)> {
    match text.matches('=').count() {
        0 => Some((text.rsplit('/').next().unwrap_or(text), text)),
        1 => text.split_once('=').filter(|(key, file)| !key.is_empty() && !file.is_empty()),
        _ => None,
    }
}

pub(super) fn below(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

pub(super) fn is_below(folder: &str, path: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// `to` as seen from the folder `from`; both from the view's root.
pub(super) fn relative(from: &str, to: &str) -> String {
    let from: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = to.split('/').filter(|part| !part.is_empty()).collect();
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..", from.len() - shared);
    let path: Vec<&str> = up.chain(to[shared..].iter().copied()).collect();
    if path.is_empty() { ".".to_owned() } else { path.join("/") }
}

pub(super) fn no_helm(field: &str) -> Problem {
    let message = "charts are not rendered from within an overlay";
    let remedy = "add `--enable-helm` to `kustomize.buildOptions` of argocd-cm, or make the chart a source of its own (`helm`)";
    Problem::new(field, message, remedy)
}

/// A chart's generator where it is not looked for.
pub(super) fn hidden_helm(field: &str) -> Problem {
    let message = "the generator of a chart is not in a file that `generators` names";
    let remedy = "name its file there, not a folder or an address, or write the chart into `helmCharts`";
    Problem::new(field, message, remedy)
}

pub(super) fn renamed(astray: Astray, path: &str) -> Astray {
    let path = path.to_owned();
    match astray {
        Astray::Absent { .. } => Astray::Absent { path },
        Astray::Outside { how, .. } => Astray::Outside { path, how },
        Astray::Circle { .. } => Astray::Circle { path },
        Astray::Unreadable { cause, .. } => Astray::Unreadable { path, cause },
    }
}

/// What it means for a rendering that a path leads nowhere.
pub(crate) fn failure(astray: &Astray, field: &str) -> Failure {
    let remedy = match astray {
        Astray::Absent { .. } => "name what is in the repository, or add it",
        Astray::Outside { .. } | Astray::Circle { .. } => "",
        Astray::Unreadable { .. } => return Failure::Circumstance(astray.to_string()),
    };
    Failure::inputs(field, astray.to_string(), remedy)
}

/// Says where the problems of a failure are.
pub(super) fn at(failure: Failure, place: &str, field: &str) -> Failure {
    match failure {
        Failure::Inputs(problems) => {
            let told = problems.into_iter().map(|mut problem| {
                if problem.field.is_empty() {
                    field.clone_into(&mut problem.field);
                }
                problem.at(place)
            });
            Failure::Inputs(told.collect())
        }
        circumstance @ Failure::Circumstance(_) => circumstance,
    }
}
