//! Argo CD's globs: `*`, `**`, `?`, `[a-z]`, `[!a]`, `{a,b}` and `\`, with an optional separator that `*`, `?` and classes do not cross
//! (gobwas/glob).

/// How many plain patterns the braces of one may stand for.
const MAX_ALTERNATIVES: usize = 256;

/// What a rule says about a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// It holds.
    Yes,
    /// It does not hold.
    No,
    /// It is a deny pattern that holds: refused.
    Never,
    /// It is a deny pattern that cannot be read.
    Unreadable,
}

#[derive(Debug)]
enum Token {
    Char(char),
    Any,
    Star { crosses: bool },
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// What `rule`, with or without `!`, says about `text`. A deny pattern that does not hold says yes, as in Argo CD.
pub(crate) fn says(rule: &str, text: &str, separator: Option<char>) -> Says {
    match rule.strip_prefix('!') {
        Some(denied) => match matches(denied, text, separator) {
            Some(true) => Says::Never,
            Some(false) => Says::Yes,
            None => Says::Unreadable,
        },
        None if rule == "*" => Says::Yes,
        None => match matches(rule, text, separator) {
            Some(true) => Says::Yes,
            Some(false) | None => Says::No,
        },
    }
}

/// Whether `pattern` matches all of `text`; none when it cannot be read.
pub(crate) fn matches(pattern: &str, text: &str, separator: Option<char>) -> Option<bool> {
    if !pattern.contains(['*', '?', '[', '{', '\\']) {
        return Some(pattern == text);
    }
    if separator.is_none() && !pattern.contains(['?', '[', '{', '}', '\\']) {
        return Some(matches_stars(pattern, text));
    }
    let mut found = false;
    for alternative in expanded(&pattern.chars().collect::<Vec<_>>())? {
        found |= matches_tokens(&tokens(&alternative)?, text, separator);
    }
    Some(found)
}

/// As [`matches`] for patterns that have nothing but stars, which cross everything: asked for every member of a fleet.
fn matches_stars(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(found) = text.find(part) else { return false };
        text = &text[found + part.len()..];
    }
    text.ends_with(last)
}

/// The patterns that the braces of `pattern` stand for, without braces.
fn expanded(pattern: &[char]) -> Option<Vec<Vec<char>>> {
    let mut open: Vec<Vec<char>> = vec![pattern.to_vec()];
    let mut done = Vec::new();
    while let Some(pattern) = open.pop() {
        match first_braces(&pattern)? {
            None => done.push(pattern),
            Some((start, options, end)) => {
                let join = |option: &[char]| [&pattern[..start], option, &pattern[end..]].concat();
                open.extend(options.iter().map(|option| join(option)));
            }
        }
        if open.len() + done.len() > MAX_ALTERNATIVES {
            return None;
        }
    }
    Some(done)
}

/// The first brace group: where it starts, its options, and where it ends. None outside when the braces do not fit.
#[expect(clippy::type_complexity, reason = "three parts of one group, used in one place")]
fn first_braces(pattern: &[char]) -> Option<Option<(usize, Vec<Vec<char>>, usize)>> {
    let (mut depth, mut start, mut from) = (0_usize, 0, 0);
    let mut options = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            '{' => {
                if depth == 0 {
                    (start, from) = (at, at + 1);
                }
                depth += 1;
            }
            ',' if depth == 1 => {
                options.push(pattern[from..at].to_vec());
                from = at + 1;
            }
            '}' if depth == 1 => {
                options.push(pattern[from..at].to_vec());
                return Some(Some((start, options, at + 1)));
            }
            '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(None)
}

fn tokens(pattern: &[char]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = pattern.iter().copied().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '*' => {
                let mut crosses = false;
                while chars.next_if_eq(&'*').is_some() {
                    crosses = true;
                }
                Token::Star { crosses }
            }
            '?' => Token::Any,
            '\\' => Token::Char(chars.next()?),
            '[' => {
                let negated = chars.next_if_eq(&'!').is_some();
                let mut ranges = Vec::new();
                loop {
                    let low = match chars.next()? {
                        ']' if !ranges.is_empty() => break,
                        ']' => return None,
                        '\\' => chars.next()?,
                        other => other,
                    };
                    let high = if chars.next_if_eq(&'-').is_some() { chars.next()? } else { low };
                    if high < low || high == ']' {
                        return None;
                    }
                    ranges.push((low, high));
                }
                Token::Class { negated, ranges }
            }
            other => Token::Char(other),
        });
    }
    Some(tokens)
}

/// Follows every way through the pattern at once: `at[n]` says whether the text so far can end before token `n`.
fn matches_tokens(tokens: &[Token], text: &str, separator: Option<char>) -> bool {
    let skip_stars = |at: &mut Vec<bool>| {
        for (index, token) in tokens.iter().enumerate() {
            at[index + 1] |= at[index] && matches!(token, Token::Star { .. });
        }
    };
    let mut at = vec![false; tokens.len() + 1];
    at[0] = true;
    skip_stars(&mut at);
    for c in text.chars() {
        let bounded = separator == Some(c);
        let mut next = vec![false; tokens.len() + 1];
        for (index, token) in tokens.iter().enumerate().filter(|(index, _)| at[*index]) {
            match token {
                Token::Char(expected) => next[index + 1] |= *expected == c,
                Token::Any => next[index + 1] |= !bounded,
                Token::Star { crosses } => next[index] |= *crosses || !bounded,
                Token::Class { negated, ranges } => {
                    let within = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                    next[index + 1] |= !bounded && within != *negated;
                }
            }
        }
        skip_stars(&mut next);
        at = next;
    }
    at[tokens.len()]
}

#[cfg(test)]
mod tests;
