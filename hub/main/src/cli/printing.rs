//! Objects as tables, JSON, YAML and names: one printer for every command that lists or shows.
//!
//! Objects are printed as the hub serves them, but for `metadata.managedFields`, which kubectl leaves out as well.

use crate::{
    args::{Form, Printing},
    cli::output,
};
use serde_json::{Value, json};
use shared_model::{Kind, gvk};

/// Whether a column is in every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// With `-o wide`.
    Wide,
    /// Where objects of all namespaces are listed.
    AllNamespaces,
}

/// Heading and place of a column.
pub(crate) type Column = (&'static str, When);

/// What of a table is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) printing: Printing,
    pub(crate) all_namespaces: bool,
}

impl Layout {
    fn has(self, column: Column) -> bool {
        match column.1 {
            When::Always => true,
            When::Wide => self.printing.output == Form::Wide,
            When::AllNamespaces => self.all_namespaces,
        }
    }

    /// The lines of a table; `rows` have a cell for each of `columns`.
    pub(crate) fn table(self, columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
        let heading: Vec<&str> =
            columns.iter().filter(|column| self.has(**column)).map(|column| column.0).collect();
        let kept = |row: &Vec<String>| {
            let cells = row.iter().zip(columns).filter(|(_, column)| self.has(**column));
            cells.map(|(cell, _)| cell.clone()).collect()
        };
        let rows: Vec<Vec<String>> = rows.iter().map(kept).collect();
        let skipped = usize::from(self.printing.no_headers);
        let blank = vec![""; heading.len()];
        // Without headings they take no room either.
        let heading = if self.printing.no_headers { &blank } else { &heading };
        output::columns(heading, &rows).into_iter().skip(skipped).collect()
    }
}

/// Several objects in a form that is no table; `None` for tables.
pub(crate) fn several(form: Form, kind: Kind, objects: &[Value]) -> Option<Vec<String>> {
    if form == Form::Name {
        return Some(objects.iter().map(|object| name(kind, object)).collect());
    }
    let items: Vec<Value> = objects.iter().map(|object| whole(kind, object)).collect();
    document(
        form,
        &json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}),
    )
}

/// One object in a form that is no table; `None` for tables.
pub(crate) fn one(form: Form, kind: Kind, object: &Value) -> Option<Vec<String>> {
    if form == Form::Name {
        return Some(vec![name(kind, object)]);
    }
    document(form, &whole(kind, object))
}

/// A document as JSON or YAML; `None` in other forms.
pub(crate) fn document(form: Form, document: &Value) -> Option<Vec<String>> {
    match form {
        Form::Json => Some(vec![format!("{document:#}")]),
        Form::Yaml => Some(vec![shared_manifest::yaml::to_string(document).trim_end().to_owned()]),
        Form::Table | Form::Wide | Form::Name => None,
    }
}

/// As in `application.argoproj.io/web`.
pub(crate) fn name(kind: Kind, object: &Value) -> String {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    format!("{}/{name}", resource(kind))
}

/// As in `application.argoproj.io`.
fn resource(kind: Kind) -> String {
    let gvk = gvk(kind);
    let singular = gvk.kind.to_ascii_lowercase();
    if gvk.group.is_empty() { singular } else { format!("{singular}.{}", gvk.group) }
}

/// With what a list may leave out of its items, and without what nobody reads.
fn whole(kind: Kind, object: &Value) -> Value {
    let mut object = object.clone();
    let gvk = gvk(kind);
    object["apiVersion"] = json!(gvk.api_version());
    object["kind"] = json!(gvk.kind);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

#[cfg(test)]
mod tests;
