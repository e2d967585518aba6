//! A type as a JSON schema: in the three forms that Kubernetes publishes.

use crate::tree::{Body, Field, Form, Home, Merge, Rules, Type, named};
use serde_json::{Map, Value, json};

/// Which form a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// OpenAPI v3.
    V3,
    /// OpenAPI v2, which knows no `anyOf`; what it cannot say is left out, as Kubernetes does.
    V2,
    /// A CustomResourceDefinition, which has no references.
    Definition,
}

/// The name under which a type is published; types that are written out have the kinds' own prefix.
pub(crate) fn published(kind: &Type) -> Option<String> {
    match kind.home {
        Home::Named(prefix) => Some(format!("{prefix}.{}", kind.name)),
        Home::WrittenOut => None,
    }
}

/// The schema of a type with its description.
pub(crate) fn schema(kind: &Type, style: Style) -> Map<String, Value> {
    let mut schema = body(kind, style);
    schema.insert("description".into(), json!(kind.about));
    schema
}

fn body(kind: &Type, style: Style) -> Map<String, Value> {
    let fields = match &kind.body {
        Body::Is(form) => {
            let mut schema = of_form(form, style);
            if kind.home != Home::WrittenOut {
                // Kubernetes' own types say nothing of what is in them.
                schema.remove("x-kubernetes-preserve-unknown-fields");
                schema.insert("type".into(), json!(if *form == Form::Object { "object" } else { "string" }));
            }
            return schema;
        }
        Body::Fields(fields) => fields,
    };
    let mut schema = map(json!({"type": "object"}));
    let properties: Map<_, _> = fields
        .iter()
        .map(|(name, field)| ((*name).to_owned(), Value::Object(of_field(field, style))))
        .collect();
    schema.insert("properties".into(), properties.into());
    let required: Vec<_> = kind.required().collect();
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    if kind.atomic {
        schema.insert("x-kubernetes-map-type".into(), json!("atomic"));
    }
    schema
}

fn of_field(field: &Field, style: Style) -> Map<String, Value> {
    if style == Style::Definition && field.form == Form::Named("ObjectMeta") {
        return map(json!({"type": "object"}));
    }
    let mut schema = of_form(&field.form, style);
    if style == Style::V3
        && let Some(reference) = schema.remove("$ref")
    {
        // Nothing may stand beside a reference.
        schema.insert("allOf".into(), json!([{"$ref": reference}]));
    }
    schema.insert("description".into(), json!(field.about));
    rules(&field.rules, &field.form, style, &mut schema);
    schema
}

fn rules(rules: &Rules, form: &Form, style: Style, schema: &mut Map<String, Value>) {
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            schema.insert(name.to_owned(), value);
        }
    };
    set("enum", (!rules.values.is_empty()).then(|| json!(rules.values)));
    set("pattern", rules.pattern.map(Value::from));
    set("minimum", rules.min.map(Value::from));
    set("maximum", rules.max.map(Value::from));
    set("minLength", rules.min_length.map(Value::from));
    set("maxLength", rules.max_length.map(Value::from));
    set("default", rules.default.clone());
    let is_list = matches!(form.resolved(), Form::List(_));
    match &rules.merge {
        Merge::Plain => {}
        Merge::Atomic if is_list => set("x-kubernetes-list-type", Some(json!("atomic"))),
        Merge::Atomic => set("x-kubernetes-map-type", Some(json!("atomic"))),
        Merge::Set => set("x-kubernetes-list-type", Some(json!("set"))),
        Merge::Keys(keys) => {
            set("x-kubernetes-list-type", Some(json!("map")));
            set("x-kubernetes-list-map-keys", Some(json!(keys)));
        }
    }
    // Kubernetes' own types say how a strategic merge patch does it as well; custom resources have none.
    if style != Style::Definition && of_own_kind(form) {
        match &rules.merge {
            Merge::Set => set("x-kubernetes-patch-strategy", Some(json!("merge"))),
            Merge::Keys(keys) => {
                set("x-kubernetes-patch-strategy", Some(json!("merge")));
                set("x-kubernetes-patch-merge-key", Some(json!(keys[0])));
            }
            Merge::Plain | Merge::Atomic => {}
        }
    }
    if rules.nullable {
        if style == Style::V2 {
            schema.remove("type");
            schema.remove("properties");
            schema.remove("items");
        } else {
            schema.insert("nullable".into(), json!(true));
        }
    }
}

/// Whether a list is one of Kubernetes' own types: of texts in its metadata, or of its own objects.
fn of_own_kind(form: &Form) -> bool {
    match form {
        Form::List(item) => match &**item {
            Form::Named(name) => named(name).home != Home::WrittenOut,
            Form::Text(_) => true,
            Form::Integer(_)
            | Form::Boolean
            | Form::IntegerOrText
            | Form::Any
            | Form::Object
            | Form::List(_)
            | Form::Map(_) => false,
        },
        Form::Text(_)
        | Form::Integer(_)
        | Form::Boolean
        | Form::IntegerOrText
        | Form::Any
        | Form::Object
        | Form::Map(_)
        | Form::Named(_) => false,
    }
}

fn of_form(form: &Form, style: Style) -> Map<String, Value> {
    let preserving = json!({"x-kubernetes-preserve-unknown-fields": true});
    map(match form {
        Form::Text("") => json!({"type": "string"}),
        // The format is for people: servers and clients know no other.
        Form::Text("micro-time") => json!({"type": "string", "format": "date-time"}),
        Form::Text(format) => json!({"type": "string", "format": format}),
        Form::Integer(format) => json!({"type": "integer", "format": format}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::IntegerOrText if style == Style::V2 => json!({"x-kubernetes-int-or-string": true}),
        Form::IntegerOrText => json!({
            "anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": true,
        }),
        Form::Any => preserving,
        Form::Object if style == Style::V2 => preserving,
        Form::Object => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
        Form::List(item) => json!({"type": "array", "items": of_form(item, style)}),
        Form::Map(value) => json!({"type": "object", "additionalProperties": of_form(value, style)}),
        Form::Named(name) => {
            let kind = named(name);
            match published(kind) {
                Some(name) if style == Style::V3 => json!({"$ref": format!("#/components/schemas/{name}")}),
                Some(name) if style == Style::V2 => json!({"$ref": format!("#/definitions/{name}")}),
                Some(_) | None => return schema(kind, style),
            }
        }
    })
}

pub(crate) fn map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}
