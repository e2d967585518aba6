//! `flotilla-agent health`: the verdict that an agent comes to, of objects in a file.

use anyhow::{Context as _, bail};
use serde_json::Value;
use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

/// Prints a line for each object of a file, or of standard input for `-`.
pub(crate) fn print(file: &Path) -> anyhow::Result<()> {
    let (text, place) = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).context("standard input")?;
        (text, "standard input".to_owned())
    } else {
        let place = file.display().to_string();
        (fs::read_to_string(file).with_context(|| place.clone())?, place)
    };
    io::stdout().write_all(verdicts(&text, &place)?.as_bytes()).context("standard output")
}

/// A line for each object; what cannot be read is an error, after the others.
fn verdicts(text: &str, place: &str) -> anyhow::Result<String> {
    let (objects, problems) = shared_manifest::object::read(text, place);
    if !problems.is_empty() {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        bail!("{}", problems.join("\n"));
    }
    if objects.is_empty() {
        bail!("{place} has no objects");
    }
    Ok(objects.iter().map(|object| format!("{}: {}\n", object.id(), verdict(object.value()))).collect())
}

fn verdict(object: &Value) -> String {
    match shared_health::health(object) {
        None => "has no health of its own".to_owned(),
        Some(health) if health.message.is_empty() => health.status.to_string(),
        Some(health) => format!("{}: {}", health.status, health.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let found = verdicts(text, "web.yaml").unwrap_or_else(|error| format!("error: {error:#}\n"));
        assert_eq!(found.trim_end(), expect);
    }

    #[test]
    fn a_line_for_each_object() {
        check(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n---\n\
             apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: shop, generation: 1}\n\
             status: {conditions: [{type: Ready, status: \"True\", message: up to date, observedGeneration: 1}]}\n",
            "ConfigMap shop/a: has no health of its own\ncert-manager.io/Certificate shop/web: Healthy: up to date",
        );
        check(
            r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "status": {"phase": "Pending"}}]}"#,
            "Pod p: Progressing",
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        check("", "error: web.yaml has no objects");
        check(
            "kind: Pod\n",
            "error: web.yaml, line 1: Pod: apiVersion: is missing: write the kind's group and version, e.g. `apiVersion: apps/v1`",
        );
    }
}
