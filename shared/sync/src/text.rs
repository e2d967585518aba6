//! A wanted object as its JSON text: a tree of values takes several times as much memory, for as long as the release runs.

use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The text of one object, keys sorted, so that equal objects have equal texts. `Debug` shows its length only, since
/// the content may be secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Text(Arc<str>);

impl Text {
    pub(crate) fn of(object: &Value) -> Self {
        Self(object.to_string().into())
    }

    /// Whether it has this, of which nothing is escaped in JSON.
    pub(crate) fn contains(&self, mark: &str) -> bool {
        self.0.contains(mark)
    }

    /// The object, made anew each time: not to be kept.
    pub(crate) fn read(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was written from a value")
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_read_is_what_was_written_and_is_not_shown() {
        let object =
            json!({"data": {"token": "s3cret", "é": "\u{1}\n\""}, "big": u64::MAX, "small": 1e-7, "n": null});
        let text = Text::of(&object);
        assert_eq!(text.read(), object);
        assert_eq!(text, Text::of(&object.clone()));
        assert!(!format!("{text:?}").contains("s3cret"));
    }
}
