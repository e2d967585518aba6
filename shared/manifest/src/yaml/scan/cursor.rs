//! A place in the text, and the classes of characters of YAML 1.1.

/// Where something stands; all from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::yaml) struct Mark {
    /// In characters from the start of the text; a carriage return and its line feed count as two.
    pub(in crate::yaml) index: usize,
    pub(in crate::yaml) line: usize,
    /// In characters.
    pub(in crate::yaml) column: usize,
}

/// The text from where the scanner stands.
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    pub(super) mark: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, mark: Mark::default() }
    }

    /// The byte `ahead` bytes from here, 0 beyond the end: no text that is scanned contains that character.
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// In bytes from the start of the text.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Returns to where it was.
    pub(super) fn back_to(&mut self, at: usize, mark: Mark) {
        self.at = at;
        self.mark = mark;
    }

    /// The text between a byte and here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    pub(super) fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), b' ' | b'\t')
    }

    /// A line break: of YAML 1.1, so also U+0085, U+2028 and U+2029.
    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.peek(ahead) {
            b'\r' | b'\n' => true,
            0xc2 => self.peek(ahead + 1) == 0x85,
            0xe2 => self.peek(ahead + 1) == 0x80 && matches!(self.peek(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    /// A line break or the end.
    pub(super) fn is_line_end(&self, ahead: usize) -> bool {
        self.peek(ahead) == 0 || self.is_break(ahead)
    }

    /// A blank, a line break or the end.
    pub(super) fn is_space(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_line_end(ahead)
    }

    /// A character that names of anchors and tag handles consist of.
    pub(super) fn is_word(&self) -> bool {
        matches!(self.peek(0), b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-')
    }

    /// Whether `---` or `...` starts here, at the start of a line.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0 && (self.is_marker(b'-') || self.is_marker(b'.'))
    }

    pub(super) fn is_marker(&self, byte: u8) -> bool {
        self.mark.column == 0 && (0..3).all(|ahead| self.peek(ahead) == byte) && self.is_space(3)
    }

    /// Passes `count` characters of one byte.
    pub(super) fn skip_ascii(&mut self, count: usize) {
        self.at += count;
        self.mark.index += count;
        self.mark.column += count;
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip_ascii(1);
        }
    }

    /// Passes a comment, if one starts here, up to the end of its line.
    pub(super) fn skip_comment(&mut self) {
        if self.peek(0) == b'#' {
            self.rest_of_line();
        }
    }

    /// Passes a line break, if there is one, and gives what it is in a value.
    pub(super) fn line_break(&mut self) -> &'a str {
        let start = self.at;
        let (width, value) = match (self.peek(0), self.peek(1)) {
            (b'\r', b'\n') => (2, "\n"),
            (b'\r' | b'\n', _) => (1, "\n"),
            (0xc2, 0x85) => (2, "\n"),
            (0xe2, 0x80) if self.is_break(0) => (3, &self.text[start..start + 3]),
            _ => return "",
        };
        self.at += width;
        self.mark.index += if self.text.as_bytes()[start] == b'\r' { width } else { 1 };
        self.mark.column = 0;
        self.mark.line += 1;
        value
    }

    /// Passes what stands before the next line break or the end.
    pub(super) fn rest_of_line(&mut self) -> &'a str {
        let start = self.at;
        self.pass(|byte| matches!(byte, b'\r' | b'\n'));
        self.since(start)
    }

    /// Passes characters up to a line break or a byte that `stops`, which must be one of ASCII.
    pub(super) fn pass(&mut self, stops: impl Fn(u8) -> bool) {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start;
        let mut continuations = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte < 0x80 {
                if matches!(byte, b'\r' | b'\n') || stops(byte) {
                    break;
                }
            } else {
                self.at = at;
                if matches!(byte, 0xc2 | 0xe2) && self.is_break(0) {
                    break;
                }
                continuations += usize::from(byte & 0xc0 == 0x80);
            }
            at += 1;
        }
        self.at = at;
        let characters = at - start - continuations;
        self.mark.index += characters;
        self.mark.column += characters;
    }
}
