//! The two kinds of patterns of the git generator.
//!
//! Directories use Go's `path.Match`: `*`, `?` and classes stay within one path segment, `**` is `*`. Files use git's pathspecs, as
//! `git ls-files -- PATTERN` does: `*` and `?` cross `/`, and a pattern that names a directory matches everything below it.

/// A pattern that is not well formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

#[derive(Debug)]
enum Token {
    Char(char),
    Any,
    Star,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Glob {
    tokens: Vec<Token>,
    crosses_slash: bool,
    /// The pattern itself, when it also matches everything below it.
    directory: Option<String>,
}

impl Glob {
    /// A pattern for directories (Go's `path.Match`).
    pub(crate) fn directory(pattern: &str) -> Result<Self, BadPattern> {
        Ok(Self { tokens: tokens(pattern, '^')?, crosses_slash: false, directory: None })
    }

    /// A pattern for files (git's pathspec). One that is not well formed matches nothing but its own text, as in git.
    pub(crate) fn pathspec(pattern: &str) -> Self {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let tokens =
            tokens(pattern, '!').unwrap_or_else(|BadPattern| pattern.chars().map(Token::Char).collect());
        Self { tokens, crosses_slash: true, directory: Some(pattern.trim_end_matches('/').to_owned()) }
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let below = |directory: &String| {
            path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        self.directory.as_ref().is_some_and(below) || self.matches_all(&path.chars().collect::<Vec<_>>())
    }

    /// Tries the text token by token; on a mismatch the last star takes one more character.
    fn matches_all(&self, text: &[char]) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.tokens.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    star = Some((token, at));
                    token += 1;
                    continue;
                }
                (Some(one), Some(c)) if self.takes(one, *c) => {
                    (token, at) = (token + 1, at + 1);
                    continue;
                }
                _ => {}
            }
            match star {
                Some((from, taken)) if text.get(taken).is_some_and(|c| self.crosses_slash || *c != '/') => {
                    star = Some((from, taken + 1));
                    (token, at) = (from + 1, taken + 1);
                }
                _ => return false,
            }
        }
    }

    fn takes(&self, token: &Token, c: char) -> bool {
        let slash = c == '/' && !self.crosses_slash;
        match token {
            Token::Char(expected) => *expected == c,
            Token::Any => !slash,
            Token::Star => false,
            Token::Class { negated, ranges } => {
                !slash && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn tokens(pattern: &str, negation: char) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => {
                while chars.next_if_eq(&'*').is_some() {}
                Token::Star
            }
            '?' => Token::Any,
            '\\' => Token::Char(chars.next().ok_or(BadPattern)?),
            '[' => class(&mut chars, negation)?,
            other => Token::Char(other),
        });
    }
    Ok(tokens)
}

/// What follows `[`, up to and with `]`. Go negates with `^`, git with `!` or `^`.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, negation: char) -> Result<Token, BadPattern> {
    let negated = chars.next_if(|c| *c == '^' || *c == negation).is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match chars.next().ok_or(BadPattern)? {
            ']' if !ranges.is_empty() => return Ok(Token::Class { negated, ranges }),
            ']' | '-' if negation == '^' => return Err(BadPattern),
            '\\' => chars.next().ok_or(BadPattern)?,
            other => other,
        };
        let mut high = low;
        if chars.next_if_eq(&'-').is_some() {
            high = match chars.next().ok_or(BadPattern)? {
                ']' if negation == '^' => return Err(BadPattern),
                ']' => {
                    ranges.extend([(low, low), ('-', '-')]);
                    return Ok(Token::Class { negated, ranges });
                }
                '\\' => chars.next().ok_or(BadPattern)?,
                other => other,
            };
        }
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests;
