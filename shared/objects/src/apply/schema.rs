//! The types of a kind, as far as merging asks: which fields there are, and how lists and maps merge.
//!
//! A type may be a scalar, a list and a map at once, where any value may stand. A map has fields that are
//! declared, and others if it says what they are: that matters, as an other field is managed by itself, and
//! a declared one only through what is in it. What Kubernetes' engine calls *deduced* is a value of any
//! shape: its maps merge field by field, its lists are wholes.

mod read;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::path::Step;
use super::set::FieldSet;
pub(crate) use read::{Kinds, read};

/// How the objects of a kind merge.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(super) root: TypeRef,
    /// What a request to the object itself does not touch, and what one to `status` does not.
    reset: Reset,
    /// Whether what has no type is taken as it is (and `null` for nothing), instead of refused.
    pub(super) open: bool,
    /// Whether values are held in types of Kubernetes' own, which know no `null`.
    pub(super) native: bool,
}

#[derive(Debug, Clone, Default)]
struct Reset {
    main: FieldSet,
    status: FieldSet,
}

/// A type, or one of the two that contain themselves.
#[derive(Debug, Clone)]
pub(crate) enum TypeRef {
    Of(Arc<Type>),
    /// Any value, its maps merged by field.
    Deduced,
    /// Any value, as a whole.
    Raw,
}

/// What a value may be.
#[derive(Debug, Clone, Default)]
pub(crate) struct Type {
    /// As people call it; empty for one without fields.
    pub(crate) name: String,
    pub(crate) scalar: Option<Scalar>,
    pub(crate) list: Option<List>,
    pub(crate) map: Option<Map>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text,
    Number,
    Boolean,
    Any,
}

#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) items: TypeRef,
    pub(crate) merge: ListMerge,
}

/// How a list merges with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ListMerge {
    /// As a whole.
    Atomic,
    /// As a set of scalars.
    Set,
    /// By the fields that tell its items, maps, apart; sorted.
    Keys(Vec<String>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Map {
    pub(crate) fields: BTreeMap<String, Field>,
    /// What other fields are, where there may be some.
    pub(crate) rest: Option<TypeRef>,
    /// Whether it merges as a whole.
    pub(crate) atomic: bool,
}

/// A declared field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) of: TypeRef,
    /// What it is where it is left out.
    pub(crate) default: Option<Value>,
    /// What a strategic merge patch does with it.
    pub(crate) strategy: Strategy,
}

/// `patchStrategy` and `patchMergeKey` of Kubernetes' own kinds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Strategy {
    pub(crate) merge: bool,
    /// Empty for lists of scalars.
    pub(crate) key: String,
}

static DEDUCED: LazyLock<Type> = LazyLock::new(|| any(&TypeRef::Deduced, false));
static RAW: LazyLock<Type> = LazyLock::new(|| any(&TypeRef::Raw, true));

fn any(fields: &TypeRef, atomic: bool) -> Type {
    Type {
        name: String::new(),
        scalar: Some(Scalar::Any),
        list: Some(List { items: TypeRef::Raw, merge: ListMerge::Atomic }),
        map: Some(Map { fields: BTreeMap::new(), rest: Some(fields.clone()), atomic }),
    }
}

impl TypeRef {
    pub(crate) fn get(&self) -> &Type {
        match self {
            Self::Of(of) => of,
            Self::Deduced => &DEDUCED,
            Self::Raw => &RAW,
        }
    }

    /// The same with any other field in every map that declares its fields.
    fn opened(&self) -> Self {
        let Self::Of(of) = self else { return self.clone() };
        let list =
            of.list.as_ref().map(|list| List { items: list.items.opened(), merge: list.merge.clone() });
        let map = of.map.as_ref().map(|map| {
            let field = |(name, field): (&String, &Field)| {
                (name.clone(), Field { of: field.of.opened(), ..field.clone() })
            };
            Map {
                fields: map.fields.iter().map(field).collect(),
                rest: Some(map.rest.as_ref().map_or(Self::Deduced, Self::opened)),
                atomic: map.atomic,
            }
        });
        Self::Of(Arc::new(Type { name: of.name.clone(), scalar: of.scalar, list, map }))
    }
}

impl Map {
    /// What the field is; none where it may not be.
    pub(crate) fn field(&self, name: &str) -> Option<&TypeRef> {
        self.fields.get(name).map(|field| &field.of).or(self.rest.as_ref())
    }

    pub(crate) fn declares(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }
}

impl Schema {
    pub(super) fn new(root: TypeRef) -> Self {
        Self { root, reset: Reset::default(), open: false, native: false }
    }

    /// A schema that takes what has no type, and an applied `null` for nothing.
    ///
    /// A CRD's own server refuses both: fields that it does not know, and nulls where a type has none. Here
    /// unknown fields are kept, and told of by other means.
    #[must_use]
    pub fn open(&self) -> Self {
        Self { root: self.root.opened(), open: true, ..self.clone() }
    }

    /// Leaves a field at the top to requests of its own, as `status` where that is a subresource: what
    /// requests to the object itself say of it counts for nobody.
    #[must_use]
    pub fn excluding(mut self, field: &str) -> Self {
        self.reset.main.insert(&[Step::Field(field.to_owned())]);
        self
    }

    /// Leaves `status` to requests of its own, and `spec` to those that are none.
    #[must_use]
    pub fn with_status(self) -> Self {
        self.excluding("status").not_of_status(&["spec"])
    }

    /// Leaves the field at `path` to requests to the object itself.
    pub(super) fn not_of_status(mut self, path: &[&str]) -> Self {
        let path: Vec<_> = path.iter().map(|name| Step::Field((*name).to_owned())).collect();
        self.reset.status.insert(&path);
        self
    }

    /// The object as Kubernetes' own types hold it: a declared field that is null is none, an empty list or
    /// free map is none, and in a map of texts null is the empty text. Of kinds that are not Kubernetes', this
    /// goes for metadata alone.
    ///
    /// A server makes this of every object that it is given; apply does it by itself.
    #[must_use]
    pub fn normalised(&self, mut object: Value) -> Value {
        if self.native {
            return native(object, self.root.get());
        }
        let map = self.root.get().map.as_ref();
        let of = map.and_then(|map| map.fields.get("metadata"));
        if let (Some(of), Some(metadata @ Value::Object(_))) = (of, object.get_mut("metadata")) {
            *metadata = native(metadata.take(), of.of.get());
        }
        object
    }

    /// What an object is.
    pub(crate) fn root_type(&self) -> &Type {
        self.root.get()
    }

    /// What a request to this subresource does not touch.
    pub(super) fn reset(&self, subresource: &str) -> &FieldSet {
        if subresource.is_empty() { &self.reset.main } else { &self.reset.status }
    }

    /// What the object has before it has anything: the maps that are always there, and nulls.
    pub(super) fn nothing(&self) -> Value {
        blank(&self.root)
    }
}

fn blank(of: &TypeRef) -> Value {
    let fields = of.get().map.iter().flat_map(|map| &map.fields);
    let there = fields.filter_map(|(name, field)| match &field.default {
        Some(Value::Object(_)) => Some((name.clone(), blank(&field.of))),
        Some(Value::Null) => Some((name.clone(), Value::Null)),
        _ => None,
    });
    there.collect()
}

fn native(value: Value, of: &Type) -> Value {
    match value {
        Value::Object(fields) => {
            let Some(map) = &of.map else { return Value::Object(fields) };
            let kept = fields.into_iter().filter_map(|(name, value)| match (map.field(&name), value) {
                (Some(of), Value::Null) if !map.declares(&name) && of.get().scalar.is_some() => {
                    Some((name, Value::from("")))
                }
                (_, Value::Null) => None,
                (Some(of), value) => {
                    let value = native(value, of.get());
                    // An empty list of managers says something.
                    let left_out =
                        map.declares(&name) && name != "managedFields" && is_left_out(&value, of.get());
                    (!left_out).then_some((name, value))
                }
                (None, value) => Some((name, value)),
            });
            kept.collect()
        }
        Value::Array(items) => match &of.list {
            Some(list) => items.into_iter().map(|item| native(item, list.items.get())).collect(),
            None => Value::Array(items),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Go leaves out empty lists, and empty maps that are no structures.
fn is_left_out(value: &Value, of: &Type) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => {
            fields.is_empty()
                && of.map.as_ref().is_some_and(|map| map.fields.is_empty() && map.rest.is_some())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
