//! Where a text is wrong, and how to mend it.

use std::fmt;

use super::scan::{Mark, Problem};

/// Why a text could not be read. Shown, it never quotes the text beyond a key or an indicator: the text may hold secrets.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// What is wrong and how to mend it.
    pub message: String,
    go: String,
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("line", &self.line)
            .field("column", &self.column)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

impl Error {
    /// What `sigs.k8s.io/yaml` says of the text, as `yaml: line 2: did not find expected key`: for places where its users know these words.
    /// Some of them quote a value from the text.
    #[must_use]
    pub fn go_text(&self) -> &str {
        &self.go
    }

    /// This error for its reader, and what go-yaml, which looks at the grammar of the whole document first, says of the text.
    pub(super) fn with_go_text_of(self, other: Self) -> Self {
        Self { go: other.go, ..self }
    }

    /// `go` is go-yaml's sentence, without its prefix.
    pub(super) fn new(at: Mark, message: impl Into<String>, go: &str) -> Self {
        Self::of(at, message, format!("yaml: {go}"))
    }

    /// `go` is the whole of what Go says.
    pub(super) fn of(at: Mark, message: impl Into<String>, go: String) -> Self {
        Self { line: at.line + 1, column: at.column + 1, message: message.into(), go }
    }

    /// A character that only an escape may carry, at this byte of `text`.
    pub(super) fn control_character(text: &str, at: usize) -> Self {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let code = text[at..].chars().next().map_or(0, u32::from);
        let mark = Mark {
            index: 0,
            line: before.matches('\n').count(),
            column: before[line_start..].chars().count(),
        };
        let message = format!(
            "the control character U+{code:04X} is not allowed: remove it, or write \"\\u{code:04X}\" in double quotes"
        );
        Self::new(mark, message, "control characters are not allowed")
    }

    /// A mapping or list where a key must stand: nearly always a template that was not rendered.
    pub(super) fn complex_key(at: Mark, text: &str, go: &str) -> Self {
        let here: String = line_of(text, at.line).chars().skip(at.column.saturating_sub(1)).take(3).collect();
        if here.contains("{{") || here.starts_with("{%") {
            return Self::new(
                at,
                "`{{` starts a mapping here: put the value in quotes, e.g. \"{{ name }}\", or render the template first",
                go,
            );
        }
        Self::new(at, "a mapping or list cannot be a key: put it in quotes to make it a string", go)
    }

    /// What the grammar refuses.
    pub(super) fn grammar(problem: &Problem, text: &str) -> Self {
        let at = problem.at;
        let go = match at.line {
            0 => problem.text.to_owned(),
            // go-yaml counts lines from 0 in the errors of its grammar, and from 1 in those of its scanner.
            line => format!("line {}: {}", line + usize::from(problem.scanning), problem.text),
        };
        let line = line_of(text, at.line);
        if line.trim_start().starts_with("{{") {
            let message =
                "the line is a template that was not rendered: render it first, or put it in quotes";
            return Self::new(at, message, &go);
        }
        let indent = line.chars().take_while(|char| char.is_whitespace());
        let tab = indent.take(at.column + 1).position(|char| char == '\t');
        let column = tab.or_else(|| problem.text.contains("tab").then_some(at.column));
        if let Some(column) = column.filter(|_| problem.text != END_IN_QUOTES) {
            let message = "a tab cannot indent YAML: replace tabs at the start of lines by spaces";
            return Self::new(Mark { column, ..at }, message, &go);
        }
        let quoted = matches!(problem.text, END_IN_QUOTES | DOCUMENT_IN_QUOTES)
            || line_of(text, problem.since.line).chars().nth(problem.since.column) == Some('"');
        let at = if quoted && problem.scanning { problem.since } else { at };
        Self::new(at, explain(problem.text, line, at), &go)
    }
}

const END_IN_QUOTES: &str = "found unexpected end of stream";
const DOCUMENT_IN_QUOTES: &str = "found unexpected document indicator";

/// The line with this number, from 0.
fn line_of(text: &str, line: usize) -> &str {
    text.lines().nth(line).unwrap_or_default()
}

fn explain(problem: &str, line: &str, at: Mark) -> String {
    let before: String = line.chars().take(at.column).collect();
    let remedy = match problem {
        END_IN_QUOTES => "a quote opened here is not closed: close it",
        DOCUMENT_IN_QUOTES => "`---` or `...` stands inside a quoted string: close the quote before it",
        "did not find expected key" | "did not find expected <document start>"
            if before.trim_end().ends_with(['"', '\'']) =>
        {
            "text follows the closing quote: quote the whole value, and write a quote inside as \\\" (or '' within single quotes)"
        }
        "did not find expected ',' or '}'" => {
            "a `{` is not closed or a comma is missing: close it with `}`, separate entries by `,`, and quote templates such as \"{{ name }}\""
        }
        "did not find expected ',' or ']'" => {
            "a `[` is not closed or a comma is missing: close it with `]`, separate items by `,`"
        }
        "mapping values are not allowed in this context" => {
            "a second `: ` stands in one line, or the line is indented too far: quote a value that contains `: `, and align keys of one mapping"
        }
        "could not find expected ':'" => {
            "a key without `:` after it: write `key: value`, and align keys of one mapping in one column"
        }
        "did not find expected key" => {
            "the indentation does not fit: align this line with the keys of the mapping it belongs to"
        }
        "did not find expected '-' indicator" => {
            "the indentation does not fit: start this line with `- ` in the column of the list it belongs to"
        }
        "block sequence entries are not allowed in this context" => {
            "a list cannot start here: put `- ` on a line of its own below the key"
        }
        "mapping keys are not allowed in this context" => {
            "a `?` cannot start a key here: quote a value that starts with `? `"
        }
        "did not find expected <document start>" => {
            "text follows the end of the value: indent it, or start another document with `---`"
        }
        "did not find expected comment or line break" => {
            "text follows where a line must end: move it to the next line"
        }
        "did not find expected alphabetic or numeric character" => {
            "`&` and `*` start the name of an anchor: quote a value that starts with them"
        }
        "found unknown escape character" => {
            "an escape that YAML does not know: write a backslash in double quotes as \\\\, or use single quotes"
        }
        "found invalid Unicode character escape code" | "did not find expected hexdecimal number" => {
            "the escape names no character: write a pair such as \\ud83d\\ude00 in full, or the character itself"
        }
        "did not find expected node content" => {
            "a value is expected here: quote it if it starts with a special character"
        }
        "found undefined tag handle" => {
            "`!` starts a tag that is not declared: quote a value that starts with `!`"
        }
        _ => {
            return match line.chars().nth(at.column) {
                Some(c @ ('@' | '`' | '%' | '|' | '>')) => {
                    format!("a value cannot start with `{c}`: put it in quotes")
                }
                Some(_) | None => format!("{problem}: correct the YAML here, or quote the value"),
            };
        }
    };
    remedy.to_owned()
}
