//! What Helm's templates have beside sprig's functions, for a renderer of charts: `include`, `tpl`, `required`, `lookup`, TOML, and
//! JSON read Helm's way, where what is wrong becomes data.
//!
//! Refuses to know the cluster: `lookup` is the caller's.

mod toml;

use std::collections::BTreeMap;

use super::text::{any, text};
use super::{Answer, Fail, Functions, Signature, Type, json};
use crate::go::Scope;
use crate::quote::quote;
use crate::{Element, Map, Value};

impl Functions {
    /// This table with Helm's functions. `lookup` is asked for API version, kind, namespace and name; an empty dict says that there is
    /// no such object.
    #[must_use]
    pub fn with_chart(
        self,
        lookup: impl Fn(&mut Scope<'_>, [&str; 4]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let string = [Type::Str];
        self.with("include", Signature::of(&[Type::Str, Type::Any]), include)
            .with("tpl", Signature::of(&[Type::Str, Type::Any]), tpl)
            .with("required", Signature::of(&[Type::Str, Type::Any]), required)
            .with("fromJson", Signature::of(&string), from_json)
            .with("fromJsonArray", Signature::of(&string), from_json_array)
            .with("toToml", Signature::of(&[Type::Any]), |scope, arguments| {
                match toml::write(scope, any(arguments, 0)) {
                    Err(Fail::Message(message)) => Ok(message.into()),
                    written => Ok(written?.into()),
                }
            })
            .with("mustToToml", Signature::of(&[Type::Any]), |scope, arguments| {
                Ok(toml::write(scope, any(arguments, 0))?.into())
            })
            .with("lookup", Signature::of(&[Type::Str; 4]), move |scope, arguments| {
                let [version, kind, namespace, name] = [0, 1, 2, 3].map(|index| text(arguments, index));
                lookup(scope, [&version, &kind, &namespace, &name])
            })
    }
}

fn include(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(scope.include(&text(arguments, 0), any(arguments, 1))?.into())
}

fn tpl(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    let said = |reason: &str| format!("{reason} {}", quote(source.as_bytes()));
    scope.render_text("gotpl", &source, any(arguments, 1)).map(Value::from).map_err(|fail| match fail {
        Fail::Template(error) if matches!(*error, crate::Error::Parse { .. }) => {
            Fail::from(format!("{}: {error}", said("cannot parse template")))
        }
        Fail::Template(error) if !matches!(*error, crate::Error::Limit { .. }) => {
            Fail::from(format!("{}: {error}", said("error during tpl function execution for")))
        }
        Fail::Template(_) | Fail::Message(_) | Fail::Exceeded(_) => fail,
    })
}

/// The value, unless it is nil or the empty string.
fn required(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let given = any(arguments, 1);
    let absent =
        matches!(given, Value::Nil | Value::Missing) || given.as_str().is_some_and(crate::Str::is_empty);
    if absent { Err(Fail::from(text(arguments, 0).into_owned())) } else { Ok(given.clone()) }
}

/// What is wrong with the text, and what it should have been: Helm hands both on as data.
fn read(scope: &mut Scope<'_>, arguments: &[Value], wanted: &str) -> Result<Result<Value, String>, Fail> {
    let found = match json::parse(scope, arguments) {
        Err(Fail::Message(message)) => return Ok(Err(message)),
        other => other?,
    };
    let (fits, shown) = match &found {
        Value::Nil | Value::Missing => return Ok(Ok(Value::Nil)),
        Value::Map(_) => (wanted.starts_with("map"), "object"),
        Value::List(_) => (!wanted.starts_with("map"), "array"),
        Value::Bool(_) => (false, "bool"),
        Value::Str(_) => (false, "string"),
        Value::Int(_) | Value::Int64(_) | Value::Byte(_) | Value::Float(_) | Value::Object(_) => {
            (false, "number")
        }
    };
    if fits {
        Ok(Ok(found))
    } else {
        Ok(Err(format!("json: cannot unmarshal {shown} into Go value of type {wanted}")))
    }
}

/// An object, or one with the key `Error`.
fn from_json(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let mut entries = BTreeMap::new();
    match read(scope, arguments, "map[string]interface {}")? {
        Ok(Value::Nil) => {}
        Ok(found) => return Ok(found),
        Err(message) => {
            entries.insert("Error".into(), message.into());
        }
    }
    Ok(Map::new(Element::Any, entries).into())
}

/// An array, or one of the message.
fn from_json_array(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    Ok(match read(scope, arguments, "[]interface {}")? {
        Ok(Value::Nil) => Value::list(Vec::new()),
        Ok(found) => found,
        Err(message) => Value::list(vec![message.into()]),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Functions, Limits, Options, Template, Value};

    fn check(text: &str, expect: &str) {
        let functions = Functions::standard()
            .with_chart(|_, wanted| Ok(Value::from(json!({"metadata": {"name": wanted.join("/")}}))));
        let data = Value::from(json!({"Values": {"name": "x", "empty": "", "text": "{{.Values.name}}!"}}));
        let rendered = Template::parse_with("t", text, &functions)
            .and_then(|template| template.render(&data, &Options::default(), &Limits::default()));
        let got = rendered.unwrap_or_else(|error| error.to_string());
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn charts_have_more_functions() {
        let define = "{{define \"a\"}}<{{.Values.name}}>{{end}}";
        check(&format!("{define}{{{{include \"a\" . | upper}}}}"), "<X>");
        check(&format!("{define}{{{{tpl \"{{{{include \\\"a\\\" .}}}}\" .}}}}"), "<x>");
        check("{{tpl .Values.text .}}", "x!");
        check("{{required \"give a name\" .Values.name}}", "x");
        let told = "template: t:1:2: executing \"t\" at <required \"give a name\" .Values.empty>: error calling required: give a name";
        check("{{required \"give a name\" .Values.empty}}", told);
        check("{{(lookup \"v1\" \"Secret\" \"ns\" \"s\").metadata.name}}", "v1/Secret/ns/s");
        check("{{(fromJson \"[\").Error}}", "unexpected end of JSON input");
        check(
            "{{fromJsonArray \"{}\"}}",
            "[json: cannot unmarshal object into Go value of type []interface {}]",
        );
    }

    #[test]
    fn toml_is_written_as_helm_writes_it() {
        // Recorded from github.com/BurntSushi/toml 1.6.0.
        check(
            "{{toToml (dict \"b\" 1 \"a\" 1.0 \"c d\" \"x\\n\" \"n\" nil)}}",
            "a = 1.0\nb = 1\n\"c d\" = \"x\\n\"\n",
        );
        check(
            "{{toToml (dict \"t\" (dict \"u\" (dict \"k\" true) \"j\" (list 1 \"a\")) \"z\" 2 \"e\" (dict))}}",
            "z = 2\n\n[e]\n\n[t]\n  j = [1, \"a\"]\n  [t.u]\n    k = true\n",
        );
        check(
            "{{toToml (dict \"l\" (list (dict \"a\" 1) (dict \"b\" (dict \"c\" 2))) \"m\" (list (dict \"x\" 1) 2))}}",
            "m = [{x = 1}, 2]\n\n[[l]]\n  a = 1\n\n[[l]]\n  [l.b]\n    c = 2\n",
        );
        check(
            "{{toToml (list 1 \"a\")}}|{{toToml \"x\"}}|{{toToml (dict \"a\" (list nil))}}",
            "[1, \"a\"]|\"x\"|toml: cannot encode array with nil element",
        );
    }
}
