//! What goes wrong, in Go's words where Go has them.

use crate::quote::quote;

/// Why a template could not be parsed or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not a template. In text/template's form.
    #[error("template: {name}:{line}: {message}")]
    Parse {
        /// The template's name, as given to `parse`.
        name: String,
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// It parsed, but does not run on this data. In text/template's form.
    #[error("template: {name}:{line}:{column}: executing {} at <{context}>: {message}", quote(.template.as_bytes()))]
    Execute {
        /// The name given to `parse`.
        name: String,
        /// From 1.
        line: usize,
        /// In bytes from 0, as Go counts.
        column: usize,
        /// The innermost `define`, or the name itself.
        template: String,
        /// The expression.
        context: String,
        /// What is wrong.
        message: String,
    },
    /// It did not stop in time, or grew too large.
    #[error("template: {name}: {exceeded}")]
    Limit {
        /// The template's name.
        name: String,
        /// Which limit.
        exceeded: Exceeded,
    },
    /// An option that text/template does not know.
    #[error(
        "unrecognized option: {0}; known are missingkey=default, missingkey=invalid, missingkey=zero and missingkey=error"
    )]
    Option(String),
    /// No template of this name among those defined.
    #[error("template: no template {} associated with template {}", quote(.missing.as_bytes()), quote(.name.as_bytes()))]
    NoTemplate {
        /// The template's name.
        name: String,
        /// What was asked for.
        missing: String,
    },
    /// fasttemplate: a tag is opened beside others and not closed.
    #[error("cannot find the closing \"}}}}\" of the tag that starts with {}", quote(.0.as_bytes()))]
    UnclosedTag(String),
}

/// The limit that a template ran into; see [`crate::go::Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Too many nodes evaluated and items visited.
    #[error("stopped after {0} steps: it loops too long")]
    Steps(u64),
    /// Too much text printed.
    #[error("its output is larger than {0} bytes")]
    Output(usize),
    /// Too much made in between.
    #[error("it made more than {0} bytes of values")]
    Memory(usize),
    /// Blocks, templates or parentheses nested too deep, or data.
    #[error("nested more than {0} deep")]
    Depth(usize),
}
