//! The parsed template: what the parser makes and the executor walks. Shared between threads, so it holds no [`crate::Value`].

use std::fmt;
use std::sync::Arc;

use crate::functions::Function;
use crate::number::Number;

/// A `define`, a `block` or the text itself.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) root: List,
}

/// The text that a tree was parsed from: error messages place themselves in it.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// Line from 1, column in bytes from 0.
    pub(super) fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
        (1 + before.iter().filter(|byte| **byte == b'\n').count(), before.len() - line_start)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({}, {} bytes)", self.name, self.text.len())
    }
}

#[derive(Debug, Default)]
pub(super) struct List(pub(super) Vec<Node>);

impl List {
    /// Whether nothing but white space would be printed: such a definition gives way to another of the same name.
    pub(super) fn is_blank(&self) -> bool {
        self.0.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()))
    }
}

#[derive(Debug)]
pub(super) enum Node {
    Text(String),
    Action {
        at: usize,
        pipe: Pipe,
    },
    /// `if` or `with` and all that hangs on it: kept flat, so that a long chain of `else if` does not nest.
    Branch {
        sets_dot: bool,
        arms: Vec<(Pipe, List)>,
        otherwise: Option<List>,
    },
    Range {
        pipe: Pipe,
        body: List,
        otherwise: Option<List>,
    },
    Template {
        at: usize,
        name: String,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: usize,
    pub(super) assigns: bool,
    pub(super) variables: Vec<Arc<str>>,
    pub(super) commands: Vec<Command>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) at: usize,
    pub(super) words: Vec<Expr>,
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// As written, quotes included, and what it means.
    Text {
        written: String,
        bytes: Vec<u8>,
    },
    /// `.a.b`
    Field(Vec<Arc<str>>),
    /// `$x`, and the fields after it.
    Variable(Arc<str>, Vec<Arc<str>>),
    Call(Arc<str>, Arc<Function>),
    /// `(pipe).a.b`
    Chain(Box<Expr>, Vec<Arc<str>>),
    Pipe(Pipe),
}

/// The node that an error is about: where it stands, and how Go writes it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'t> {
    Node(&'t Node),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Expr(&'t Expr),
}

impl Place<'_> {
    /// Byte offset in the text.
    pub(super) fn at(self) -> usize {
        match self {
            Self::Node(Node::Action { at, .. } | Node::Template { at, .. }) => *at,
            Self::Node(Node::Range { pipe, .. }) => pipe.at,
            Self::Node(Node::Branch { arms, .. }) => arms.first().map_or(0, |(pipe, _)| pipe.at),
            Self::Node(Node::Text(_) | Node::Break | Node::Continue) => 0,
            Self::Pipe(pipe) => pipe.at,
            Self::Command(command) => command.at,
            Self::Expr(expr) => expr.at,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(Node::Action { pipe, .. }) => write!(formatter, "{{{{{pipe}}}}}"),
            Self::Node(Node::Template { name, pipe, .. }) => {
                write!(formatter, "{{{{template {}", crate::quote::quote(name.as_bytes()))?;
                if let Some(pipe) = pipe {
                    write!(formatter, " {pipe}")?;
                }
                formatter.write_str("}}")
            }
            Self::Node(Node::Range { pipe, .. }) => write!(formatter, "{{{{range {pipe}}}}}"),
            Self::Node(Node::Branch { sets_dot, arms, .. }) => {
                let word = if *sets_dot { "with" } else { "if" };
                arms.first().map_or(Ok(()), |(pipe, _)| write!(formatter, "{{{{{word} {pipe}}}}}"))
            }
            Self::Node(Node::Text(text)) => formatter.write_str(text),
            Self::Node(Node::Break) => formatter.write_str("{{break}}"),
            Self::Node(Node::Continue) => formatter.write_str("{{continue}}"),
            Self::Pipe(pipe) => pipe.fmt(formatter),
            Self::Command(command) => command.fmt(formatter),
            Self::Expr(expr) => expr.fmt(formatter),
        }
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            let sign = if self.assigns { "=" } else { ":=" };
            write!(formatter, "{} {sign} ", self.variables.join(", "))?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(formatter, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            formatter.write_str(if index > 0 { " " } else { "" })?;
            if matches!(word.kind, Kind::Pipe(_)) {
                write!(formatter, "({word})")?;
            } else {
                word.fmt(formatter)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = |formatter: &mut fmt::Formatter<'_>, names: &[Arc<str>]| {
            names.iter().try_for_each(|name| write!(formatter, ".{name}"))
        };
        match &self.kind {
            Kind::Dot => formatter.write_str("."),
            Kind::Nil => formatter.write_str("nil"),
            Kind::Bool(value) => value.fmt(formatter),
            Kind::Number(number) => formatter.write_str(&number.written),
            Kind::Text { written, .. } => formatter.write_str(written),
            Kind::Field(names) => fields(formatter, names),
            Kind::Variable(name, names) => {
                formatter.write_str(name)?;
                fields(formatter, names)
            }
            Kind::Call(name, _) => formatter.write_str(name),
            Kind::Chain(inner, names) => {
                if matches!(inner.kind, Kind::Pipe(_)) {
                    write!(formatter, "({inner})")?;
                } else {
                    inner.fmt(formatter)?;
                }
                fields(formatter, names)
            }
            Kind::Pipe(pipe) => pipe.fmt(formatter),
        }
    }
}
