//! The comparison, for people and for programs.

use super::compared::{Compared, Row, WaveRow, What};
use crate::cli::output;
use serde_json::{Value, json};
use shared_manifest::yaml;
use similar::TextDiff;
use std::collections::BTreeSet;

/// Names that are listed of a group; the rest is counted.
const NAMED: usize = 10;
/// Applications that are listed of those that come, go or move; the rest is counted.
const LISTED: usize = 40;

pub(super) fn text(compared: &[Compared], context: usize) -> Vec<String> {
    let mut text = Vec::new();
    for one in compared.iter().filter(|one| one.differs()) {
        if !text.is_empty() {
            text.push(String::new());
        }
        text.extend(set(one, context));
    }
    text
}

fn set(one: &Compared, context: usize) -> Vec<String> {
    let mut counts: Vec<String> = [What::Added, What::Changed, What::Removed]
        .iter()
        .map(|what| format!("{} {}", one.count(*what), what.word()))
        .collect();
    if one.count(What::Moved) > 0 {
        counts.push(format!("{} in another wave", one.count(What::Moved)));
    }
    let mut lines = vec![format!("ApplicationSet {}: {}, {} equal", one.set, counts.join(", "), one.equal)];
    for (what, sign) in [(What::Added, '+'), (What::Removed, '-'), (What::Moved, '~')] {
        let rows: Vec<&Row> = one.rows.iter().filter(|row| row.what == what).collect();
        lines.extend(rows.iter().take(LISTED).map(|row| format!("{sign} {}", named(row))));
        let more = rows.len().saturating_sub(LISTED);
        lines.extend((more > 0).then(|| format!("{sign} and {more} more (-o json has all)")));
    }
    for (members, hunks) in alike(one, context) {
        lines.push(heading(&members));
        lines.extend(hunks);
    }
    if one.rows.iter().any(|row| row.what != What::Moved) {
        lines.push(String::new());
        lines.push(radius(one));
        let rows: Vec<Vec<String>> = one.waves.iter().map(wave).collect();
        let heading = ["WAVE", "CLUSTERS", "ADDED", "CHANGED", "REMOVED", "WHICH"];
        lines.extend(output::columns(&heading, &rows).into_iter().map(|row| format!("  {row}")));
    }
    lines
}

fn named(row: &Row) -> String {
    let wave = row.wave.as_ref().map(|wave| format!(", wave {wave}")).unwrap_or_default();
    let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
    format!("{} on {}{wave}{note}", row.application.name, row.cluster)
}

/// Changes that are equal for many Applications once, what concerns most first.
fn alike(one: &Compared, context: usize) -> Vec<(Vec<&Row>, Vec<String>)> {
    let mut groups: Vec<(Vec<&Row>, Vec<String>)> = Vec::new();
    for row in one.rows.iter().filter(|row| row.what == What::Changed) {
        let hunks = hunks(one, row, context);
        match groups.iter_mut().find(|(_, known)| *known == hunks) {
            Some((members, _)) => members.push(row),
            None => groups.push((vec![row], hunks)),
        }
    }
    groups.sort_by_key(|(members, _)| std::cmp::Reverse(members.len()));
    groups
}

fn hunks(one: &Compared, row: &Row, context: usize) -> Vec<String> {
    let text = |value: &Option<Value>| value.as_ref().map(yaml::to_string).unwrap_or_default();
    let (before, after) = (text(&row.before), text(&row.after));
    let diff = TextDiff::from_lines(&before, &after);
    let hunks = diff.unified_diff().context_radius(context).to_string();
    let (left, right) = &one.sides;
    let sides = [format!("--- Application ({left})"), format!("+++ Application ({right})")];
    sides.into_iter().chain(hunks.lines().map(str::to_owned)).collect()
}

fn heading(members: &[&Row]) -> String {
    if let [row] = members {
        return format!("! {}", named(row));
    }
    let names: Vec<String> = members.iter().map(|row| row.application.name.to_string()).collect();
    format!("! {} applications: {}", names.len(), listed(&names))
}

fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", names[..names.len() - more].join(", "))
}

fn radius(one: &Compared) -> String {
    let touched = one.rows.iter().filter(|row| row.what != What::Moved);
    let clusters: BTreeSet<_> = touched.clone().map(|row| &row.cluster).collect();
    let of = if one.clusters > 0 { format!(" of {}", one.clusters) } else { String::new() };
    let s = if clusters.len() == 1 && of.is_empty() { "" } else { "s" };
    format!(
        "Blast radius: {} of {} applications, {}{of} cluster{s}",
        touched.count(),
        one.applications,
        clusters.len()
    )
}

fn wave(wave: &WaveRow) -> Vec<String> {
    let names: Vec<String> = wave.clusters.iter().map(ToString::to_string).collect();
    let count = names.len().to_string();
    vec![
        wave.name.clone(),
        // What goes may be on clusters that are no longer in the wave.
        if wave.of >= names.len() { format!("{count} of {}", wave.of) } else { count },
        wave.added.to_string(),
        wave.changed.to_string(),
        wave.removed.to_string(),
        listed(&names),
    ]
}

/// Everything, for programs.
pub(super) fn json(compared: &[Compared]) -> String {
    let row = |row: &Row| {
        json!({
            "change": row.what.word(), "application": row.application, "cluster": row.cluster, "wave": row.wave,
            "note": row.note, "before": row.before, "after": row.after,
        })
    };
    let wave = |wave: &WaveRow| {
        json!({
            "name": wave.name, "of": wave.of, "clusters": wave.clusters, "added": wave.added,
            "changed": wave.changed, "removed": wave.removed,
        })
    };
    let items: Vec<Value> = compared
        .iter()
        .map(|one| {
            json!({
                "set": one.set, "equal": one.equal, "notes": one.notes,
                "changes": one.rows.iter().map(row).collect::<Vec<_>>(),
                "waves": one.waves.iter().map(wave).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::to_string_pretty(&items).expect("values have string keys only")
}
