//! What is wrong with a user's manifest.

use std::fmt;

/// One fault in one object: where, what, and how to mend it. Written for the user's eyes; it never holds a value of the object beyond its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file and line, e.g. `apps/web.yaml, line 12`; empty until a caller that knows it says so.
    pub place: String,
    /// The object as far as it is known, e.g. `apps/Deployment payments/orders-api`; may be empty.
    pub object: String,
    /// The field's path, e.g. `metadata.labels.tier`; empty when it is about the whole object or text.
    pub field: String,
    /// What is wrong, as a fragment.
    pub message: String,
    /// How to mend it, as a fragment; may be empty.
    pub remedy: String,
}

impl Problem {
    /// A problem of an object that a caller names later.
    pub fn new(field: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (field, message, remedy) = (field.into(), message.into(), remedy.into());
        Self { place: String::new(), object: String::new(), field, message, remedy }
    }

    /// Says where the object stands, unless that is said already.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        if self.place.is_empty() {
            self.place = place.into();
        }
        self
    }

    /// Says which object it is, unless that is said already.
    #[must_use]
    pub fn of(mut self, object: impl fmt::Display) -> Self {
        if self.object.is_empty() {
            self.object = object.to_string();
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.place, &self.object, &self.field] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        f.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(f, ": {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
