//! Plain scalars: text without quotes, which ends where a meaning begins.

use std::borrow::Cow;

use super::{Kind, Problem, Scanner, Token};

/// The line breaks between two words: one folds to a space, of several all but the first stay.
#[derive(Default)]
pub(super) struct Breaks {
    first: Option<&'static str>,
    exotic: String,
    rest: String,
}

impl Breaks {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn add(&mut self, value: &str) {
        match self.first {
            Some(_) => self.rest.push_str(value),
            None if value == "\n" => self.first = Some("\n"),
            None => {
                self.first = Some("");
                self.exotic.push_str(value);
            }
        }
    }

    /// A line break that a backslash hides: nothing stays of it.
    pub(super) fn escape(&mut self) {
        self.first = Some("");
    }

    /// Writes what they mean, and is empty again.
    pub(super) fn fold_into(&mut self, text: &mut String) {
        match (self.first, self.rest.is_empty()) {
            (Some("\n"), true) => text.push(' '),
            (_, _) => {
                text.push_str(&self.exotic);
                text.push_str(&self.rest);
            }
        }
        self.first = None;
        self.exotic.clear();
        self.rest.clear();
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn plain_scalar(&mut self) -> Result<(), Problem> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        let begin = self.cursor.offset();
        let flow = self.flow_level > 0;
        let mut end = start;
        let mut end_offset = begin;
        let mut line: &'a str = "";
        // Only what spans lines is copied.
        let mut joined: Option<String> = None;
        let mut breaks = Breaks::default();
        while !self.cursor.is_document_indicator() && self.cursor.peek(0) != b'#' {
            let word_offset = self.cursor.offset();
            self.pass_word(flow);
            if self.cursor.offset() > word_offset {
                if !breaks.is_empty() {
                    let text = joined.get_or_insert_with(|| line.to_owned());
                    breaks.fold_into(text);
                    text.push_str(self.cursor.since(word_offset));
                } else if let Some(text) = &mut joined {
                    text.push_str(self.cursor.since(end_offset));
                } else {
                    line = self.cursor.since(begin);
                }
                end = self.cursor.mark;
                end_offset = self.cursor.offset();
            }
            if !(self.cursor.is_blank(0) || self.cursor.is_break(0)) {
                break;
            }
            self.pass_gap(&mut breaks, start)?;
            let column = isize::try_from(self.cursor.mark.column).expect("a text fits the address space");
            if !flow && column <= self.indent {
                break;
            }
        }
        if !breaks.is_empty() {
            self.key_allowed = true;
        }
        let text = joined.map_or(Cow::Borrowed(line), Cow::Owned);
        self.tokens.push_back(Token { kind: Kind::Scalar { text, plain: true }, start, end });
        Ok(())
    }

    /// Up to a blank, a line break, the end or an indicator that ends the scalar.
    fn pass_word(&mut self, flow: bool) {
        loop {
            self.cursor.pass(|byte| match byte {
                b' ' | b'\t' | b':' => true,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' => flow,
                _ => false,
            });
            if self.cursor.peek(0) != b':' || self.cursor.is_space(1) {
                return;
            }
            self.cursor.skip_ascii(1);
        }
    }

    fn pass_gap(&mut self, breaks: &mut Breaks, start: super::Mark) -> Result<(), Problem> {
        loop {
            if self.cursor.is_blank(0) {
                let column = isize::try_from(self.cursor.mark.column).expect("a text fits the address space");
                if !breaks.is_empty() && column <= self.indent && self.cursor.peek(0) == b'\t' {
                    return Err(self.problem(start, "found a tab character that violates indentation"));
                }
                self.cursor.skip_ascii(1);
            } else if self.cursor.is_break(0) {
                breaks.add(self.cursor.line_break());
            } else {
                return Ok(());
            }
        }
    }
}
