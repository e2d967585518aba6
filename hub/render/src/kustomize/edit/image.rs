//! `[name=]new-name[:tag][@digest]`, as `kustomize edit set image` reads it (`commands/edit/set/setimage.go`).

use super::text;
use serde_json::{Map, Value};

/// What stays as the overlay has it.
const AS_IS: &str = "*";

/// What is to change about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) name: String,
    new_name: String,
    new_tag: String,
    digest: String,
}

impl Image {
    /// Reads what the Application says; `None` when it would change nothing.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let (name, value) = written.split_once('=').unwrap_or(("", written));
        let (new_name, new_tag, digest) = split(value);
        if new_name == written {
            return None;
        }
        let [new_name, new_tag, digest] = [new_name, new_tag, digest].map(str::to_owned);
        Some(match name {
            "" => Self { name: new_name, new_name: String::new(), new_tag, digest },
            name => Self { name: name.to_owned(), new_name, new_tag, digest },
        })
    }

    /// Takes over from the overlay's entry what shall stay.
    pub(super) fn keep(&mut self, old: &Value) {
        for (new, name) in self.parts() {
            if new == AS_IS {
                *new = text(old, name).to_owned();
            }
        }
    }

    /// As an entry of the kustomization.
    pub(super) fn into_value(mut self) -> Value {
        let mut entry = Map::from_iter([("name".to_owned(), Value::from(self.name.as_str()))]);
        for (new, name) in self.parts() {
            if !new.is_empty() && new != AS_IS {
                entry.insert(name.to_owned(), Value::from(new.as_str()));
            }
        }
        Value::Object(entry)
    }

    fn parts(&mut self) -> [(&mut String, &'static str); 3] {
        [(&mut self.new_name, "newName"), (&mut self.new_tag, "newTag"), (&mut self.digest, "digest")]
    }
}

/// Name, tag and digest of `[host[:port]/]name[:tag][@digest]`.
fn split(image: &str) -> (&str, &str, &str) {
    // A port before the first `/` is no tag.
    let from = image.find('/').unwrap_or(0);
    let after = |sign: char| image[from..].find(sign).map(|at| at + from);
    match (after(':'), after('@')) {
        (None, None) => (image, "", ""),
        (Some(tag), None) => (&image[..tag], &image[tag + 1..], ""),
        (Some(tag), Some(digest)) if tag < digest => {
            (&image[..tag], &image[tag + 1..digest], &image[digest + 1..])
        }
        (_, Some(digest)) => (&image[..digest], "", &image[digest + 1..]),
    }
}
