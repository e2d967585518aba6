//! `values` of a generator: each is rendered against the generator's own parameters, never against the other values, so that values cannot
//! blow each other up.

use crate::Problem;
use crate::engine::{Bound, Engine, Field};
use crate::fields;
use crate::params::Params;
use serde_json::{Map, Value};

/// The compiled `values` of a generator.
#[derive(Debug)]
pub(crate) struct Values(Vec<(String, Field)>);

impl Values {
    pub(crate) fn compile(engine: &Engine, path: &str, config: &Map<String, Value>) -> Result<Self, Problem> {
        let values = fields::strings(path, config, "values")?;
        let compile = |(key, text): (&str, &str)| {
            Ok((key.to_owned(), engine.field(&format!("{path}.values.{key}"), text)?))
        };
        Ok(Self(values.into_iter().map(compile).collect::<Result<_, Problem>>()?))
    }

    /// Renders the values against `params` and adds them.
    pub(crate) fn add_to(&self, engine: &Engine, params: &mut Params) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        let bound = engine.bind(params);
        let render = |(key, field): &(String, Field)| Ok((key.clone(), engine.render(field, &bound)?));
        let rendered = self.0.iter().map(render).collect::<Result<Vec<_>, Problem>>()?;
        params.add_values(rendered, engine.go_template);
        Ok(())
    }

    /// Whether the outer parameters of a matrix change nothing here.
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.iter().all(|(_, field)| field.fixed().is_some())
    }

    /// The values with the outer parameters of a matrix filled in, one at a time; what they do not resolve is left as it is for the
    /// generator's own parameters.
    pub(crate) fn resolved(&self, engine: &Engine, config: &Map<String, Value>, outer: &Bound<'_>) -> Value {
        let original =
            |key: &str| config.get("values").and_then(|values| values.get(key)).cloned().unwrap_or_default();
        let resolve = |(key, field): &(String, Field)| {
            let value = engine.render_strictly(field, outer).map_or_else(|_| original(key), Value::String);
            (key.clone(), value)
        };
        Value::Object(self.0.iter().map(resolve).collect())
    }
}
