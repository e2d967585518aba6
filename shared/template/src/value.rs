//! The values that templates compute with: Go's dynamic types, as far as text/template and sprig can tell them apart.
//!
//! Decides what a number, list or map *is* (`kind`, Go type name, truth, emptiness); how it prints is [`crate::go`]'s `format`.
//!
//! Invariants:
//! - numbers that come from parameters are `float64`, as Argo CD's are; integers come from template constants and functions only;
//! - maps and lists are shared references, since sprig's `set`, `unset` and `merge` change the caller's map;
//! - no value contains itself (functions that store into a map refuse it), and dropping a deeply nested value does not recurse.
//!
//! Refuses to know: YAML, and what a parameter means.

mod convert;
pub(crate) mod exotic;
mod list;
mod map;
mod text;

use std::fmt;
use std::rc::Rc;

pub use list::List;
pub use map::Map;
pub use text::Str;

use crate::functions::Fail;
use crate::go::Scope;

/// A template value. Cloning is cheap and shares maps and lists.
#[derive(Clone, Default)]
pub enum Value {
    /// No value at all: a key that is not there. Prints `<no value>`. Go's zero `reflect.Value`.
    #[default]
    Missing,
    /// Go's nil interface: JSON's null, or a function's empty answer. Prints `<nil>` in lists and by `print`.
    Nil,
    /// Go's `bool`.
    Bool(bool),
    /// Go's `int`: constants, `len`, indices.
    Int(i64),
    /// Go's `int64`: sprig's arithmetic.
    Int64(i64),
    /// Go's `uint8`: a byte of a string.
    Byte(u8),
    /// Go's `float64`: every number of the parameters.
    Float(f64),
    /// Go's `string`.
    Str(Str),
    /// A slice, shared.
    List(List),
    /// A map with string keys, shared.
    Map(Map),
    /// A value with methods or fields of its own.
    Object(Rc<dyn Object>),
}

/// A value with methods: a semantic version, a time, later a chart's `.Files` or `.Capabilities`.
pub trait Object: fmt::Debug {
    /// Go's type name, such as `*semver.Version`.
    fn type_name(&self) -> &str;
    /// Go's kind: `ptr` or `struct`.
    fn kind(&self) -> &str {
        "struct"
    }
    /// The field or method `name`, called with `arguments`.
    ///
    /// # Errors
    /// None from the method itself means that there is no such field; an error is the method's own.
    fn member(&self, scope: &mut Scope<'_>, name: &str, arguments: &[Value]) -> Option<Result<Value, Fail>>;
    /// What printing shows, when it has a method for that.
    fn print(&self) -> String;
    /// The fields of the struct that it is, or points to, for verbs that show no strings.
    fn fields(&self) -> Option<Fields> {
        None
    }
    /// What `%#v` shows, unless it is the type and the fields.
    fn go_syntax(&self) -> Option<String> {
        None
    }
    /// What it is in JSON.
    ///
    /// # Errors
    /// When it has no form there.
    fn json(&self) -> Result<Value, Fail> {
        Ok(self.print().into())
    }
    /// Go's truth.
    fn truth(&self) -> bool {
        true
    }
    /// What sprig's `deepCopy` makes of it, when that is not the same: it leaves out fields that are not exported.
    fn copied(&self) -> Option<Value> {
        None
    }
    /// Whether Go's `==` holds; `None` when it compares pointers.
    fn same(&self, _other: &dyn Object) -> Option<bool> {
        None
    }
    /// For functions that want the concrete type back.
    fn as_any(&self) -> &dyn std::any::Any;
}

/// Fields of a struct, in its order.
#[derive(Clone, Debug)]
pub struct Fields {
    /// Go prints them when it is asked for text, since the type has no method for that.
    pub printed: bool,
    /// Names and values.
    pub values: Vec<(&'static str, Value)>,
}

/// The static element type of a list or map, which Go programs can see by `typeOf`, and by the zero value of an absent key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// `interface {}`
    Any,
    /// `string`
    Str,
    /// `int`
    Int,
    /// `[]interface {}`
    List,
}

impl Value {
    /// Bytes that it takes for itself: what lists and maps hold is charged where they are made.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Str(text) => text.len(),
            // A time, a version, a certificate; the texts in it are charged where it is made.
            Self::Object(_) => 1024,
            Self::Missing
            | Self::Nil
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Int64(_)
            | Self::Byte(_)
            | Self::Float(_)
            | Self::List(_)
            | Self::Map(_) => 0,
        }
    }
}

impl Element {
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Str => "string",
            Self::Int => "int",
            Self::List => "[]interface {}",
        }
    }

    /// Go's zero value of the type.
    pub(crate) fn zero(self) -> Value {
        match self {
            Self::Any => Value::Nil,
            Self::Str => Value::from(""),
            Self::Int => Value::Int(0),
            Self::List => Value::List(List::nil(Self::Any)),
        }
    }
}

impl Value {
    /// Go's name of the dynamic type, as `%T` prints it.
    #[must_use]
    pub fn type_name(&self) -> String {
        match self {
            Self::Missing | Self::Nil => "<nil>".to_owned(),
            Self::Bool(_) => "bool".to_owned(),
            Self::Int(_) => "int".to_owned(),
            Self::Int64(_) => "int64".to_owned(),
            Self::Byte(_) => "uint8".to_owned(),
            Self::Float(_) => "float64".to_owned(),
            Self::Str(_) => "string".to_owned(),
            Self::List(list) => format!("[]{}", list.element().type_name()),
            Self::Map(map) => format!("map[string]{}", map.element().type_name()),
            Self::Object(object) => object.type_name().to_owned(),
        }
    }

    /// Go's type as error messages name it, where a nil interface is `interface {}`.
    pub(crate) fn static_type(&self) -> String {
        match self {
            Self::Missing | Self::Nil => "interface {}".to_owned(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Int64(_)
            | Self::Byte(_)
            | Self::Float(_)
            | Self::Str(_)
            | Self::List(_)
            | Self::Map(_)
            | Self::Object(_) => self.type_name(),
        }
    }

    /// Go's `reflect.Kind`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Missing | Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Str(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind(),
        }
    }

    /// Go's truth: not the zero value of its type. What `if` asks.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Str(value) => !value.is_empty(),
            Self::List(value) => !value.is_empty(),
            Self::Map(value) => !value.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }

    /// Whether it is nil of some kind.
    pub(crate) fn is_nil(&self) -> bool {
        match self {
            Self::Missing | Self::Nil => true,
            Self::List(list) => list.is_nil(),
            Self::Bool(_)
            | Self::Int(_)
            | Self::Int64(_)
            | Self::Byte(_)
            | Self::Float(_)
            | Self::Str(_)
            | Self::Map(_)
            | Self::Object(_) => false,
        }
    }

    /// An absent value as the nil interface it becomes when passed to a function.
    pub(crate) fn or_nil(self) -> Self {
        if matches!(self, Self::Missing) { Self::Nil } else { self }
    }

    /// A nil interface as the absent value it becomes at the end of a pipeline.
    pub(crate) fn or_missing(self) -> Self {
        if matches!(self, Self::Nil) { Self::Missing } else { self }
    }

    /// The bytes of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&Str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The map, shared.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// The list, shared.
    #[must_use]
    pub fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// A list of `interface {}`.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(Element::Any, items))
    }

    /// A list of strings.
    pub(crate) fn strings<T: Into<Str>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(List::new(Element::Str, items.into_iter().map(|item| Self::Str(item.into())).collect()))
    }
}

/// Bounded, so that a large or secret-bearing value does not fill a log.
impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("Missing"),
            Self::Nil => formatter.write_str("Nil"),
            Self::Bool(value) => write!(formatter, "Bool({value})"),
            Self::Int(value) => write!(formatter, "Int({value})"),
            Self::Int64(value) => write!(formatter, "Int64({value})"),
            Self::Byte(value) => write!(formatter, "Byte({value})"),
            Self::Float(value) => write!(formatter, "Float({value})"),
            Self::Str(text) => write!(formatter, "Str({} bytes)", text.len()),
            Self::List(list) => write!(formatter, "List({} items)", list.len()),
            Self::Map(map) => write!(formatter, "Map({} keys)", map.len()),
            Self::Object(object) => write!(formatter, "Object({})", object.type_name()),
        }
    }
}

/// Empties containers one by one instead of letting nested drops recurse: a template can nest a list in a list a million times.
fn drop_flat(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(list) => pending.extend(list.into_items_if_last()),
            Value::Map(map) => pending.extend(map.into_values_if_last()),
            Value::Missing
            | Value::Nil
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Int64(_)
            | Value::Byte(_)
            | Value::Float(_)
            | Value::Str(_)
            | Value::Object(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
