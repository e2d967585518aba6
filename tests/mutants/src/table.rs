//! The table of results in the README.

use crate::{MUTANTS, Mutant};
use std::collections::BTreeMap;

/// The table begins after this line.
const HEAD: &str = "| mutant | breaks | caught by |\n|---|---|---|\n";

/// What caught a mutant; empty when nothing did.
pub type Row = Vec<String>;

/// The results that the README tells, by mutant.
pub fn parse(readme: &str) -> BTreeMap<String, Row> {
    let table = readme.split_once(HEAD).map_or("", |(_, table)| table);
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (name, _, by) = (cells.next()?, cells.next()?, cells.next()?);
        let by = by.split(", ").filter(|by| !by.is_empty()).map(|by| by.trim_matches('`').to_owned());
        Some((name.trim_matches('`').to_owned(), by.collect()))
    });
    rows.collect()
}

/// The README with these results.
pub fn write(readme: &str, results: &BTreeMap<String, Row>) -> String {
    let mut text = readme.split_once(HEAD).map_or(readme, |(before, _)| before).to_owned();
    text.push_str(HEAD);
    for Mutant { name, rule, .. } in MUTANTS {
        let by = results.get(*name).map(|by| by.iter().map(|by| format!("`{by}`")).collect::<Vec<_>>());
        text.push_str(&format!("| `{name}` | {rule} | {} |\n", by.unwrap_or_default().join(", ")));
    }
    text
}
