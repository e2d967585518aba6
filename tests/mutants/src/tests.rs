//! The list holds to the sources.

use crate::{MUTANTS, parse, write};
use std::{collections::BTreeSet, fs, path::Path};

const README: &str = include_str!("../README.md");

#[test]
fn every_mutant_can_be_made() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/rollout/src");
    for mutant in MUTANTS {
        let text = fs::read_to_string(sources.join(mutant.file)).unwrap();
        let times = text.matches(mutant.text).count();
        assert_eq!(times, 1, "{}: `{}` is in {} {times} times", mutant.name, mutant.text, mutant.file);
        assert_ne!(mutant.text, mutant.instead, "{}", mutant.name);
    }
}

#[test]
fn every_rule_is_broken_and_every_mutant_has_a_name_of_its_own() {
    let rules: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.rule).collect();
    let named = [
        "BlastRadius",
        "Explained",
        "Halt",
        "HealAlways",
        "NeverBackwards",
        "Pause",
        "Pinned",
        "ProvenFirst",
        "Stable",
    ];
    assert_eq!(rules, named.into());
    let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
    assert!(names.len() == MUTANTS.len() && names.len() >= 25);
}

#[test]
fn the_readme_says_what_caught_each() {
    let results = parse(README);
    assert_eq!(write(README, &results), README, "cargo mutants-rollout --write");
    let survived: Vec<_> =
        results.iter().filter(|(_, by)| by.is_empty()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(survived, [""; 0], "nothing caught these");
}
