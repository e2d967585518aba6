//! The plain text of a whole file, for objects that hold files.
//!
//! YAML and dotenv keep their text, comments included, with each encrypted value replaced where it stands; JSON is written
//! anew, as sops does.

use crate::{
    Format, Why,
    cipher::{self, Kind},
    file::Opened,
    metadata,
    tree::Node,
};
use serde_json::Value;
use zeroize::Zeroizing;

/// Most comments that are tried to be read: each costs a try for every map of the file.
const MOST_COMMENTS: usize = 1000;

pub(crate) fn plain(
    opened: &Opened,
    format: Format,
    documents: &[Node],
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, Why> {
    let document = documents.first().unwrap_or(&Node::Null);
    match format {
        Format::Binary => {
            let data = document.get("data").and_then(Node::said).unwrap_or_default();
            let bytes =
                opened.value(data).map_or_else(|| data.as_bytes().to_vec(), |plain| plain.bytes().to_vec());
            Ok(Zeroizing::new(bytes))
        }
        Format::Json => {
            let mut out = Zeroizing::new(String::new());
            json(opened, document, 0, &mut out)?;
            Ok(Zeroizing::new(out.as_bytes().to_vec()))
        }
        Format::Yaml => replaced(opened, &without_block(text), |plain| {
            let value = plain.to_json()?;
            Some(Zeroizing::new(value.to_string()))
        }),
        Format::Dotenv => {
            let kept = text.split_inclusive('\n').filter(|line| !line.starts_with(metadata::PREFIX));
            let kept: String = kept.collect();
            replaced(opened, &kept, |plain| Some(Zeroizing::new(plain.as_str()?.replace('\n', "\\n"))))
        }
    }
}

/// The text with every encrypted value replaced by what `write` makes of it; comments by their text.
fn replaced(
    opened: &Opened,
    text: &str,
    write: impl Fn(&cipher::Plain) -> Option<Zeroizing<String>>,
) -> Result<Zeroizing<Vec<u8>>, Why> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let (mut at, mut comments) = (0, 0);
    for token in cipher::tokens(text) {
        let known = opened.value(&text[token.clone()]);
        out.extend_from_slice(&text.as_bytes()[at..token.start]);
        at = token.end;
        match known {
            Some(plain) if plain.kind == Kind::Comment => {
                // Sops makes an item of a comment within a list.
                if out.ends_with(b"- ") {
                    let item = out.len() - 2;
                    out.truncate(item);
                }
                out.push(b'#');
                out.extend_from_slice(plain.bytes());
            }
            Some(plain) => {
                let line = text[..token.start].matches('\n').count() + 1;
                let text = write(plain).ok_or_else(|| Why::NotText(format!("line {line}")))?;
                out.extend_from_slice(text.as_bytes());
            }
            None => {
                comments += 1;
                let comment =
                    (comments <= MOST_COMMENTS).then(|| opened.comment(&text[token.clone()])).flatten();
                out.extend_from_slice(comment.as_ref().map_or(&[], |comment| comment.bytes()));
            }
        }
    }
    out.extend_from_slice(&text.as_bytes()[at..]);
    Ok(out)
}

/// A YAML text without its blocks of metadata, which sops writes last, indented, in each document.
fn without_block(text: &str) -> String {
    let (mut kept, mut inside) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        let begins = line.trim_end() == "sops:";
        inside = begins || (inside && (line.starts_with(' ') || line.trim().is_empty()));
        if !inside {
            kept.push_str(line);
        }
    }
    kept
}

fn json(opened: &Opened, node: &Node, depth: usize, out: &mut String) -> Result<(), Why> {
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n('\t', depth));
    };
    match node {
        Node::Null => out.push_str("null"),
        Node::Leaf(leaf) => match opened.value(&leaf.said) {
            Some(plain) => {
                let value = plain.to_json().ok_or_else(|| Why::NotText("one of its keys".to_owned()))?;
                out.push_str(&Zeroizing::new(value.to_string()));
            }
            None if leaf.is_text => out.push_str(&Value::from(leaf.said.as_str()).to_string()),
            None => out.push_str(&leaf.said.to_lowercase()),
        },
        Node::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                json(opened, item, depth + 1, out)?;
            }
            if !items.is_empty() {
                line(out, depth);
            }
            out.push(']');
        }
        Node::Map(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                out.push_str(&format!("{}: ", Value::from(key.as_str())));
                json(opened, item, depth + 1, out)?;
            }
            if !entries.is_empty() {
                line(out, depth);
            }
            out.push('}');
        }
    }
    Ok(())
}
