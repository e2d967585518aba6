//! From parameters to one Application: the template of a generator and the set, compiled once, and the template patch.

mod overlay;
mod patch;

use crate::engine::{Bound, Engine, Field, Tree};
use crate::frame::{Filled, Frame};
use crate::params::Params;
use crate::{Problem, Reason, Unsupported, fields, shape};
use serde_json::{Map, Value, json};
use shared_model::{DEFAULT_NAMESPACE, RESOURCES_FINALIZER};
use std::sync::Arc;

pub(crate) const TEMPLATE: &str = "spec.template";
const PATCH: &str = "spec.templatePatch";

/// What every template of a set shares.
#[derive(Debug)]
pub(crate) struct Renderer {
    template: Value,
    patch: Option<Field>,
    namespace: String,
    /// Whether Applications without finalizers get the one that deletes their objects with them.
    cascades: bool,
}

/// A generator's template merged with the set's, compiled.
#[derive(Debug)]
pub(crate) struct Program {
    /// The Application with its templates not rendered, as one without parameters has it.
    pub(crate) bare: Value,
    tree: Tree,
    /// Where all Applications differ in strings only.
    frame: Option<Arc<Frame>>,
}

/// An Application rendered.
#[derive(Debug)]
pub(crate) enum Rendered {
    /// What its templates gave, in the frame of its program.
    Filled(Filled),
    /// With what of a patch no Application has.
    Whole(Value, Option<Box<Unsupported>>),
}

impl Renderer {
    pub(crate) fn of(engine: &Engine, set: &Value, spec: &Map<String, Value>) -> Result<Self, Problem> {
        let Some(template) = spec.get("template").filter(|template| template.is_object()) else {
            return Err(failed(
                TEMPLATE,
                "template is required",
                "write the Application to generate: metadata and spec",
            ));
        };
        let text = fields::string("spec", spec, "templatePatch")?;
        let policy = spec.get("syncPolicy");
        let preserves =
            policy.and_then(|policy| policy.get("preserveResourcesOnDeletion")).and_then(Value::as_bool);
        Ok(Self {
            template: template.clone(),
            patch: if text.is_empty() { None } else { Some(engine.field(PATCH, text)?) },
            namespace: namespace(set).to_owned(),
            cascades: preserves != Some(true),
        })
    }

    /// Compiles the set's template with what the generator's own template puts before it.
    pub(crate) fn program(&self, engine: &Engine, own: Option<&Value>) -> Result<Program, Problem> {
        let template = match own {
            Some(own) => overlay::filled(own, &self.template),
            None => self.template.clone(),
        };
        let bare = self.assembled(template);
        let mut full = bare.clone();
        overlay::drop_nulls(&mut full);
        if let Some(metadata) = full.get_mut("metadata").and_then(Value::as_object_mut)
            && self.cascades
            && !metadata.contains_key("finalizers")
        {
            metadata.insert("finalizers".to_owned(), json!([RESOURCES_FINALIZER]));
        }
        let tree = engine.tree(TEMPLATE, &full)?;
        let frame = if self.patch.is_none() { Frame::of(engine, TEMPLATE, &full)? } else { None };
        Ok(Program { bare, tree, frame: frame.map(Arc::new) })
    }

    /// Whether Applications are patched.
    pub(crate) fn patches(&self) -> bool {
        self.patch.is_some()
    }

    /// The Application of one parameter set. One without parameters is not rendered and gets no finalizer, as in Argo CD.
    pub(crate) fn application(
        &self,
        engine: &Engine,
        program: &Program,
        params: &Params,
    ) -> Result<Rendered, Problem> {
        let bound = engine.bind(params);
        if let Some(frame) = program.frame.as_ref().filter(|_| !params.map.is_empty()) {
            let filled = Frame::fill(frame, engine, &bound)?;
            if !filled.has_gap() {
                return Ok(Rendered::Filled(filled));
            }
            let mut application = filled.value();
            shape::shape(&mut application);
            return Ok(Rendered::Whole(application, None));
        }
        let mut application = if params.map.is_empty() {
            program.bare.clone()
        } else {
            engine.render_tree(&program.tree, &bound)?
        };
        let lost = match &self.patch {
            Some(patch) => self.apply(engine, patch, &mut application, &bound)?,
            None => None,
        };
        shape::shape(&mut application);
        Ok(Rendered::Whole(application, lost))
    }

    fn assembled(&self, template: Value) -> Value {
        let Value::Object(mut template) = template else { return Value::Null };
        let mut given = template.remove("metadata").unwrap_or_default();
        let mut metadata = Map::new();
        metadata.insert(
            "name".to_owned(),
            given.get_mut("name").map(Value::take).unwrap_or_else(|| Value::from("")),
        );
        metadata.insert("namespace".to_owned(), Value::from(self.namespace.as_str()));
        for key in ["labels", "annotations", "finalizers"] {
            match given.get_mut(key).map(Value::take) {
                None | Some(Value::Null) => {}
                Some(Value::Object(map)) if map.is_empty() => {}
                Some(Value::Array(items)) if items.is_empty() => {}
                Some(value) => {
                    metadata.insert(key.to_owned(), value);
                }
            }
        }
        let spec = template.remove("spec").filter(Value::is_object).unwrap_or_else(|| json!({}));
        let mut application = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec });
        shape::shape(&mut application);
        application
    }

    /// Neither the project nor the namespace can be changed by a patch, so that it cannot break out of the set's bounds.
    fn apply(
        &self,
        engine: &Engine,
        patch: &Field,
        application: &mut Value,
        bound: &Bound<'_>,
    ) -> Result<Option<Box<Unsupported>>, Problem> {
        let text = engine.render(patch, bound)?;
        let parsed = shared_manifest::yaml::parse(&text);
        let patch = match parsed
            .map_err(|error| failed(PATCH, &format!("the rendered patch is not YAML: {error}"), ""))?
        {
            Value::Null => return Ok(None),
            Value::Object(patch) => patch,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(failed(
                    PATCH,
                    "the rendered patch is not a map",
                    "write `spec:` and below it what to change",
                ));
            }
        };
        if let Some((path, expected)) = shape::misfit(&Value::Object(patch.clone())) {
            return Err(failed(&format!("{PATCH}{path}"), &format!("must be {expected}"), ""));
        }
        let lost = shape::unknown(&Value::Object(patch.clone())).map(|(field, meant)| {
            let meant = meant.map(|meant| format!("did you mean {meant}? "));
            Box::new(Unsupported {
                path: PATCH.to_owned(),
                message: format!("{field} is no field of an Application and is left out"),
                remedy: format!("{}take it out of the patch, or mend its name", meant.unwrap_or_default()),
                hides_applications: false,
            })
        });
        let project = application.pointer("/spec/project").cloned();
        patch::apply(application, patch)
            .map_err(|(path, message)| failed(&format!("{PATCH}{path}"), message, ""))?;
        let Value::Object(patched) = application else { return Ok(lost) };
        let unpatched = |patched: &mut Map<String, Value>, part: &str, key: &str, value: Option<Value>| {
            let part = patched.entry(part).or_insert_with(|| json!({}));
            if !part.is_object() {
                *part = json!({});
            }
            match (part, value) {
                (Value::Object(part), Some(value)) => drop(part.insert(key.to_owned(), value)),
                (Value::Object(part), None) => drop(part.remove(key)),
                _ => {}
            }
        };
        unpatched(patched, "metadata", "namespace", Some(Value::from(self.namespace.as_str())));
        unpatched(patched, "spec", "project", project);
        patched.insert("apiVersion".to_owned(), Value::from("argoproj.io/v1alpha1"));
        patched.insert("kind".to_owned(), Value::from("Application"));
        patched.remove("status");
        Ok(lost)
    }
}

/// The namespace of a set and so of its Applications.
pub(crate) fn namespace(set: &Value) -> &str {
    let namespace = set.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    if namespace.is_empty() { DEFAULT_NAMESPACE } else { namespace }
}

fn failed(path: &str, message: &str, remedy: &str) -> Problem {
    Problem {
        path: path.to_owned(),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
        reason: Reason::RenderTemplateParamsError,
    }
}
