//! The form that Argo CD writes an Application in (`pkg/apis/application/v1alpha1/types.go`): fields that it does not know are gone, as are
//! empty ones where it leaves them out; those that it always writes are there.
//!
//! A value of another type than its field's is left as it is: whoever reads it says what is wrong.

use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Text,
    Flag,
    Number,
    /// Whatever it is.
    Any,
    /// A map whose keys are anybody's.
    Map,
    List(&'static Self),
    Object(&'static [Field]),
}

/// When a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Unless it is empty.
    Full,
    /// When it was given, empty or not.
    Given,
    Always,
}

type Field = (&'static str, When, Shape);

use Shape::{Any, Flag, List, Map as Keys, Number, Object, Text};
use When::{Always, Full, Given};

const TEXTS: Shape = List(&Text);

const APPLICATION: &[Field] = &[
    ("metadata", Always, Object(METADATA)),
    ("spec", Always, Object(SPEC)),
    ("operation", Given, Object(OPERATION)),
    ("kind", Given, Any),
    ("apiVersion", Given, Any),
];
/// What a set decides of it: the rest would be lost when the Application is written.
const METADATA: &[Field] = &[
    ("name", Full, Text),
    ("namespace", Full, Text),
    ("labels", Full, Keys),
    ("annotations", Full, Keys),
    ("finalizers", Full, TEXTS),
];
const SPEC: &[Field] = &[
    ("source", Given, Object(SOURCE)),
    (
        "destination",
        Always,
        Object(&[("server", Full, Text), ("namespace", Full, Text), ("name", Full, Text)]),
    ),
    ("project", Always, Text),
    ("syncPolicy", Given, Object(SYNC_POLICY)),
    ("ignoreDifferences", Full, List(&Object(IGNORED))),
    ("info", Full, List(&Object(INFO))),
    ("revisionHistoryLimit", Given, Number),
    ("sources", Full, List(&Object(SOURCE))),
    ("sourceHydrator", Given, Object(HYDRATOR)),
];
const INFO: &[Field] = &[("name", Always, Text), ("value", Always, Text)];
const SOURCE: &[Field] = &[
    ("repoURL", Always, Text),
    ("path", Full, Text),
    ("targetRevision", Full, Text),
    ("helm", Given, Object(HELM)),
    ("kustomize", Given, Object(KUSTOMIZE)),
    ("directory", Given, Object(DIRECTORY)),
    ("plugin", Given, Object(PLUGIN)),
    ("chart", Full, Text),
    ("ref", Full, Text),
    ("name", Full, Text),
    ("tagPrefix", Full, Text),
];
const HELM: &[Field] = &[
    ("valueFiles", Full, TEXTS),
    (
        "parameters",
        Full,
        List(&Object(&[("name", Full, Text), ("value", Full, Text), ("forceString", Full, Flag)])),
    ),
    ("releaseName", Full, Text),
    ("values", Full, Text),
    ("fileParameters", Full, List(&Object(&[("name", Full, Text), ("path", Full, Text)]))),
    ("version", Full, Text),
    ("passCredentials", Full, Flag),
    ("ignoreMissingValueFiles", Full, Flag),
    ("skipCrds", Full, Flag),
    ("valuesObject", Given, Any),
    ("namespace", Full, Text),
    ("kubeVersion", Full, Text),
    ("apiVersions", Full, TEXTS),
    ("skipTests", Full, Flag),
    ("skipSchemaValidation", Full, Flag),
];
const KUSTOMIZE: &[Field] = &[
    ("namePrefix", Full, Text),
    ("nameSuffix", Full, Text),
    ("images", Full, TEXTS),
    ("commonLabels", Full, Keys),
    ("version", Full, Text),
    ("commonAnnotations", Full, Keys),
    ("forceCommonLabels", Full, Flag),
    ("forceCommonAnnotations", Full, Flag),
    ("namespace", Full, Text),
    ("commonAnnotationsEnvsubst", Full, Flag),
    ("replicas", Full, List(&Object(&[("name", Always, Text), ("count", Always, Number)]))),
    ("patches", Full, List(&Object(PATCH))),
    ("components", Full, TEXTS),
    ("ignoreMissingComponents", Full, Flag),
    ("labelWithoutSelector", Full, Flag),
    ("kubeVersion", Full, Text),
    ("apiVersions", Full, TEXTS),
    ("labelIncludeTemplates", Full, Flag),
];
const PATCH: &[Field] = &[
    ("path", Full, Text),
    ("patch", Full, Text),
    ("target", Given, Object(TARGET)),
    ("options", Full, Keys),
];
const TARGET: &[Field] = &[
    ("group", Full, Text),
    ("version", Full, Text),
    ("kind", Full, Text),
    ("name", Full, Text),
    ("namespace", Full, Text),
    ("annotationSelector", Full, Text),
    ("labelSelector", Full, Text),
];
const DIRECTORY: &[Field] = &[
    ("recurse", Full, Flag),
    (
        "jsonnet",
        Full,
        Object(&[
            ("extVars", Full, List(&Object(VARIABLE))),
            ("tlas", Full, List(&Object(VARIABLE))),
            ("libs", Full, TEXTS),
        ]),
    ),
    ("exclude", Full, Text),
    ("include", Full, Text),
];
const VARIABLE: &[Field] = &[("name", Always, Text), ("value", Always, Text), ("code", Full, Flag)];
const PLUGIN: &[Field] = &[
    ("name", Full, Text),
    ("env", Full, List(&Object(INFO))),
    (
        "parameters",
        Full,
        List(&Object(&[
            ("name", Always, Text),
            ("string", Given, Text),
            ("map", Given, Keys),
            ("array", Given, TEXTS),
        ])),
    ),
];
const SYNC_POLICY: &[Field] = &[
    (
        "automated",
        Given,
        Object(&[
            ("prune", Given, Flag),
            ("selfHeal", Given, Flag),
            ("allowEmpty", Given, Flag),
            ("enabled", Given, Flag),
        ]),
    ),
    ("syncOptions", Full, TEXTS),
    ("retry", Given, Object(RETRY)),
    ("managedNamespaceMetadata", Given, Object(&[("labels", Full, Keys), ("annotations", Full, Keys)])),
];
const RETRY: &[Field] = &[
    ("limit", Full, Number),
    (
        "backoff",
        Given,
        Object(&[("duration", Full, Text), ("factor", Given, Number), ("maxDuration", Full, Text)]),
    ),
    ("refresh", Full, Flag),
];
const IGNORED: &[Field] = &[
    ("group", Full, Text),
    ("kind", Always, Text),
    ("name", Full, Text),
    ("namespace", Full, Text),
    ("jsonPointers", Full, TEXTS),
    ("jqPathExpressions", Full, TEXTS),
    ("managedFieldsManagers", Full, TEXTS),
];
const HYDRATOR: &[Field] = &[
    (
        "drySource",
        Always,
        Object(&[
            ("repoURL", Always, Text),
            ("targetRevision", Always, Text),
            ("path", Always, Text),
            ("helm", Given, Object(HELM)),
            ("kustomize", Given, Object(KUSTOMIZE)),
            ("directory", Given, Object(DIRECTORY)),
            ("plugin", Given, Object(PLUGIN)),
        ]),
    ),
    (
        "syncSource",
        Always,
        Object(&[("targetBranch", Always, Text), ("path", Always, Text), ("repoURL", Full, Text)]),
    ),
    ("hydrateTo", Given, Object(&[("targetBranch", Always, Text)])),
];
const OPERATION: &[Field] = &[
    ("sync", Given, Object(SYNC)),
    ("initiatedBy", Always, Object(&[("username", Full, Text), ("automated", Full, Flag)])),
    ("info", Full, List(&Object(INFO))),
    ("retry", Always, Object(RETRY)),
];
const SYNC: &[Field] = &[
    ("revision", Full, Text),
    ("prune", Full, Flag),
    ("dryRun", Full, Flag),
    ("syncStrategy", Given, Object(&[("apply", Given, Object(FORCE)), ("hook", Given, Object(FORCE))])),
    (
        "resources",
        Full,
        List(&Object(&[
            ("group", Full, Text),
            ("kind", Always, Text),
            ("name", Always, Text),
            ("namespace", Full, Text),
        ])),
    ),
    ("source", Given, Object(SOURCE)),
    ("manifests", Full, TEXTS),
    ("syncOptions", Full, TEXTS),
    ("sources", Full, List(&Object(SOURCE))),
    ("revisions", Full, TEXTS),
    ("autoHealAttemptsCount", Full, Number),
];
const FORCE: &[Field] = &[("force", Full, Flag)];

/// The fields of the object at a path below the Application in the order in which Argo CD's walker comes to them.
pub(crate) fn in_order<'v>(path: &str, map: &'v Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    if let Some((_, Object(fields))) = at(path) {
        entries.sort_by_key(|(key, _)| fields.iter().position(|(known, _, _)| known == key));
    }
    entries
}

/// Brings an Application into Argo CD's form.
pub(crate) fn shape(application: &mut Value) {
    shaped(application, Object(APPLICATION));
}

/// Whether the string at a path below the Application, such as `spec.source.path` or `spec.sources[0].helm.valueFiles[1]`, is left out when it
/// is empty.
pub(crate) fn leaves_out(path: &str) -> bool {
    matches!(at(path), Some((Full, Text)))
}

/// What stands at a path; the Application itself at an empty one.
fn at(path: &str) -> Option<(When, Shape)> {
    let (mut when, mut shape) = (Always, Object(APPLICATION));
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let (key, indices) =
            step.split_once('[').map_or((step, 0), |(key, rest)| (key, 1 + rest.matches('[').count()));
        let Object(fields) = shape else { return None };
        let (_, one, inner) = fields.iter().find(|(known, _, _)| *known == key)?;
        (when, shape) = (*one, *inner);
        for _ in 0..indices {
            let List(item) = shape else { return None };
            (when, shape) = (Always, *item);
        }
    }
    Some((when, shape))
}

/// The first field of an Application, or of a patch of one, that holds another type than it must: its path, and what it must be.
pub(crate) fn misfit(application: &Value) -> Option<(String, &'static str)> {
    misfits("", application, Object(APPLICATION))
}

fn misfits(path: &str, value: &Value, shape: Shape) -> Option<(String, &'static str)> {
    let wrong = |expected| Some((path.to_owned(), expected));
    match (shape, value) {
        (_, Value::Null) | (Any, _) | (Text, Value::String(_)) | (Flag, Value::Bool(_)) => None,
        // A count of replicas may be a string.
        (Number, Value::String(_)) if path.ends_with(".count") => None,
        (Number, Value::Number(number)) if number.as_f64().is_none_or(|number| number.fract() == 0.0) => None,
        (Keys, Value::Object(map)) => map.iter().find_map(|(key, value)| {
            let fits = match value {
                Value::Bool(_) => path.ends_with(".options"),
                Value::String(_) => !path.ends_with(".options"),
                Value::Null => true,
                Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
            };
            if fits { None } else { Some((format!("{path}.{key}"), "a string")) }
        }),
        (List(item), Value::Array(items)) => {
            let one = |(index, value)| misfits(&format!("{path}[{index}]"), value, *item);
            items.iter().enumerate().find_map(one)
        }
        (Object(fields), Value::Object(map)) => {
            let one = |(key, _, shape): &Field| misfits(&format!("{path}.{key}"), map.get(*key)?, *shape);
            fields.iter().find_map(one)
        }
        (Text, _) => wrong("a string"),
        (Flag, _) => wrong("true or false"),
        (Number, _) => wrong("a whole number"),
        (List(_), _) => wrong("a list"),
        (Keys | Object(_), _) => wrong("a map"),
    }
}

/// The first field of an Application, or of a patch of one, that it does not have: its path, and the one that may be meant.
pub(crate) fn unknown(application: &Value) -> Option<(String, Option<&'static str>)> {
    unknowns("", application, Object(APPLICATION))
}

fn unknowns(path: &str, value: &Value, shape: Shape) -> Option<(String, Option<&'static str>)> {
    match (shape, value) {
        (List(item), Value::Array(items)) => {
            let one = |(index, value)| unknowns(&format!("{path}[{index}]"), value, *item);
            items.iter().enumerate().find_map(one)
        }
        (Object(fields), Value::Object(map)) => {
            map.iter().filter(|(key, _)| !key.starts_with('$')).find_map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match fields.iter().find(|(known, _, _)| known == key) {
                    Some((_, _, shape)) => unknowns(&path, value, *shape),
                    // What only the system writes is in every copy of a live Application.
                    None if path == "status" || path.starts_with("metadata.") => None,
                    None => {
                        Some((path, shared_model::nearest(key, fields.iter().map(|(known, _, _)| *known))))
                    }
                }
            })
        }
        _ => None,
    }
}

fn shaped(value: &mut Value, shape: Shape) {
    match (shape, value) {
        (Object(fields), Value::Object(map)) => object(map, fields),
        (List(item), Value::Array(items)) => items.iter_mut().for_each(|one| shaped(one, *item)),
        (Keys, Value::Object(map)) => {
            map.values_mut().filter(|value| value.is_null()).for_each(|value| *value = json!(""));
        }
        _ => {}
    }
}

fn object(map: &mut Map<String, Value>, fields: &[Field]) {
    map.retain(|key, value| !value.is_null() && fields.iter().any(|(known, _, _)| known == key));
    for (key, when, shape) in fields {
        if let Some(value) = map.get_mut(*key) {
            shaped(value, *shape);
            if *when == Full && is_empty(value) {
                map.remove(*key);
            }
        } else if *when == Always {
            let mut value = match shape {
                Text => json!(""),
                Flag => json!(false),
                Number => json!(0),
                List(_) => json!([]),
                Any | Keys | Object(_) => json!({}),
            };
            shaped(&mut value, *shape);
            map.insert((*key).to_owned(), value);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}
