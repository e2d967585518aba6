//! What stands in a field where nothing is said.

use crate::{
    schema,
    tree::{Form, Type, named},
};
use serde_json::{Map, Value};
use shared_model::Kind;

/// Fills in what an object leaves out, as Kubernetes does before it stores one. Nothing is made below fields that are
/// not there.
pub fn fill(kind: Kind, object: &mut Value) {
    if let Value::Object(object) = object {
        fill_fields(schema(kind), object);
    }
}

fn fill_fields(of: &Type, object: &mut Map<String, Value>) {
    for (name, field) in of.fields() {
        let missing = object.get(*name).is_none_or(Value::is_null);
        match (&field.rules.default, object.get_mut(*name)) {
            (Some(default), _) if missing => drop(object.insert((*name).to_owned(), default.clone())),
            (_, Some(value)) => fill_value(&field.form, value),
            _ => {}
        }
    }
}

fn fill_value(form: &Form, value: &mut Value) {
    match (form.resolved(), value) {
        (Form::Named(name), Value::Object(object)) => fill_fields(named(name), object),
        (Form::List(item), Value::Array(items)) => items.iter_mut().for_each(|value| fill_value(item, value)),
        (Form::Map(inner), Value::Object(values)) => {
            values.values_mut().for_each(|value| fill_value(inner, value));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: Kind, mut object: Value, expect: &Value) {
        fill(kind, &mut object);
        assert_eq!(&object, expect);
    }

    #[test]
    fn what_is_left_out_is_filled_in() {
        check(Kind::Secret, json!({"data": {}}), &json!({"data": {}, "type": "Opaque"}));
        check(Kind::Secret, json!({"type": null}), &json!({"type": "Opaque"}));
        check(Kind::Secret, json!({"type": "a/b"}), &json!({"type": "a/b"}));
        check(Kind::Application, json!({"spec": {"sources": [{}]}}), &json!({"spec": {"sources": [{}]}}));
    }
}
