//! How a string may be written, judged by its characters.

/// The style a string is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What the characters of one string allow.
pub(super) struct Text<'a> {
    value: &'a str,
    /// Starts with, contains or ends in something that has a meaning in block context.
    indicators: bool,
    /// Characters that only an escape can carry, or a space before a line break.
    special: bool,
    /// A space right after a line break, or at either end, and the like.
    edges: bool,
    break_space: bool,
    trailing_space: bool,
    breaks: bool,
}

impl<'a> Text<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        let bytes = value.as_bytes();
        let ends_in = |break_or_space: fn(char) -> bool| value.ends_with(break_or_space);
        let starts_with = |break_or_space: fn(char) -> bool| value.starts_with(break_or_space);
        let pairs = || value.chars().zip(value.chars().skip(1));
        Self {
            value,
            indicators: has_indicators(bytes),
            special: value.chars().any(|c| !is_printable(c) || is_exotic_break(c))
                || pairs().any(|(a, b)| a == ' ' && is_break(b)),
            edges: starts_with(|c| c == ' ' || is_break(c)) || ends_in(|c| c == ' ' || is_break(c)),
            break_space: pairs().any(|(a, b)| is_break(a) && b == ' '),
            trailing_space: value.ends_with(' '),
            breaks: value.contains(is_break),
        }
    }

    /// The style go-yaml v2 chooses. `ambiguous`: written plain it would read as another type.
    pub(super) fn style(&self, ambiguous: bool, simple_key: bool) -> Style {
        if self.value.is_empty() || (simple_key && (self.breaks || self.value == "<<")) {
            return Style::DoubleQuoted;
        }
        if self.value.contains('\n') {
            return if self.special || self.trailing_space || simple_key {
                Style::DoubleQuoted
            } else {
                Style::Literal
            };
        }
        if ambiguous || self.special || self.break_space {
            return Style::DoubleQuoted;
        }
        if self.indicators || self.edges {
            return Style::SingleQuoted;
        }
        Style::Plain
    }
}

fn has_indicators(bytes: &[u8]) -> bool {
    if bytes.starts_with(b"---") || bytes.starts_with(b"...") {
        return true;
    }
    let blank_at = |at: usize| bytes.get(at).is_none_or(|b| matches!(b, b' ' | b'\t'));
    let first = match bytes.first() {
        Some(
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
            | b'@' | b'`',
        ) => true,
        Some(b'?' | b':' | b'-') => blank_at(1),
        _ => false,
    };
    first
        || bytes.iter().enumerate().skip(1).any(|(at, byte)| match byte {
            b':' => blank_at(at + 1),
            b'#' => matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r' | 0),
            _ => false,
        })
}

/// Line breaks of YAML 1.1.
pub(super) fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r') || is_exotic_break(char)
}

/// Line breaks in YAML 1.1 that are none in 1.2: readers differ, so they are written as escapes.
fn is_exotic_break(char: char) -> bool {
    matches!(char, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// go-yaml v2 takes nothing beyond U+FFFD for printable.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && char != '\u{feff}'
}

/// Whether a double-quoted string carries `char` as an escape.
pub(super) fn needs_escape(char: char) -> bool {
    !is_printable(char) || is_break(char) || matches!(char, '"' | '\\')
}

/// The escape of `char` in double quotes.
pub(super) fn escape(char: char) -> String {
    let short = match char {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(char);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
