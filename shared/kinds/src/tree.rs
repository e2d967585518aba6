//! The types that the tables describe, and what is known of each field.

use crate::table;
use serde_json::Value;
use shared_model::{Kind, gvk};
use std::{collections::BTreeMap, sync::LazyLock};

/// A type of a table.
#[derive(Debug)]
pub struct Type {
    /// As other types refer to it.
    pub name: &'static str,
    /// What it is, in a sentence or two.
    pub about: String,
    /// Whether it is replaced as a whole, wherever it stands.
    pub atomic: bool,
    /// Where it is published.
    pub home: Home,
    /// What it has.
    pub body: Body,
}

/// What a type has.
#[derive(Debug)]
pub enum Body {
    /// Fields, by name.
    Fields(BTreeMap<&'static str, Field>),
    /// It is another name of this.
    Is(Form),
}

/// Under which name a type is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Of its own, below this prefix: other types refer to it, as Kubernetes' own do.
    Named(&'static str),
    /// Of none: it is written out wherever it stands, as in custom resources.
    WrittenOut,
}

/// A field of a type.
#[derive(Debug)]
pub struct Field {
    /// What it says, in a sentence or two.
    pub about: String,
    /// What stands there.
    pub form: Form,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether Argo CD's kind has no such field: it is Flotilla's addition.
    pub own: bool,
    /// What else has to hold.
    pub rules: Rules,
}

/// What stands in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// A text of a format, as in `date-time`; mostly of none.
    Text(&'static str),
    /// A whole number: `int32` or `int64`.
    Integer(&'static str),
    /// true or false.
    Boolean,
    /// A whole number or a text.
    IntegerOrText,
    /// Whatever there is.
    Any,
    /// An object with whatever fields.
    Object,
    /// A list of such.
    List(Box<Self>),
    /// Any names, each with such.
    Map(Box<Self>),
    /// A type of a table.
    Named(&'static str),
}

/// What else has to hold of a field.
#[derive(Debug, Default)]
pub struct Rules {
    /// The only texts that may stand there; none given means any.
    pub values: Vec<&'static str>,
    /// A regular expression that the text must match.
    pub pattern: Option<&'static str>,
    /// The least number.
    pub min: Option<i64>,
    /// The greatest number.
    pub max: Option<i64>,
    /// The fewest letters.
    pub min_length: Option<usize>,
    /// The most letters.
    pub max_length: Option<usize>,
    /// What stands there where nothing is said.
    pub default: Option<Value>,
    /// How it merges with another.
    pub merge: Merge,
    /// Whether null may stand there.
    pub nullable: bool,
}

/// How a list or map merges with another.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub enum Merge {
    /// A map by its fields, a list as a whole.
    #[default]
    Plain,
    /// As a whole.
    Atomic,
    /// A list of different texts.
    Set,
    /// A list of objects that these fields tell apart.
    Keys(Vec<&'static str>),
}

const META: Home = Home::Named("io.k8s.apimachinery.pkg.apis.meta.v1");
const CORE: Home = Home::Named("io.k8s.api.core.v1");
/// Both groups of reviews: no type is in the other as well.
const REVIEWS: Home = Home::Named("io.k8s.api.authorization.v1");

static TYPES: LazyLock<BTreeMap<&'static str, Type>> = LazyLock::new(|| {
    let tables = [
        (META, include_str!("tables/meta.txt")),
        (CORE, include_str!("tables/core.txt")),
        (REVIEWS, include_str!("tables/reviews.txt")),
        (Home::WrittenOut, include_str!("tables/source.txt")),
        (Home::WrittenOut, include_str!("tables/application.txt")),
        (Home::WrittenOut, include_str!("tables/application-set.txt")),
        (Home::WrittenOut, include_str!("tables/app-project.txt")),
        (Home::WrittenOut, include_str!("tables/fleet.txt")),
        (Home::WrittenOut, include_str!("tables/rollout.txt")),
    ];
    table::read(&tables).expect("the tables of this package can be read: a test does")
});

/// The type with this name, which must be one that a table has.
pub fn named(name: &str) -> &'static Type {
    TYPES.get(name).expect("the tables name no type that they do not have: a test looks")
}

/// Every type.
pub fn types() -> impl Iterator<Item = &'static Type> {
    TYPES.values()
}

/// The schema of a kind: what its objects have.
pub fn schema(kind: Kind) -> &'static Type {
    named(gvk(kind).kind)
}

impl Type {
    /// The fields; none of a type that is another name of something without.
    pub fn fields(&self) -> &BTreeMap<&'static str, Field> {
        static NONE: BTreeMap<&str, Field> = BTreeMap::new();
        match &self.body {
            Body::Fields(fields) => fields,
            Body::Is(_) => &NONE,
        }
    }

    /// The fields that have to be there.
    pub fn required(&self) -> impl Iterator<Item = &'static str> {
        self.fields().iter().filter(|(_, field)| field.required).map(|(name, _)| *name)
    }
}

impl Form {
    /// What stands there once names that are another's are looked up.
    pub(crate) fn resolved(&self) -> &Self {
        match self {
            Self::Named(name) => match &named(name).body {
                Body::Is(form) => form.resolved(),
                Body::Fields(_) => self,
            },
            Self::Text(_)
            | Self::Integer(_)
            | Self::Boolean
            | Self::IntegerOrText
            | Self::Any
            | Self::Object
            | Self::List(_)
            | Self::Map(_) => self,
        }
    }
}

#[cfg(test)]
mod tests;
