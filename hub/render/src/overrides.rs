//! What a repository says over an Application's source: `.argocd-source.yaml`, and `.argocd-source-NAME.yaml` for the
//! Application of that name (`mergeSourceParameters` of Argo CD's repo server).

use crate::{
    request::Failure,
    tree::{self, Astray, Found, Tree},
};
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::{Source, misfit};

/// The file for all Applications.
const FOR_ALL: &str = ".argocd-source.yaml";
/// What the names of files for single Applications begin with.
const FOR_ONE: &str = ".argocd-source-";
/// No such file is larger, in bytes.
const LARGEST: usize = 1 << 20;

/// Whether the folder says something for single Applications.
pub fn tells_applications_apart(tree: &dyn Tree, folder: &str) -> bool {
    let skipped = if folder.is_empty() { 0 } else { folder.len() + 1 };
    tree.under(folder).iter().any(|entry| entry.path[skipped..].starts_with(FOR_ONE))
}

/// The source with what its folder says over it: a JSON merge patch of all but where the source is. `app` is the
/// Application's name; without one, only what holds for all is looked at.
///
/// # Errors
/// A file that cannot be read, or does not fit a source.
pub async fn overridden(
    source: &Source,
    tree: &dyn Tree,
    folder: &str,
    app: Option<&str>,
) -> Result<Source, Failure> {
    let names = [Some(FOR_ALL.to_owned()), app.map(|app| format!("{FOR_ONE}{app}.yaml"))];
    let mut merged: Option<Source> = None;
    for name in names.into_iter().flatten() {
        let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let wrong = |message: String| {
            Failure::inputs(
                path.clone(),
                message,
                "write fields of an Application's source, e.g. helm: {...}",
            )
        };
        let entry = match tree::follow(tree, &path).await {
            Ok(Found::File(entry)) => entry,
            Ok(Found::Folder(_)) | Err(Astray::Absent { .. }) => continue,
            Err(why @ Astray::Unreadable { .. }) => return Err(Failure::Circumstance(why.to_string())),
            Err(why @ (Astray::Outside { .. } | Astray::Circle { .. })) => {
                return Err(wrong(why.to_string()));
            }
        };
        let read = tree.read(std::slice::from_ref(&entry)).await.map_err(Failure::Circumstance)?;
        let bytes = read.into_iter().next().unwrap_or_default();
        if bytes.len() > LARGEST {
            return Err(wrong("the file is larger than 1 MiB".to_owned()));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| wrong("the file is not UTF-8 text".to_owned()))?;
        let patch = yaml::parse(text).map_err(|error| wrong(error.to_string()))?;
        let mut value = serde_json::to_value(merged.as_ref().unwrap_or(source)).expect("string keys only");
        match patch {
            Value::Null => continue,
            Value::Object(_) => merge(&mut value, patch),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(wrong("the file is no mapping".to_owned()));
            }
        }
        merged = Some(misfit::read(&value).map_err(|misfit| wrong(misfit.to_string()))?);
    }
    let Some(mut merged) = merged else { return Ok(source.clone()) };
    // Where the source is, is the Application's to say.
    merged.repo_url.clone_from(&source.repo_url);
    merged.path.clone_from(&source.path);
    merged.chart.clone_from(&source.chart);
    merged.target_revision.clone_from(&source.target_revision);
    // So is to which hosts a login goes.
    if let Some(helm) = &mut merged.helm {
        helm.pass_credentials = source.helm.as_ref().is_some_and(|own| own.pass_credentials);
    }
    Ok(merged)
}

/// RFC 7396.
fn merge(value: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *value = patch;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = value else { return };
    for (name, patch) in patch {
        if patch.is_null() {
            fields.remove(&name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), patch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Memory;

    #[tokio::test]
    async fn where_logins_go_is_the_applications_own() {
        let text = "helm: {passCredentials: true, releaseName: other}\n";
        let tree = Memory::new("test", [(FOR_ALL.to_owned(), bytes::Bytes::from(text))]);
        let helm = overridden(&Source::default(), &tree, "", None).await.expect("a source").helm.unwrap();
        assert_eq!((helm.pass_credentials, helm.release_name.as_str()), (false, "other"));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_not_quoted() {
        let text = "helm: {parameters: [{name: password, value: {x: hunter2}}, hunter3]}\n";
        for text in [text, "helm: {parameters: hunter2}\n", "helm: {valueFiles: hunter2}\n"] {
            let tree = Memory::new("test", [(FOR_ALL.to_owned(), bytes::Bytes::from(text))]);
            let said = overridden(&Source::default(), &tree, "", None).await.expect_err(text).to_string();
            assert!(said.contains(FOR_ALL) && said.contains("helm") && !said.contains("hunter"), "{said}");
        }
    }
}
