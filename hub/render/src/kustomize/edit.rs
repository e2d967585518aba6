//! The Application's overrides, written into its kustomization as `kustomize edit` writes them: in the order and with
//! the conflicts of Argo CD's `util/kustomize/kustomize.go` and of kustomize's `commands/edit`.
//!
//! # Why
//! One difference on purpose: with `ignoreMissingComponents` every component that is there is added; Argo CD 3.6 adds
//! the first only.

mod image;
#[cfg(test)]
mod tests;

use super::file::{Kustomization, field, take, text};
use crate::environment::Environment;
use serde_json::{Map, Value, json};
use shared_manifest::Problem;
use shared_model::{Kustomize, KustomizeReplica};
use std::collections::BTreeMap;

type Edited = Result<(), Problem>;

/// Writes the overrides into the kustomization; `components` are those of the Application that are there. Gives what
/// could not be written.
pub(crate) fn apply(
    kustomization: &mut Kustomization,
    asked: &Kustomize,
    components: &[String],
    environment: &Environment,
) -> Vec<Problem> {
    let fields = &mut kustomization.fields;
    let before = fields.clone();
    let done: [Edited; 9] = [
        put(fields, "namePrefix", &asked.name_prefix),
        put(fields, "nameSuffix", &asked.name_suffix),
        images(fields, &asked.images, environment),
        replicas(fields, &asked.replicas),
        labels(fields, asked, environment),
        annotations(fields, asked, environment),
        put(fields, "namespace", &asked.namespace),
        append(fields, "patches", asked.patches.clone()),
        add_components(fields, components),
    ];
    kustomization.changed |= kustomization.fields != before;
    done.into_iter().filter_map(Result::err).collect()
}

#[allow(clippy::unnecessary_wraps, reason = "one of several edits")]
fn put(fields: &mut Map<String, Value>, name: &str, value: &str) -> Edited {
    if !value.is_empty() {
        take(fields, name);
        fields.insert(name.to_owned(), Value::from(value));
    }
    Ok(())
}

/// The list of this name, to be changed.
fn list<'a>(fields: &'a mut Map<String, Value>, name: &str) -> Result<&'a mut Vec<Value>, Problem> {
    let value = take(fields, name).filter(|value| !value.is_null()).unwrap_or_else(|| json!([]));
    let value = fields.entry(name).or_insert(value);
    value.as_array_mut().ok_or_else(|| misshapen(name, "list"))
}

/// The mapping of this name, to be changed.
fn mapping<'a>(
    fields: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, Problem> {
    let value = take(fields, name).filter(|value| !value.is_null()).unwrap_or_else(|| json!({}));
    let value = fields.entry(name).or_insert(value);
    value.as_object_mut().ok_or_else(|| misshapen(name, "mapping"))
}

fn misshapen(name: &str, shape: &str) -> Problem {
    let message = format!("the overlay's `{name}` is not a {shape}, so nothing can be added to it");
    Problem::new(name, message, format!("write `{name}` of the kustomization as a {shape}"))
}

fn append(fields: &mut Map<String, Value>, name: &str, more: Vec<Value>) -> Edited {
    if !more.is_empty() {
        list(fields, name)?.extend(more);
    }
    Ok(())
}

/// `kustomize edit set image`: an image of the Application replaces the overlay's of that name.
fn images(fields: &mut Map<String, Value>, asked: &[String], environment: &Environment) -> Edited {
    if asked.is_empty() {
        return Ok(());
    }
    let mut named: BTreeMap<String, image::Image> = BTreeMap::new();
    for (at, written) in asked.iter().enumerate() {
        let image = image::Image::parse(&environment.fill(written)).ok_or_else(|| {
            let message = format!("`{written}` does not say what to change about an image");
            let remedy =
                "write `name:tag`, `name@digest` or `name=new-name`, with `:tag` and `@digest` as needed";
            Problem::new(format!("kustomize.images[{at}]"), message, remedy)
        })?;
        named.insert(image.name.clone(), image);
    }
    // The older name of the field still counts, after it.
    let older = take(fields, "imageTags").and_then(|older| older.as_array().cloned()).unwrap_or_default();
    let images = list(fields, "images")?;
    images.extend(older);
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    for old in images.drain(..) {
        let name = text(&old, "name").to_owned();
        match named.get_mut(&name) {
            Some(image) => image.keep(&old),
            None => drop(kept.entry(name).or_insert(old)),
        }
    }
    kept.extend(named.into_iter().map(|(name, image)| (name, image.into_value())));
    images.extend(kept.into_values());
    Ok(())
}

/// `kustomize edit set replicas`.
fn replicas(fields: &mut Map<String, Value>, asked: &[KustomizeReplica]) -> Edited {
    if asked.is_empty() {
        return Ok(());
    }
    let mut named: BTreeMap<String, Value> = BTreeMap::new();
    for (at, KustomizeReplica { name, count }) in asked.iter().enumerate() {
        let problem = |field: &str, message: String, remedy: &str| {
            Problem::new(format!("kustomize.replicas[{at}].{field}"), message, remedy)
        };
        let number = count.as_i64().or_else(|| count.as_str().and_then(|count| count.parse().ok()));
        let number: i64 = number.ok_or_else(|| {
            problem(
                "count",
                format!("{count} is not a whole number"),
                "write how many are wanted: `count: 3`",
            )
        })?;
        if name.contains('=') {
            let message = format!("`{name}` is no name of a workload");
            return Err(problem("name", message, "leave the `=` out"));
        }
        named.insert(name.clone(), json!({"name": name, "count": number}));
    }
    let replicas = list(fields, "replicas")?;
    for old in replicas.drain(..) {
        named.entry(text(&old, "name").to_owned()).or_insert(old);
    }
    replicas.extend(named.into_values());
    Ok(())
}

/// `kustomize edit add label`.
fn labels(fields: &mut Map<String, Value>, asked: &Kustomize, environment: &Environment) -> Edited {
    if asked.common_labels.is_empty() {
        return Ok(());
    }
    let name = "kustomize.commonLabels";
    let pairs = pairs(name, asked.common_labels.iter().map(|(key, value)| (key, environment.fill(value))))?;
    let force = asked.force_common_labels;
    if !asked.label_without_selector {
        if asked.label_include_templates {
            let message = "labels go into templates anyway when they go into selectors";
            let remedy = "set `labelWithoutSelector: true` as well, or leave it out";
            return Err(Problem::new("kustomize.labelIncludeTemplates", message, remedy));
        }
        return add(mapping(fields, "commonLabels")?, pairs, name, force);
    }
    let flag = |label: &Value, name: &str| {
        label.as_object().and_then(|label| field(label, name)).and_then(Value::as_bool).unwrap_or(false)
    };
    let alike = |label: &Value| {
        !flag(label, "includeSelectors") && flag(label, "includeTemplates") == asked.label_include_templates
    };
    let labels = list(fields, "labels")?;
    let at = labels.iter().position(alike).unwrap_or_else(|| {
        let new = if asked.label_include_templates { json!({"includeTemplates": true}) } else { json!({}) };
        labels.push(new);
        labels.len() - 1
    });
    let label = labels[at].as_object_mut().ok_or_else(|| misshapen("labels", "list of mappings"))?;
    add(mapping(label, "pairs")?, pairs, name, force)
}

/// `kustomize edit add annotation`.
fn annotations(fields: &mut Map<String, Value>, asked: &Kustomize, environment: &Environment) -> Edited {
    if asked.common_annotations.is_empty() {
        return Ok(());
    }
    let name = "kustomize.commonAnnotations";
    let filled = |value: &String| {
        if asked.common_annotations_envsubst { environment.fill(value) } else { value.clone() }
    };
    let pairs = pairs(name, asked.common_annotations.iter().map(|(key, value)| (key, filled(value))))?;
    add(mapping(fields, "commonAnnotations")?, pairs, name, asked.force_common_annotations)
}

/// What the tool makes of `key:value`.
fn pairs<'a>(
    name: &str,
    asked: impl Iterator<Item = (&'a String, String)>,
) -> Result<Vec<(String, String)>, Problem> {
    let pair = |(key, value): (&String, String)| {
        let written = format!("{key}:{value}");
        let (key, value) = written.split_once(':').expect("it was just written");
        if key.is_empty() {
            return Err(Problem::new(name, "a key is empty", "give it a name"));
        }
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Ok((key.to_owned(), bare.to_owned()))
    };
    asked.map(pair).collect()
}

fn add(known: &mut Map<String, Value>, pairs: Vec<(String, String)>, name: &str, force: bool) -> Edited {
    for (key, value) in pairs {
        if known.contains_key(&key) && !force {
            let message = "the overlay sets it already";
            let which = if name.ends_with("Labels") { "forceCommonLabels" } else { "forceCommonAnnotations" };
            let remedy = format!("set `{which}: true` to replace it, or leave it to the overlay");
            return Err(Problem::new(format!("{name}.{key}"), message, remedy));
        }
        known.insert(key, Value::from(value));
    }
    Ok(())
}

fn add_components(fields: &mut Map<String, Value>, components: &[String]) -> Edited {
    if components.is_empty() {
        return Ok(());
    }
    let known = list(fields, "components")?;
    for component in components {
        if !known.iter().any(|known| known == component) {
            known.push(Value::from(component.as_str()));
        }
    }
    Ok(())
}
