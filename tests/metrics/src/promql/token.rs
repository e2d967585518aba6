//! The words of an expression.

use std::fmt;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A number or a duration.
    Number(String),
    /// What was quoted.
    Text(String),
    /// A name, or an operator in letters.
    Word(String),
    /// Anything else.
    Sign(String),
}

impl Token {
    pub(super) fn is(&self, sign: &str) -> bool {
        matches!(self, Self::Word(word) | Self::Sign(word) if word == sign)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Number(text) | Self::Text(text) | Self::Word(text) | Self::Sign(text)) = self;
        f.write_str(text)
    }
}

const SIGNS: &[&str] = &[
    "=~", "!~", "==", "!=", ">=", "<=", "=", ">", "<", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}", "[",
    "]", ",", ":",
];

pub(super) fn tokens(expression: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '"' => {
                let end = rest[1..].find('"').ok_or("a quotation without an end")?;
                if rest[1..=end].contains('\\') {
                    return Err("escapes in texts are not read here".to_owned());
                }
                (Token::Text(rest[1..=end].to_owned()), end + 2)
            }
            '0'..='9' => {
                let length = length(rest, |letter| letter.is_ascii_alphanumeric() || letter == '.');
                (Token::Number(rest[..length].to_owned()), length)
            }
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let length = length(rest, |letter| letter.is_ascii_alphanumeric() || letter == '_');
                (Token::Word(rest[..length].to_owned()), length)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
                let sign = sign.ok_or_else(|| format!("`{first}` is no sign of PromQL"))?;
                (Token::Sign((*sign).to_owned()), sign.len())
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn length(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !inside(letter)).unwrap_or(text.len())
}
