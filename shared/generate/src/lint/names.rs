//! Generated names: invalid, too long, or there twice; and what else makes an Application invalid.

use super::{Finding, Look, Rule, Severity};
use crate::Rejected;
use serde_json::Value;
use std::collections::BTreeMap;

/// The most that a label's value may have: tracking by label copies the name there.
const LABEL: usize = 63;
/// The most that a Helm release's name may have; it is the Application's unless `releaseName` says otherwise.
const RELEASE: usize = 53;

/// How many of one kind are told each by itself.
const TOLD: usize = 3;

pub(super) fn check(look: &Look<'_>, found: &mut Vec<Finding>) {
    rejected(look, found);
    long(look, found);
}

fn rejected(look: &Look<'_>, found: &mut Vec<Finding>) {
    let typed = found.iter().any(|finding| finding.rule == Rule::WrongType);
    let mut alike: BTreeMap<(Rule, &str), Vec<&Rejected>> = BTreeMap::new();
    for rejected in &look.known.expansion.rejected {
        let problem = &rejected.problem;
        let rule = match problem.path.ends_with(".metadata.name") {
            true if problem.message.contains("duplicate name") => Rule::DuplicateName,
            true => Rule::InvalidName,
            // The type of the field is what is wrong, and has been said.
            false if typed => continue,
            false => Rule::InvalidApplication,
        };
        alike.entry((rule, &problem.path)).or_default().push(rejected);
    }
    for ((rule, path), all) in alike {
        for rejected in all.iter().take(TOLD) {
            let whose = match (rule, rejected.name.as_str()) {
                (Rule::InvalidApplication, name) if !name.is_empty() => format!("{name}: "),
                _ => String::new(),
            };
            let problem = &rejected.problem;
            found.push(Finding::new(rule, path, format!("{whose}{}", problem.message), &problem.remedy));
        }
        let more = all.len().saturating_sub(TOLD);
        if more > 0 {
            found.push(Finding::new(rule, path, format!("{more} more Applications are left out alike"), ""));
        }
    }
}

fn long(look: &Look<'_>, found: &mut Vec<Finding>) {
    let long: Vec<(&str, bool)> = look
        .known
        .expansion
        .applications
        .iter()
        .filter(|made| made.name.len() > if is_release(&made.object()) { RELEASE } else { LABEL })
        .map(|made| (made.name.as_str(), is_release(&made.object())))
        .collect();
    let Some((name, release)) = long.iter().max_by_key(|(name, _)| name.len()) else { return };
    let others =
        if long.len() > 1 { format!(", and {} more are too long", long.len() - 1) } else { String::new() };
    let finding = if *release {
        let message = format!(
            "`{name}` has {} characters, and helm takes names of releases of at most {RELEASE}{others}",
            name.len()
        );
        let remedy = "set source.helm.releaseName, or shorten the name, e.g. with trunc";
        Finding::new(Rule::LongName, "spec.template.metadata.name", message, remedy).milder(Severity::Error)
    } else {
        let message =
            format!("`{name}` has {} characters, and a label takes at most {LABEL}{others}", name.len());
        let remedy = "shorten it, e.g. with trunc: what copies the name into a label (tracking by label, label selectors) fails";
        Finding::new(Rule::LongName, "spec.template.metadata.name", message, remedy)
    };
    found.push(finding);
}

/// Whether the Application's name becomes that of a Helm release.
fn is_release(application: &Value) -> bool {
    let spec = &application["spec"];
    let listed = spec["sources"].as_array().into_iter().flatten();
    let mut sources = listed.chain(spec.get("source"));
    sources.any(|source| {
        let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        (text(&source["chart"]) || source["helm"].is_object()) && !text(&source["helm"]["releaseName"])
    })
}
