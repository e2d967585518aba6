//! `list`: parameters written down in the set.
//!
//! In flat mode every value of `elements` is a string, but for the map `values`; `elementsYaml` is not checked. In Go mode elements are taken as
//! they are.

use crate::Problem;
use crate::fields;
use crate::params::Params;
use crate::run::{Run, Stop, failed};
use serde_json::{Map, Value};
use shared_manifest::yaml;

pub(super) fn generate(
    run: &mut Run<'_>,
    path: &str,
    config: &Map<String, Value>,
) -> Result<Vec<Params>, Stop> {
    run.note_unknown_fields(path, config, &["elements", "elementsYaml", "template"]);
    let mut found = Vec::new();
    for (index, element) in fields::array(path, config, "elements")?.iter().enumerate() {
        let path = format!("{path}.elements[{index}]");
        let element = fields::object(&path, Some(element))?;
        found.push(Params::new(if run.engine.go_template { element.clone() } else { flat(&path, element)? }));
    }
    let text = fields::string(path, config, "elementsYaml")?;
    found.extend(from_yaml(&format!("{path}.elementsYaml"), text)?);
    Ok(found)
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
