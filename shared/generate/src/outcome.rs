//! What comes out of an expansion.

use crate::GitRequest;
use crate::frame::Filled;
use crate::render::Rendered;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The result of [`crate::generate`].
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub enum Outcome {
    /// Ask Git these questions, put the answers into [`crate::Inputs::git`], and call again. Never empty.
    Needs(BTreeSet<GitRequest>),
    /// Done.
    Done(Expansion),
}

/// What a set expands to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expansion {
    /// The Applications, sorted by name; none that is in [`Expansion::rejected`].
    pub applications: Vec<Generated>,
    /// Failures of the set. When there are any, nothing is to change (Argo CD's whole-set freeze) and there are no Applications.
    pub problems: Vec<Problem>,
    /// Generators that failed in a set that asks to isolate them (`flotilla.dev/on-generator-failure: Isolate`), sorted by origin: their
    /// Applications alone are neither created nor updated nor deleted.
    pub frozen: Vec<Frozen>,
    /// Applications that cannot be: they alone are neither created nor updated nor deleted. Sorted by name.
    pub rejected: Vec<Rejected>,
    /// Generators and fields that have no effect, sorted by path.
    pub unsupported: Vec<Unsupported>,
    /// When to expand again though nothing is known to have changed; none when no generator reads the outside.
    pub requeue_after: Option<Duration>,
}

/// One Application. It keeps what its template gave and is made whole on demand; clones share that. Two are equal when they are as wholes.
#[derive(Clone)]
pub struct Generated {
    /// `metadata.name`.
    pub name: String,
    /// The generator that gave its parameters, such as `spec.generators[0].matrix`.
    pub origin: Arc<str>,
    body: Body,
    lost: Option<Arc<Unsupported>>,
}

#[derive(Clone)]
enum Body {
    Filled(Filled),
    Json(Arc<str>),
}

impl Generated {
    pub(crate) fn new(name: String, origin: &Arc<str>, rendered: Rendered) -> Self {
        let (body, lost) = match rendered {
            Rendered::Filled(filled) => (Body::Filled(filled), None),
            Rendered::Whole(value, lost) => (Body::Json(value.to_string().into()), lost),
        };
        Self { name, origin: Arc::clone(origin), body, lost: lost.map(|lost| Arc::new(*lost)) }
    }

    /// What its template patch says that no Application has.
    pub(crate) fn lost(&self) -> Option<&Unsupported> {
        self.lost.as_deref()
    }

    /// The whole Application, without status and ownerReferences.
    pub fn object(&self) -> Value {
        match &self.body {
            Body::Filled(filled) => filled.value(),
            Body::Json(text) => serde_json::from_str(text).expect("written by this module"),
        }
    }

    /// The whole Application as JSON text, its keys sorted.
    pub fn json(&self) -> String {
        match &self.body {
            Body::Filled(filled) => filled.json(),
            Body::Json(text) => text.to_string(),
        }
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        let body = match &self.body {
            Body::Filled(filled) => filled.bytes(),
            Body::Json(text) => text.len(),
        };
        size_of::<Self>() + self.name.len() + body
    }
}

impl PartialEq for Generated {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.origin == other.origin && self.object() == other.object()
    }
}

impl fmt::Debug for Generated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generated")
            .field("name", &self.name)
            .field("origin", &self.origin)
            .field("object", &self.object())
            .finish()
    }
}

/// A generator whose Applications stay as they are while it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Such as `spec.generators[0].git`.
    pub origin: String,
    /// Why. Never empty.
    pub problems: Vec<Problem>,
    /// The Applications that it gave when it last did, as an [`crate::Expander`] remembers; none when nobody knows. Then any Application
    /// may be one of them, and none is deleted.
    pub applications: Option<BTreeSet<String>>,
}

/// An Application that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// `metadata.name` as rendered; empty when it rendered empty.
    pub name: String,
    /// The generator that gave its parameters; the first one for duplicates.
    pub origin: String,
    /// Why.
    pub problem: Problem,
}

/// Something a person has to mend in the set or its inputs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Field path in the set, such as `spec.generators[0].git.files[1].path`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it; empty when the message says it.
    pub remedy: String,
    /// Argo CD's condition reason.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ": {}", self.remedy) }
    }
}

/// Argo CD's condition reasons for what generation can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A generator failed.
    ApplicationGenerationFromParamsError,
    /// A template failed.
    RenderTemplateParamsError,
    /// An Application is not valid.
    ApplicationValidationError,
}

impl Reason {
    /// The string in conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApplicationGenerationFromParamsError => "ApplicationGenerationFromParamsError",
            Self::RenderTemplateParamsError => "RenderTemplateParamsError",
            Self::ApplicationValidationError => "ApplicationValidationError",
        }
    }
}

/// A generator or field that is accepted and has no effect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsupported {
    /// Field path in the set.
    pub path: String,
    /// What has no effect.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// Whether Applications may be missing from the expansion because of it; then every deletion is held.
    pub hides_applications: bool,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ": {}", self.remedy) }
    }
}

/// What did not work after generation, with the words for the set's condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// Applications could not be created or updated.
    Write(String),
    /// Applications could not be deleted; those to write were written.
    Delete(String),
    /// The annotation that asks for a refresh could not be taken away.
    Refresh(String),
}

/// What writing an expansion changes. Everything is sorted by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Applications to create, with their ownerReferences. One of another owner may already have the name: then do not touch it.
    pub create: Vec<Value>,
    /// Applications to replace: the existing object with its new labels, annotations, finalizers, ownerReferences, spec and operation.
    pub update: Vec<Value>,
    /// Names of Applications to delete.
    pub delete: Vec<String>,
    /// Deletions that wait for approval; then [`Changes::delete`] is empty.
    pub held: Option<Held>,
}

/// The brake on deletion (design §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The Applications that would go, sorted.
    pub removals: Vec<String>,
    /// How many Applications the set has.
    pub of: usize,
    /// The value of the annotation `flotilla.dev/approve-deletions` that lets exactly these go.
    pub approval: String,
    /// For a condition: what is held, why, and how to approve it.
    pub message: String,
}
