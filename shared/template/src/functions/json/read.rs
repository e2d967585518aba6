//! JSON as Go's `encoding/json` reads it into `interface {}`: every number a `float64`, the last of equal keys kept, and Go's complaints.

use std::collections::BTreeMap;

use crate::functions::Fail;
use crate::functions::text::PIECE;
use crate::go::{ENTRIES, Scope};
use crate::quote::quote_with;
use crate::{Element, Map, Str, Value};

/// How deep values may nest.
const MAX_DEPTH: usize = 200;

struct Reader<'s, 'a, 't> {
    scope: &'a mut Scope<'t>,
    source: &'s [u8],
    at: usize,
    /// Go checks the whole text before it converts a number: this waits until then.
    number: Option<String>,
}

/// Reads one value and nothing after it.
pub(super) fn read(scope: &mut Scope<'_>, source: &[u8]) -> Result<Value, Fail> {
    scope.charge(source.len().saturating_mul(16))?;
    let mut reader = Reader { scope, source, at: 0, number: None };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < source.len() {
        return Err(reader.invalid("after top-level value"));
    }
    match reader.number {
        Some(number) => {
            Err(Fail::from(format!("json: cannot unmarshal number {number} into Go value of type float64")))
        }
        None => Ok(value),
    }
}

impl Reader<'_, '_, '_> {
    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// What stands here is wrong where white space would not have been.
    fn invalid(&self, context: &str) -> Fail {
        match self.peek() {
            None => Fail::from("unexpected end of JSON input"),
            Some(byte) => wrong(byte, context),
        }
    }

    /// What stands here is wrong where white space would have been, too: Go reads the end as a space.
    fn wrong(&self, context: &str) -> Fail {
        wrong(self.peek().unwrap_or(b' '), context)
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fail> {
        self.scope.step()?;
        if depth > MAX_DEPTH {
            return Err(Fail::from("exceeded max depth"));
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::Str(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.invalid("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, Fail> {
        for expected in word.bytes() {
            if self.peek() != Some(expected) {
                let context = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(self.wrong(&context));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn digits(&mut self, context: &str) -> Result<(), Fail> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.wrong(context));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Fail> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits("in exponent of numeric literal")?;
        }
        let written = String::from_utf8_lossy(&self.source[start..self.at]);
        let value = written.parse::<f64>().unwrap_or(f64::INFINITY);
        if !value.is_finite() && self.number.is_none() {
            self.number = Some(written.into_owned());
        }
        Ok(Value::Float(value))
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fail> {
        self.at += 1;
        self.scope.charge(PIECE)?;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.invalid("after array element")),
            }
        }
        self.at += 1;
        Ok(Value::list(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Fail> {
        self.at += 1;
        self.scope.charge(ENTRIES)?;
        let mut entries = BTreeMap::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Map::new(Element::Any, entries).into());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.invalid("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.invalid("after object key"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            entries.insert(key, value);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.invalid("after object key:value pair")),
            }
        }
        self.at += 1;
        Ok(Map::new(Element::Any, entries).into())
    }

    /// What is not UTF-8, and half of a surrogate pair, becomes U+FFFD.
    fn string(&mut self) -> Result<Str, Fail> {
        self.at += 1;
        let mut out: Vec<u8> = Vec::new();
        loop {
            let Some(byte) = self.peek() else { return Err(self.invalid("in string literal")) };
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut out)?,
                0..=0x1f => return Err(self.wrong("in string literal")),
                _ => {
                    out.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(match String::from_utf8(out) {
            Ok(text) => text.into(),
            Err(error) => crate::quote::replaced(error.as_bytes()).into(),
        })
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Fail> {
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.hexadecimal()?;
                let mut code = u32::from(first);
                if (0xd800..0xdc00).contains(&first)
                    && let [b'\\', b'u', rest @ ..] = &self.source[self.at + 1..]
                    && let Some(second) = rest.get(..4).and_then(four_digits)
                    && (0xdc00..0xe000).contains(&second)
                {
                    self.at += 6;
                    code = 0x10000 + ((code - 0xd800) << 10) + (u32::from(second) - 0xdc00);
                }
                char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            None => return Err(wrong(b' ', "in string escape code")),
            Some(byte) => return Err(wrong(byte, "in string escape code")),
        };
        self.at += 1;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// The digits after `\u`; stays on the last one.
    fn hexadecimal(&mut self) -> Result<u16, Fail> {
        for _ in 0..4 {
            self.at += 1;
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.wrong("in \\u hexadecimal character escape"));
            }
        }
        Ok(four_digits(&self.source[self.at - 3..=self.at]).unwrap_or_default())
    }
}

fn four_digits(digits: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

fn wrong(byte: u8, context: &str) -> Fail {
    let shown = match byte {
        b'"' => "'\"'".to_owned(),
        _ => quote_with(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes(), '\'', false),
    };
    Fail::from(format!("invalid character {shown} {context}"))
}
