//! One test for each rule: what it finds, and what it leaves alone.

mod keys;
mod more;
mod reach;

use super::*;
use crate::{ClusterInput, GitAnswer, GitRequest, Outcome, generate};
use expect_test::Expect;
use shared_manifest::yaml;
use std::sync::Arc;

/// Files of the repository that every test reads.
const FILES: &[(&str, &str)] = &[
    ("apps/api/a.yaml", "kind: ConfigMap"),
    ("apps/web/a.yaml", "kind: ConfigMap"),
    ("envs/dev.yaml", "name: dev\nregion: eu\n"),
    ("envs/prod.yaml", "name: prod\n"),
];

/// Two clusters, of which one has a team.
pub(super) fn fleet() -> Vec<ClusterInput> {
    let cluster = |name: &str, labels: &[(&str, &str)]| ClusterInput {
        name: name.to_owned(),
        server: format!("https://{name}.example.com"),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..ClusterInput::default()
    };
    vec![cluster("eu-1", &[("env", "prod"), ("team", "shop")]), cluster("us-1", &[("env", "dev")])]
}

/// A set in Go mode: its generators, what the template is, and further fields of `spec`.
pub(super) fn set(generators: &str, template: &str, more: &str) -> String {
    format!(
        "metadata: {{name: fleet, namespace: argocd}}\nspec:\n  goTemplate: true\n  generators: {generators}\n  template: {template}\n{more}"
    )
}

/// A template of this name, and otherwise as it should be.
pub(super) fn named(name: &str) -> String {
    format!(
        "{{metadata: {{name: '{name}'}}, spec: {{project: default, source: {{repoURL: 'https://git.example.com/a.git', path: a, targetRevision: v1.0.0}}, destination: {{server: 'https://eu-1.example.com', namespace: a}}}}}}"
    )
}

fn expanded(set: &Value, inputs: &mut Inputs) -> Expansion {
    loop {
        match generate(set, inputs) {
            Outcome::Done(expansion) => return expansion,
            Outcome::Needs(questions) => {
                for question in questions {
                    let answer = answer(&question);
                    inputs.git.insert(question, answer);
                }
            }
        }
    }
}

fn answer(question: &GitRequest) -> GitAnswer {
    match question {
        GitRequest::Directories { .. } => GitAnswer::Directories(Arc::new(
            ["apps", "apps/api", "apps/web", "envs"].map(str::to_owned).to_vec(),
        )),
        GitRequest::Paths { .. } => {
            GitAnswer::Paths(Arc::new(FILES.iter().map(|(path, _)| (*path).to_owned()).collect()))
        }
        GitRequest::File { path, .. } => {
            let file = FILES.iter().find(|(known, _)| known == path);
            file.map_or(GitAnswer::Failed("it is not there".to_owned()), |(_, text)| {
                GitAnswer::File((*text).into())
            })
        }
    }
}

/// Every finding about a set, with these clusters or without any, and this staging.
pub(super) fn found(set: &str, clusters: Option<Vec<ClusterInput>>, staging: &Staging) -> Vec<Finding> {
    let set = yaml::parse(set).expect("a test's set is YAML");
    let fleet = clusters.is_some();
    let clusters = clusters.unwrap_or_default().into_iter().map(Arc::new).collect();
    let mut inputs = Inputs { clusters, ..Inputs::default() };
    let expansion = expanded(&set, &mut inputs);
    lint(&set, &Known { inputs: &inputs, expansion: &expansion, fleet, staging })
}

fn told(findings: &[Finding], rule: Rule) -> String {
    let of_rule = findings.iter().filter(|finding| finding.rule == rule);
    of_rule.map(|finding| format!("{} {finding}\n", finding.severity)).collect()
}

/// What a rule says of a set, the two clusters known.
pub(super) fn check(rule: Rule, set: &str, expect: &Expect) {
    expect.assert_eq(&told(&found(set, Some(fleet()), &Staging::Immediate), rule));
}

/// That a rule says nothing of a set, with clusters or without.
pub(super) fn silent(rule: Rule, set: &str) {
    for clusters in [Some(fleet()), None] {
        let findings = found(set, clusters, &Staging::Immediate);
        assert_eq!(told(&findings, rule), "", "{set}");
    }
}
