//! YAML with its keys in their order, scalars typed as sops types them (go-yaml v3 decoding into `interface{}`).
//!
//! Sops writes neither anchors nor tags, so a text with them is refused. Comments are no part of the MAC and are left out.

use super::{Leaf, MAX_DEPTH, MAX_NODES, Node, TOO_MUCH};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// A collection whose end is still to come.
enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

pub(super) fn read(text: &str) -> Result<Vec<Node>, String> {
    let (mut documents, mut open, mut nodes) = (Vec::new(), Vec::<Open>::new(), 0_usize);
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| format!("its YAML cannot be read at line {}", error.marker().line()))?;
        let line = span.start.line();
        let (node, key) = match event {
            Event::Scalar(value, style, 0, None) => {
                let node = if style == ScalarStyle::Plain { plain(&value) } else { Leaf::text(&*value) };
                (node, Some(value.into_owned()))
            }
            Event::SequenceStart(0, None) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(0, None) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let ended = open.pop().ok_or("a collection ends that did not begin")?;
                let node = match ended {
                    Open::List(items) => Node::List(items),
                    Open::Map(entries, _) => Node::Map(entries),
                };
                (node, None)
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(_) => {
                return Err(format!(
                    "line {line} has an anchor, an alias or a tag, which sops does not write"
                ));
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {
                continue;
            }
        };
        nodes += 1;
        if nodes > MAX_NODES || open.len() > MAX_DEPTH {
            return Err(TOO_MUCH.to_owned());
        }
        match open.last_mut() {
            None => documents.push(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, waiting)) => match waiting.take() {
                Some(name) => entries.push((name, node)),
                None => *waiting = Some(key.ok_or_else(|| format!("line {line} has a key that is no text"))?),
            },
        }
    }
    Ok(documents)
}

/// The meaning of a plain scalar. A moment is its text: sops writes it as it is in the MAC.
fn plain(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "true" | "True" | "TRUE" => return Leaf::boolean(true),
        "false" | "False" | "FALSE" => return Leaf::boolean(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Leaf::float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Leaf::float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Leaf::float(f64::NAN),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Leaf::text(text);
    }
    let bare = digits.replace('_', "");
    if let Some(whole) = integer(&bare) {
        let negative = text.starts_with('-');
        let value = if negative { -i128::from(whole) } else { i128::from(whole) };
        return Leaf::other(value.to_string());
    }
    match bare.parse::<f64>().ok().filter(|_| is_float(&bare)) {
        Some(value) => Leaf::float(if text.starts_with('-') { -value } else { value }),
        None => Leaf::text(text),
    }
}

/// As Go's `strconv.ParseUint` with base 0.
fn integer(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0o") => (&lower[2..], 8),
        Some("0b") => (&lower[2..], 2),
        _ if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        _ => (&*lower, 10),
    };
    let valid = !digits.is_empty() && !digits.starts_with(['+', '-']);
    u64::from_str_radix(digits, radix).ok().filter(|_| valid)
}

/// `[0-9]*(\.[0-9]*)?([eE][-+]?[0-9]+)?` with a digit before the exponent.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (text, "0"),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
        && digits(exponent)
}
