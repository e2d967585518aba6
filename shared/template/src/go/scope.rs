//! The state of one rendering: what functions see of it, and the budget that they share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::ast::{Place, Tree};
use super::{Limits, Options, Present, Set};
use crate::error::Exceeded;
use crate::functions::{Fail, Pattern};
use crate::random::Stream;
use crate::{Error, Map, Str, Template, Value};

/// Result of running a part of a template. The error is large and rare, so it is boxed.
pub(super) type Run<T> = Result<T, Box<Error>>;

/// What compiling a pattern counts for: it may take as long as many thousand ordinary steps.
const COMPILE_STEPS: usize = 20_000;

/// Bytes that a byte of a template may take when it is parsed.
const PARSED: usize = 128;

/// Bytes that a map takes that is not empty, besides its entries: they come in nodes of eleven.
pub(crate) const ENTRIES: usize = 400;

type Compile = fn(&str) -> Result<Pattern, Fail>;

/// One rendering, as a function sees it.
#[derive(Debug)]
pub struct Scope<'t> {
    pub(super) set: &'t Set,
    pub(super) options: Options,
    pub(super) tree: Option<&'t Tree>,
    pub(super) place: Option<Place<'t>>,
    /// The variable `$`, which every template has.
    pub(super) root: Value,
    pub(super) variables: Vec<Variable>,
    /// The dot came out of a list or map of interfaces, by `range`: errors name that type.
    pub(super) boxed_dot: bool,
    pub(super) out: Vec<u8>,
    /// What is printed becomes a value (`include`, `tpl`), so it counts as memory.
    captured: bool,
    limits: Limits,
    used: Used,
    present: Present,
    /// What the rendering was given: the seed may be made of it.
    data: Value,
    random: Option<Box<Stream>>,
    patterns: BTreeMap<String, Pattern>,
}

/// A variable of a template.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: Arc<str>,
    pub(super) value: Value,
    /// As [`Scope::boxed_dot`].
    pub(super) boxed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Used {
    steps: u64,
    memory: usize,
    depth: usize,
}

impl<'t> Scope<'t> {
    pub(super) fn new(
        set: &'t Set,
        options: Options,
        limits: Limits,
        present: Present,
        data: &Value,
    ) -> Self {
        Self {
            set,
            options,
            tree: None,
            place: None,
            root: Value::Missing,
            variables: Vec::new(),
            boxed_dot: false,
            out: Vec::with_capacity(set.trees.get(&set.name).map_or(0, |tree| tree.source.text.len())),
            captured: false,
            limits,
            used: Used::default(),
            present,
            data: data.clone(),
            random: None,
            patterns: BTreeMap::new(),
        }
    }

    pub(super) fn into_output(self) -> Vec<u8> {
        self.out
    }

    /// The time of this rendering.
    ///
    /// # Errors
    /// When the caller gave none.
    pub fn now(&self) -> Result<Timestamp, Fail> {
        self.present.now.ok_or_else(|| {
            Fail::from("no time is given here: a template must not depend on when it is rendered")
        })
    }

    /// The randomness of this rendering, from its seed.
    ///
    /// # Errors
    /// When the seed is to be made of data that is too much to look through.
    pub(crate) fn random(&mut self) -> Result<&mut Stream, Fail> {
        let random = match (self.random.take(), self.present.seed) {
            (Some(random), _) => random,
            (None, Some(seed)) => Box::new(Stream::new(seed)),
            (None, None) => {
                let held = self.weigh(&self.data.clone())?;
                let seed = self.own_seed();
                self.release(held);
                Box::new(Stream::new(seed))
            }
        };
        Ok(self.random.insert(random))
    }

    /// Charges for `value` as JSON, where what it shares stands as often as it is shared; how many bytes that is.
    fn weigh(&mut self, value: &Value) -> Result<usize, Fail> {
        let mut held = 0;
        let mut pending = vec![value.clone()];
        while let Some(value) = pending.pop() {
            let bytes = match &value {
                Value::Str(text) => text.len().saturating_mul(2),
                Value::List(list) => list.len().saturating_mul(2 * size_of::<Value>()),
                Value::Map(map) => ENTRIES + map.len().saturating_mul(4 * size_of::<Value>()),
                Value::Missing
                | Value::Nil
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Int64(_)
                | Value::Byte(_)
                | Value::Float(_)
                | Value::Object(_) => 0,
            };
            let bytes = bytes.saturating_add(2 * size_of::<serde_json::Value>());
            self.step()?;
            self.charge(bytes)?;
            held += bytes;
            match &value {
                Value::List(list) => pending.extend(list.items()),
                Value::Map(map) => pending.extend(map.entries().into_iter().map(|(_, value)| value)),
                Value::Missing
                | Value::Nil
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Int64(_)
                | Value::Byte(_)
                | Value::Float(_)
                | Value::Str(_)
                | Value::Object(_) => {}
            }
        }
        Ok(held)
    }

    /// A seed of the template's name and text, and of what it was given.
    fn own_seed(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(&self.set.name);
        if let Some(tree) = self.set.trees.get(&self.set.name) {
            hash.update(&tree.source.text);
        }
        hash.update(self.data.to_json().map(|json| json.to_string()).unwrap_or_default());
        hash.finalize().into()
    }

    /// Counts one more item visited.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn step(&mut self) -> Result<(), Fail> {
        self.steps(1)
    }

    /// Counts `count` more items visited.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn steps(&mut self, count: usize) -> Result<(), Fail> {
        self.used.steps = self.used.steps.saturating_add(count as u64);
        if self.used.steps > self.limits.steps {
            return Err(Exceeded::Steps(self.limits.steps).into());
        }
        Ok(())
    }

    /// Counts bytes that are about to be made. Functions that may make more than they were given call it first.
    ///
    /// # Errors
    /// When the limit is reached.
    pub fn charge(&mut self, bytes: usize) -> Result<(), Fail> {
        self.used.memory = self.used.memory.saturating_add(bytes);
        if self.used.memory > self.limits.memory_bytes {
            return Err(Exceeded::Memory(self.limits.memory_bytes).into());
        }
        Ok(())
    }

    /// Gives back bytes that were charged for something that is gone again: so what needs much for a moment may be done often.
    pub fn release(&mut self, bytes: usize) {
        self.used.memory = self.used.memory.saturating_sub(bytes);
    }

    /// Bytes that may still be made.
    #[must_use]
    pub fn memory_left(&self) -> usize {
        self.limits.memory_bytes.saturating_sub(self.used.memory)
    }

    /// Puts `value` into `map`, unless that would make the map contain itself, which Go allows and then overflows its stack printing it.
    ///
    /// # Errors
    /// When it would, or the limit is reached.
    pub fn store(&mut self, map: &Map, key: Str, value: Value) -> Result<(), Fail> {
        self.charge(key.len() + size_of::<Value>() * 2)?;
        if self.contains(&value, map.address())? {
            return Err(Fail::from(format!(
                "key {} would make the dict contain itself",
                crate::quote::quote(key.as_bytes())
            )));
        }
        map.insert(key, value);
        Ok(())
    }

    fn contains(&mut self, value: &Value, address: usize) -> Result<bool, Fail> {
        let mut seen = BTreeSet::new();
        let mut pending = vec![value.clone()];
        while let Some(value) = pending.pop() {
            self.step()?;
            match &value {
                Value::Map(map) if map.address() == address => return Ok(true),
                Value::Map(map) if seen.insert(map.address()) => {
                    pending.extend(map.entries().into_iter().map(|(_, value)| value))
                }
                Value::List(list) if seen.insert(list.address()) => pending.extend(list.items()),
                Value::Missing
                | Value::Nil
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Int64(_)
                | Value::Byte(_)
                | Value::Float(_)
                | Value::Str(_)
                | Value::List(_)
                | Value::Map(_)
                | Value::Object(_) => {}
            }
        }
        Ok(false)
    }

    /// A compiled pattern, kept for the rest of the rendering.
    pub(crate) fn pattern(&mut self, pattern: &str, compile: Compile) -> Result<Pattern, Fail> {
        if let Some(found) = self.patterns.get(pattern) {
            return Ok(found.clone());
        }
        self.steps(COMPILE_STEPS)?;
        self.charge(pattern.len().saturating_mul(64))?;
        let compiled = compile(pattern)?;
        self.charge(compiled.size())?;
        self.patterns.insert(pattern.to_owned(), compiled.clone());
        Ok(compiled)
    }

    /// What the template `name` of this set prints for `data`: Helm's `include`.
    ///
    /// # Errors
    /// The template's own, or a limit.
    pub fn include(&mut self, name: &str, data: &Value) -> Result<Str, Fail> {
        self.charge(name.len().saturating_mul(2))?;
        let outer = std::mem::take(&mut self.out);
        let captured = std::mem::replace(&mut self.captured, true);
        let (tree, place, boxed) = (self.tree, self.place, self.boxed_dot);
        let run = self.execute(name, data);
        let printed = std::mem::replace(&mut self.out, outer);
        (self.tree, self.place, self.boxed_dot) = (tree, place, boxed);
        self.captured = captured;
        run.map_err(Fail::Template)?;
        Ok(printed.into())
    }

    /// What `text`, which may use this set's templates, prints for `data`: Helm's `tpl`.
    ///
    /// # Errors
    /// When it does not parse, fails, or reaches a limit.
    pub fn render_text(&mut self, name: &str, text: &str, data: &Value) -> Result<Str, Fail> {
        let nodes = text.len().saturating_mul(PARSED);
        self.charge(text.len().saturating_mul(8).saturating_add(nodes))?;
        let parsed = Template::parse_with(name, text, &self.set.functions)
            .map_err(|error| Fail::Template(Box::new(error)))?;
        let mut trees = self.set.trees.clone();
        trees.extend(parsed.set.trees.iter().map(|(name, tree)| (name.clone(), Arc::clone(tree))));
        let set = Set { name: name.to_owned(), trees, functions: self.set.functions.clone() };
        let mut inner = Scope::new(&set, self.options, self.limits, self.present, &self.data);
        inner.captured = true;
        inner.used = self.used;
        inner.patterns = std::mem::take(&mut self.patterns);
        inner.random = self.random.take();
        let run = inner.execute(name, data);
        self.used = Used { depth: self.used.depth, ..inner.used };
        self.patterns = std::mem::take(&mut inner.patterns);
        self.random = inner.random.take();
        self.release(nodes);
        run.map_err(Fail::Template)?;
        Ok(inner.into_output().into())
    }

    /// The error `message` at the present place.
    pub(super) fn error<T>(&self, message: impl Into<String>) -> Run<T> {
        let message = message.into();
        let Some(tree) = self.tree else {
            return Err(Box::new(Error::NoTemplate { name: self.set.name.clone(), missing: message }));
        };
        let (line, column) = tree.source.place(self.place.map_or(0, Place::at));
        Err(Box::new(Error::Execute {
            name: tree.source.name.clone(),
            line,
            column,
            template: tree.name.to_string(),
            context: self.place.map(|place| place.to_string()).unwrap_or_default(),
            message,
        }))
    }

    /// A failed function's error; a limit stays a limit.
    pub(super) fn fail<T>(&self, fail: Fail, prefix: &str) -> Run<T> {
        match fail {
            Fail::Message(message) => self.error(format!("{prefix}{message}")),
            Fail::Exceeded(exceeded) => Err(Box::new(Error::Limit { name: self.set.name.clone(), exceeded })),
            Fail::Template(error) if matches!(*error, Error::Limit { .. }) => Err(error),
            Fail::Template(error) => self.error(format!("{prefix}{error}")),
        }
    }

    pub(super) fn tick(&mut self) -> Run<()> {
        self.step().or_else(|fail| self.fail(fail, ""))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Run<()> {
        if self.out.len().saturating_add(bytes.len()) > self.limits.output_bytes {
            return self.fail(Exceeded::Output(self.limits.output_bytes).into(), "");
        }
        if self.captured {
            self.charge(bytes.len()).or_else(|fail| self.fail(fail, ""))?;
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Runs a part that is one level deeper.
    pub(super) fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Run<T>) -> Run<T> {
        if self.used.depth >= self.limits.depth {
            return self.fail(Exceeded::Depth(self.limits.depth).into(), "");
        }
        self.used.depth += 1;
        let result = run(self);
        self.used.depth -= 1;
        result
    }
}
