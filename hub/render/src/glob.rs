//! Argo CD's globs for `directory.include` and `directory.exclude` (gobwas/glob without separators):
//! `*` and `?` cross `/`, `[a-z]`, `{a,b}` alternatives.

use regex::Regex;

/// A glob that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

/// The glob as an anchored expression.
pub(crate) fn compile(glob: &str) -> Result<Regex, Invalid> {
    let mut pattern = String::from("^(?s:");
    let mut depth = 0_usize;
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '{' => {
                depth += 1;
                pattern.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                pattern.push(')');
            }
            ',' if depth > 0 => pattern.push('|'),
            '[' => {
                pattern.push('[');
                let mut first = true;
                loop {
                    match chars.next() {
                        Some('!') if first => pattern.push('^'),
                        Some(']') => break,
                        Some('\\') => pattern.push_str("\\\\"),
                        Some(other) => pattern.push(other),
                        None => return Err(Invalid(format!("`{glob}`: `[` is not closed"))),
                    }
                    first = false;
                }
                pattern.push(']');
            }
            '\\' => match chars.next() {
                Some(escaped) => pattern.push_str(&regex::escape(&escaped.to_string())),
                None => return Err(Invalid(format!("`{glob}` ends in the middle of an escape"))),
            },
            other => pattern.push_str(&regex::escape(&other.to_string())),
        }
    }
    if depth > 0 {
        return Err(Invalid(format!("`{glob}`: `{{` is not closed")));
    }
    pattern.push_str(")$");
    Regex::new(&pattern).map_err(|_| Invalid(format!("`{glob}` is not a glob")))
}
