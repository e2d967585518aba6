//! Scalars in quotes.

use std::borrow::Cow;

use super::plain::Breaks;
use super::{Kind, Mark, Problem, Scanner};

impl<'a> Scanner<'a> {
    pub(super) fn quoted_scalar(&mut self) -> Result<(), Problem> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        let quote = self.cursor.peek(0);
        self.cursor.skip_ascii(1);
        let text = match self.quoted_line(quote) {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.quoted_lines(quote, start)?),
        };
        self.cursor.skip_ascii(1);
        self.push(Kind::Scalar { text, plain: false }, start);
        Ok(())
    }

    /// The content, if it is in one line and means itself; the cursor is at the closing quote then, or has not moved.
    fn quoted_line(&mut self, quote: u8) -> Option<&'a str> {
        let (start, mark) = (self.cursor.offset(), self.cursor.mark);
        self.cursor.pass(|byte| byte == quote || (byte == b'\\' && quote == b'"'));
        let whole = self.cursor.peek(0) == quote && (quote == b'"' || self.cursor.peek(1) != quote);
        let content = self.cursor.since(start);
        if !whole {
            self.cursor.back_to(start, mark);
        }
        whole.then_some(content)
    }

    fn quoted_lines(&mut self, quote: u8, start: Mark) -> Result<String, Problem> {
        let mut text = String::new();
        let mut breaks = Breaks::default();
        loop {
            if self.cursor.is_document_indicator() {
                return Err(self.problem(start, "found unexpected document indicator"));
            }
            if self.cursor.is_end() {
                return Err(self.problem(start, "found unexpected end of stream"));
            }
            self.quoted_word(quote, &mut text, &mut breaks, start)?;
            if self.cursor.peek(0) == quote {
                return Ok(text);
            }
            let blanks = self.cursor.offset();
            self.cursor.skip_blanks();
            let blanks = self.cursor.since(blanks);
            while self.cursor.is_blank(0) || self.cursor.is_break(0) {
                if self.cursor.is_blank(0) {
                    self.cursor.skip_ascii(1);
                } else {
                    breaks.add(self.cursor.line_break());
                }
            }
            if breaks.is_empty() {
                text.push_str(blanks);
            } else {
                breaks.fold_into(&mut text);
            }
        }
    }

    /// Up to a blank, a line break (also one that is escaped), the end or the closing quote.
    fn quoted_word(
        &mut self,
        quote: u8,
        text: &mut String,
        breaks: &mut Breaks,
        start: Mark,
    ) -> Result<(), Problem> {
        loop {
            let run = self.cursor.offset();
            let double = quote == b'"';
            self.cursor
                .pass(|byte| matches!(byte, b' ' | b'\t') || byte == quote || (byte == b'\\' && double));
            text.push_str(self.cursor.since(run));
            match self.cursor.peek(0) {
                b'\'' if !double && self.cursor.peek(1) == b'\'' => {
                    text.push('\'');
                    self.cursor.skip_ascii(2);
                }
                b'\\' if double && self.cursor.is_break(1) => {
                    self.cursor.skip_ascii(1);
                    self.cursor.line_break();
                    breaks.escape();
                    return Ok(());
                }
                b'\\' if double => text.push(self.escape(start)?),
                _ => return Ok(()),
            }
        }
    }

    fn escape(&mut self, start: Mark) -> Result<char, Problem> {
        let (digits, char) = match self.cursor.peek(1) {
            b'0' => (0, '\0'),
            b'a' => (0, '\u{7}'),
            b'b' => (0, '\u{8}'),
            b't' | b'\t' => (0, '\t'),
            b'n' => (0, '\n'),
            b'v' => (0, '\u{b}'),
            b'f' => (0, '\u{c}'),
            b'r' => (0, '\r'),
            b'e' => (0, '\u{1b}'),
            same @ (b' ' | b'"' | b'\'' | b'\\') => (0, char::from(same)),
            // JSON's, which go-yaml refuses: JSON within YAML is read all the same.
            b'/' => (0, '/'),
            b'N' => (0, '\u{85}'),
            b'_' => (0, '\u{a0}'),
            b'L' => (0, '\u{2028}'),
            b'P' => (0, '\u{2029}'),
            b'x' => (2, ' '),
            b'u' => (4, ' '),
            b'U' => (8, ' '),
            _ => return Err(self.problem(start, "found unknown escape character")),
        };
        self.cursor.skip_ascii(2);
        if digits == 0 {
            return Ok(char);
        }
        let code = self.hexadecimal(0, digits);
        let code = code.ok_or_else(|| self.problem(start, "did not find expected hexdecimal number"))?;
        if let Some(char) = char::from_u32(code) {
            self.cursor.skip_ascii(digits);
            return Ok(char);
        }
        // JSON writes a character beyond U+FFFF as two escapes, which go-yaml refuses.
        let low = (digits == 4 && self.cursor.peek(4) == b'\\' && self.cursor.peek(5) == b'u')
            .then(|| self.hexadecimal(6, 4))
            .flatten();
        let pair = u16::try_from(code).ok().zip(low.and_then(|low| u16::try_from(low).ok()));
        let pair = pair.and_then(|(high, low)| char::decode_utf16([high, low]).next()?.ok());
        match pair.filter(|char| u32::from(*char) > 0xffff) {
            Some(char) => {
                self.cursor.skip_ascii(10);
                Ok(char)
            }
            None => Err(self.problem(start, "found invalid Unicode character escape code")),
        }
    }

    fn hexadecimal(&self, ahead: usize, digits: usize) -> Option<u32> {
        (ahead..ahead + digits).try_fold(0_u32, |code, ahead| {
            let digit = char::from(self.cursor.peek(ahead)).to_digit(16)?;
            // Eight digits fill 32 bits.
            Some((code << 4) | digit)
        })
    }
}
