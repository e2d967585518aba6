//! Tags and directives.

use std::borrow::Cow;

use super::{Kind, Mark, Problem, Scanner};

impl<'a> Scanner<'a> {
    pub(super) fn tag(&mut self) -> Result<(), Problem> {
        self.save_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        let (handle, suffix) = if self.cursor.peek(1) == b'<' {
            self.cursor.skip_ascii(2);
            let suffix = self.uri("", start)?;
            if self.cursor.peek(0) != b'>' {
                return Err(self.problem(start, "did not find the expected '>'"));
            }
            self.cursor.skip_ascii(1);
            ("", suffix)
        } else {
            let handle = self.tag_handle(start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (handle, self.uri("", start)?)
            } else {
                let suffix = self.uri(handle, start)?;
                // `!` alone is a tag itself.
                if suffix.is_empty() { ("", Cow::Borrowed("!")) } else { ("!", suffix) }
            }
        };
        if !self.cursor.is_space(0) {
            return Err(self.problem(start, "did not find expected whitespace or line break"));
        }
        self.push(Kind::Tag { handle, suffix }, start);
        Ok(())
    }

    /// `!`, `!!` or `!name!`; of a tag such as `!name` the handle and its name.
    fn tag_handle(&mut self, start: Mark) -> Result<&'a str, Problem> {
        let begin = self.cursor.offset();
        if self.cursor.peek(0) != b'!' {
            return Err(self.problem(start, "did not find expected '!'"));
        }
        self.cursor.skip_ascii(1);
        while self.cursor.is_word() {
            self.cursor.skip_ascii(1);
        }
        if self.cursor.peek(0) == b'!' {
            self.cursor.skip_ascii(1);
        }
        Ok(self.cursor.since(begin))
    }

    /// The rest of a tag whose `head` has been read already.
    fn uri(&mut self, head: &str, start: Mark) -> Result<Cow<'a, str>, Problem> {
        let begin = self.cursor.offset() - head.len().saturating_sub(1);
        let mut bytes: Option<Vec<u8>> = None;
        loop {
            let byte = self.cursor.peek(0);
            if byte == b'%' {
                let before = self.cursor.since(begin);
                bytes.get_or_insert_with(|| before.as_bytes().to_vec());
                self.uri_escape(bytes.as_mut().expect("it was just set"), start)?;
            } else if self.cursor.is_word() || b";/?:@&=+$,.!~*'()[]".contains(&byte) {
                self.cursor.skip_ascii(1);
                if let Some(bytes) = &mut bytes {
                    bytes.push(byte);
                }
            } else {
                break;
            }
        }
        let text = self.cursor.since(begin);
        if text.is_empty() && head.is_empty() {
            return Err(self.problem(start, "did not find expected tag URI"));
        }
        Ok(bytes
            .map_or(Cow::Borrowed(text), |bytes| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())))
    }

    /// One character as `%XX` for each of its bytes.
    fn uri_escape(&mut self, bytes: &mut Vec<u8>, start: Mark) -> Result<(), Problem> {
        let mut left = None;
        while left != Some(0) {
            let digit = |ahead: usize| char::from(self.cursor.peek(ahead)).to_digit(16);
            let octet = (self.cursor.peek(0) == b'%').then(|| digit(1).zip(digit(2))).flatten();
            let octet = octet.and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
            let octet = octet.ok_or_else(|| self.problem(start, "did not find URI escaped octet"))?;
            left = match left {
                None => match octet {
                    0..0x80 => Some(0),
                    0xc0..0xe0 => Some(1),
                    0xe0..0xf0 => Some(2),
                    0xf0..0xf8 => Some(3),
                    0x80..0xc0 | 0xf8.. => {
                        return Err(self.problem(start, "found an incorrect leading UTF-8 octet"));
                    }
                },
                Some(left) if octet & 0xc0 == 0x80 => Some(left - 1),
                Some(_) => return Err(self.problem(start, "found an incorrect trailing UTF-8 octet")),
            };
            bytes.push(octet);
            self.cursor.skip_ascii(3);
        }
        Ok(())
    }

    pub(super) fn directive(&mut self) -> Result<(), Problem> {
        self.unroll(-1);
        self.forget_key()?;
        self.key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.skip_ascii(1);
        let name = self.cursor.offset();
        while self.cursor.is_word() {
            self.cursor.skip_ascii(1);
        }
        let name = self.cursor.since(name);
        if name.is_empty() {
            return Err(self.problem(start, "could not find expected directive name"));
        }
        if !self.cursor.is_space(0) {
            return Err(self.problem(start, "found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(self.problem(start, "found unknown directive name")),
        };
        self.push(kind, start);
        self.cursor.skip_blanks();
        self.cursor.skip_comment();
        if !self.cursor.is_line_end(0) {
            return Err(self.problem(start, "did not find expected comment or line break"));
        }
        self.cursor.line_break();
        Ok(())
    }

    fn version(&mut self, start: Mark) -> Result<Kind<'a>, Problem> {
        self.cursor.skip_blanks();
        let major = self.version_number(start)?;
        if self.cursor.peek(0) != b'.' {
            return Err(self.problem(start, "did not find expected digit or '.' character"));
        }
        self.cursor.skip_ascii(1);
        let minor = self.version_number(start)?;
        // YAML 1.2 is read by the rules of 1.1, which its writers mostly mean; go-yaml refuses it.
        Ok(Kind::Version { known: major.parse() == Ok(1_u8) && matches!(minor.parse(), Ok(1_u8 | 2)) })
    }

    fn version_number(&mut self, start: Mark) -> Result<&'a str, Problem> {
        let begin = self.cursor.offset();
        while self.cursor.peek(0).is_ascii_digit() {
            if self.cursor.since(begin).len() == 2 {
                return Err(self.problem(start, "found extremely long version number"));
            }
            self.cursor.skip_ascii(1);
        }
        let number = self.cursor.since(begin);
        if number.is_empty() {
            return Err(self.problem(start, "did not find expected version number"));
        }
        Ok(number)
    }

    fn tag_directive(&mut self, start: Mark) -> Result<Kind<'a>, Problem> {
        self.cursor.skip_blanks();
        let handle = self.tag_handle(start)?;
        if handle != "!" && !(handle.len() > 1 && handle.ends_with('!')) {
            return Err(self.problem(start, "did not find expected '!'"));
        }
        if !self.cursor.is_blank(0) {
            return Err(self.problem(start, "did not find expected whitespace"));
        }
        self.cursor.skip_blanks();
        let prefix = self.uri("", start)?;
        if !self.cursor.is_space(0) {
            return Err(self.problem(start, "did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective { handle, prefix })
    }
}
