//! Tokens to events: the grammar of YAML 1.1, as a machine with a stack of states, so that nesting costs no recursion.

mod flow;
mod node;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::scalar::Tag;
use super::scan::{Kind, Mark, Problem, Scanner, Token};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event<'a> {
    DocumentStart,
    DocumentEnd,
    StreamEnd,
    Alias(&'a str),
    Scalar(Text<'a>),
    SequenceStart(Option<&'a str>),
    SequenceEnd,
    MappingStart(Option<&'a str>),
    MappingEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text<'a> {
    pub(super) value: Cow<'a, str>,
    pub(super) anchor: Option<&'a str>,
    pub(super) tag: Tag,
    /// Whether it may be another thing than a string without a tag that says so.
    pub(super) implicit: bool,
}

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    DocumentStart {
        implicit: bool,
    },
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequenceEntry {
        first: bool,
    },
    /// A list whose `-` stand in the column of the key before it.
    IndentlessSequenceEntry,
    BlockMappingKey {
        first: bool,
    },
    BlockMappingValue,
    FlowSequenceEntry {
        first: bool,
    },
    /// `[a: b]` is a list of one mapping.
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowMappingKey {
        first: bool,
    },
    FlowMappingValue {
        empty: bool,
    },
    End,
}

/// How a node may be written where it is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Block,
    /// Also as a list that is not indented.
    BlockOrIndentless,
    Flow,
}

pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    /// Where the collections that are open begin.
    marks: Vec<Mark>,
    /// Prefixes of tags by their handles.
    tags: BTreeMap<&'a str, Cow<'a, str>>,
}

type Answer<'a> = Result<(Event<'a>, Mark), Problem>;

impl<'a> Parser<'a> {
    /// `text` as [`Scanner::new`] takes it.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::DocumentStart { implicit: true },
            states: Vec::new(),
            marks: Vec::new(),
            tags: BTreeMap::new(),
        }
    }

    /// The next event and where it starts.
    pub(super) fn next(&mut self) -> Answer<'a> {
        match self.state {
            State::DocumentStart { implicit } => self.document_start(implicit),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(Place::Block),
            State::BlockSequenceEntry { first } => self.block_sequence_entry(first),
            State::IndentlessSequenceEntry => self.indentless_sequence_entry(),
            State::BlockMappingKey { first } => self.block_mapping_key(first),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequenceEntry { first } => self.flow_sequence_entry(first),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => self.flow_pair_end(),
            State::FlowMappingKey { first } => self.flow_mapping_key(first),
            State::FlowMappingValue { empty } => self.flow_mapping_value(empty),
            State::End => Ok((Event::StreamEnd, self.scanner.peek()?.start)),
        }
    }

    fn back(&mut self) {
        self.state = self.states.pop().expect("whoever opens a node says what follows it");
    }

    /// A node now, and `then` after it.
    fn node_then(&mut self, then: State, place: Place) -> Answer<'a> {
        self.states.push(then);
        self.node(place)
    }

    /// A node that is not written, and `then` after it.
    fn nothing_then(&mut self, then: State, at: Mark) -> Answer<'a> {
        self.state = then;
        Ok(nothing(at))
    }

    /// Ends a collection at the token here, which is passed.
    fn end(&mut self, event: Event<'a>) -> Answer<'a> {
        let token = self.scanner.take()?;
        self.back();
        self.marks.pop();
        Ok((event, token.start))
    }

    /// The innermost collection goes on in no way that it can.
    fn broken(&mut self, text: &'static str) -> Problem {
        let since = self.marks.pop().unwrap_or_default();
        match self.scanner.peek() {
            Ok(token) => Problem { text, at: token.start, since, scanning: false },
            Err(problem) => problem,
        }
    }

    fn enter(&mut self) -> Result<(), Problem> {
        let token = self.scanner.take()?;
        self.marks.push(token.start);
        Ok(())
    }

    fn document_start(&mut self, implicit: bool) -> Answer<'a> {
        if !implicit {
            while self.scanner.peek()?.kind == Kind::DocumentEnd {
                self.scanner.take()?;
            }
        }
        let token = self.scanner.peek()?;
        let start = token.start;
        if token.kind == Kind::StreamEnd {
            self.state = State::End;
            return Ok((Event::StreamEnd, start));
        }
        if implicit && !token.kind.is_document_head() {
            self.default_tags();
            self.states.push(State::DocumentEnd);
            self.state = State::BlockNode;
            return Ok((Event::DocumentStart, start));
        }
        self.directives()?;
        let token = self.scanner.peek()?;
        if token.kind != Kind::DocumentStart {
            let text = "did not find expected <document start>";
            return Err(Problem { text, at: token.start, since: Mark::default(), scanning: false });
        }
        self.scanner.take()?;
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        Ok((Event::DocumentStart, start))
    }

    fn directives(&mut self) -> Result<(), Problem> {
        let mut version = false;
        loop {
            let token = self.scanner.peek()?;
            let wrong = |text| Problem { text, at: token.start, since: Mark::default(), scanning: false };
            if let Kind::Version { known } = token.kind {
                if version {
                    return Err(wrong("found duplicate %YAML directive"));
                }
                if !known {
                    return Err(wrong("found incompatible YAML document"));
                }
                version = true;
            } else if let Kind::TagDirective { handle, prefix } = &token.kind {
                if self.tags.insert(handle, prefix.clone()).is_some() {
                    return Err(wrong("found duplicate %TAG directive"));
                }
            } else {
                break;
            }
            self.scanner.take()?;
        }
        self.default_tags();
        Ok(())
    }

    fn default_tags(&mut self) {
        self.tags.entry("!").or_insert(Cow::Borrowed("!"));
        self.tags.entry("!!").or_insert(Cow::Borrowed("tag:yaml.org,2002:"));
    }

    fn document_content(&mut self) -> Answer<'a> {
        let token = self.scanner.peek()?;
        let empty =
            token.kind.is_document_head() || matches!(token.kind, Kind::DocumentEnd | Kind::StreamEnd);
        if empty {
            let at = token.start;
            self.back();
            return Ok(nothing(at));
        }
        self.node(Place::Block)
    }

    fn document_end(&mut self) -> Answer<'a> {
        let token = self.scanner.peek()?;
        let at = token.start;
        if token.kind == Kind::DocumentEnd {
            self.scanner.take()?;
        }
        self.tags.clear();
        self.state = State::DocumentStart { implicit: false };
        Ok((Event::DocumentEnd, at))
    }

    fn block_sequence_entry(&mut self, first: bool) -> Answer<'a> {
        if first {
            self.enter()?;
        }
        let kind = &self.scanner.peek()?.kind;
        if *kind == Kind::BlockEnd {
            return self.end(Event::SequenceEnd);
        }
        if *kind != Kind::BlockEntry {
            return Err(self.broken("did not find expected '-' indicator"));
        }
        let entry = self.scanner.take()?;
        let then = State::BlockSequenceEntry { first: false };
        if matches!(self.scanner.peek()?.kind, Kind::BlockEntry | Kind::BlockEnd) {
            return self.nothing_then(then, entry.end);
        }
        self.node_then(then, Place::Block)
    }

    fn indentless_sequence_entry(&mut self) -> Answer<'a> {
        let token = self.scanner.peek()?;
        if token.kind != Kind::BlockEntry {
            let at = token.start;
            self.back();
            return Ok((Event::SequenceEnd, at));
        }
        let entry = self.scanner.take()?;
        let then = State::IndentlessSequenceEntry;
        let next = &self.scanner.peek()?.kind;
        if matches!(next, Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd) {
            return self.nothing_then(then, entry.end);
        }
        self.node_then(then, Place::Block)
    }

    fn block_mapping_key(&mut self, first: bool) -> Answer<'a> {
        if first {
            self.enter()?;
        }
        let kind = &self.scanner.peek()?.kind;
        if *kind == Kind::Key {
            return self.block_mapping_part(State::BlockMappingValue);
        }
        if *kind == Kind::BlockEnd {
            return self.end(Event::MappingEnd);
        }
        Err(self.broken("did not find expected key"))
    }

    fn block_mapping_value(&mut self) -> Answer<'a> {
        let then = State::BlockMappingKey { first: false };
        let token = self.scanner.peek()?;
        if token.kind == Kind::Value {
            return self.block_mapping_part(then);
        }
        let at = token.start;
        self.nothing_then(then, at)
    }

    /// What stands after the `?` or `:` here.
    fn block_mapping_part(&mut self, then: State) -> Answer<'a> {
        let indicator = self.scanner.take()?;
        if matches!(self.scanner.peek()?.kind, Kind::Key | Kind::Value | Kind::BlockEnd) {
            return self.nothing_then(then, indicator.end);
        }
        self.node_then(then, Place::BlockOrIndentless)
    }
}

/// A node of which nothing is written.
fn nothing<'a>(at: Mark) -> (Event<'a>, Mark) {
    let text = Text { value: Cow::Borrowed(""), anchor: None, tag: Tag::None, implicit: true };
    (Event::Scalar(text), at)
}
