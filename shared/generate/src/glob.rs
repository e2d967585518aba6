//! The kinds of patterns of the git generator.
//!
//! Directories use Go's `path.Match`: `*`, `?` and classes stay within one path segment, `**` is `*`. Files use git's pathspecs, as
//! `git ls-files -- PATTERN` does: `*` and `?` cross `/`, and a pattern that names a directory matches everything below it. With Argo CD's
//! new globbing they use doublestar's: `*` stays within a segment, `**` as a whole segment is any number of them, `{a,b}` is either.

/// A pattern that is not well formed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadPattern;

#[derive(Debug)]
enum Token {
    Char(char),
    Any,
    Star,
    /// `**/`: any number of whole segments, also none; at the end of a pattern followed by a star that crosses segments.
    Segments,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Glob {
    /// Any of these; more than one only where the pattern has braces.
    alternatives: Vec<Vec<Token>>,
    crosses_slash: bool,
    /// What every match starts with.
    prefix: String,
    /// The pattern itself, when it also matches everything below it.
    directory: Option<String>,
}

/// How many alternatives the braces of a pattern may make.
const MAX_ALTERNATIVES: usize = 256;

impl Glob {
    /// A pattern for directories (Go's `path.Match`).
    pub(crate) fn directory(pattern: &str) -> Result<Self, BadPattern> {
        Ok(Self::of(vec![tokens(pattern, '^', false)?], false, None))
    }

    /// A pattern for files (git's pathspec). One that is not well formed matches nothing but its own text, as in git.
    pub(crate) fn pathspec(pattern: &str) -> Self {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        let literal = |BadPattern| pattern.chars().map(Token::Char).collect();
        let tokens = tokens(pattern, '!', false).unwrap_or_else(literal);
        Self::of(vec![tokens], true, Some(pattern.trim_end_matches('/').to_owned()))
    }

    /// A pattern for files as bmatcuk/doublestar reads it.
    pub(crate) fn doublestar(pattern: &str) -> Result<Self, BadPattern> {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern).trim_matches('/');
        let alternatives = braces(pattern)?;
        let compile = |pattern: &String| tokens(pattern, '!', true);
        Ok(Self::of(alternatives.iter().map(compile).collect::<Result<_, _>>()?, false, None))
    }

    fn of(alternatives: Vec<Vec<Token>>, crosses_slash: bool, directory: Option<String>) -> Self {
        let literal = |tokens: &[Token]| -> String {
            let chars =
                tokens.iter().map_while(|token| if let Token::Char(c) = token { Some(*c) } else { None });
            chars.collect()
        };
        let mut prefix = alternatives.first().map(|tokens| literal(tokens)).unwrap_or_default();
        for tokens in alternatives.iter().skip(1) {
            let other = literal(tokens);
            let common = prefix.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
            prefix.truncate(common.map_or(prefix.len().min(other.len()), |((at, _), _)| at));
        }
        if let Some(directory) = &directory {
            let same = prefix.char_indices().zip(directory.chars()).take_while(|((_, a), b)| a == b);
            let len = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
            prefix.truncate(len);
        }
        Self { alternatives, crosses_slash, prefix, directory }
    }

    /// What everything that it matches starts with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let below = |directory: &String| {
            // Git takes a pattern for a plain name first: `[odd]` is one.
            path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.directory.as_ref().is_some_and(below)
            || self.alternatives.iter().any(|tokens| self.matches_all(tokens, path))
    }

    /// Tries the text token by token; on a mismatch the last star takes one more character, or the last `**` one more segment.
    fn matches_all(&self, tokens: &[Token], text: &str) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        let mut segments: Option<(usize, usize)> = None;
        loop {
            let next = text[at..].chars().next();
            match (tokens.get(token), next) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    star = Some((token, at));
                    token += 1;
                    continue;
                }
                (Some(Token::Segments), _) => {
                    (star, segments) = (None, Some((token, at)));
                    token += 1;
                    continue;
                }
                (Some(one), Some(c)) if self.takes(one, c) => {
                    (token, at) = (token + 1, at + c.len_utf8());
                    continue;
                }
                _ => {}
            }
            if let Some((from, taken)) = star
                && let Some(c) = text[taken..].chars().next()
                && (self.crosses_slash || c != '/')
            {
                let taken = taken + c.len_utf8();
                star = Some((from, taken));
                (token, at) = (from + 1, taken);
                continue;
            }
            let Some((from, taken)) = segments else { return false };
            let Some(end) = text[taken..].find('/') else { return false };
            let taken = taken + end + 1;
            (star, segments) = (None, Some((from, taken)));
            (token, at) = (from + 1, taken);
        }
    }

    fn takes(&self, token: &Token, c: char) -> bool {
        let slash = c == '/' && !self.crosses_slash;
        match token {
            Token::Char(expected) => *expected == c,
            Token::Any => !slash,
            Token::Star | Token::Segments => false,
            Token::Class { negated, ranges } => {
                !slash && ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// The patterns that a pattern with braces stands for.
fn braces(pattern: &str) -> Result<Vec<String>, BadPattern> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        let Some((from, commas, to)) = first_braces(&pattern)? else {
            done.push(pattern);
            continue;
        };
        let ends = commas.iter().copied().chain([to]);
        let starts = [from].into_iter().chain(commas.iter().copied());
        for (start, end) in starts.zip(ends) {
            open.push(format!("{}{}{}", &pattern[..from], &pattern[start + 1..end], &pattern[to + 1..]));
        }
        if open.len() + done.len() > MAX_ALTERNATIVES {
            return Err(BadPattern);
        }
    }
    Ok(done)
}

/// Where the first braces open, their commas, and where they close.
fn first_braces(pattern: &str) -> Result<Option<(usize, Vec<usize>, usize)>, BadPattern> {
    let (mut from, mut commas, mut depth) = (0, Vec::new(), 0);
    let mut chars = pattern.char_indices();
    let mut in_class = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next().ok_or(BadPattern)?),
            '[' if !in_class => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '{' => {
                depth += 1;
                if depth == 1 {
                    from = at;
                }
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth == 1 => return Ok(Some((from, commas, at))),
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 { Err(BadPattern) } else { Ok(None) }
}

fn tokens(pattern: &str, negation: char, has_segments: bool) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut is_start = true;
    while let Some(c) = chars.next() {
        let starts = std::mem::replace(&mut is_start, c == '/');
        let token = match c {
            '*' => {
                let mut stars = 1;
                while chars.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                match chars.peek() {
                    None if has_segments && starts && stars == 2 => tokens.push(Token::Segments),
                    Some('/') if has_segments && starts && stars == 2 => {
                        chars.next();
                        is_start = true;
                        tokens.push(Token::Segments);
                        continue;
                    }
                    _ => {}
                }
                Token::Star
            }
            '?' => Token::Any,
            '\\' => Token::Char(chars.next().ok_or(BadPattern)?),
            '[' => class(&mut chars, negation)?,
            other => Token::Char(other),
        };
        tokens.push(token);
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
