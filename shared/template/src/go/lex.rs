//! Cuts a template's text into tokens, as text/template's lexer does, error texts included.
//!
//! Inside an action white space is a token of its own: it separates arguments, and decides where a variable's fields end.

use crate::quote::quote;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Error,
    Eof,
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Assign,
    Declare,
    Pipe,
    Char,
    LeftParen,
    RightParen,
    Bool,
    CharConstant,
    Number,
    Str,
    RawStr,
    Variable,
    Field,
    Identifier,
    Dot,
    Nil,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Token {
    fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Dot
                | Self::Nil
                | Self::Block
                | Self::Break
                | Self::Continue
                | Self::Define
                | Self::Else
                | Self::End
                | Self::If
                | Self::Range
                | Self::Template
                | Self::With
        )
    }
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) token: Token,
    pub(super) at: usize,
    pub(super) text: String,
    pub(super) line: usize,
}

/// As Go shows a token in "unexpected … in …".
impl std::fmt::Display for Item {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.token == Token::Eof {
            return formatter.write_str("EOF");
        }
        if self.token == Token::Error {
            return formatter.write_str(&self.text);
        }
        if self.token.is_keyword() {
            return write!(formatter, "<{}>", self.text);
        }
        if self.text.len() > 10 {
            let start: String = self.text.chars().take(10).collect();
            return write!(formatter, "{}...", quote(start.as_bytes()));
        }
        formatter.write_str(&quote(self.text.as_bytes()))
    }
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(character: char) -> bool {
    SPACES.contains(&character)
}

fn is_alphanumeric(character: char) -> bool {
    character == '_' || character.is_alphabetic() || character.is_numeric()
}

#[derive(Debug)]
pub(super) struct Lexer<'t> {
    input: &'t str,
    at: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: usize,
    inside_action: bool,
}

type Lexed = Result<Item, String>;

impl<'t> Lexer<'t> {
    pub(super) fn new(input: &'t str) -> Self {
        Self { input, at: 0, start: 0, line: 1, start_line: 1, parens: 0, inside_action: false }
    }

    pub(super) fn next_item(&mut self) -> Item {
        let lexed = if self.inside_action { self.inside_action() } else { self.text() };
        lexed.unwrap_or_else(|message| {
            let item = Item { token: Token::Error, at: self.start, text: message, line: self.start_line };
            self.input = "";
            (self.at, self.start, self.inside_action) = (0, 0, false);
            item
        })
    }

    fn rest(&self) -> &'t str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    fn accept(&mut self, valid: &str) -> bool {
        let accepted = self.peek().is_some_and(|character| valid.contains(character));
        if accepted {
            self.bump();
        }
        accepted
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// Everything from `start` on becomes a token.
    fn item(&mut self, token: Token) -> Item {
        let text = &self.input[self.start..self.at];
        let item = Item { token, at: self.start, text: text.to_owned(), line: self.start_line };
        self.skip();
        item
    }

    /// Everything from `start` on is dropped.
    fn skip(&mut self) {
        self.line += self.input[self.start..self.at].matches('\n').count();
        self.start = self.at;
        self.start_line = self.line;
    }

    fn text(&mut self) -> Lexed {
        loop {
            let Some(length) = self.rest().find("{{") else {
                self.at = self.input.len();
                let token = if self.at > self.start { Token::Text } else { Token::Eof };
                return Ok(self.item(token));
            };
            if length > 0 {
                let end = self.at + length;
                let text = &self.input[self.at..end];
                let trims = has_left_trim(&self.input[end + 2..]);
                self.at += if trims { text.trim_end_matches(SPACES).len() } else { length };
                let item = self.item(Token::Text);
                self.at = end;
                self.skip();
                if !item.text.is_empty() {
                    return Ok(item);
                }
            }
            if let Some(item) = self.left_delim()? {
                return Ok(item);
            }
        }
    }

    /// The start of an action, or nothing after a comment.
    fn left_delim(&mut self) -> Result<Option<Item>, String> {
        self.at += 2;
        let marker = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.rest()[marker..].starts_with("/*") {
            self.at += marker;
            self.skip();
            self.comment()?;
            return Ok(None);
        }
        let item = self.item(Token::LeftDelim);
        self.inside_action = true;
        self.at += marker;
        self.skip();
        self.parens = 0;
        Ok(Some(item))
    }

    fn comment(&mut self) -> Result<(), String> {
        self.at += 2;
        let length = self.rest().find("*/").ok_or("unclosed comment")?;
        self.at += length + 2;
        let trims = self.right_delim().ok_or("comment ends before closing delimiter")?;
        self.at += 2;
        if trims {
            self.at += 2;
            self.at += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        }
        self.skip();
        Ok(())
    }

    /// At a closing delimiter: whether it trims.
    fn right_delim(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_trim(rest) && rest[2..].starts_with("}}") {
            return Some(true);
        }
        rest.starts_with("}}").then_some(false)
    }

    fn close(&mut self) -> Item {
        let trims = self.right_delim() == Some(true);
        if trims {
            self.at += 2;
            self.skip();
        }
        self.at += 2;
        let item = self.item(Token::RightDelim);
        if trims {
            self.at += self.rest().len() - self.rest().trim_start_matches(SPACES).len();
            self.skip();
        }
        self.inside_action = false;
        item
    }

    fn inside_action(&mut self) -> Lexed {
        if self.right_delim().is_some() {
            if self.parens > 0 {
                return Err("unclosed left paren".to_owned());
            }
            return Ok(self.close());
        }
        let Some(character) = self.peek() else { return Err("unclosed action".to_owned()) };
        if is_space(character) {
            return Ok(self.space());
        }
        self.bump();
        match character {
            '=' => Ok(self.item(Token::Assign)),
            ':' if self.bump() == Some('=') => Ok(self.item(Token::Declare)),
            ':' => Err("expected :=".to_owned()),
            '|' => Ok(self.item(Token::Pipe)),
            '"' => self.quoted('"', Token::Str, "unterminated quoted string"),
            '\'' => self.quoted('\'', Token::CharConstant, "unterminated character constant"),
            '`' => self.raw(),
            '$' => self.field_or_variable(Token::Variable),
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) && self.at < self.input.len() => {
                self.field_or_variable(Token::Field)
            }
            '.' | '+' | '-' | '0'..='9' => self.number(),
            '(' => {
                self.parens += 1;
                Ok(self.item(Token::LeftParen))
            }
            ')' => {
                self.parens = self.parens.checked_sub(1).ok_or("unexpected right paren")?;
                Ok(self.item(Token::RightParen))
            }
            _ if is_alphanumeric(character) => self.identifier(),
            '!'..='~' => Ok(self.item(Token::Char)),
            _ => Err(format!("unrecognized character in action: {}", describe(Some(character)))),
        }
    }

    fn space(&mut self) -> Item {
        let length = self.rest().len() - self.rest().trim_start_matches(SPACES).len();
        let last = &self.input[self.at + length - 1..];
        if has_right_trim(last) && last[2..].starts_with("}}") {
            if length == 1 {
                return self.close();
            }
            self.at += length - 1;
        } else {
            self.at += length;
        }
        self.item(Token::Space)
    }

    fn identifier(&mut self) -> Lexed {
        while self.peek().is_some_and(is_alphanumeric) {
            self.bump();
        }
        self.check_terminator()?;
        let token = match &self.input[self.start..self.at] {
            "block" => Token::Block,
            "break" => Token::Break,
            "continue" => Token::Continue,
            "define" => Token::Define,
            "else" => Token::Else,
            "end" => Token::End,
            "if" => Token::If,
            "range" => Token::Range,
            "nil" => Token::Nil,
            "template" => Token::Template,
            "with" => Token::With,
            "true" | "false" => Token::Bool,
            _ => Token::Identifier,
        };
        Ok(self.item(token))
    }

    fn field_or_variable(&mut self, token: Token) -> Lexed {
        if self.at_terminator() {
            return Ok(self.item(if token == Token::Variable { token } else { Token::Dot }));
        }
        while self.peek().is_some_and(is_alphanumeric) {
            self.bump();
        }
        self.check_terminator()?;
        Ok(self.item(token))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some('.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(character) => is_space(character) || self.rest().starts_with("}}"),
        }
    }

    fn check_terminator(&self) -> Result<(), String> {
        if self.at_terminator() { Ok(()) } else { Err(format!("bad character {}", describe(self.peek()))) }
    }

    fn quoted(&mut self, delimiter: char, token: Token, unterminated: &str) -> Lexed {
        loop {
            match self.bump() {
                None | Some('\n') => return Err(unterminated.to_owned()),
                Some('\\') if matches!(self.bump(), None | Some('\n')) => return Err(unterminated.to_owned()),
                Some(character) if character == delimiter => return Ok(self.item(token)),
                Some(_) => {}
            }
        }
    }

    fn raw(&mut self) -> Lexed {
        let length = self.rest().find('`').ok_or("unterminated raw quoted string")?;
        self.at += length + 1;
        Ok(self.item(Token::RawStr))
    }

    fn number(&mut self) -> Lexed {
        self.at = self.start;
        let mut scanned = self.scan_number();
        if scanned && matches!(self.peek(), Some('+' | '-')) {
            // Complex, as `1+2i`, without spaces.
            scanned = self.scan_number() && self.input[..self.at].ends_with('i');
        }
        if !scanned {
            return Err(format!("bad number syntax: {}", quote(&self.input.as_bytes()[self.start..self.at])));
        }
        Ok(self.item(Token::Number))
    }

    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = match digits.len() {
            11 => self.accept("eE"),
            23 => self.accept("pP"),
            _ => false,
        };
        if exponent {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.bump();
            return false;
        }
        true
    }
}

fn has_left_trim(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn has_right_trim(text: &str) -> bool {
    matches!(text.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}

/// Go's `%#U`.
fn describe(character: Option<char>) -> String {
    match character {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(character) if crate::quote::is_print(character) => {
            format!("U+{:04X} '{character}'", u32::from(character))
        }
        Some(character) => format!("U+{:04X}", u32::from(character)),
    }
}
