//! Strings of a set as templates: compiled once, rendered for every parameter set.
//!
//! The set's `goTemplate` decides which language a string is in. A [`Tree`] is any JSON value whose strings, keys included, are templates; what
//! holds none is kept as it is.

use crate::params::Params;
use crate::remedy;
use crate::render::TEMPLATE;
use crate::shape;
use crate::{Problem, Reason};
use serde_json::{Map, Value};
use shared_template::Value as Data;
use shared_template::{Error, Limits, MissingKey, Options, Template, fast};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The template language of a set, and what was compiled in it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// `spec.goTemplate`.
    pub(crate) go_template: bool,
    options: Options,
    limits: Limits,
    /// By name and text: a matrix configures its second generator anew for every parameter set of the first.
    parsed: RefCell<BTreeMap<(String, String), Template>>,
}

/// A string of a set.
#[derive(Debug)]
enum Text {
    Fixed(String),
    Fast(fast::Template),
    Go(Template),
}

/// A compiled string and where it stands.
#[derive(Debug)]
pub(crate) struct Field {
    path: String,
    text: Text,
}

/// A compiled JSON value.
#[derive(Debug)]
pub(crate) enum Tree {
    Fixed(Value),
    Text(Field),
    Array(Vec<Self>),
    Object(Vec<(Field, Self)>),
}

/// Parameters made ready for the set's language; Go templates may change them (`set`) for the fields that follow.
#[derive(Debug)]
pub(crate) struct Bound<'a> {
    params: &'a Params,
    data: Option<Data>,
}

impl Engine {
    /// The engine that `spec` asks for.
    pub(crate) fn of(spec: &Map<String, Value>) -> Result<Self, Problem> {
        let go_template = spec.get("goTemplate").and_then(Value::as_bool).unwrap_or(false);
        let given = spec.get("goTemplateOptions").and_then(Value::as_array);
        let names = given.into_iter().flatten().filter_map(Value::as_str).filter(|_| go_template);
        let names: Vec<&str> = names.collect();
        let options = Options::parse(&names).map_err(|error| Problem {
            path: "spec.goTemplateOptions".to_owned(),
            message: error.to_string(),
            remedy: String::new(),
            reason: Reason::RenderTemplateParamsError,
        })?;
        Ok(Self { go_template, options, limits: Limits::default(), parsed: RefCell::default() })
    }

    pub(crate) fn bind<'a>(&self, params: &'a Params) -> Bound<'a> {
        Bound { params, data: self.go_template.then(|| params.to_data()) }
    }

    /// Compiles one string.
    pub(crate) fn field(&self, path: &str, text: &str) -> Result<Field, Problem> {
        let compiled = match (text.contains("{{"), self.go_template) {
            (false, _) => Text::Fixed(text.to_owned()),
            (true, false) => Text::Fast(fast::Template::parse(text)),
            (true, true) => {
                let parsed = self.parsed(name_of(path), text);
                Text::Go(parsed.map_err(|error| failure(path, &error, remedy::of_parse_error(&error, text)))?)
            }
        };
        Ok(Field { path: path.to_owned(), text: compiled })
    }

    fn parsed(&self, name: &str, text: &str) -> Result<Template, Error> {
        let key = (name.to_owned(), text.to_owned());
        if let Some(known) = self.parsed.borrow().get(&key) {
            return Ok(known.clone());
        }
        let parsed = Template::parse(name, text)?;
        self.parsed.borrow_mut().insert(key, parsed.clone());
        Ok(parsed)
    }

    /// Compiles every string below `value`. Null entries of objects are dropped, as in Argo CD.
    pub(crate) fn tree(&self, path: &str, value: &Value) -> Result<Tree, Problem> {
        Ok(match value {
            Value::String(text) => {
                let field = self.field(path, text)?;
                if matches!(field.text, Text::Fixed(_)) {
                    Tree::Fixed(value.clone())
                } else {
                    Tree::Text(field)
                }
            }
            Value::Array(items) => {
                let compile = |(index, item)| self.tree(&format!("{path}[{index}]"), item);
                let items = items.iter().enumerate().map(compile).collect::<Result<Vec<_>, _>>()?;
                if items.iter().all(Tree::is_fixed) {
                    Tree::Fixed(items.into_iter().filter_map(Tree::into_fixed).collect())
                } else {
                    Tree::Array(items)
                }
            }
            Value::Object(fields) => self.object(path, fields)?,
            Value::Null | Value::Bool(_) | Value::Number(_) => Tree::Fixed(value.clone()),
        })
    }

    fn object(&self, path: &str, fields: &Map<String, Value>) -> Result<Tree, Problem> {
        let mut compiled = Vec::with_capacity(fields.len());
        for (key, value) in in_walk(path, fields).into_iter().filter(|(_, value)| !value.is_null()) {
            let path = format!("{path}.{key}");
            compiled.push((self.field(&path, key)?, self.tree(&path, value)?));
        }
        if compiled.iter().all(|(key, value)| matches!(key.text, Text::Fixed(_)) && value.is_fixed()) {
            let fixed = compiled.into_iter().filter_map(|(key, value)| match key.text {
                Text::Fixed(key) => value.into_fixed().map(|value| (key, value)),
                Text::Fast(_) | Text::Go(_) => None,
            });
            return Ok(Tree::Fixed(Value::Object(fixed.collect())));
        }
        Ok(Tree::Object(compiled))
    }

    /// Renders one string.
    pub(crate) fn render(&self, field: &Field, bound: &Bound<'_>) -> Result<String, Problem> {
        let mut out = String::new();
        self.write(field, bound, &self.options, &mut out)?;
        Ok(out)
    }

    /// Renders one string to the end of `out`.
    pub(crate) fn append(&self, field: &Field, bound: &Bound<'_>, out: &mut String) -> Result<(), Problem> {
        self.write(field, bound, &self.options, out)
    }

    /// Renders one string where a missing key is an error, whatever the set's options say.
    pub(crate) fn render_strictly(&self, field: &Field, bound: &Bound<'_>) -> Result<String, Problem> {
        let mut out = String::new();
        self.write(field, bound, &Options { missing_key: MissingKey::Error }, &mut out)?;
        Ok(out)
    }

    fn write(
        &self,
        field: &Field,
        bound: &Bound<'_>,
        options: &Options,
        out: &mut String,
    ) -> Result<(), Problem> {
        let go = |template: &Template, data: &Data| template.render(data, options, &self.limits);
        let rendered = match (&field.text, &bound.data) {
            (Text::Fixed(text), _) => {
                out.push_str(text);
                return Ok(());
            }
            (Text::Fast(template), _) => template.render_into(&bound.params.map, out).map(|()| None),
            (Text::Go(template), Some(data)) => go(template, data).map(Some),
            (Text::Go(template), None) => go(template, &bound.params.to_data()).map(Some),
        };
        match rendered {
            Ok(text) => {
                if let Some(text) = text {
                    out.push_str(&text);
                }
                Ok(())
            }
            Err(error) => {
                let remedy = remedy::of_run_error(&error, &bound.params.names(self.go_template));
                Err(failure(&field.path, &error, remedy))
            }
        }
    }

    /// Renders every string below a compiled value.
    pub(crate) fn render_tree(&self, tree: &Tree, bound: &Bound<'_>) -> Result<Value, Problem> {
        Ok(match tree {
            Tree::Fixed(value) => value.clone(),
            Tree::Text(field) => Value::String(self.render(field, bound)?),
            Tree::Array(items) => {
                items.iter().map(|item| self.render_tree(item, bound)).collect::<Result<_, _>>()?
            }
            Tree::Object(fields) => {
                let mut object = Map::new();
                for (key, value) in fields {
                    // The value first: what it sets is there when the key is rendered, as in Argo CD.
                    let value = self.render_tree(value, bound)?;
                    object.insert(self.render(key, bound)?, value);
                }
                Value::Object(object)
            }
        })
    }
}

impl Field {
    /// The text, when it holds no template.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match &self.text {
            Text::Fixed(text) => Some(text),
            Text::Fast(_) | Text::Go(_) => None,
        }
    }
}

impl Tree {
    fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    fn into_fixed(self) -> Option<Value> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Text(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// The fields at a path in the order in which Argo CD renders them, which templates see by what earlier ones have `set`.
pub(crate) fn in_walk<'v>(path: &str, fields: &'v Map<String, Value>) -> Vec<(&'v String, &'v Value)> {
    match path.strip_prefix(TEMPLATE) {
        Some(path) => shape::in_order(path.trim_start_matches('.'), fields),
        None => fields.iter().collect(),
    }
}

/// What Go's errors call the template: the field.
fn name_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn failure(path: &str, error: &Error, remedy: String) -> Problem {
    Problem {
        path: path.to_owned(),
        message: error.to_string(),
        remedy,
        reason: Reason::RenderTemplateParamsError,
    }
}
