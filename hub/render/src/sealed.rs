//! Values that SOPS encrypted stay encrypted on the hub: an object that holds any is sent with the files that they come from.
//!
//! A chart or an overlay changes the object around the values, and with it what the file's MAC covers. So the files go
//! along as they are, in the annotation [`shared_sops::ANNOTATION`], and whoever has the key, the agent of the cluster, checks
//! them and puts their values into the object.
//!
//! Invariant: the same manifests and files give the same bytes. Refuses to know: keys.

use bytes::Bytes;
use shared_manifest::Manifest;
use shared_sops::Originals;
use std::collections::BTreeMap;

/// Puts the encrypted files onto the manifests that hold their values; all other manifests are returned as they are.
/// `contents` is what the manifests were made of, by path.
pub fn attach(manifests: Vec<Manifest>, contents: &BTreeMap<String, Bytes>) -> Vec<Manifest> {
    let originals = Originals::of(contents.iter().map(|(path, bytes)| (path.as_str(), bytes.as_ref())));
    if originals.is_empty() {
        return manifests;
    }
    let attached = |manifest: Manifest| {
        let mut value = manifest.into_value();
        originals.attach(&mut value);
        Manifest::new(value).expect("an annotation more, of text")
    };
    manifests.into_iter().map(attached).collect()
}

#[cfg(test)]
mod tests;
