//! What one application is at one commit: its objects as canonical bytes, with a digest.
//!
//! Decides the one form in which a set of manifests is stored, sent and named. Invariants: the same objects in any order give the same bytes;
//! bytes that [`Bundle::from_bytes`] accepts are the bytes that [`Bundle::to_bytes`] writes; no object is in it twice; tracking marks are
//! not in it (they are the application's, stamped when it is applied), so two applications that say the same share a digest.
//! Refuses to know: compression, encryption, where bundles are kept.
//!
//! # Format
//! One object a line, JSON with keys sorted by bytes, no spaces, integral numbers without fraction; lines sorted by [`ObjectId`], each ended by `\n`.

mod canonical;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use shared_model::Digest;

use crate::{Manifest, ObjectId, Problem, tracking};

/// The objects of one application, in the order of their ids. `Debug` shows the ids only.
#[derive(Clone, PartialEq)]
pub struct Bundle {
    objects: Vec<Manifest>,
}

/// An object that a source holds more than once (Argo CD's `RepeatedResourceWarning`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{id} appears {times} times; the last one counts: keep one of them")]
pub struct Repeated {
    /// The object.
    pub id: ObjectId,
    /// How often it appears, at least 2.
    pub times: usize,
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON; the text itself is not shown.
    #[error("line {line} of the bundle is not JSON")]
    NotJson {
        /// 1-based.
        line: usize,
    },
    /// JSON, but no manifest.
    #[error("line {line} of the bundle is no manifest")]
    NotManifest {
        /// 1-based.
        line: usize,
        /// What is wrong with it.
        source: Box<Problem>,
    },
    /// Another order, spacing, a repeated object, marks inside, or a last line without end.
    #[error("the bundle is not in canonical form from line {line} on")]
    NotCanonical {
        /// 1-based.
        line: usize,
    },
}

impl Bundle {
    /// Takes manifests in the order of their source. Of repeated objects the last counts, as in Argo CD; each is reported once.
    /// Objects whose name the cluster makes never count as repeated, unless they are equal throughout.
    pub fn new(manifests: Vec<Manifest>) -> (Self, Vec<Repeated>) {
        let mut objects: BTreeMap<(ObjectId, Vec<u8>), (Manifest, usize)> = BTreeMap::new();
        for manifest in manifests {
            let mut value = manifest.into_value();
            tracking::unstamp(&mut value);
            let manifest = Manifest::new(value).expect("a manifest without its marks is a manifest");
            let id = manifest.id();
            let told_apart =
                if manifest.name().is_empty() { canonical::line(manifest.value()) } else { Vec::new() };
            let times = objects.get(&(id.clone(), told_apart.clone())).map_or(0, |(_, times)| *times);
            objects.insert((id, told_apart), (manifest, times + 1));
        }
        let repeated = objects
            .iter()
            .filter(|(_, (_, times))| *times > 1)
            .map(|((id, _), (_, times))| Repeated { id: id.clone(), times: *times })
            .collect();
        (Self { objects: objects.into_values().map(|(manifest, _)| manifest).collect() }, repeated)
    }

    /// The objects, sorted by id.
    pub fn objects(&self) -> &[Manifest] {
        &self.objects
    }

    /// The objects, for keeping.
    pub fn into_objects(self) -> Vec<Manifest> {
        self.objects
    }

    /// The object with this id.
    pub fn get(&self, id: &ObjectId) -> Option<&Manifest> {
        self.objects.iter().find(|object| object.id() == *id)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.objects.iter().flat_map(|object| canonical::line(object.value())).collect()
    }

    /// The SHA-256 of the canonical bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// Bytes that [`Bundle::to_bytes`] would not have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let mut manifests = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let value = serde_json::from_slice(line).map_err(|_| Error::NotJson { line: index + 1 })?;
            let manifest = Manifest::new(value)
                .map_err(|source| Error::NotManifest { line: index + 1, source: Box::new(source) })?;
            manifests.push(manifest);
        }
        let (bundle, _) = Self::new(manifests);
        let canonical = bundle.objects.iter().map(|object| canonical::line(object.value()));
        let differs = lines.iter().zip(canonical.clone()).position(|(line, canonical)| **line != *canonical);
        match differs.or_else(|| (canonical.len() != lines.len()).then_some(canonical.len())) {
            Some(index) => Err(Error::NotCanonical { line: index + 1 }),
            None => Ok(bundle),
        }
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.objects.iter().map(Manifest::id)).finish()
    }
}
