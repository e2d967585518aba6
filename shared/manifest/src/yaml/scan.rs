//! Text to tokens, by the rules of YAML 1.1 as libyaml and its descendants (go-yaml v2 among them) scan it.
//!
//! What is a mapping's key shows only at the `:` after it, so tokens wait in a queue until it is clear that the first of them starts no key.
//! A key must end in its line and within 1024 characters. Invariants: every call makes progress or fails; memory is bounded by the text.

mod block;
mod cursor;
mod plain;
mod quoted;
mod tag;

use std::borrow::Cow;
use std::collections::VecDeque;

use self::cursor::Cursor;
pub(super) use self::cursor::Mark;

/// A key without `?` may have so many characters before its `:`.
const KEY_LENGTH: usize = 1024;

/// Why a text is no YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Problem {
    /// In the words that go-yaml's users know.
    pub(super) text: &'static str,
    /// Where it shows.
    pub(super) at: Mark,
    /// Where what could not be read begins.
    pub(super) since: Mark,
    /// Whether characters make no token here, rather than tokens no document.
    pub(super) scanning: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: Mark,
    pub(super) end: Mark,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    StreamEnd,
    /// `%YAML`, and whether its version is one that is read.
    Version {
        known: bool,
    },
    TagDirective {
        handle: &'a str,
        prefix: Cow<'a, str>,
    },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag {
        /// Empty for a tag in full.
        handle: &'a str,
        suffix: Cow<'a, str>,
    },
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
}

impl Kind<'_> {
    /// Whether it stands before a document's content.
    pub(super) fn is_document_head(&self) -> bool {
        matches!(self, Self::Version { .. } | Self::TagDirective { .. } | Self::DocumentStart)
    }
}

/// What may turn out to be a key; one for each flow collection that is open, and one for the block around.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// It stands where only a key can.
    required: bool,
    /// Whether the queue waits for it to be decided.
    awaited: bool,
    /// The number of its first token.
    token: usize,
    mark: Mark,
}

pub(super) struct Scanner<'a> {
    cursor: Cursor<'a>,
    tokens: VecDeque<Token<'a>>,
    /// How many tokens have been taken from the queue.
    taken: usize,
    /// The column of the innermost block collection; -1 outside all.
    indent: isize,
    indents: Vec<isize>,
    keys: Vec<SimpleKey>,
    flow_level: usize,
    /// Whether a key may start here.
    key_allowed: bool,
    ended: bool,
}

impl<'a> Scanner<'a> {
    /// `text` must hold no control characters and start with no byte order mark.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            taken: 0,
            indent: -1,
            indents: Vec::new(),
            keys: vec![SimpleKey::default()],
            flow_level: 0,
            key_allowed: true,
            ended: false,
        }
    }

    /// The next token, which stays; the end of the stream stays for ever.
    pub(super) fn peek(&mut self) -> Result<&Token<'a>, Problem> {
        while self.undecided()? {
            self.fetch()?;
        }
        Ok(self.tokens.front().expect("a token is fetched until one is there"))
    }

    /// Takes the token that `peek` showed.
    pub(super) fn take(&mut self) -> Result<Token<'a>, Problem> {
        self.peek()?;
        self.taken += 1;
        Ok(self.tokens.pop_front().expect("peek left a token"))
    }

    /// Whether more must be read before the first token of the queue is known to be the first.
    fn undecided(&mut self) -> Result<bool, Problem> {
        if self.tokens.is_empty() {
            return Ok(true);
        }
        let first = self.taken;
        let key = self.keys.iter().position(|key| key.possible && key.awaited && key.token == first);
        key.map_or(Ok(false), |key| self.is_key(key))
    }

    /// Whether this candidate can still be a key.
    fn is_key(&mut self, index: usize) -> Result<bool, Problem> {
        let key = self.keys[index];
        if !key.possible {
            return Ok(false);
        }
        let here = self.cursor.mark;
        if key.mark.line < here.line || key.mark.index + KEY_LENGTH < here.index {
            if key.required {
                return Err(self.problem(key.mark, "could not find expected ':'"));
            }
            self.keys[index].possible = false;
            return Ok(false);
        }
        Ok(true)
    }

    fn problem(&self, since: Mark, text: &'static str) -> Problem {
        Problem { text, at: self.cursor.mark, since, scanning: true }
    }

    fn fetch(&mut self) -> Result<(), Problem> {
        if self.ended {
            // Reached only by a reader that goes on after the end.
            self.push(Kind::StreamEnd, self.cursor.mark);
            return Ok(());
        }
        self.pass_to_next_token();
        let column = isize::try_from(self.cursor.mark.column).expect("a text fits the address space");
        self.unroll(column);
        let start = self.cursor.mark;
        if self.cursor.is_end() {
            return self.stream_end();
        }
        let flow = self.flow_level > 0;
        let first = self.cursor.peek(0);
        if start.column == 0 && first == b'%' {
            return self.directive();
        }
        if self.cursor.is_marker(b'-') {
            return self.document_indicator(Kind::DocumentStart);
        }
        if self.cursor.is_marker(b'.') {
            return self.document_indicator(Kind::DocumentEnd);
        }
        let alone = self.cursor.is_space(1);
        match first {
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.forget_key()?;
                self.key_allowed = true;
                self.indicator(Kind::FlowEntry)
            }
            b'-' if alone => self.block_entry(),
            b'?' if flow || alone => self.key(),
            b':' if flow || alone => self.value(),
            b'*' | b'&' => self.anchor(),
            b'!' => self.tag(),
            b'|' | b'>' if !flow => self.block_scalar(),
            b'\'' | b'"' => self.quoted_scalar(),
            b'|' | b'>' | b'#' | b'%' | b'@' | b'`' | b'\t' => {
                Err(self.problem(start, "found character that cannot start any token"))
            }
            _ => self.plain_scalar(),
        }
    }

    /// Passes what stands between tokens. A tab may do so only where no key can start.
    fn pass_to_next_token(&mut self) {
        loop {
            while self.cursor.peek(0) == b' '
                || ((self.flow_level > 0 || !self.key_allowed) && self.cursor.peek(0) == b'\t')
            {
                self.cursor.skip_ascii(1);
            }
            self.cursor.skip_comment();
            if self.cursor.line_break().is_empty() {
                return;
            }
            if self.flow_level == 0 {
                self.key_allowed = true;
            }
        }
    }

    fn push(&mut self, kind: Kind<'a>, start: Mark) {
        let end = self.cursor.mark;
        self.tokens.push_back(Token { kind, start, end });
    }

    /// One character that is a token.
    fn indicator(&mut self, kind: Kind<'a>) -> Result<(), Problem> {
        let start = self.cursor.mark;
        self.cursor.skip_ascii(1);
        self.push(kind, start);
        Ok(())
    }

    /// Puts a token where the token with this number stands. Where that one is taken already it comes last: go-yaml's way with a key that
    /// is an empty flow collection.
    fn insert(&mut self, number: usize, kind: Kind<'a>, mark: Mark) {
        let token = Token { kind, start: mark, end: mark };
        match number.checked_sub(self.taken) {
            Some(at) => self.tokens.insert(at, token),
            None => self.tokens.push_back(token),
        }
    }

    /// Notes that a key may start here.
    fn save_key(&mut self) -> Result<(), Problem> {
        if !self.key_allowed {
            return Ok(());
        }
        let mark = self.cursor.mark;
        let required = self.flow_level == 0 && usize::try_from(self.indent) == Ok(mark.column);
        self.forget_key()?;
        let token = self.taken + self.tokens.len();
        let last = self.keys.last_mut().expect("the block's own key stays");
        *last = SimpleKey { possible: true, required, awaited: true, token, mark };
        Ok(())
    }

    /// What was noted last at this level is no key.
    fn forget_key(&mut self) -> Result<(), Problem> {
        let key = *self.keys.last().expect("the block's own key stays");
        if key.possible {
            if key.required {
                return Err(self.problem(key.mark, "could not find expected ':'"));
            }
            self.keys.last_mut().expect("the block's own key stays").possible = false;
        }
        Ok(())
    }

    /// Opens block collections up to `column`, at the token with this number or at the end.
    fn roll(&mut self, column: usize, number: Option<usize>, kind: Kind<'a>, mark: Mark) {
        let column = isize::try_from(column).expect("a text fits the address space");
        if self.flow_level > 0 || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        self.insert(number.unwrap_or(self.taken + self.tokens.len()), kind, mark);
    }

    /// Closes the block collections that are indented further than `column`.
    fn unroll(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(Kind::BlockEnd, self.cursor.mark);
            self.indent = self.indents.pop().expect("an indent was kept when it grew");
        }
    }

    fn stream_end(&mut self) -> Result<(), Problem> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.cursor.mark);
        Ok(())
    }

    fn document_indicator(&mut self, kind: Kind<'a>) -> Result<(), Problem> {
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.skip_ascii(3);
        self.push(kind, start);
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind<'a>) -> Result<(), Problem> {
        self.save_key()?;
        let token = self.taken + self.tokens.len();
        self.keys.push(SimpleKey { token, mark: self.cursor.mark, ..SimpleKey::default() });
        self.flow_level += 1;
        self.key_allowed = true;
        self.indicator(kind)
    }

    fn flow_end(&mut self, kind: Kind<'a>) -> Result<(), Problem> {
        self.forget_key()?;
        if self.flow_level > 0 {
            self.flow_level -= 1;
            let closed = self.keys.pop().expect("a flow collection has its key");
            let outer = self.keys.last_mut().expect("the block's own key stays");
            // An empty collection has no key of its own and drops the one that it may be itself.
            outer.awaited &= outer.token != closed.token;
        }
        self.key_allowed = false;
        self.indicator(kind)
    }

    fn block_entry(&mut self) -> Result<(), Problem> {
        let mark = self.cursor.mark;
        if self.flow_level == 0 {
            if !self.key_allowed {
                return Err(self.problem(mark, "block sequence entries are not allowed in this context"));
            }
            self.roll(mark.column, None, Kind::BlockSequenceStart, mark);
        }
        self.forget_key()?;
        self.key_allowed = true;
        self.indicator(Kind::BlockEntry)
    }

    fn key(&mut self) -> Result<(), Problem> {
        let mark = self.cursor.mark;
        if self.flow_level == 0 {
            if !self.key_allowed {
                return Err(self.problem(mark, "mapping keys are not allowed in this context"));
            }
            self.roll(mark.column, None, Kind::BlockMappingStart, mark);
        }
        self.forget_key()?;
        self.key_allowed = self.flow_level == 0;
        self.indicator(Kind::Key)
    }

    fn value(&mut self) -> Result<(), Problem> {
        let last = self.keys.len() - 1;
        if self.is_key(last)? {
            let key = self.keys[last];
            self.insert(key.token, Kind::Key, key.mark);
            self.roll(key.mark.column, Some(key.token), Kind::BlockMappingStart, key.mark);
            self.keys[last].possible = false;
            self.key_allowed = false;
        } else {
            let mark = self.cursor.mark;
            if self.flow_level == 0 {
                if !self.key_allowed {
                    return Err(self.problem(mark, "mapping values are not allowed in this context"));
                }
                self.roll(mark.column, None, Kind::BlockMappingStart, mark);
            }
            self.key_allowed = self.flow_level == 0;
        }
        self.indicator(Kind::Value)
    }

    fn anchor(&mut self) -> Result<(), Problem> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        let alias = self.cursor.peek(0) == b'*';
        self.cursor.skip_ascii(1);
        let name = self.cursor.offset();
        while self.cursor.is_word() {
            self.cursor.skip_ascii(1);
        }
        let name = self.cursor.since(name);
        let ends = self.cursor.is_space(0)
            || matches!(self.cursor.peek(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(self.problem(start, "did not find expected alphabetic or numeric character"));
        }
        self.push(if alias { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }
}
