//! Values to YAML text, byte for byte as `sigs.k8s.io/yaml` marshals (go-yaml v2's emitter: 2 spaces, lists not indented under keys,
//! lines folded after column 80, keys in natural order).

mod order;
mod text;

use serde_json::{Map, Value};

use self::text::{Style, Text};
use super::{number, scalar};

/// The column after which a line is folded at its next space.
const WIDTH: usize = 80;
const INDENT: usize = 2;
/// Longer keys, in bytes, are written as `? key`.
const SIMPLE_KEY: usize = 128;

/// Writes `value` as one YAML document that ends in a line break. Nesting is recursed into: values from [`super::parse`] are bounded.
pub fn to_string(value: &Value) -> String {
    to_string_within(value, usize::MAX).unwrap_or_default()
}

/// The same, unless it has more than `most` bytes: indentation may make a text many times as long as its value's JSON. It may take
/// as much memory as the longest string of the value beyond that before it gives up.
#[must_use]
pub fn to_string_within(value: &Value, most: usize) -> Option<String> {
    let mut emitter = Emitter { out: String::new(), column: 0, blank: true, indention: true, most };
    emitter.node(value, None, Place::Item);
    emitter.start_line(0);
    (emitter.out.len() <= most).then_some(emitter.out)
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The root or an item of a list.
    Item,
    /// After a key, where a list is not indented further.
    Value,
}

/// Whether a long text may span lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// A key, or a short text.
    Never,
    Wide,
}

struct Emitter {
    out: String,
    /// In characters.
    column: usize,
    /// Whether the last thing written separates (a space, an indicator that needs none after it, a line's start).
    blank: bool,
    /// Whether only indentation and `-`, `?`, `:` stand in this line so far.
    indention: bool,
    /// How many bytes are wanted at most.
    most: usize,
}

impl Emitter {
    /// `indent` is the column of the collection around; `None` at the root.
    fn node(&mut self, value: &Value, indent: Option<usize>, place: Place) {
        match value {
            Value::Null => self.plain("null"),
            Value::Bool(true) => self.plain("true"),
            Value::Bool(false) => self.plain("false"),
            Value::Number(number) => self.plain(&number_text(number)),
            Value::String(text) => self.string(text, indent),
            Value::Array(items) if items.is_empty() => self.plain("[]"),
            Value::Object(map) if map.is_empty() => self.plain("{}"),
            Value::Array(items) => self.sequence(items, indent, place),
            Value::Object(map) => self.mapping(map, indent),
        }
    }

    fn sequence(&mut self, items: &[Value], indent: Option<usize>, place: Place) {
        let indent = match indent {
            None => 0,
            Some(indent) if place == Place::Value && !self.indention => indent,
            Some(indent) => indent + INDENT,
        };
        for item in items {
            if self.out.len() > self.most {
                return;
            }
            self.start_line(indent);
            self.indicator("-", true);
            self.node(item, Some(indent), Place::Item);
        }
    }

    fn mapping(&mut self, map: &Map<String, Value>, indent: Option<usize>) {
        let indent = indent.map_or(0, |indent| indent + INDENT);
        for (key, value) in order::sorted(map) {
            if self.out.len() > self.most {
                return;
            }
            self.start_line(indent);
            let text = Text::of(key);
            if key.len() <= SIMPLE_KEY && !text.breaks {
                self.text(key, &text, Some(indent), Fold::Never);
                self.out.push(':');
                self.column += 1;
                self.blank = false;
                self.indention = false;
            } else {
                self.indicator("?", true);
                self.text(key, &text, Some(indent), Fold::Wide);
                self.start_line(indent);
                self.indicator(":", true);
            }
            self.node(value, Some(indent), Place::Value);
        }
    }

    /// A fresh line at column `indent`, unless the cursor is in such a place already.
    fn start_line(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.blank) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.blank = true;
        self.indention = true;
    }

    fn indicator(&mut self, indicator: &str, keeps_indention: bool) {
        self.separate();
        self.out.push_str(indicator);
        self.column += indicator.len();
        self.blank = false;
        self.indention &= keeps_indention;
    }

    fn separate(&mut self) {
        if !self.blank {
            self.put(' ');
        }
    }

    fn put(&mut self, char: char) {
        self.out.push(char);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn plain(&mut self, text: &str) {
        self.separate();
        self.out.push_str(text);
        self.column += text.chars().count();
        self.end_scalar();
    }

    fn end_scalar(&mut self) {
        self.blank = false;
        self.indention = false;
    }

    fn string(&mut self, value: &str, indent: Option<usize>) {
        self.text(value, &Text::of(value), indent, Fold::Wide);
    }

    fn text(&mut self, value: &str, text: &Text, indent: Option<usize>, fold: Fold) {
        let indent = indent.map_or(INDENT, |indent| indent + INDENT);
        let merge = fold == Fold::Never && value == "<<";
        // No text without escapes that folds is as short as this.
        let short = self.column + text.characters < WIDTH;
        match text.style(scalar::reads_as_other(value), merge) {
            Style::Plain => {
                self.separate();
                if short || fold == Fold::Never {
                    self.out.push_str(value);
                    self.column += text.characters;
                } else {
                    self.folded(value, indent, false);
                }
                self.end_scalar();
            }
            Style::SingleQuoted => {
                let fold = if short { Fold::Never } else { fold };
                self.single_quoted(value, text, indent, fold);
            }
            Style::DoubleQuoted => self.double_quoted(value, indent, fold == Fold::Wide),
            Style::Literal => self.literal(value, indent),
        }
    }

    fn single_quoted(&mut self, value: &str, text: &Text, indent: usize, fold: Fold) {
        self.indicator("'", false);
        if text.breaks {
            self.broken(value, indent);
        } else if fold == Fold::Wide {
            self.folded(value, indent, true);
        } else {
            for char in value.chars() {
                self.quoted_char(char);
            }
        }
        self.put('\'');
        self.end_scalar();
    }

    fn quoted_char(&mut self, char: char) {
        if char == '\'' {
            self.put('\'');
        }
        self.put(char);
    }

    /// Text with the line breaks of YAML 1.1 that are none elsewhere. They stay; what follows is indented.
    fn broken(&mut self, value: &str, indent: usize) {
        let mut after_break = false;
        let mut after_space = false;
        for (at, char) in value.char_indices() {
            let next = value[at + char.len_utf8()..].chars().next();
            if text::is_break(char) {
                self.out.push(char);
                self.column = 0;
                self.indention = true;
                after_break = true;
            } else if char == ' ' {
                let inside = at > 0 && next.is_some_and(|next| next != ' ');
                if !after_space && self.column > WIDTH && inside {
                    self.start_line(indent);
                } else {
                    self.put(' ');
                }
                after_space = true;
            } else {
                if after_break {
                    self.start_line(indent);
                }
                self.quoted_char(char);
                self.indention = false;
                after_break = false;
                after_space = false;
            }
        }
    }

    /// A plain or single-quoted text without line breaks, folded at single spaces. `quoted` doubles quotes and never folds at an end.
    fn folded(&mut self, value: &str, indent: usize, quoted: bool) {
        let mut after_space = false;
        let mut chars = value.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            let before_space = matches!(chars.peek(), Some((_, ' ')));
            let inside = !quoted || (at > 0 && chars.peek().is_some());
            if char == ' ' && !after_space && self.column > WIDTH && inside && !before_space {
                self.start_line(indent);
            } else {
                if char == '\'' && quoted {
                    self.put('\'');
                }
                self.put(char);
                if char != ' ' {
                    self.indention = false;
                }
            }
            after_space = char == ' ';
        }
    }

    fn double_quoted(&mut self, value: &str, indent: usize, fold: bool) {
        self.indicator("\"", false);
        // go-yaml escapes every character of a text that starts with a byte order mark.
        let escape_all = value.starts_with('\u{feff}');
        let mut after_space = false;
        let mut chars = value.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            if escape_all || text::needs_escape(char) {
                let escaped = text::escape(char);
                self.column += escaped.len();
                self.out.push_str(&escaped);
                after_space = false;
            } else if char == ' '
                && fold
                && !after_space
                && self.column > WIDTH
                && at > 0
                && chars.peek().is_some()
            {
                self.start_line(indent);
                if matches!(chars.peek(), Some((_, ' '))) {
                    self.put('\\');
                }
                after_space = true;
            } else {
                self.put(char);
                after_space = char == ' ';
            }
        }
        self.put('"');
        self.end_scalar();
    }

    fn literal(&mut self, value: &str, indent: usize) {
        self.indicator("|", false);
        if value.starts_with(|char| char == ' ' || text::is_break(char)) {
            self.out.push(char::from(b'0' + u8::try_from(INDENT).expect("the indent is one digit")));
        }
        let body = value.strip_suffix(text::is_break);
        match body {
            None => self.out.push('-'),
            Some(body) if body.is_empty() || body.ends_with(text::is_break) => self.out.push('+'),
            Some(_) => {}
        }
        self.line_break();
        for line in value.split_inclusive(text::is_break) {
            if !line.starts_with(text::is_break) {
                self.column = 0;
                while self.column < indent {
                    self.put(' ');
                }
            }
            self.out.push_str(line);
            self.column += line.chars().count();
        }
        let ended = body.is_some();
        if ended {
            self.column = 0;
        }
        self.indention = ended;
        self.blank = true;
    }
}

/// A number as Go reads it from JSON and writes it again: integers as digits, floats in the shortest form.
fn number_text(number: &serde_json::Number) -> String {
    let number = super::json_number(number);
    match number.as_f64().filter(|_| number.is_f64()) {
        None => number.to_string(),
        Some(float) => number::format(float),
    }
}
