//! PEM, as Go's `encoding/pem` writes it and reads its first block.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A block of `kind`.
pub(super) fn encode(kind: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {kind}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out.push_str(&format!("-----END {kind}-----\n"));
    out
}

/// The kind and content of the first block; headers in it are passed over.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    const BEGIN: &str = "-----BEGIN ";
    let mut rest = text;
    loop {
        let start = if rest.starts_with(BEGIN) { 0 } else { rest.find(&format!("\n{BEGIN}"))? + 1 };
        let after = &rest[start + BEGIN.len()..];
        rest = after;
        let Some((kind, body)) = after.split_once("-----").filter(|(kind, _)| !kind.contains('\n')) else {
            continue;
        };
        let Some((inside, _)) = body.split_once(&format!("-----END {kind}-----")) else { continue };
        let lines = inside.lines().skip_while(|line| line.trim().is_empty());
        let content: String = match inside.contains(": ") {
            true => lines.skip_while(|line| !line.trim().is_empty()).collect(),
            false => lines.collect(),
        };
        let content: String = content.split_whitespace().collect();
        if let Ok(der) = STANDARD.decode(content) {
            return Some((kind.to_owned(), der));
        }
    }
}
