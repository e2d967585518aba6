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
#[derive(Debug, Default)]
pub(super) struct Text {
    empty: bool,
    /// Starts with, contains or ends in something that has a meaning in block context.
    indicators: bool,
    /// Characters that only an escape can carry, or a space before a line break.
    special: bool,
    /// A space or a line break at either end.
    edges: bool,
    /// A space right after a line break.
    break_space: bool,
    trailing_space: bool,
    /// Any line break of YAML 1.1.
    pub(super) breaks: bool,
    line_feed: bool,
    pub(super) characters: usize,
}

impl Text {
    pub(super) fn of(value: &str) -> Self {
        let mut text = Self { empty: value.is_empty(), ..Self::default() };
        text.indicators =
            value.starts_with("---") || value.starts_with("...") || starts_with_indicator(value);
        let mut before = None;
        let mut chars = value.chars().peekable();
        while let Some(char) = chars.next() {
            text.characters += 1;
            match char {
                'a'..='z' | 'A'..='Z' | '0'..='9' => {}
                ' ' => {
                    text.edges |= before.is_none();
                    text.break_space |= before.is_some_and(is_break);
                    text.trailing_space = chars.peek().is_none();
                }
                ':' => {
                    text.indicators |=
                        chars.peek().is_none_or(|next| matches!(next, ' ' | '\t')) && before.is_some()
                }
                '#' => {
                    text.indicators |= matches!(
                        before,
                        Some(' ' | '\t' | '\n' | '\r' | '\0' | '\u{85}' | '\u{2028}' | '\u{2029}')
                    )
                }
                _ if is_break(char) => {
                    text.breaks = true;
                    text.line_feed |= char == '\n';
                    text.special |= before == Some(' ') || !is_printable(char);
                    text.edges |= before.is_none() || chars.peek().is_none();
                }
                _ => text.special |= !is_printable(char),
            }
            before = Some(char);
        }
        text.edges |= text.trailing_space;
        text
    }

    /// The style go-yaml v2 chooses. `ambiguous`: written plain it would read as another type. A key that reads as a merge is quoted, which
    /// go-yaml forgets.
    pub(super) fn style(&self, ambiguous: bool, merge: bool) -> Style {
        if self.empty || merge {
            return Style::DoubleQuoted;
        }
        if self.line_feed {
            return if self.special || self.trailing_space { Style::DoubleQuoted } else { Style::Literal };
        }
        if ambiguous || self.special || self.break_space {
            return Style::DoubleQuoted;
        }
        if self.indicators || self.edges || self.breaks {
            return Style::SingleQuoted;
        }
        Style::Plain
    }
}

fn starts_with_indicator(value: &str) -> bool {
    match value.as_bytes() {
        [
            b'#' | b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%'
            | b'@' | b'`',
            ..,
        ] => true,
        [b'?' | b':' | b'-', next, ..] => matches!(next, b' ' | b'\t'),
        [b'?' | b':' | b'-'] => true,
        _ => false,
    }
}

/// Line breaks of YAML 1.1.
pub(super) fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
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
