//! Which fields of an object its kind does not have: `fieldValidation=Strict` refuses them, `Warn` tells.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Status;

/// The fields that are known at some place of a kind.
#[derive(Debug, Clone, Default)]
pub enum Fields {
    /// Whatever is there is right: a scalar, or free-form content.
    #[default]
    Any,
    /// A map with these fields and no others.
    Object(BTreeMap<String, Self>),
    /// A map with any keys, and such values.
    Map(Box<Self>),
    /// A list of such items.
    List(Box<Self>),
    /// The same as somewhere else, made when it is needed: kinds that contain themselves.
    Again(fn() -> Self),
}

impl Fields {
    /// Builds the tree of an object from paths as in `spec.waves[].name`, `data.*`, `spec.template` (anything
    /// below it).
    pub fn of<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut root = Self::Object(BTreeMap::new());
        for path in paths {
            root = root.with(path, Self::Any);
        }
        root
    }

    /// The tree with `fields` at `path`.
    #[must_use]
    pub fn with(mut self, path: &str, fields: Self) -> Self {
        let mut at = &mut self;
        for step in path.replace("[]", ".[]").split('.') {
            at = at.child_mut(step);
        }
        *at = fields;
        self
    }

    /// The tree with what every object has: apiVersion, kind, metadata.
    #[must_use]
    pub fn object(self) -> Self {
        let metadata = [
            "name",
            "generateName",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "selfLink",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "labels.*",
            "annotations.*",
            "finalizers[]",
            "managedFields",
            "ownerReferences[].apiVersion",
            "ownerReferences[].kind",
            "ownerReferences[].name",
            "ownerReferences[].uid",
            "ownerReferences[].controller",
            "ownerReferences[].blockOwnerDeletion",
        ];
        self.with("apiVersion", Self::Any).with("kind", Self::Any).with("metadata", Self::of(metadata))
    }

    fn child_mut(&mut self, step: &str) -> &mut Self {
        // What is more precise replaces what was free-form.
        if matches!((&*self, step), (Self::Any | Self::Again(_), _)) {
            *self = match step {
                "[]" => Self::List(Box::default()),
                "*" => Self::Map(Box::default()),
                _ => Self::Object(BTreeMap::new()),
            };
        }
        match self {
            Self::Object(fields) => fields.entry(step.to_owned()).or_default(),
            Self::List(inner) | Self::Map(inner) => inner,
            Self::Any | Self::Again(_) => unreachable!("it was just replaced"),
        }
    }
}

/// The paths of the fields that are not known, as in `spec.waves[0].tolerance`, in the order of the object.
///
/// Values of another type than known (a text where a list should be) are not its affair.
pub fn unknown_fields(object: &Value, fields: &Fields) -> Vec<String> {
    let mut found = Vec::new();
    walk(object, fields, "", &mut found);
    found
}

fn walk(value: &Value, fields: &Fields, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (fields, value) {
        (Fields::Again(make), _) => walk(value, &make(), path, found),
        (Fields::Object(known), Value::Object(map)) => {
            for (name, value) in map {
                match known.get(name) {
                    Some(fields) => walk(value, fields, &below(name), found),
                    None => found.push(below(name)),
                }
            }
        }
        (Fields::Map(inner), Value::Object(map)) => {
            map.iter().for_each(|(name, value)| walk(value, inner, &below(name), found));
        }
        (Fields::List(inner), Value::Array(items)) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| walk(value, inner, &format!("{path}[{index}]"), found));
        }
        (Fields::Any | Fields::Object(_) | Fields::Map(_) | Fields::List(_), _) => {}
    }
}

/// The warnings that `fieldValidation=Warn` sends back, a `Warning` header each.
pub fn warnings(paths: &[String]) -> Vec<String> {
    paths.iter().map(|path| format!("unknown field {path:?}")).collect()
}

/// The refusal of `fieldValidation=Strict`; `paths` must not be empty.
pub fn refusal(kind: &str, version: &str, paths: &[String]) -> Status {
    let fields = warnings(paths).join(", ");
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {fields}"
    ))
}

#[cfg(test)]
mod tests;
