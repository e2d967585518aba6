//! Template fields of another type than the Application's, and nulls that are lost.

use super::{Finding, Look, Rule};
use serde_json::Value;

/// What a field must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Bool,
    Number,
    List,
    Map,
    /// A map of texts.
    Texts,
}

const METADATA: &[(&str, Type)] = &[
    ("name", Type::Text),
    ("namespace", Type::Text),
    ("labels", Type::Texts),
    ("annotations", Type::Texts),
    ("finalizers", Type::List),
];

const SPEC: &[(&str, Type)] = &[
    ("project", Type::Text),
    ("destination", Type::Map),
    ("destination.name", Type::Text),
    ("destination.server", Type::Text),
    ("destination.namespace", Type::Text),
    ("source", Type::Map),
    ("sources", Type::List),
    ("syncPolicy", Type::Map),
    ("syncPolicy.automated", Type::Map),
    ("syncPolicy.automated.prune", Type::Bool),
    ("syncPolicy.automated.selfHeal", Type::Bool),
    ("syncPolicy.automated.allowEmpty", Type::Bool),
    ("syncPolicy.automated.enabled", Type::Bool),
    ("syncPolicy.syncOptions", Type::List),
    ("syncPolicy.retry.limit", Type::Number),
    ("syncPolicy.retry.backoff.duration", Type::Text),
    ("syncPolicy.retry.backoff.factor", Type::Number),
    ("syncPolicy.retry.backoff.maxDuration", Type::Text),
    ("syncPolicy.managedNamespaceMetadata.labels", Type::Texts),
    ("syncPolicy.managedNamespaceMetadata.annotations", Type::Texts),
    ("revisionHistoryLimit", Type::Number),
    ("ignoreDifferences", Type::List),
    ("info", Type::List),
];

const SOURCE: &[(&str, Type)] = &[
    ("repoURL", Type::Text),
    ("path", Type::Text),
    ("targetRevision", Type::Text),
    ("chart", Type::Text),
    ("ref", Type::Text),
    ("directory", Type::Map),
    ("directory.recurse", Type::Bool),
    ("directory.include", Type::Text),
    ("directory.exclude", Type::Text),
    ("helm", Type::Map),
    ("helm.releaseName", Type::Text),
    ("helm.values", Type::Text),
    ("helm.valuesObject", Type::Map),
    ("helm.valueFiles", Type::List),
    ("helm.parameters", Type::List),
    ("helm.version", Type::Text),
    ("helm.passCredentials", Type::Bool),
    ("helm.ignoreMissingValueFiles", Type::Bool),
    ("helm.skipCrds", Type::Bool),
    ("helm.skipTests", Type::Bool),
    ("helm.skipSchemaValidation", Type::Bool),
    ("kustomize", Type::Map),
    ("kustomize.namePrefix", Type::Text),
    ("kustomize.nameSuffix", Type::Text),
    ("kustomize.images", Type::List),
    ("kustomize.commonLabels", Type::Texts),
    ("kustomize.commonAnnotations", Type::Texts),
    ("kustomize.forceCommonLabels", Type::Bool),
    ("kustomize.forceCommonAnnotations", Type::Bool),
    ("kustomize.commonAnnotationsEnvsubst", Type::Bool),
    ("kustomize.labelWithoutSelector", Type::Bool),
];

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    template("spec.template", look.template(), found);
    for node in look.nodes.iter().filter(|node| node.parent.is_none()) {
        if let Some(own) = node.config.get("template") {
            template(&format!("{}.template", node.path), own, found);
        }
    }
}

fn template(path: &str, template: &Value, found: &mut Vec<Finding>) {
    fields(&format!("{path}.metadata"), &template["metadata"], METADATA, found);
    let spec = &template["spec"];
    fields(&format!("{path}.spec"), spec, SPEC, found);
    let listed = spec["sources"].as_array().into_iter().flatten().enumerate();
    let sources = listed.map(|(index, source)| (format!("{path}.spec.sources[{index}]"), source));
    for (at, source) in sources.chain([(format!("{path}.spec.source"), &spec["source"])]) {
        fields(&at, source, SOURCE, found);
        parameters(&format!("{at}.helm.parameters"), &source["helm"]["parameters"], found);
        nulls(&format!("{at}.helm.valuesObject"), &source["helm"]["valuesObject"], found);
    }
}

fn fields(path: &str, object: &Value, types: &[(&str, Type)], found: &mut Vec<Finding>) {
    for (field, expected) in types {
        let Some(value) = object.pointer(&format!("/{}", field.replace('.', "/"))) else { continue };
        let path = format!("{path}.{field}");
        if *expected == Type::Texts
            && let Some(texts) = value.as_object()
        {
            for (key, value) in texts {
                one(&format!("{path}.{key}"), value, Type::Text, found);
            }
            continue;
        }
        one(&path, value, *expected, found);
    }
}

/// `value` of a Helm parameter is a text, whatever the chart makes of it.
fn parameters(path: &str, parameters: &Value, found: &mut Vec<Finding>) {
    for (index, parameter) in parameters.as_array().into_iter().flatten().enumerate() {
        for field in ["name", "value"] {
            one(&format!("{path}[{index}].{field}"), &parameter[field], Type::Text, found);
        }
    }
}

fn one(path: &str, value: &Value, expected: Type, found: &mut Vec<Finding>) {
    let fits = match expected {
        Type::Text => value.is_string(),
        Type::Bool => value.is_boolean(),
        Type::Number => value.is_number(),
        Type::List => value.is_array(),
        Type::Map | Type::Texts => value.is_object(),
    };
    if fits || value.is_null() {
        return;
    }
    let what = match expected {
        Type::Text => "a text",
        Type::Bool => "true or false",
        Type::Number => "a number",
        Type::List => "a list",
        Type::Map | Type::Texts => "a map",
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    let templated = value.as_str().is_some_and(|text| text.contains("{{"));
    let remedy = match (expected, value) {
        (_, Value::String(_)) if templated => {
            "templates give texts: set this field in templatePatch".to_owned()
        }
        (Type::Bool | Type::Number, Value::String(_)) => "remove the quotes".to_owned(),
        (Type::Text, Value::Bool(_) | Value::Number(_)) => "put it in quotes".to_owned(),
        (Type::Text, Value::Object(_)) if path.ends_with(".helm.values") => {
            "name it valuesObject, or write `values: |`".to_owned()
        }
        (Type::List, _) => "write it as a list, `- …`".to_owned(),
        _ => format!("write {what}"),
    };
    found.push(Finding::new(Rule::WrongType, path, format!("must be {what}, is {is}"), remedy));
}

/// Argo CD's template engine drops entries of raw JSON whose value is null.
fn nulls(path: &str, value: &Value, found: &mut Vec<Finding>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = format!("{path}.{key}");
                if value.is_null() {
                    let message =
                        "null entries of valuesObject are dropped, so that the chart's default stays";
                    let remedy = "write it into `values: |`, where null takes a default away";
                    found.push(Finding::new(Rule::NullLost, path, message, remedy));
                } else {
                    nulls(&path, value, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                nulls(&format!("{path}[{index}]"), item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
