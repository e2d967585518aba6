//! Where an encrypted value may go, so that nobody opens it by copying its ciphertext elsewhere.
//!
//! Whoever can read a repository has the ciphertexts of all its files, and one key opens all that is for its cluster. So by
//! default what a file says of its values holds for the object that they come to:
//!
//! | the value's document | goes to |
//! |---|---|
//! | a v1 Secret | `data` and `stringData` of a v1 Secret |
//! | an object of another kind | the same path of an object of the same `apiVersion` and kind in whose name the document's is |
//! | no object: values of a chart, dotenv, binary, a patch without a name | `data` and `stringData` of a v1 Secret |
//! | a whole file | the same |
//!
//! Names are as far as kustomize leaves them: prefixes and suffixes come on. Namespaces are not bound, since an overlay sets
//! them. Lists count as their items, since patches move these. A file whose MAC is over its encrypted values alone says
//! nothing of itself that anybody could not have changed: it counts as no object.

use crate::{
    metadata,
    object::{Step, keys},
    tree::Node,
};
use serde_json::Value;
use std::sync::Arc;

/// How far encrypted values may go from where they were encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reach {
    /// As the table of this module says.
    #[default]
    Bound,
    /// Into any place of any object.
    Anywhere,
}

/// What a document of an encrypted file says that it is.
#[derive(Debug, PartialEq)]
pub(crate) struct Subject {
    api_version: String,
    kind: String,
    name: String,
}

/// Where an encrypted value was encrypted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Origin {
    /// In a v1 Secret, or in no object.
    Loose,
    /// In an object of another kind, there.
    Object { of: Arc<Subject>, path: Vec<String> },
}

/// The object that values come to.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    reach: Reach,
    is_secret: bool,
    object: &'a Value,
}

impl Subject {
    /// `None` for what is no object, or a v1 Secret.
    pub(crate) fn of(document: &Node) -> Option<Arc<Self>> {
        let said = |node: Option<&Node>| match node? {
            Node::Leaf(leaf) if leaf.is_text && !metadata::is_encrypted(leaf) && !leaf.said.is_empty() => {
                Some(leaf.said.clone())
            }
            Node::Leaf(_) | Node::Null | Node::List(_) | Node::Map(_) => None,
        };
        let subject = Self {
            api_version: said(document.get("apiVersion"))?,
            kind: said(document.get("kind"))?,
            name: said(document.get("metadata").and_then(|metadata| metadata.get("name")))?,
        };
        let is_secret = subject.api_version == "v1" && subject.kind == "Secret";
        (!is_secret).then(|| Arc::new(subject))
    }

    /// Whether the document is a list of objects.
    pub(crate) fn is_list(document: &Node) -> bool {
        document.get("kind").and_then(Node::said).is_some_and(|kind| kind.ends_with("List"))
            && document.get("apiVersion").is_some()
    }
}

impl<'a> Target<'a> {
    pub(crate) fn new(object: &'a Value, reach: Reach) -> Self {
        let is_secret = object["kind"] == "Secret" && object["apiVersion"] == "v1";
        Self { reach, is_secret, object }
    }

    /// Whether a whole file may become what stands there.
    pub(crate) fn takes_file(&self, path: &[Step]) -> bool {
        self.reach == Reach::Anywhere || self.is_value_of_secret(path)
    }

    /// Whether a value may be there that was encrypted in any of these places.
    pub(crate) fn takes(&self, path: &[Step], origins: &[Origin]) -> bool {
        self.reach == Reach::Anywhere || origins.iter().any(|origin| self.fits(path, origin))
    }

    fn fits(&self, path: &[Step], origin: &Origin) -> bool {
        match origin {
            Origin::Loose => self.is_value_of_secret(path),
            Origin::Object { of, path: encrypted } => {
                let name = self.object["metadata"]["name"].as_str();
                let name = name.or_else(|| self.object["metadata"]["generateName"].as_str());
                // Of a chart's template whose name is made it is not known.
                let named = of.name.contains("{{") || name.is_some_and(|name| name.contains(&of.name));
                self.object["apiVersion"] == of.api_version
                    && self.object["kind"] == of.kind
                    && named
                    && keys(path).eq(encrypted.iter().map(String::as_str))
            }
        }
    }

    fn is_value_of_secret(&self, path: &[Step]) -> bool {
        let is_value = |part: &str| part == "data" || part == "stringData";
        self.is_secret && matches!(path, [Step::Key(part), Step::Key(_)] if is_value(part))
    }
}
