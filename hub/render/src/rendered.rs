//! What rendering came to, and what people should hear of it.

use serde::{Deserialize, Serialize};
use shared_manifest::{Bundle, bundle::Repeated};
use shared_model::Digest;

/// The most warnings that are kept of one rendering.
const MOST: usize = 20;
/// The most bytes of one.
const LONGEST: usize = 1_000;

/// What people should hear of though it could be rendered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// The type of the condition, as in Argo CD where it has one.
    pub condition: String,
    /// The text.
    pub message: String,
}

/// The condition of objects that are there more than once.
pub const REPEATED: &str = "RepeatedResourceWarning";
/// The condition of inputs that were rendered twice and came to different things.
pub const NON_DETERMINISTIC: &str = "NonDeterministic";
/// The condition of whatever else is to be said.
pub const RENDERED: &str = "RenderWarning";

impl Warning {
    /// A warning; a text that is too long is cut.
    pub fn new(condition: &str, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or_default();
            message.truncate(end);
            message.push('…');
        }
        Self { condition: condition.to_owned(), message }
    }

    /// Those of repeated objects, as Argo CD says it.
    pub fn repeated(repeated: &[Repeated]) -> Vec<Self> {
        let said = repeated.iter().map(|Repeated { id, times }| {
            Self::new(
                REPEATED,
                format!(
                    "Resource {id} appeared {times} times among application resources; the last one counts"
                ),
            )
        });
        said.take(MOST).collect()
    }
}

/// A source that was rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The manifests.
    pub bundle: Bundle,
    /// What people should hear of.
    pub warnings: Vec<Warning>,
}

/// A source that was rendered and whose bundle is kept elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Names the bundle.
    pub bundle: Digest,
    /// The size of its canonical bytes.
    pub bytes: u64,
    /// What people should hear of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

impl Kept {
    /// What is kept of a rendering; of many warnings, the first.
    pub fn new(bundle: Digest, bytes: u64, mut warnings: Vec<Warning>) -> Self {
        warnings.truncate(MOST);
        Self { bundle, bytes, warnings }
    }

    /// Whether rendering it again may come to something else.
    pub(crate) fn varies(&self) -> bool {
        self.warnings.iter().any(|warning| warning.condition == NON_DETERMINISTIC)
    }
}
