//! `list`: parameters written down in the set.
//!
//! In flat mode every value of `elements` is a string, but for the map `values`; `elementsYaml` is not checked. In Go mode elements are taken as
//! they are.

use super::Emit;
use crate::Problem;
use crate::fields;
use crate::memo::Node;
use crate::params::{Params, Typed};
use crate::run::{Run, Stop, failed};
use serde_json::{Map, Value};
use shared_manifest::yaml;
use std::sync::Arc;

pub(super) fn generate(
    run: &mut Run<'_>,
    node: &Node,
    path: &str,
    config: &Map<String, Value>,
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    run.note_unknown_fields(path, config, &["elements", "elementsYaml", "template"]);
    let before = node.result().map_or(&[][..], |before| &before[..]);
    let mut known = Known { before, at: 0 };
    let go_template = run.engine.go_template;
    let elements = fields::array(path, config, "elements")?;
    for (index, element) in elements.iter().enumerate() {
        let at = || format!("{path}.elements[{index}]");
        let Value::Object(element) = element else {
            // Argo CD finds nothing to decode in a null.
            let fields = if element.is_null() { None } else { Some(fields::object(&at(), Some(element))?) };
            let remedy = "write `{}` for no parameters, or remove it";
            let fields = fields.ok_or_else(|| failed(&at(), "the element is null", remedy))?;
            emit(known.or(Params::new(fields.clone())));
            continue;
        };
        let taken_as_is =
            go_template || element.iter().all(|(key, value)| key != "values" && value.is_string());
        emit(match known.same(element).filter(|_| taken_as_is) {
            Some(known) => known,
            None => known.or(Params::new(if taken_as_is { element.clone() } else { flat(&at(), element)? })),
        });
    }
    let text = fields::string(path, config, "elementsYaml")?;
    let listed = from_yaml(&format!("{path}.elementsYaml"), text)?;
    listed.into_iter().for_each(|params| emit(known.or(params)));
    Ok(())
}

/// The parameter sets of the last run, in which most stand where they stood.
struct Known<'a> {
    before: &'a [Arc<Params>],
    at: usize,
}

impl Known<'_> {
    fn same(&mut self, map: &Map<String, Value>) -> Option<Arc<Params>> {
        let here = [self.at, self.at + 1];
        let found = here.into_iter().find(|at| {
            self.before.get(*at).is_some_and(|known| known.map == *map && known.typed == Typed::default())
        })?;
        self.at = found + 1;
        Some(Arc::clone(&self.before[found]))
    }

    fn or(&mut self, params: Params) -> Arc<Params> {
        self.same(&params.map).unwrap_or_else(|| Arc::new(params))
    }
}

fn flat(path: &str, element: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut params = Map::new();
    for (key, value) in element {
        if key == "values" {
            for (key, value) in fields::strings(path, element, "values")? {
                params.insert(format!("values.{key}"), Value::from(value));
            }
        } else if value.is_string() {
            params.insert(key.clone(), value.clone());
        } else {
            let remedy = "put the value in quotes, or set goTemplate: true";
            return Err(failed(&format!("{path}.{key}"), "must be a string", remedy));
        }
    }
    Ok(params)
}

fn from_yaml(path: &str, text: &str) -> Result<Vec<Params>, Problem> {
    let wrong = |message: String, remedy: &str| {
        failed(path, format!("error unmarshling decoded ElementsYaml: {message}"), remedy)
    };
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let value = yaml::parse(text).map_err(|error| wrong(error.to_string(), ""))?;
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(wrong("it is not a list".to_owned(), "write a list of maps: `- name: a`"));
        }
    };
    let element = |(index, item)| match item {
        Value::Object(map) => Ok(Params::new(map)),
        Value::Null => Ok(Params::default()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong(format!("item {index} is not a map"), "write `- name: a`"))
        }
    };
    items.into_iter().enumerate().map(element).collect()
}
