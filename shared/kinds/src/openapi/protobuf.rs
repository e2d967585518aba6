//! Version 2 in the form that kubectl asks for (`application/com.github.proto-openapi.spec.v2.v1.0+protobuf`): gnostic's
//! `openapiv2/OpenAPIv2.proto`, written from the JSON document by tables of its messages' field numbers.

use serde_json::{Map, Value};

/// A message: its fields by their names in JSON, and the number under which `x-` fields go.
struct Message {
    fields: &'static [(&'static str, u32, Form)],
    extensions: u32,
}

/// How a field is written.
enum Form {
    Text,
    Texts,
    Flag,
    Whole,
    Number,
    /// As YAML, which JSON is.
    Any,
    /// A list of such.
    Anys,
    One(&'static Message),
    /// A message within messages of one field each, by their numbers.
    Within(&'static [u32], &'static Message),
    /// Names, each with a message that is within others.
    Named(&'static [u32], &'static Message),
    /// As `Named`, in the message itself rather than in one of its own.
    Flat(&'static [u32], &'static Message),
    /// A list of parameters, whose message depends on where they stand.
    Parameters,
    /// A list of such.
    Many(&'static Message),
    /// Texts in a message of their own.
    Type,
    /// A map to lists of texts.
    Requirements,
}

use Form::{
    Any, Anys, Flag, Flat, Many, Named, Number, One, Parameters, Requirements, Text, Texts, Type, Whole,
    Within,
};

static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Text),
        ("info", 2, One(&INFO)),
        ("paths", 8, One(&PATHS)),
        ("definitions", 9, Named(&[], &SCHEMA)),
        ("security", 12, Requirements),
        ("securityDefinitions", 13, Named(&[2], &API_KEY)),
    ],
    extensions: 16,
};
static INFO: Message = Message { fields: &[("title", 1, Text), ("version", 2, Text)], extensions: 7 };
static API_KEY: Message = Message {
    fields: &[("type", 1, Text), ("name", 2, Text), ("in", 3, Text), ("description", 4, Text)],
    extensions: 5,
};
static PATHS: Message = Message { fields: &[("", 2, Flat(&[], &PATH))], extensions: 1 };
static PATH: Message = Message {
    fields: &[
        ("get", 2, One(&OPERATION)),
        ("put", 3, One(&OPERATION)),
        ("post", 4, One(&OPERATION)),
        ("delete", 5, One(&OPERATION)),
        ("patch", 8, One(&OPERATION)),
        ("parameters", 9, Parameters),
    ],
    extensions: 10,
};
static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Texts),
        ("description", 3, Text),
        ("operationId", 5, Text),
        ("produces", 6, Texts),
        ("consumes", 7, Texts),
        ("parameters", 8, Parameters),
        ("responses", 9, One(&RESPONSES)),
        ("schemes", 10, Texts),
    ],
    extensions: 13,
};
static RESPONSES: Message = Message { fields: &[("", 1, Flat(&[1], &RESPONSE))], extensions: 2 };
static RESPONSE: Message =
    Message { fields: &[("description", 1, Text), ("schema", 2, Within(&[1], &SCHEMA))], extensions: 5 };
static BODY: Message = Message {
    fields: &[
        ("description", 1, Text),
        ("name", 2, Text),
        ("in", 3, Text),
        ("required", 4, Flag),
        ("schema", 5, One(&SCHEMA)),
    ],
    extensions: 6,
};
static IN_QUERY: Message = Message {
    fields: &[
        ("required", 1, Flag),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("type", 6, Text),
        ("uniqueItems", 20, Flag),
    ],
    extensions: 23,
};
static IN_PATH: Message = Message {
    fields: &[
        ("required", 1, Flag),
        ("in", 2, Text),
        ("description", 3, Text),
        ("name", 4, Text),
        ("type", 5, Text),
        ("uniqueItems", 19, Flag),
    ],
    extensions: 22,
};
static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Text),
        ("format", 2, Text),
        ("description", 4, Text),
        ("default", 5, Any),
        ("maximum", 7, Number),
        ("minimum", 9, Number),
        ("maxLength", 11, Whole),
        ("minLength", 12, Whole),
        ("pattern", 13, Text),
        ("required", 19, Texts),
        ("enum", 20, Anys),
        ("additionalProperties", 21, Within(&[1], &SCHEMA)),
        ("type", 22, Type),
        ("items", 23, Within(&[1], &SCHEMA)),
        ("allOf", 24, Many(&SCHEMA)),
        ("properties", 25, Named(&[], &SCHEMA)),
    ],
    extensions: 31,
};

/// The document of version 2 in this form.
pub fn v2_protobuf(version: &str) -> Vec<u8> {
    write(&DOCUMENT, &super::v2(version))
}

fn write(message: &Message, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let Some(object) = value.as_object() else { return out };
    for (name, number, form) in message.fields {
        if name.is_empty() {
            field(&mut out, *number, form, value);
        } else if let Some(value) = object.get(*name) {
            field(&mut out, *number, form, value);
        }
    }
    for (name, value) in object.iter().filter(|(name, _)| name.starts_with("x-")) {
        let mut entry = Vec::new();
        bytes(&mut entry, 1, name.as_bytes());
        bytes(&mut entry, 2, &any(value));
        bytes(&mut out, message.extensions, &entry);
    }
    out
}

fn field(out: &mut Vec<u8>, number: u32, form: &Form, value: &Value) {
    match form {
        Text => bytes(out, number, value.as_str().unwrap_or_default().as_bytes()),
        Texts => texts(value).for_each(|text| bytes(out, number, text.as_bytes())),
        Flag => {
            tag(out, number, 0);
            out.push(u8::from(value == true));
        }
        Whole => {
            tag(out, number, 0);
            varint(out, value.as_u64().unwrap_or_default());
        }
        Number => {
            tag(out, number, 1);
            out.extend(value.as_f64().unwrap_or_default().to_le_bytes());
        }
        Any => bytes(out, number, &any(value)),
        Anys => items(value).for_each(|item| bytes(out, number, &any(item))),
        One(message) => bytes(out, number, &write(message, value)),
        Within(numbers, message) => bytes(out, number, &within(numbers, write(message, value))),
        Many(message) => items(value).for_each(|item| bytes(out, number, &write(message, item))),
        Named(numbers, message) => {
            let mut inner = Vec::new();
            for (name, value) in entries(value) {
                entry(&mut inner, 1, name, &within(numbers, write(message, value)));
            }
            bytes(out, number, &inner);
        }
        Flat(numbers, message) => {
            for (name, value) in entries(value).filter(|(name, _)| !name.starts_with("x-")) {
                entry(out, number, name, &within(numbers, write(message, value)));
            }
        }
        Parameters => {
            for value in items(value) {
                let (numbers, message): (&[u32], _) = match value["in"].as_str() {
                    Some("body") => (&[1, 1], &BODY),
                    Some("path") => (&[1, 2, 4], &IN_PATH),
                    _ => (&[1, 2, 3], &IN_QUERY),
                };
                bytes(out, number, &within(numbers, write(message, value)));
            }
        }
        Type => bytes(out, number, &{
            let mut inner = Vec::new();
            bytes(&mut inner, 1, value.as_str().unwrap_or_default().as_bytes());
            inner
        }),
        Requirements => {
            for value in items(value) {
                let mut inner = Vec::new();
                for (name, value) in entries(value) {
                    let mut list = Vec::new();
                    texts(value).for_each(|text| bytes(&mut list, 1, text.as_bytes()));
                    entry(&mut inner, 1, name, &list);
                }
                bytes(out, number, &inner);
            }
        }
    }
}

fn entry(out: &mut Vec<u8>, number: u32, name: &str, value: &[u8]) {
    let mut pair = Vec::new();
    bytes(&mut pair, 1, name.as_bytes());
    bytes(&mut pair, 2, value);
    bytes(out, number, &pair);
}

/// A message within messages, the outermost number first.
fn within(numbers: &[u32], message: Vec<u8>) -> Vec<u8> {
    numbers.iter().rev().fold(message, |message, number| {
        let mut outer = Vec::new();
        bytes(&mut outer, *number, &message);
        outer
    })
}

fn any(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 2, value.to_string().as_bytes());
    out
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    items(value).filter_map(Value::as_str)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    tag(out, number, 2);
    varint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn tag(out: &mut Vec<u8>, number: u32, wire: u64) {
    varint(out, u64::from(number) << 3 | wire);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
