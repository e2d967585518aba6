//! Whether a value is of its type.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Shape, key, shape};
use crate::apply::path::Step;
use crate::apply::schema::{List, ListMerge, Map, Scalar, Type};
use crate::apply::set::shown;
use crate::apply::words::{go, go_syntax, go_type};

/// What is wrong with the value, in Kubernetes' words; fields are named in the order of their names.
///
/// # Errors
/// With one problem, or several, a line for each.
pub(in crate::apply) fn check(value: &Value, of: &Type) -> Result<(), String> {
    let mut checker = Checker { path: Vec::new(), problems: Vec::new() };
    checker.visit(value, of);
    match checker.problems.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        several => {
            let lines: Vec<_> = several.iter().map(|problem| format!("  {problem}")).collect();
            Err(format!("errors:\n{}", lines.join("\n")))
        }
    }
}

struct Checker {
    path: Vec<Step>,
    problems: Vec<String>,
}

impl Checker {
    fn problem(&mut self, text: &str) {
        let path = shown(&self.path);
        self.problems.push(if path.is_empty() { text.to_owned() } else { format!("{path}: {text}") });
    }

    fn at(&mut self, step: Step, value: &Value, of: &Type) {
        self.path.push(step);
        self.visit(value, of);
        self.path.pop();
    }

    fn visit(&mut self, value: &Value, of: &Type) {
        match (shape(of, Some(value)), value) {
            (_, Value::Null) => {}
            (Shape::Map(map), Value::Object(fields)) => {
                for (name, value) in fields {
                    let step = Step::Field(name.clone());
                    if let Some(of) = map.field(name) {
                        self.at(step, value, of.get());
                    } else {
                        self.path.push(step);
                        self.problem("field not declared in schema");
                        self.path.pop();
                        return;
                    }
                }
            }
            (Shape::Map(Map { .. }), _) => self.problem(&format!("expected map, got &{{{}}}", go(value))),
            (Shape::List(list), Value::Array(items)) => self.list(list, items),
            (Shape::List(_), _) => self.problem(&format!("expected list, got &{{{}}}", go(value))),
            (Shape::Scalar(scalar), _) => {
                if let Some(problem) = scalar_problem(scalar, value) {
                    self.problem(&problem);
                }
            }
        }
    }

    fn list(&mut self, list: &List, items: &[Value]) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let step = if list.merge == ListMerge::Atomic {
                Step::Index(i64::try_from(index).unwrap_or(i64::MAX))
            } else {
                match key(list, item) {
                    Ok(step) => step,
                    Err(problem) => return self.problem(&format!("element {index}: {problem}")),
                }
            };
            if !seen.insert(step.clone()) {
                self.problem(&format!("duplicate entries for key {step}"));
            }
            self.at(step, item, list.items.get());
        }
    }
}

fn scalar_problem(scalar: Scalar, value: &Value) -> Option<String> {
    match (scalar, value) {
        (Scalar::Number, Value::Number(_))
        | (Scalar::Text, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Any, Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
        (Scalar::Number, _) => Some(format!("expected numeric (int or float), got {}", go_type(value))),
        (Scalar::Text, _) => {
            Some(format!("expected string, got &value.valueUnstructured{{Value:{}}}", go_syntax(value)))
        }
        (Scalar::Boolean, _) => Some(format!("expected boolean, got &{{{}}}", go(value))),
        (Scalar::Any, _) => Some(format!("expected any scalar, got &{{{}}}", go(value))),
    }
}
