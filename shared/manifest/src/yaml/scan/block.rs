//! Block scalars, `|` and `>`.

use std::borrow::Cow;

use super::{Kind, Mark, Problem, Scanner, Token};

/// What becomes of the line breaks at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl Scanner<'_> {
    pub(super) fn block_scalar(&mut self) -> Result<(), Problem> {
        self.forget_key()?;
        self.key_allowed = true;
        let start = self.cursor.mark;
        let literal = self.cursor.peek(0) == b'|';
        self.cursor.skip_ascii(1);
        let (chomping, increment) = self.block_header(start)?;
        let mut end = self.cursor.mark;
        let outer = usize::try_from(self.indent).unwrap_or(0);
        let mut indent = if increment > 0 { outer + increment } else { 0 };
        let mut text = String::new();
        let mut line_break = "";
        let mut breaks = String::new();
        let mut after_blank = false;
        self.block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        while self.cursor.mark.column == indent && !self.cursor.is_end() {
            let blank = self.cursor.is_blank(0);
            if !literal && !after_blank && !blank && line_break == "\n" {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(line_break);
            }
            text.push_str(&breaks);
            breaks.clear();
            after_blank = blank;
            text.push_str(self.cursor.rest_of_line());
            line_break = self.cursor.line_break();
            self.block_breaks(&mut indent, &mut breaks, start, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        let kind = Kind::Scalar { text: Cow::Owned(text), plain: false };
        self.tokens.push_back(Token { kind, start, end });
        Ok(())
    }

    /// The indicators after `|` or `>`, in any order, and the rest of their line.
    fn block_header(&mut self, start: Mark) -> Result<(Chomping, usize), Problem> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        let (mut chomped, mut indented) = (false, false);
        loop {
            match self.cursor.peek(0) {
                sign @ (b'+' | b'-') if !chomped => {
                    chomping = if sign == b'+' { Chomping::Keep } else { Chomping::Strip };
                    chomped = true;
                }
                b'0' if !indented => {
                    return Err(self.problem(start, "found an indentation indicator equal to 0"));
                }
                digit @ b'1'..=b'9' if !indented => {
                    increment = usize::from(digit - b'0');
                    indented = true;
                }
                _ => break,
            }
            self.cursor.skip_ascii(1);
        }
        self.cursor.skip_blanks();
        self.cursor.skip_comment();
        if !self.cursor.is_line_end(0) {
            return Err(self.problem(start, "did not find expected comment or line break"));
        }
        self.cursor.line_break();
        Ok((chomping, increment))
    }

    /// Empty lines and the indentation of the line after them. An indentation of 0 is still to be found: that of the first line with text.
    fn block_breaks(
        &mut self,
        indent: &mut usize,
        breaks: &mut String,
        start: Mark,
        end: &mut Mark,
    ) -> Result<(), Problem> {
        *end = self.cursor.mark;
        let mut widest = 0;
        loop {
            let within = |column: usize| *indent == 0 || column < *indent;
            while within(self.cursor.mark.column) && self.cursor.peek(0) == b' ' {
                self.cursor.skip_ascii(1);
            }
            widest = widest.max(self.cursor.mark.column);
            if within(self.cursor.mark.column) && self.cursor.peek(0) == b'\t' {
                let text = "found a tab character where an indentation space is expected";
                return Err(self.problem(start, text));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.line_break());
            *end = self.cursor.mark;
        }
        if *indent == 0 {
            *indent = widest.max(usize::try_from(self.indent + 1).unwrap_or(0)).max(1);
        }
        Ok(())
    }
}
