//! What the command prints.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this module is for")]

use std::io::Write as _;

/// A line of the answer. A reader that went away (`| head`) is no error.
pub(crate) fn line(text: &str) {
    let _gone = writeln!(std::io::stdout(), "{text}");
}

/// A remark beside the answer.
pub(crate) fn note(text: &str) {
    let _gone = writeln!(std::io::stderr(), "{text}");
}

/// How far something is, on the terminal's present line; empty clears that.
pub(crate) fn progress(text: &str) {
    let _gone = write!(std::io::stderr(), "\r\x1b[K{text}");
}

/// An error with its causes, once each.
pub(crate) fn error(error: &anyhow::Error) {
    let mut text = String::from("error: ");
    let mut last = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !last.contains(&cause) {
            if !last.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
            last = cause;
        }
    }
    note(&text);
}

/// Rows under a heading, in columns.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) {
    columns(heading, rows).iter().for_each(|row| line(row));
}

/// The lines of a table.
pub(crate) fn columns(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let aligned = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    let rows = rows.iter().map(|row| aligned(row.iter().map(String::as_str).collect()));
    std::iter::once(aligned(heading.to_vec())).chain(rows).collect()
}
