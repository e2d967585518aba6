//! The functions that templates call: a table from names to typed functions, which a caller may extend.
//!
//! Decides what each function gives for its arguments, as text/template, sprig 3.3 and Argo CD's ApplicationSet controller do.
//!
//! Invariants: no function reads a clock, environment, network or file; one that can make more than it was given charges
//! [`Scope::charge`] before it does.
//!
//! Deliberately absent: `env`, `expandenv`, `getHostByName`, as in Argo CD; and from the standard table what only charts have
//! ([`Functions::with_chart`]).

mod argo;
mod builtin;
mod chart;
mod compare;
mod crypto;
mod dates;
mod dicts;
mod encode;
mod json;
mod lists;
mod math;
mod paths;
mod patterns;
mod random;
mod reflect;
pub(crate) mod semver;
mod slug;
mod strings;
mod text;
mod urls;
mod words;
mod yaml;

pub(crate) use patterns::Pattern;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::error::Exceeded;
use crate::go::Scope;
use crate::{Error, Value};

/// The static type of a parameter, against which Go checks arguments before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`: anything; what is absent comes as nil.
    Any,
    /// `reflect.Value`: anything, and what is absent stays [`Value::Missing`].
    Reflect,
    /// `string`
    Str,
    /// `int`
    Int,
    /// `float64`
    Float,
    /// `bool`
    Bool,
    /// `map[string]interface {}`; what is absent comes as nil.
    Map,
    /// `time.Time`
    Time,
    /// `[]interface {}`; what is absent comes as nil.
    List,
    /// `uint32`, which comes as [`Value::Int`].
    Unsigned,
    /// `sprig.certificate`
    Certificate,
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Str => "string",
            Self::Int => "int",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::Time => "time.Time",
            Self::List => "[]interface {}",
            Self::Unsigned => "uint32",
            Self::Certificate => "sprig.certificate",
        })
    }
}

/// The parameters of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Those that must be given.
    pub fixed: Vec<Type>,
    /// The type of any number of further ones.
    pub rest: Option<Type>,
}

impl Signature {
    /// Exactly these parameters.
    #[must_use]
    pub fn of(fixed: &[Type]) -> Self {
        Self { fixed: fixed.to_vec(), rest: None }
    }

    /// These parameters, then any number of `rest`.
    #[must_use]
    pub fn variadic(fixed: &[Type], rest: Type) -> Self {
        Self { fixed: fixed.to_vec(), rest: Some(rest) }
    }

    /// One letter per parameter: any, reflect, string, int, float, bool, map, list, unsigned, certificate, time; a capital last one
    /// repeats.
    fn from_letters(letters: &str) -> Self {
        let types = |letter: char| match letter.to_ascii_lowercase() {
            'a' => Type::Any,
            'r' => Type::Reflect,
            's' => Type::Str,
            'i' => Type::Int,
            'f' => Type::Float,
            'b' => Type::Bool,
            'm' => Type::Map,
            'l' => Type::List,
            'u' => Type::Unsigned,
            'c' => Type::Certificate,
            _ => Type::Time,
        };
        let fixed = letters.chars().filter(char::is_ascii_lowercase).map(types).collect();
        Self { fixed, rest: letters.chars().find(char::is_ascii_uppercase).map(types) }
    }

    /// The type of the argument at `index`.
    pub(crate) fn parameter(&self, index: usize) -> Option<Type> {
        self.fixed.get(index).copied().or(self.rest)
    }
}

/// Why a function failed.
#[derive(Clone, Debug)]
pub enum Fail {
    /// In words that follow "error calling NAME: ".
    Message(String),
    /// A limit of the rendering.
    Exceeded(Exceeded),
    /// A template that the function ran failed.
    Template(Box<Error>),
}

impl From<&str> for Fail {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

impl From<String> for Fail {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<Exceeded> for Fail {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}

/// What a function gives.
pub type Answer = Result<Value, Fail>;

type Native = fn(&mut Scope<'_>, &[Value]) -> Answer;
type Host = Arc<dyn Fn(&mut Scope<'_>, &[Value]) -> Answer + Send + Sync>;

/// A typed function.
pub(crate) struct Function {
    pub(crate) signature: Signature,
    body: Body,
}

enum Body {
    Native(Native),
    Host(Host),
    Shortcut(Shortcut),
}

/// The two functions that do not evaluate all their arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortcut {
    And,
    Or,
}

impl Function {
    pub(crate) fn shortcut(&self) -> Option<Shortcut> {
        if let Body::Shortcut(shortcut) = self.body { Some(shortcut) } else { None }
    }

    pub(crate) fn call(&self, scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
        // Every function may read its strings once, and what it makes of them is counted: long strings in a long loop end, too.
        let read: usize = arguments.iter().filter_map(Value::as_str).map(crate::Str::len).sum();
        scope.steps(read / 64)?;
        let made = match &self.body {
            Body::Native(function) => function(scope, arguments)?,
            Body::Host(function) => function(scope, arguments)?,
            Body::Shortcut(_) => return Err(Fail::from("evaluated by the executor")),
        };
        scope.charge(made.size())?;
        Ok(made)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Function({:?})", self.signature)
    }
}

/// A table of functions: cheap to clone, shared between threads.
#[derive(Clone, Debug)]
pub struct Functions {
    table: Arc<BTreeMap<String, Arc<Function>>>,
}

/// Name, parameters ([`Signature::from_letters`]), function.
type Row = (&'static str, &'static str, Native);

static STANDARD: LazyLock<Functions> = LazyLock::new(|| {
    let mut table = BTreeMap::new();
    let groups: [&[Row]; 17] = [
        builtin::TABLE,
        compare::TABLE,
        strings::TABLE,
        words::TABLE,
        lists::TABLE,
        dicts::TABLE,
        math::TABLE,
        encode::TABLE,
        json::TABLE,
        patterns::TABLE,
        paths::TABLE,
        reflect::TABLE,
        semver::TABLE,
        dates::TABLE,
        urls::TABLE,
        random::TABLE,
        crypto::TABLE,
    ];
    for (name, letters, function) in groups.into_iter().chain([argo::TABLE, yaml::TABLE]).flatten() {
        let function =
            Function { signature: Signature::from_letters(letters), body: Body::Native(*function) };
        table.insert((*name).to_owned(), Arc::new(function));
    }
    for (name, shortcut) in [("and", Shortcut::And), ("or", Shortcut::Or)] {
        let function = Function { signature: Signature::from_letters("rR"), body: Body::Shortcut(shortcut) };
        table.insert(name.to_owned(), Arc::new(function));
    }
    Functions { table: Arc::new(table) }
});

impl Functions {
    /// What Argo CD gives to ApplicationSets: text/template's built-ins, sprig's generic functions, and its own.
    #[must_use]
    pub fn standard() -> Self {
        STANDARD.clone()
    }

    /// This table with one more function, or another in the place of one.
    #[must_use]
    pub fn with(
        mut self,
        name: &str,
        signature: Signature,
        function: impl Fn(&mut Scope<'_>, &[Value]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let function = Function { signature, body: Body::Host(Arc::new(function)) };
        Arc::make_mut(&mut self.table).insert(name.to_owned(), Arc::new(function));
        self
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    /// What the function `name` takes; `None` when there is none of this name.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&Signature> {
        self.table.get(name).map(|function| &function.signature)
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<Function>> {
        self.table.get(name).map(Arc::clone)
    }
}
