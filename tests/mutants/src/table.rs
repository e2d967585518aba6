//! The table of results in the README.

use crate::{MUTANTS, Mutant};
use std::collections::BTreeMap;

/// The table begins after this line.
const HEAD: &str = "| mutant | breaks | caught by |\n|---|---|---|\n";

/// Said of a mutant that was not made since it was written down.
const NOT_YET: &str = "not run yet";

/// What caught a mutant; empty when nothing did.
pub type Row = Vec<String>;

/// The results that the README tells, by mutant.
pub fn parse(readme: &str) -> BTreeMap<String, Row> {
    let table = readme.split_once(HEAD).map_or("", |(_, table)| table);
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (name, _, by) = (cells.next()?, cells.next()?, cells.next()?);
        let by: Row =
            by.split(", ").filter(|by| !by.is_empty()).map(|by| by.trim_matches('`').to_owned()).collect();
        (by != [NOT_YET]).then(|| (name.trim_matches('`').to_owned(), by))
    });
    rows.collect()
}

/// The README with these results.
pub fn write(readme: &str, results: &BTreeMap<String, Row>) -> String {
    let mut text = readme.split_once(HEAD).map_or(readme, |(before, _)| before).to_owned();
    text.push_str(HEAD);
    for Mutant { name, rule, .. } in MUTANTS {
        let by = results.get(*name).map(|by| by.iter().map(|by| format!("`{by}`")).collect::<Vec<_>>());
        let by = by.map_or_else(|| NOT_YET.to_owned(), |by| by.join(", "));
        text.push_str(&format!("| `{name}` | {rule} | {by} |\n"));
    }
    text
}
