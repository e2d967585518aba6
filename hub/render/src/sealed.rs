//! Values that SOPS encrypted stay encrypted on the hub: an object that holds any is sent with the files that they come from.
//!
//! A chart or an overlay changes the object around the values, and with it what the file's MAC covers. So the files go
//! along as they are, in the annotation [`shared_sops::ANNOTATION`], and whoever has the key, the agent of the cluster, checks
//! them and puts their values into the object.
//!
//! Charts that came packed, or were packed for the tool, are looked into as well.
//!
//! Invariants: the same manifests and files give the same bytes; what a manifest says of its own files is not believed: the
//! annotation is the hub's alone, and goes from manifests that bring one. Refuses to know: keys.

use crate::helm::archive;
use bytes::Bytes;
use shared_manifest::Manifest;
use shared_sops::{ANNOTATION, Originals};
use std::collections::BTreeMap;

/// The most that is kept of the encrypted files in packed charts, in bytes.
const MOST_PACKED: usize = 16 << 20;
/// How deep packed charts are looked for in packed charts.
const DEEPEST: usize = 3;

/// Puts the encrypted files onto the manifests that hold their values; all other manifests are returned as they are.
/// `contents` is what the manifests were made of, by path.
pub fn attach(manifests: Vec<Manifest>, contents: &BTreeMap<String, Bytes>) -> Vec<Manifest> {
    if !manifests.iter().any(is_concerned) {
        return manifests;
    }
    let packed = packed(contents);
    let files = contents.iter().map(|(path, bytes)| (path.as_str(), bytes.as_ref()));
    let packed = packed.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
    let originals = Originals::of(files.chain(packed));
    let attached = |manifest: Manifest| {
        if !is_concerned(&manifest) {
            return manifest;
        }
        let mut value = manifest.into_value();
        if let Some(annotations) =
            value.pointer_mut("/metadata/annotations").and_then(|all| all.as_object_mut())
        {
            annotations.remove(ANNOTATION);
        }
        if !originals.is_empty() {
            originals.attach(&mut value);
        }
        Manifest::new(value).expect("an annotation more or less, of text")
    };
    manifests.into_iter().map(attached).collect()
}

/// Whether it holds encrypted values, or says so.
fn is_concerned(manifest: &Manifest) -> bool {
    manifest.annotation(ANNOTATION).is_some() || shared_sops::holds_encrypted(manifest.value())
}

/// The encrypted files in packed charts.
pub(crate) fn packed(contents: &BTreeMap<String, Bytes>) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = MOST_PACKED;
    for (path, bytes) in contents.iter().filter(|(path, bytes)| is_packed(path, bytes)) {
        unpack(path, bytes, DEEPEST, &mut left, &mut found);
    }
    found
}

fn unpack(path: &str, bytes: &[u8], deep: usize, left: &mut usize, found: &mut Vec<(String, Vec<u8>)>) {
    // One that cannot be read the tool cannot read either.
    for (inner, bytes) in archive::read(bytes, |_| true).unwrap_or_default() {
        let inner = format!("{path}/{inner}");
        if is_packed(&inner, &bytes) && deep > 1 {
            unpack(&inner, &bytes, deep - 1, left, found);
        } else if std::str::from_utf8(&bytes).is_ok_and(shared_sops::is_encrypted)
            && let Some(rest) = left.checked_sub(bytes.len())
        {
            *left = rest;
            found.push((inner, bytes));
        }
    }
}

fn is_packed(path: &str, bytes: &[u8]) -> bool {
    (path.ends_with(".tgz") || path.ends_with(".tar.gz")) && bytes.starts_with(&[0x1f, 0x8b])
}

#[cfg(test)]
mod tests;
