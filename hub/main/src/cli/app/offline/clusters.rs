//! The fleet that files describe: Clusters, Argo CD's cluster Secrets, or a plain list.
//!
//! All become Clusters. A plain entry is `{name, server, labels, annotations, project}`, of which the name is needed.

use super::documents::{self, Document, Lines, Trouble, troubled};
use crate::cli::output;
use anyhow::bail;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use shared_model::{Kind, nearest};

/// The label by which Argo CD knows cluster Secrets.
const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";
/// The fields of a plain entry.
const PLAIN: [&str; 5] = ["name", "server", "labels", "annotations", "project"];

/// The Clusters of a file.
///
/// # Errors
/// Files that cannot be read, all problems of their objects at once, and files without any.
pub(crate) fn clusters(file: &str) -> anyhow::Result<Vec<Value>> {
    let mut troubles = Vec::new();
    let mut found: Vec<(Value, Lines)> = Vec::new();
    for (value, lines) in documents::values(file, &mut troubles)?.unwrap_or_default() {
        for (value, lines) in entries(value, &lines) {
            match cluster(value, &lines) {
                Ok(Some(cluster)) => found.push((cluster, lines)),
                Ok(None) => {}
                Err(trouble) => troubles.push(trouble),
            }
        }
    }
    for (at, (cluster, lines)) in found.iter().enumerate() {
        let name = &cluster["metadata"]["name"];
        if found[..at].iter().any(|(other, _)| other["metadata"]["name"] == *name) {
            let said = format!("Cluster {} is there twice", name.as_str().unwrap_or_default());
            troubles.push(Trouble::new(lines, lines.line(""), said));
        }
    }
    troubled(&troubles)?;
    if found.is_empty() {
        bail!(
            "{}: there is no Cluster in it: write Clusters, Argo CD's cluster Secrets, or a list such as `- {{name: eu-1, labels: {{env: prod}}}}`",
            documents::called(file)
        );
    }
    Ok(found.into_iter().map(|(cluster, _)| cluster).collect())
}

/// The items of a plain list, or the object itself.
fn entries(value: Value, lines: &Lines) -> Vec<(Value, Lines)> {
    let Value::Array(items) = value else { return vec![(value, lines.clone())] };
    let items = items.into_iter().enumerate();
    items.map(|(index, item)| (item, lines.item(&format!("[{index}]")))).collect()
}

fn cluster(value: Value, lines: &Lines) -> Result<Option<Value>, Trouble> {
    if value["apiVersion"].is_null() && value["kind"].is_null() {
        return plain(&value, lines).map(Some);
    }
    if value["kind"] == "Secret" && value["apiVersion"] == "v1" {
        return secret(&value, lines);
    }
    match documents::check(lines, value, &[Kind::Cluster])? {
        documents::Checked::Wanted(document) => {
            let Document { object, .. } = *document;
            Ok(Some(object))
        }
        documents::Checked::Other(what) => {
            output::note(&format!("note: {}: {what} is passed over", lines.at("")));
            Ok(None)
        }
    }
}

fn plain(value: &Value, lines: &Lines) -> Result<Value, Trouble> {
    let wrong = |path: &str, said: String| Err(Trouble::new(lines, lines.line(path), said));
    let Some(fields) = value.as_object() else {
        return wrong("", "a cluster is a map, such as {name: eu-1, labels: {env: prod}}".to_owned());
    };
    for (key, value) in fields {
        let text = |value: &Value| value.is_string() || value.is_null();
        match key.as_str() {
            "name" | "server" | "project" if text(value) => {}
            "name" | "server" | "project" => {
                return wrong(key, format!("{key}: must be a text: put it in quotes"));
            }
            "labels" | "annotations" if value.is_null() => {}
            "labels" | "annotations" => {
                let Some(texts) = value.as_object() else {
                    return wrong(key, format!("{key}: must be a map of texts"));
                };
                if let Some((name, _)) = texts.iter().find(|(_, value)| !value.is_string()) {
                    let path = format!("{key}.{name}");
                    return wrong(&path, format!("{path}: must be a text: put it in quotes"));
                }
            }
            "clusters" | "items" if value.is_array() => {
                return wrong(key, format!("the list stands by itself in the file: leave `{key}:` out"));
            }
            _ => {
                let meant = nearest(key, PLAIN).map(|meant| format!("did you mean {meant}?"));
                let meant = meant.unwrap_or_else(|| format!("known are {}", PLAIN.join(", ")));
                return wrong(key, format!("unknown field `{key}`: {meant}"));
            }
        }
    }
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("name").is_empty() {
        return wrong("", "name: a cluster needs one".to_owned());
    }
    let part = |key: &str| fields.get(key).filter(|part| part.is_object()).cloned();
    Ok(made(text("name"), text("server"), text("project"), part("labels"), part("annotations")))
}

/// A cluster Secret of Argo CD; one of another type is passed over.
fn secret(value: &Value, lines: &Lines) -> Result<Option<Value>, Trouble> {
    let metadata = &value["metadata"];
    if metadata["labels"][SECRET_TYPE] != "cluster" {
        let name = metadata["name"].as_str().unwrap_or_default();
        output::note(&format!(
            "note: {}: Secret {name} is passed over: it has no label {SECRET_TYPE}: cluster",
            lines.at("")
        ));
        return Ok(None);
    }
    let field = |key: &str| -> Result<String, Trouble> {
        if let Some(plain) = value["stringData"][key].as_str() {
            return Ok(plain.to_owned());
        }
        let Some(packed) = value["data"][key].as_str() else { return Ok(String::new()) };
        let path = format!("data.{key}");
        let text = STANDARD.decode(packed.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| {
            let said = format!("{path}: must be base64 of a text; write plain text into stringData");
            Trouble::new(lines, lines.line(&path), said)
        })
    };
    let (name, server, project) = (field("name")?, field("server")?, field("project")?);
    if name.is_empty() || server.is_empty() {
        let said = "a cluster Secret needs name and server in data or stringData".to_owned();
        return Err(Trouble::new(lines, lines.line("data"), said));
    }
    let part = |key: &str| metadata.get(key).filter(|part| part.is_object()).cloned();
    Ok(Some(made(&name, &server, &project, part("labels"), part("annotations"))))
}

fn made(name: &str, server: &str, project: &str, labels: Option<Value>, annotations: Option<Value>) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), Value::from(name))]);
    for (key, part) in [("labels", labels), ("annotations", annotations)] {
        metadata.extend(part.map(|part| (key.to_owned(), part)));
    }
    let mut spec = Map::new();
    for (key, text) in [("server", server), ("project", project)] {
        if !text.is_empty() {
            spec.insert(key.to_owned(), Value::from(text));
        }
    }
    json!({"apiVersion": "flotilla.dev/v1alpha1", "kind": "Cluster", "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The clusters of a file with this text, each as `name server labels project`, or what is said against it.
    fn check(text: &str, expect: Result<&[&str], &str>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clusters.yaml").display().to_string();
        fs::write(&file, text).unwrap();
        let shown = |cluster: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let (metadata, spec) = (&cluster["metadata"], &cluster["spec"]);
            let labels =
                if metadata["labels"].is_null() { "-".to_owned() } else { metadata["labels"].to_string() };
            format!(
                "{} {} {labels} {}",
                text(&metadata["name"]),
                text(&spec["server"]),
                text(&spec["project"])
            )
        };
        match (clusters(&file), expect) {
            (Ok(found), Ok(expect)) => {
                assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expect, "{text}");
            }
            (Err(error), Err(part)) => {
                let said = format!("{error:#}").replace(&file, "FILE");
                assert!(said.contains(part), "{part} in {said}");
            }
            (said, expect) => panic!("{said:?} and not {expect:?}"),
        }
    }

    #[test]
    fn clusters_as_flotilla_writes_them() {
        let cluster = |name: &str| {
            format!("apiVersion: flotilla.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: {name}}}\n---\n")
        };
        check(&(cluster("eu-1") + &cluster("eu-2")), Ok(&["eu-1 - - -", "eu-2 - - -"]));
        check(&(cluster("eu-1") + &cluster("eu-1")), Err("FILE, line 5: Cluster eu-1 is there twice"));
        check(&cluster("eu-1").replace("metadata", "metadat"), Err("line 3"));
        check(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
            Err("FILE: there is no Cluster in it"),
        );
        check("", Err("there is no Cluster"));
    }

    #[test]
    fn clusters_as_argo_cd_writes_them() {
        let secret = |data: &str| {
            format!(
                "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  labels: {{argocd.argoproj.io/secret-type: cluster, env: prod}}\n{data}\n"
            )
        };
        let labels = r#"{"argocd.argoproj.io/secret-type":"cluster","env":"prod"}"#;
        check(
            &secret("stringData: {name: 'EU 1', server: 'https://eu-1', project: shop}"),
            Ok(&[&format!("EU 1 https://eu-1 {labels} shop")]),
        );
        check(
            &secret("data: {name: ZXUtMQ==, server: aHR0cHM6Ly9ldS0x}"),
            Ok(&[&format!("eu-1 https://eu-1 {labels} -")]),
        );
        check(&secret("data: {name: ZXUtMQ, server: '?'}"), Err("FILE, line 6: data.name: must be base64"));
        check(&secret("data: {name: ZXUtMQ==}"), Err("needs name and server"));
        let list = format!(
            "apiVersion: v1\nkind: List\nitems:\n{}",
            secret("stringData: {name: a, server: b}")
                .lines()
                .enumerate()
                .map(|(at, line)| format!("{} {line}\n", if at == 0 { "-" } else { " " }))
                .collect::<String>()
        );
        check(&list, Ok(&[&format!("a b {labels} -")]));
    }

    #[test]
    fn a_plain_list() {
        check(
            "- {name: eu-1, server: 'https://eu-1', labels: {env: prod}, project: shop}\n- name: us-1\n",
            Ok(&[r#"eu-1 https://eu-1 {"env":"prod"} shop"#, "us-1 - - -"]),
        );
        check(r#"[{"name": "eu-1"}]"#, Ok(&["eu-1 - - -"]));
        check("name: eu-1\n---\nname: eu-2\n", Ok(&["eu-1 - - -", "eu-2 - - -"]));
        check(
            "- {name: eu-1}\n- name: us-1\n  lables: {}\n",
            Err("FILE, line 3: unknown field `lables`: did you mean labels?"),
        );
        check("- {name: eu-1, labels: {a: 1}}\n", Err("line 1: labels.a: must be a text: put it in quotes"));
        check("- {server: x}\n", Err("line 1: name: a cluster needs one"));
        check("- eu-1\n", Err("a cluster is a map"));
        check("- {name: eu-1}\n- {name: eu-1}\n", Err("line 2: Cluster eu-1 is there twice"));
    }
}
