//! One line of a scrape.

use super::Labels;

/// What a line is.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Help { name: &'a str, help: &'a str },
    Type { name: &'a str, kind: &'a str },
    Sample { name: &'a str, labels: Labels, rest: &'a str },
    End,
}

pub(super) fn line(text: &str) -> Result<Line<'_>, String> {
    if text == "# EOF" {
        return Ok(Line::End);
    }
    if let Some(comment) = text.strip_prefix("# ") {
        let mut words = comment.splitn(3, ' ');
        let (Some(word), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
            return Err("a comment that is neither HELP nor TYPE".to_owned());
        };
        if !is_name(name, true) {
            return Err(format!("`{name}` is no name"));
        }
        return match word {
            "HELP" => Ok(Line::Help { name, help: rest }),
            "TYPE" => Ok(Line::Type { name, kind: rest }),
            _ => Err("a comment that is neither HELP nor TYPE".to_owned()),
        };
    }
    let end = text.find(['{', ' ']).ok_or("no value")?;
    let name = &text[..end];
    if !is_name(name, true) {
        return Err(format!("`{name}` is no name"));
    }
    let (labels, rest) =
        if text[end..].starts_with('{') { labels_of(&text[end..])? } else { (Labels::new(), &text[end..]) };
    let rest = rest
        .strip_prefix(' ')
        .filter(|rest| !rest.starts_with(' '))
        .ok_or("one space goes before a value")?;
    Ok(Line::Sample { name, labels, rest })
}

/// Labels in braces, and what follows them.
pub(super) fn labels_of(text: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    let mut rest = text.strip_prefix('{').ok_or("labels begin with a brace")?;
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Ok((labels, rest));
        }
        if !labels.is_empty() {
            rest = rest.strip_prefix(',').ok_or("labels are parted by commas")?;
        }
        let (name, value) = rest.split_once("=\"").ok_or("a label without a value")?;
        if !is_name(name, false) {
            return Err(format!("`{name}` is no name of a label"));
        }
        let (value, after) = quoted(value)?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("label {name} twice"));
        }
        rest = after;
    }
}

/// What is quoted, and what follows the closing quote.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => return Err("an escape that is none".to_owned()),
            },
            letter => value.push(letter),
        }
    }
    Err("a quotation without an end".to_owned())
}

/// Whether it may name a metric, or a label.
fn is_name(text: &str, metric: bool) -> bool {
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_' || (metric && letter == ':');
    let mut letters = text.chars();
    letters.next().is_some_and(first) && letters.all(|letter| first(letter) || letter.is_ascii_digit())
}
