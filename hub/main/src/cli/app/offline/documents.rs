//! What files hold: Applications, ApplicationSets, Clusters, each checked as the hub would, every problem with file and line.

use anyhow::{Context as _, bail};
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::{DEFAULT_NAMESPACE, Kind, gvk};
use std::{fs, io::Read as _, path::Path};

/// The most of one file, in bytes.
const LARGEST: u64 = 64 << 20;

/// An object of a file.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// `apps.yaml, line 3`.
    pub(crate) place: String,
    pub(crate) kind: Kind,
    pub(crate) object: Value,
}

impl Document {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }
}

/// The Applications and ApplicationSets of files; `-` is the standard input.
///
/// # Errors
/// Files that cannot be read, all problems of their objects at once, and files without either.
pub(crate) fn applications(files: &[String]) -> anyhow::Result<Vec<Document>> {
    let found = read(files, &[Kind::Application, Kind::ApplicationSet])?;
    if found.is_empty() {
        bail!("{}: there is no Application or ApplicationSet in it", files.join(", "));
    }
    Ok(found)
}

/// The Clusters of a file.
///
/// # Errors
/// As [`applications`].
pub(crate) fn clusters(file: &str) -> anyhow::Result<Vec<Value>> {
    let found = read(&[file.to_owned()], &[Kind::Cluster])?;
    if found.is_empty() {
        bail!("{file}: there is no Cluster in it");
    }
    let mut names: Vec<&str> = found.iter().map(Document::name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("{file}: Cluster {} is there twice", twice[0]);
    }
    Ok(found.into_iter().map(|document| document.object).collect())
}

fn read(files: &[String], wanted: &[Kind]) -> anyhow::Result<Vec<Document>> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        let (name, text) = text(file)?;
        // The text of an error names the line.
        let documents = yaml::parse_all(&text).with_context(|| name.clone())?;
        for twice in yaml::duplicate_keys(&text).unwrap_or_default() {
            problems.push(format!("{name}, {twice}"));
        }
        for yaml::Document { value, line } in documents {
            let place = format!("{name}, line {line}");
            for object in opened(value) {
                match check(&place, object, wanted) {
                    Ok(document) => found.extend(document),
                    Err(problem) => problems.push(problem),
                }
            }
        }
    }
    match problems.len() {
        0 => Ok(found),
        _ => bail!("{}", problems.join("\n       ")),
    }
}

fn text(file: &str) -> anyhow::Result<(String, String)> {
    let (name, mut reader): (String, Box<dyn std::io::Read>) = if file == "-" {
        ("standard input".to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        let path = Path::new(file);
        if path.is_dir() {
            bail!("{file} is a folder: name the files in it, e.g. {}/*.yaml", file.trim_end_matches('/'));
        }
        (file.to_owned(), Box::new(fs::File::open(path).with_context(|| format!("{file} cannot be read"))?))
    };
    let mut bytes = Vec::new();
    reader
        .by_ref()
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() as u64 > LARGEST {
        bail!("{name} is larger than {} MiB", LARGEST >> 20);
    }
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{name} is not UTF-8 text"))?;
    Ok((name, text))
}

/// The objects of a document: those of a `List`, as `kubectl get -o yaml` writes it.
fn opened(mut value: Value) -> Vec<Value> {
    if value.is_null() {
        return Vec::new();
    }
    if !value["kind"].as_str().is_some_and(|kind| kind.ends_with("List")) {
        return vec![value];
    }
    value["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

/// An object that is wanted, checked; one of another kind that the hub serves, or of Kubernetes, is passed over.
fn check(place: &str, mut object: Value, wanted: &[Kind]) -> Result<Option<Document>, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    if api_version.is_empty() || kind.is_empty() {
        return Err(format!(
            "{place}: apiVersion and kind are needed, e.g. apiVersion: argoproj.io/v1alpha1, kind: Application"
        ));
    }
    let Some(found) = wanted.iter().copied().find(|wanted| gvk(*wanted).kind == kind) else {
        // `Aplication` is nothing that anybody serves.
        let ours = ["argoproj.io/", "flotilla.dev/"].iter().any(|group| api_version.starts_with(group));
        let known = Kind::ALL.iter().any(|known| gvk(*known).kind == kind);
        return if ours && !known {
            let names: Vec<&str> = wanted.iter().map(|wanted| gvk(*wanted).kind).collect();
            Err(format!("{place}: there is no kind {kind} in {api_version}; expected {}", names.join(" or ")))
        } else {
            Ok(None)
        };
    };
    let gvk = gvk(found);
    let right = format!("{}/{}", gvk.group, gvk.version);
    if api_version != right {
        return Err(format!("{place}: {kind}: apiVersion: `{api_version}` has no such kind: write {right}"));
    }
    // What a hub wrote is not the file's to say; of a Cluster it tells what that can do.
    let status = object.as_object_mut().and_then(|fields| {
        fields.remove("operation");
        fields.remove("status")
    });
    if let Some(metadata) = object["metadata"].as_object_mut() {
        if gvk.namespaced {
            metadata.entry("namespace").or_insert_with(|| DEFAULT_NAMESPACE.into());
        }
        metadata.remove("managedFields");
    }
    if found == Kind::Cluster
        && let Some(fields) = object.as_object_mut()
    {
        fields.entry("spec").or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    if let Some(refusal) = hub_api::refusal(found, &object) {
        return Err(format!("{place}: {refusal}"));
    }
    if let Some(status) = status.filter(|_| found == Kind::Cluster) {
        object["status"] = status;
    }
    Ok(Some(Document { place: place.to_owned(), kind: found, object }))
}

#[cfg(test)]
mod tests;
