//! Which fields of a kustomization, and of the configuration of a builtin plugin, name files and folders
//! (`api/types`, `api/internal/localizer` and `api/internal/builtins` of kustomize 5.8).

use serde_json::{Map, Value};

/// What a reference may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file of objects, or another kustomization.
    Resource,
    /// Another kustomization.
    Folder,
    /// A file.
    File,
    /// A file, with a key and `=` before it if the key is not its name.
    Keyed,
    /// A file, or the patch itself.
    Patch,
    /// Plugins' configuration: a file, a kustomization of such files, or the configuration itself.
    Plugins,
}

/// One text that names something.
#[derive(Debug)]
pub(crate) struct Reference<'a> {
    /// Its field: `resources[2]`.
    pub(crate) field: String,
    /// What it may name.
    pub(crate) kind: Kind,
    /// As written; what is written here is named instead.
    pub(crate) text: &'a mut String,
}

/// What the file of a kustomization names, in the order of its fields' names.
pub(crate) fn of_kustomization(fields: &mut Map<String, Value>) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for (key, value) in fields {
        match key.to_ascii_lowercase().as_str() {
            "resources" | "bases" => texts(value, key, Kind::Resource, &mut found),
            "components" => texts(value, key, Kind::Folder, &mut found),
            "crds" | "configurations" => texts(value, key, Kind::File, &mut found),
            // A map of Go, not a struct: its keys are read as written.
            "openapi" => {
                if let Some(Value::String(text)) = value.get_mut("path") {
                    found.push(Reference { field: format!("{key}.path"), kind: Kind::File, text });
                }
            }
            "patches" | "patchesjson6902" | "replacements" => {
                each(value, key, |one, at| fields_of(one, at, &[("path", Kind::File)], &mut found));
            }
            "patchesstrategicmerge" => texts(value, key, Kind::Patch, &mut found),
            "configmapgenerator" | "secretgenerator" => {
                each(value, key, |one, at| fields_of(one, at, &GENERATOR, &mut found));
            }
            "generators" | "transformers" | "validators" => texts(value, key, Kind::Plugins, &mut found),
            _ => {}
        }
    }
    found
}

const GENERATOR: [(&str, Kind); 3] = [("files", Kind::Keyed), ("envs", Kind::File), ("env", Kind::File)];

/// What the configuration of a builtin plugin names.
pub(crate) fn of_plugin(config: &mut Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    if config["apiVersion"] != "builtin" {
        return found;
    }
    let kind = config["kind"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "ConfigMapGenerator" | "SecretGenerator" => fields_of(config, "", &GENERATOR, &mut found),
        "PatchTransformer" | "PatchJson6902Transformer" => {
            fields_of(config, "", &[("path", Kind::File)], &mut found);
        }
        "PatchStrategicMergeTransformer" => fields_of(config, "", &[("paths", Kind::Patch)], &mut found),
        "ValueAddTransformer" => fields_of(config, "", &[("targetFilePath", Kind::File)], &mut found),
        "ReplacementTransformer" => {
            let replacements = config.as_object_mut().into_iter().flatten();
            for (key, value) in replacements.filter(|(key, _)| key.eq_ignore_ascii_case("replacements")) {
                each(value, key, |one, at| fields_of(one, at, &[("path", Kind::File)], &mut found));
            }
        }
        _ => {}
    }
    found
}

/// The field that would make the tool start `helm`.
pub(crate) fn helm(fields: &Map<String, Value>) -> Option<&str> {
    let filled = |value: &Value| value.as_array().is_some_and(|charts| !charts.is_empty());
    let named =
        |key: &str| ["helmCharts", "helmChartInflationGenerator"].iter().any(|n| key.eq_ignore_ascii_case(n));
    fields.iter().find(|(key, value)| named(key) && filled(value)).map(|(key, _)| key.as_str())
}

/// Whether the configuration of a plugin would make the tool start `helm`.
pub(crate) fn is_helm(config: &Value) -> bool {
    config["apiVersion"] == "builtin" && config["kind"] == "HelmChartInflationGenerator"
}

fn texts<'a>(value: &'a mut Value, field: &str, kind: Kind, found: &mut Vec<Reference<'a>>) {
    match value {
        Value::String(text) => found.push(Reference { field: field.to_owned(), kind, text }),
        Value::Array(list) => {
            for (at, one) in list.iter_mut().enumerate() {
                if let Value::String(text) = one {
                    found.push(Reference { field: format!("{field}[{at}]"), kind, text });
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

fn each<'a>(value: &'a mut Value, field: &str, mut visit: impl FnMut(&'a mut Value, &str)) {
    for (at, one) in value.as_array_mut().into_iter().flatten().enumerate() {
        visit(one, &format!("{field}[{at}]"));
    }
}

fn fields_of<'a>(value: &'a mut Value, at: &str, wanted: &[(&str, Kind)], found: &mut Vec<Reference<'a>>) {
    for (key, value) in value.as_object_mut().into_iter().flatten() {
        let kind = wanted.iter().find(|(name, _)| key.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind);
        if let Some(kind) = kind {
            let between = if at.is_empty() { "" } else { "." };
            texts(value, &format!("{at}{between}{key}"), kind, found);
        }
    }
}
