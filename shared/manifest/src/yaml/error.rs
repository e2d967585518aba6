//! Where a text is wrong, and how to mend it.

use saphyr_parser::{Marker, ScanError};

/// Why a text could not be read. It never quotes the text beyond a key or an indicator: the text may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Error {
    pub(super) fn at(at: Marker, message: impl Into<String>) -> Self {
        Self { line: at.line().max(1), column: at.col() + 1, message: message.into() }
    }

    /// A character that only an escape may carry, at this byte of `text`.
    pub(super) fn control_character(text: &str, at: usize) -> Self {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let code = text[at..].chars().next().map_or(0, u32::from);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: format!(
                "the control character U+{code:04X} is not allowed: remove it, or write \"\\u{code:04X}\" in double quotes"
            ),
        }
    }

    /// A mapping or list where a key must stand: nearly always a template that was not rendered.
    pub(super) fn complex_key(at: Marker, text: &str) -> Self {
        let here: String =
            line_of(text, at.line()).chars().skip(at.col().saturating_sub(1)).take(3).collect();
        if here.contains("{{") || here.starts_with("{%") {
            return Self::at(
                at,
                "`{{` starts a mapping here: put the value in quotes, e.g. \"{{ name }}\", or render the template first",
            );
        }
        Self::at(at, "a mapping or list cannot be a key: put it in quotes to make it a string")
    }

    /// The parser's complaint, in our words where they help.
    pub(super) fn from_scan(error: &ScanError, text: &str) -> Self {
        let at = *error.marker();
        let info = error.info();
        let line = line_of(text, at.line());
        let indent = line.chars().take_while(|c| c.is_whitespace());
        if line.trim_start().starts_with("{{") {
            return Self::at(
                at,
                "the line is a template that was not rendered: render it first, or put it in quotes",
            );
        }
        let tab = indent.take(at.col() + 1).position(|c| c == '\t');
        if info.contains("tab") || (tab.is_some() && !info.contains("end of stream")) {
            let column = tab.unwrap_or(at.col()) + 1;
            let message = "a tab cannot indent YAML: replace tabs at the start of lines by spaces".to_owned();
            return Self { line: at.line(), column, message };
        }
        Self::at(at, explain(info, line, at))
    }
}

fn line_of(text: &str, line: usize) -> &str {
    text.lines().nth(line.saturating_sub(1)).unwrap_or_default()
}

fn explain(info: &str, line: &str, at: Marker) -> String {
    let remedy = match info {
        "while scanning a quoted scalar, found unexpected end of stream"
        | "invalid indentation in quoted scalar" => {
            "a quote opened here or before is not closed, or a line within it is not indented: close it, and indent the lines within"
        }
        "while scanning a quoted scalar, found unexpected document indicator" => {
            "`---` or `...` stands inside a quoted string: close the quote before it"
        }
        "invalid trailing content after double-quoted scalar" => {
            "text follows the closing quote: quote the whole value, and write a quote inside as \\\" (or '' within single quotes)"
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            "a `{` is not closed or a comma is missing: close it with `}`, separate entries by `,`, and quote templates such as \"{{ name }}\""
        }
        "while parsing a flow sequence, expected ',' or ']'" | "illegal placement of ':' indicator" => {
            "a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`"
        }
        "':' must be followed by a valid YAML whitespace" => "a tab follows `:`: write a space instead",
        "invalid indentation in flow construct" => {
            "a line within `{}` or `[]` is not indented: indent it further than the key it belongs to"
        }
        "misplaced bracket" => "a closing bracket has no opening one: remove it or quote the value",
        "mapping values are not allowed in this context" => {
            "a second `: ` stands in one line, or the line is indented too far: quote a value that contains `: `, and align keys of one mapping"
        }
        "simple key expect ':'" | "simple key expected" => {
            "a key without `:` after it: write `key: value`, and align keys of one mapping in one column"
        }
        "while parsing a block mapping, did not find expected key" | "invalid indentation" => {
            "the indentation does not fit: align this line with the keys of the mapping it belongs to"
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            "the indentation does not fit: start this line with `- ` in the column of the list it belongs to"
        }
        "block sequence entries are not allowed in this context" => {
            "a list cannot start here: put `- ` on a line of its own below the key"
        }
        "wrongly indented line in block scalar" => {
            "a line of the text block is indented less than its first line: indent all of them alike"
        }
        "while parsing node, found unknown anchor" => {
            "this alias names no anchor before it: define it with `&name` first, or quote the value"
        }
        "recursion limit exceeded" => "nested too deeply: flatten the document",
        "while parsing a quoted scalar, found unknown escape character" => {
            "an escape that YAML does not know: write a backslash in double quotes as \\\\, or use single quotes"
        }
        "while parsing a quoted scalar, found invalid Unicode character escape code" => {
            "the escape names no character: write a pair such as \\ud83d\\ude00 in full, or the character itself"
        }
        "while parsing a node, did not find expected node content" => {
            "a value is expected here: quote it if it starts with a special character"
        }
        "comment intercepting the multiline text" => {
            "a comment stands inside a text of several lines: move it, or write the text as a `|` block"
        }
        "found unprintable character" => {
            "a control character that YAML does not allow: write it as an escape in double quotes"
        }
        _ => {
            return match line.chars().nth(at.col()) {
                Some(c @ ('@' | '`' | '%')) => format!("a value cannot start with `{c}`: put it in quotes"),
                Some(_) | None => format!("{info}: correct the YAML here, or quote the value"),
            };
        }
    };
    remedy.to_owned()
}
