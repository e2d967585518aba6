//! Expressions and lists, held against scrapes.

use crate::{deployed::Asked, exposition::Family, promql};
use std::collections::{BTreeMap, BTreeSet};

/// Labels that Prometheus gives to everything it scrapes; the manifests' annotations and `job` come from its configuration.
const OF_TARGETS: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// What is shown: the samples by name, and of each label the values that were seen.
#[derive(Debug, Default)]
pub struct Shown(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Shown {
    /// Adds a scrape in the plain format, whose names are those that Prometheus stores.
    pub fn add(&mut self, families: &[Family]) {
        for sample in families.iter().flat_map(|family| &family.samples) {
            let labels = self.0.entry(sample.name.clone()).or_default();
            for (label, value) in &sample.labels {
                labels.entry(label.clone()).or_default().insert(value.clone());
            }
        }
    }

    /// Whether the label has that value anywhere: some metrics show a value only while there is something to show.
    fn knows(&self, label: &str, value: &str) -> bool {
        let mut all = self.0.values().filter_map(|labels| labels.get(label));
        all.any(|values| values.contains(value))
    }

    /// What an expression asks for and is not shown: sentences.
    pub fn lacks(&self, asked: &Asked) -> Vec<String> {
        let Asked { place, expression, labels } = asked;
        let selectors = match promql::selectors(expression) {
            Ok(selectors) => selectors,
            Err(why) => return vec![format!("{place}: {why}: {expression}")],
        };
        let mut faults = Vec::new();
        for selector in &selectors {
            // What Prometheus itself makes.
            if selector.metric == "up" {
                continue;
            }
            let Some(known) = self.0.get(&selector.metric) else {
                faults.push(format!("{place}: nobody shows {}", selector.metric));
                continue;
            };
            for (label, operator, value) in &selector.matchers {
                match known.get(label) {
                    None if !OF_TARGETS.contains(&label.as_str()) => {
                        faults.push(format!("{place}: {} has no label {label}", selector.metric));
                    }
                    Some(_) if operator == "=" && !self.knows(label, value) => {
                        faults.push(format!("{place}: {label} of {} is never {value}", selector.metric));
                    }
                    Some(_) if operator == "=~" => {
                        let never = value.split('|').filter(|value| !self.knows(label, value));
                        faults.extend(never.map(|value| {
                            format!("{place}: {label} of {} is never {value}", selector.metric)
                        }));
                    }
                    None | Some(_) => {}
                }
            }
        }
        let has = |label: &String| {
            let of = |selector: &promql::Selector| {
                selector.metric == "up"
                    || self.0.get(&selector.metric).is_some_and(|known| known.contains_key(label))
            };
            OF_TARGETS.contains(&label.as_str()) || selectors.iter().any(of)
        };
        let grouped = selectors.iter().flat_map(|selector| &selector.grouped);
        let missing: BTreeSet<&String> = labels.iter().chain(grouped).filter(|label| !has(label)).collect();
        faults.extend(missing.into_iter().map(|label| format!("{place}: nothing in it has a label {label}")));
        faults
    }
}

/// A row of the list: type, labels, what it is.
pub fn row(family: &Family) -> String {
    let labels: BTreeSet<&str> =
        family.samples.iter().flat_map(|sample| sample.labels.keys()).map(String::as_str).collect();
    let labels: Vec<String> =
        labels.into_iter().filter(|label| *label != "le").map(|label| format!("`{label}`")).collect();
    format!("{} | {} | {} |", family.kind, labels.join(", "), family.help.trim_end_matches('.'))
}

/// Where the list of metrics and what is shown differ: sentences, with the row that is right.
pub fn differ(listed: &BTreeMap<String, String>, families: &[Family]) -> Vec<String> {
    let shown: BTreeMap<String, String> =
        families.iter().map(|family| (family.name.clone(), row(family))).collect();
    let wrong = shown.iter().filter(|(name, row)| listed.get(*name) != Some(*row));
    let wrong = wrong.map(|(name, row)| format!("deploy/metrics.md lacks the row: | `{name}` | {row}"));
    let gone = listed.keys().filter(|name| !shown.contains_key(*name));
    wrong.chain(gone.map(|name| format!("deploy/metrics.md lists {name}, which is not shown"))).collect()
}

#[cfg(test)]
mod tests;
