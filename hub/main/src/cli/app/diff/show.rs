//! Differences for people: unified, and once for all Applications that differ alike.

use super::super::offline::make::Subject;
use serde_json::{Value, json};
use shared_diff::{Change, Changes};
use shared_manifest::yaml;
use shared_model::AppKey;
use similar::TextDiff;
use std::collections::BTreeMap;

/// Names that are listed of a group; the rest is counted.
const NAMED: usize = 10;

/// What the two sides are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) left: String,
    pub(super) right: String,
}

/// An Application, compared.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    pub(super) application: AppKey,
    pub(super) cluster: String,
    /// What would change, or why that is not known.
    pub(super) found: Result<Changes, String>,
    /// What happens to the Application itself; may be empty.
    note: &'static str,
}

impl Compared {
    pub(super) fn of(subject: &Subject, found: Result<Changes, String>, note: &'static str) -> Self {
        Self { application: subject.key(), cluster: subject.cluster.clone(), found, note }
    }

    /// `web-eu-1 on eu-1`.
    pub(super) fn name(&self) -> String {
        let name = &self.application.name;
        if self.cluster.is_empty() { name.to_string() } else { format!("{name} on {}", self.cluster) }
    }

    /// Whether something would change.
    pub(super) fn differs(&self) -> bool {
        let Ok(found) = &self.found else { return false };
        !self.note.is_empty()
            || found.left_out > 0
            || found.changes.iter().any(|change| change.before.is_some() || change.after.is_some())
    }
}

/// The differences, those that are equal for many Applications once.
pub(super) fn text(compared: &[Compared], sides: &Sides, context: usize) -> Vec<String> {
    let mut groups: Vec<(Vec<String>, Vec<&Compared>)> = Vec::new();
    let mut known: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for one in compared {
        let Ok(found) = &one.found else { continue };
        let lines = lines(one, found, sides, context);
        if lines.is_empty() {
            continue;
        }
        match known.get(&lines) {
            Some(at) => groups[*at].1.push(one),
            None => {
                known.insert(lines.clone(), groups.len());
                groups.push((lines, vec![one]));
            }
        }
    }
    // What concerns most comes first.
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    let mut text = Vec::new();
    for (lines, members) in groups {
        if !text.is_empty() {
            text.push(String::new());
        }
        text.push(heading(&members));
        text.extend(lines);
    }
    text
}

/// `47 clusters: eu-1, eu-2, …`, or the Application where it is one.
fn heading(members: &[&Compared]) -> String {
    if let [one] = members {
        return format!("{}:", one.name());
    }
    let clusters: Vec<&str> = members.iter().map(|member| member.cluster.as_str()).collect();
    let distinct: std::collections::BTreeSet<&str> = clusters.iter().copied().collect();
    let by_cluster = distinct.len() == members.len() && !distinct.contains("");
    let (what, names): (&str, Vec<String>) = if by_cluster {
        ("clusters", clusters.into_iter().map(str::to_owned).collect())
    } else {
        ("applications", members.iter().map(|member| member.application.name.to_string()).collect())
    };
    let more = names.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} {what}: {}{rest}", names.len(), names[..names.len() - more].join(", "))
}

fn lines(one: &Compared, found: &Changes, sides: &Sides, context: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if !one.note.is_empty() {
        lines.push(format!("# {}", one.note));
    }
    for change in found.changes.iter().filter(|change| !change.unknown) {
        lines.extend(unified(change, sides, context));
    }
    if found.left_out > 0 {
        lines.push(format!("# {} more objects differ; that is more than one answer shows", found.left_out));
    }
    lines
}

fn unified(change: &Change, sides: &Sides, context: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if !change.note.is_empty() {
        lines.push(format!("# {}: {}", change.object, change.note));
    }
    let text = |object: &Option<Value>| object.as_ref().map(yaml::to_string).unwrap_or_default();
    let (before, after) = (text(&change.before), text(&change.after));
    if before == after {
        return lines;
    }
    let side = |object: &Option<Value>, side: &str| match object {
        Some(_) => format!("{} ({side})", change.object),
        None => "/dev/null".to_owned(),
    };
    lines.push(format!("--- {}", side(&change.before, &sides.left)));
    lines.push(format!("+++ {}", side(&change.after, &sides.right)));
    let diff = TextDiff::from_lines(&before, &after);
    let hunks = diff.unified_diff().context_radius(context).to_string();
    lines.extend(hunks.lines().map(str::to_owned));
    lines
}

/// Everything, for programs.
pub(super) fn json(compared: &[Compared]) -> String {
    let items: Vec<Value> = compared
        .iter()
        .map(|one| {
            let mut item = json!({"application": one.application, "cluster": one.cluster});
            match &one.found {
                Ok(found) => {
                    item["changes"] = json!(found.changes);
                    item["same"] = json!(found.same);
                    item["leftOut"] = json!(found.left_out);
                }
                Err(why) => item["error"] = json!(why),
            }
            if !one.note.is_empty() {
                item["note"] = json!(one.note);
            }
            item
        })
        .collect();
    serde_json::to_string_pretty(&items).expect("values have string keys only")
}

#[cfg(test)]
mod tests;
