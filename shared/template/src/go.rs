//! Go's `text/template` with sprig and Argo CD's own functions, as an ApplicationSet with `goTemplate: true` uses it.
//!
//! Decides the text that a template gives for some data, to the byte that Go 1.26 gives, and Go's error texts with line and column.
//!
//! Invariants:
//! - a parsed [`Template`] never changes and is shared between threads; parse once, render often;
//! - rendering reads no clock, environment or file: the time is an argument, and without it date functions fail;
//! - whatever the template and data, rendering ends within its [`Limits`] and neither recurses nor fills memory beyond them.
//!
//! Refuses to know: which strings of an ApplicationSet are templates, and what the result must look like.
//!
//! # Why
//! An own engine: the published ones print numbers otherwise, keep maps immutable so that `set` does nothing, know no `missingkey=error`,
//! and call no methods. Functions stand in a table that a caller extends ([`crate::Functions`]), so that a chart renderer can add
//! `include`, `tpl` and `lookup` (see [`Scope::include`] and [`Scope::render_text`]).

mod ast;
mod call;
mod eval;
mod lex;
mod parse;
mod scope;
mod uses;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

pub(crate) use scope::ENTRIES;
pub use scope::Scope;
pub use uses::{Guard, Step, Use};

use crate::functions::Functions;
use crate::{Error, Value};

/// A parsed template: cheap to clone, shared between threads.
#[derive(Clone, Debug)]
pub struct Template {
    set: Arc<Set>,
}

/// Everything that a run needs of the template.
#[derive(Debug)]
struct Set {
    name: String,
    trees: BTreeMap<String, Arc<ast::Tree>>,
    functions: Functions,
}

/// What happens at a key that a map does not have (`missingkey=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// It is no value, and prints `<no value>`. `default` and `invalid`.
    #[default]
    Invalid,
    /// It is the zero value of the map's element type.
    Zero,
    /// Rendering fails.
    Error,
}

/// `goTemplateOptions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens at a missing key.
    pub missing_key: MissingKey,
}

impl Options {
    /// Reads options as `Template.Option` does: the last one wins.
    ///
    /// # Errors
    /// [`Error::Option`] for one that Go does not know (there it panics).
    pub fn parse<T: AsRef<str>>(options: &[T]) -> Result<Self, Error> {
        let mut parsed = Self::default();
        for option in options {
            parsed.missing_key = match option.as_ref() {
                "missingkey=default" | "missingkey=invalid" => MissingKey::Invalid,
                "missingkey=zero" => MissingKey::Zero,
                "missingkey=error" => MissingKey::Error,
                unknown => return Err(Error::Option(unknown.to_owned())),
            };
        }
        Ok(parsed)
    }
}

/// How much one rendering may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes evaluated, functions called, items visited.
    pub steps: u64,
    /// Bytes printed.
    pub output_bytes: usize,
    /// Bytes of all values made on the way, whether or not they were dropped again.
    pub memory_bytes: usize,
    /// Blocks, templates and parentheses inside each other at run time. The default fits a thread's stack of 2 MiB in a debug build.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 5_000_000, output_bytes: 8 << 20, memory_bytes: 64 << 20, depth: 100 }
    }
}

/// What a rendering knows of the moment and of chance, so that the same inputs give the same text.
#[derive(Clone, Copy, Default)]
pub struct Present {
    /// For `now` and certificates; without it they fail.
    pub now: Option<Timestamp>,
    /// For random strings, keys and certificates. Without one, a seed is made of the template and its data, which whoever knows them can
    /// make again: a caller whose templates make secrets gives one with a secret in it.
    pub seed: Option<[u8; 32]>,
}

/// Nothing of the seed: it may be a secret.
impl std::fmt::Debug for Present {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Present").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Template {
    /// Parses with the functions that Argo CD gives to ApplicationSets.
    ///
    /// # Errors
    /// [`Error::Parse`], with the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::parse_with(name, text, &Functions::standard())
    }

    /// Parses with other functions.
    ///
    /// # Errors
    /// [`Error::Parse`], with the line; also for a function that is not in the table.
    pub fn parse_with(name: &str, text: &str, functions: &Functions) -> Result<Self, Error> {
        let trees = parse::parse(name, text, functions)?;
        Ok(Self { set: Arc::new(Set { name: name.to_owned(), trees, functions: functions.clone() }) })
    }

    /// This template with the definitions of another text, which replace those of the same name.
    ///
    /// # Errors
    /// [`Error::Parse`], with the line.
    pub fn with(&self, name: &str, text: &str) -> Result<Self, Error> {
        let mut trees = self.set.trees.clone();
        for (key, tree) in parse::parse(name, text, &self.set.functions)? {
            if !tree.root.is_blank() || !trees.contains_key(&key) {
                trees.insert(key, tree);
            }
        }
        Ok(Self {
            set: Arc::new(Set { name: self.set.name.clone(), trees, functions: self.set.functions.clone() }),
        })
    }

    /// The name given to `parse`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.set.name
    }

    /// Renders `data` without a clock: `now` and other functions of the present fail.
    ///
    /// # Errors
    /// [`Error::Execute`] in Go's words, [`Error::Limit`] when a limit is reached. What was printed before the error is dropped.
    pub fn render(&self, data: &Value, options: &Options, limits: &Limits) -> Result<String, Error> {
        self.render_with(data, options, limits, &Present::default())
    }

    /// Renders `data` at the time `now`.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_at(
        &self,
        data: &Value,
        options: &Options,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<String, Error> {
        self.render_with(data, options, limits, &Present { now: Some(now), seed: None })
    }

    /// Renders `data` at a time and with a seed.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render_with(
        &self,
        data: &Value,
        options: &Options,
        limits: &Limits,
        present: &Present,
    ) -> Result<String, Error> {
        let mut scope = Scope::new(&self.set, *options, *limits, *present, data);
        scope.execute(&self.set.name, data).map_err(|error| *error)?;
        Ok(String::from_utf8(scope.into_output())
            .unwrap_or_else(|error| crate::quote::replaced(error.as_bytes())))
    }
}

#[cfg(test)]
mod tests;
