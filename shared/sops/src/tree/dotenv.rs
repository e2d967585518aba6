//! `KEY=value` lines (sops `stores/dotenv`): line breaks within a value are written as `\n`.

use super::{Leaf, Node};

pub(super) fn read(text: &str) -> Result<Node, String> {
    let mut entries = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) =
            line.split_once('=').ok_or_else(|| format!("line {} is not of the form KEY=value", index + 1))?;
        entries.push((key.to_owned(), Leaf::text(value.replace("\\n", "\n"))));
    }
    Ok(Node::Map(entries))
}
