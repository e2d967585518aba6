//! One JSON text per value.

use serde_json::Value;

use crate::yaml;

/// `value` as one line of canonical JSON with its line break: keys sorted by bytes whatever the map's own order, no spaces, integral
/// floats as integers.
pub(super) fn line(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out, value);
    out.push(b'\n');
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Number(number) => out.extend_from_slice(yaml::json_number(number).to_string().as_bytes()),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push(b'{');
            for (index, (key, item)) in entries.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_text(out, key);
                out.push(b':');
                write(out, item);
            }
            out.push(b'}');
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string can be written into memory");
}
