//! sprig's paths: Go's `path`, always with slashes.

use super::text::text;
use super::{Answer, Row};
use crate::Value;

pub(super) const TABLE: &[Row] = &[
    ("base", "s", |_, a| of(a, base)),
    ("clean", "s", |_, a| of(a, clean)),
    ("dir", "s", |_, a| of(a, dir)),
    ("ext", "s", |_, a| of(a, ext)),
    ("isAbs", "s", |_, a| Ok(Value::Bool(text(a, 0).starts_with('/')))),
    ("osBase", "s", |_, a| of(a, base)),
    ("osClean", "s", |_, a| of(a, clean)),
    ("osDir", "s", |_, a| of(a, dir)),
    ("osExt", "s", |_, a| of(a, ext)),
    ("osIsAbs", "s", |_, a| Ok(Value::Bool(text(a, 0).starts_with('/')))),
];

fn of(arguments: &[Value], function: fn(&str) -> String) -> Answer {
    Ok(function(&text(arguments, 0)).into())
}

fn base(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    match path.trim_end_matches('/').rsplit('/').next() {
        None | Some("") => "/".to_owned(),
        Some(name) => name.to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |slash| &path[..=slash]))
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.rfind('.').map_or("", |dot| &name[dot..]).to_owned()
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
