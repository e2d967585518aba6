//! Go's RE2 syntax (`regexp/syntax`): checks a pattern as Go does, in the same order and with the same errors, and writes it for the
//! `regex` crate.
//!
//! What differs and is written otherwise: `\d`, `\w`, `\s` and `\b` are ASCII, a `[`, `&&` or `--` inside a class is itself, a `{` that
//! starts no repetition is itself, `\Q…\E` quotes, octal escapes, and two groups may have one name.

use std::fmt::Write as _;

use super::class;

/// The most that repetitions inside each other may multiply to.
const MAX_REPEAT: u64 = 1000;

/// A pattern that Go accepts.
#[derive(Debug)]
pub(super) struct Checked {
    /// For the `regex` crate. Groups have no names there.
    pub(super) translated: String,
    /// The names of the groups, from the first on.
    pub(super) names: Vec<String>,
}

/// What is wrong, and the part of the pattern that is.
type Fault = (&'static str, String);

/// One thing on the parser's stack.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// How often the repetitions in it repeat at most.
    Atom(u64),
    Open,
    Bar,
}

struct Parser<'p> {
    whole: &'p str,
    out: String,
    names: Vec<String>,
    stack: Vec<Entry>,
}

/// Checks and translates.
///
/// # Errors
/// In Go's words.
pub(super) fn check(pattern: &str) -> Result<Checked, String> {
    let mut parser = Parser {
        whole: pattern,
        out: String::with_capacity(pattern.len()),
        names: Vec::new(),
        stack: Vec::new(),
    };
    parser.run().map_err(|(reason, part)| format!("error parsing regexp: {reason}: `{part}`"))?;
    Ok(Checked { translated: parser.out, names: parser.names })
}

/// `before` without `after`, its end.
fn up_to<'p>(before: &'p str, after: &str) -> &'p str {
    &before[..before.len() - after.len()]
}

/// Writes a character as itself.
pub(super) fn literal(out: &mut String, character: char) {
    if character.is_ascii_alphanumeric() || !character.is_ascii() {
        out.push(character);
    } else {
        write!(out, "\\x{{{:x}}}", u32::from(character)).expect("writing to a String");
    }
}

impl<'p> Parser<'p> {
    fn run(&mut self) -> Result<(), Fault> {
        let mut rest = self.whole;
        let mut last_repeat = "";
        while let Some(first) = rest.chars().next() {
            let mut repeat = "";
            let before = rest;
            rest = match first {
                '(' if rest[1..].starts_with('?') => self.flags(rest)?,
                '(' => {
                    self.names.push(String::new());
                    self.open("(", &rest[1..])
                }
                '|' => {
                    self.join();
                    self.stack.push(Entry::Bar);
                    self.write("|", &rest[1..])
                }
                ')' => self.close(&rest[1..])?,
                '[' => {
                    let after = class::class(&mut self.out, rest)?;
                    self.atom(after)
                }
                '*' | '+' | '?' => {
                    repeat = before;
                    let most = if first == '?' { 1 } else { 0 };
                    self.repeat(before, &rest[1..], most, last_repeat)?
                }
                '{' => match repetition(rest) {
                    Some((Some((least, most)), after)) => {
                        repeat = before;
                        let heaviest = most.unwrap_or(least);
                        if heaviest > MAX_REPEAT
                            || least > MAX_REPEAT
                            || most.is_some_and(|most| least > most)
                        {
                            return Err(("invalid repeat count", up_to(before, after).to_owned()));
                        }
                        self.repeat(before, after, heaviest, last_repeat)?
                    }
                    Some((None, after)) => {
                        return Err(("invalid repeat count", up_to(before, after).to_owned()));
                    }
                    None => self.literal('{', &rest[1..]),
                },
                '\\' => self.escape(rest)?,
                '^' | '$' | '.' => {
                    let after = self.write(&rest[..1], &rest[1..]);
                    self.atom(after)
                }
                _ => self.literal(first, &rest[first.len_utf8()..]),
            };
            last_repeat = repeat;
        }
        self.join();
        if self.stack.iter().any(|entry| matches!(entry, Entry::Open)) {
            return Err(("missing closing )", self.whole.to_owned()));
        }
        Ok(())
    }

    fn write(&mut self, text: &str, after: &'p str) -> &'p str {
        self.out.push_str(text);
        after
    }

    fn atom(&mut self, after: &'p str) -> &'p str {
        self.stack.push(Entry::Atom(1));
        after
    }

    fn literal(&mut self, character: char, after: &'p str) -> &'p str {
        literal(&mut self.out, character);
        self.atom(after)
    }

    fn open(&mut self, text: &str, after: &'p str) -> &'p str {
        self.stack.push(Entry::Open);
        self.write(text, after)
    }

    /// The atoms on top become one.
    fn join(&mut self) {
        let mut heaviest = None;
        while let Some(Entry::Atom(weight)) = self.stack.last() {
            heaviest = Some(heaviest.unwrap_or(0).max(*weight));
            self.stack.pop();
        }
        self.stack.extend(heaviest.map(Entry::Atom));
    }

    fn close(&mut self, after: &'p str) -> Result<&'p str, Fault> {
        let mut heaviest = 1;
        loop {
            match self.stack.pop() {
                Some(Entry::Atom(weight)) => heaviest = heaviest.max(weight),
                Some(Entry::Bar) => {}
                Some(Entry::Open) => break,
                None => return Err(("unexpected )", self.whole.to_owned())),
            }
        }
        self.stack.push(Entry::Atom(heaviest));
        Ok(self.write(")", after))
    }

    fn repeat(
        &mut self,
        before: &'p str,
        mut after: &'p str,
        most: u64,
        last_repeat: &'p str,
    ) -> Result<&'p str, Fault> {
        after = after.strip_prefix('?').unwrap_or(after);
        if !last_repeat.is_empty() {
            return Err(("invalid nested repetition operator", up_to(last_repeat, after).to_owned()));
        }
        let operator = up_to(before, after);
        let Some(Entry::Atom(weight)) = self.stack.last_mut() else {
            return Err(("missing argument to repetition operator", operator.to_owned()));
        };
        if operator.starts_with('{') {
            *weight *= most;
            if *weight > MAX_REPEAT {
                return Err(("invalid repeat count", operator.to_owned()));
            }
        }
        Ok(self.write(operator, after))
    }

    /// `(?i)`, `(?:`, `(?P<name>`.
    fn flags(&mut self, text: &'p str) -> Result<&'p str, Fault> {
        let named = |prefix: &str| text.starts_with(prefix) && text.len() > prefix.len();
        if named("(?P<") || named("(?<") {
            let start = if named("(?P<") { 4 } else { 3 };
            let Some(end) = text.find('>') else { return Err(("invalid named capture", text.to_owned())) };
            let name = text.get(start..end).unwrap_or_default();
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(("invalid named capture", text[..=end].to_owned()));
            }
            self.names.push(name.to_owned());
            return Ok(self.open("(", &text[end + 1..]));
        }
        let mut rest = &text[2..];
        let (mut negated, mut saw_flag) = (false, false);
        while let Some(flag) = rest.chars().next() {
            rest = &rest[flag.len_utf8()..];
            match flag {
                'i' | 'm' | 's' | 'U' => saw_flag = true,
                '-' if !negated => (negated, saw_flag) = (true, false),
                ':' | ')' if !negated || saw_flag => {
                    let written = up_to(text, rest);
                    // The crate knows no empty group of flags.
                    let written = if written == "(?)" { "(?:)" } else { written };
                    if flag == ':' {
                        return Ok(self.open(written, rest));
                    }
                    return Ok(self.write(written, rest));
                }
                _ => break,
            }
        }
        Err(("invalid or unsupported Perl syntax", up_to(text, rest).to_owned()))
    }

    fn escape(&mut self, text: &'p str) -> Result<&'p str, Fault> {
        let after = text.get(2..).unwrap_or_default();
        match text.as_bytes().get(1) {
            Some(b'A') => {
                self.write("\\A", after);
                Ok(self.atom(after))
            }
            Some(b'z') => {
                self.write("\\z", after);
                Ok(self.atom(after))
            }
            Some(b'b') => {
                self.write("(?-u:\\b)", after);
                Ok(self.atom(after))
            }
            Some(b'B') => {
                self.write("(?-u:\\B)", after);
                Ok(self.atom(after))
            }
            Some(b'C') => Err(("invalid escape sequence", text[..2].to_owned())),
            Some(b'Q') => {
                let (quoted, after) = after.split_once("\\E").unwrap_or((after, ""));
                for character in quoted.chars() {
                    self.literal(character, after);
                }
                Ok(after)
            }
            _ => {
                if let Some(after) = class::unicode(&mut self.out, text)? {
                    return Ok(self.atom(after));
                }
                if let Some((class, after)) = class::perl(text) {
                    self.write(class, after);
                    return Ok(self.atom(after));
                }
                let (character, after) = class::escape(text)?;
                Ok(self.literal(character, after))
            }
        }
    }
}

/// Least and most; most is `None` when there is none.
type Bounds = (u64, Option<u64>);

/// `{2}`, `{2,}`, `{2,3}` and what follows; no bounds for numbers too large to read. `None` when it is no repetition.
fn repetition(text: &str) -> Option<(Option<Bounds>, &str)> {
    let (least, rest) = integer(text.strip_prefix('{')?)?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (most, rest) = integer(rest)?;
            (Some(most), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    let bounds = match (least, most) {
        (Some(least), None) => Some((least, None)),
        (Some(least), Some(Some(most))) => Some((least, Some(most))),
        _ => None,
    };
    Some((bounds, rest))
}

/// Digits without a leading zero; `None` inside when they are too many.
fn integer(text: &str) -> Option<(Option<u64>, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(count);
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().ok().filter(|number| *number < 1_000_000_000), rest))
}
