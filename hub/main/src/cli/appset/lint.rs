//! `flotilla appset lint`: what in sets of files will not do what its author thinks.
//!
//! Exit codes: 0 nothing of weight, 1 findings, 2 it could not look.

use super::{
    given::{self, Bench},
    staging::{self, Fleet},
};
use crate::{
    args::{LintOptions, Output},
    cli::{
        app::{
            self,
            offline::{
                documents::{self, Document},
                expand::{self, Expanded},
            },
        },
        output,
    },
};
use anyhow::bail;
use serde_json::{Value, json};
use shared_generate::{
    Generated,
    lint::{Finding, Known, Rule, Severity},
};
use shared_model::Kind;
use std::process::ExitCode;

/// A finding in its file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    file: String,
    line: usize,
    severity: Severity,
    rule: Rule,
    /// Empty where the object could not be read.
    set: String,
    path: String,
    message: String,
    remedy: String,
}

pub(super) async fn run(options: LintOptions) -> ExitCode {
    if options.rules {
        rules();
        return ExitCode::SUCCESS;
    }
    match app::unless_interrupted(Box::pin(look(&options))).await {
        None => app::interrupted(),
        Some(Ok((found, sets))) => tell(found, sets, &options),
        Some(Err(error)) => {
            app::offline::progress("");
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn rules() {
    let rows = Rule::ALL
        .iter()
        .map(|rule| vec![rule.name().to_owned(), rule.severity().to_string(), rule.says().to_owned()]);
    output::table(&["RULE", "SEVERITY", "FINDS"], &rows.collect::<Vec<_>>());
}

fn tell(mut found: Vec<Found>, sets: usize, options: &LintOptions) -> ExitCode {
    found.retain(|one| !options.allow.contains(&one.rule));
    found.sort();
    found.dedup();
    match options.output {
        Output::Text => {
            let told = found.iter().filter(|one| options.info || one.severity != Severity::Info);
            told.for_each(|one| output::line(&text(one)));
        }
        Output::Json => {
            let all: Vec<Value> = found.iter().map(as_json).collect();
            output::line(&serde_json::to_string_pretty(&all).expect("values have string keys only"));
        }
    }
    let count = |severity| found.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let hidden = count(Severity::Info);
    let more = if hidden > 0 && !options.info && options.output == Output::Text {
        format!("; {hidden} more to know (--info)")
    } else {
        String::new()
    };
    output::note(&format!(
        "{errors} error{}, {warnings} warning{} in {sets} ApplicationSet{}{more}",
        s(errors),
        s(warnings),
        s(sets)
    ));
    if errors > 0 || (options.strict && warnings > 0) { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn text(one: &Found) -> String {
    let Found { file, line, severity, rule, path, message, remedy, .. } = one;
    let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let remedy = if remedy.is_empty() { String::new() } else { format!(": {remedy}") };
    format!("{file}:{line}: {severity} {rule}: {path}{message}{remedy}")
}

fn as_json(one: &Found) -> Value {
    json!({
        "file": one.file, "line": one.line, "severity": one.severity.as_str(), "rule": one.rule.name(),
        "set": one.set, "path": one.path, "message": one.message, "remedy": one.remedy,
    })
}

async fn look(options: &LintOptions) -> anyhow::Result<(Vec<Found>, usize)> {
    given::once(options.files.iter().chain(&options.inputs.clusters))?;
    let bench = Bench::new(&options.inputs)?;
    let read = documents::read(&options.files, &[Kind::ApplicationSet, Kind::RolloutPolicy])?;
    given::note_passed(&read.passed);
    let mut found: Vec<Found> = read.troubles.iter().map(trouble).collect();
    let (sets, policies): (Vec<Document>, Vec<Document>) =
        read.found.into_iter().partition(|document| document.kind == Kind::ApplicationSet);
    if sets.is_empty() && found.is_empty() {
        bail!("{}: there is no ApplicationSet in it", documents::listed(&options.files));
    }
    let policies: Vec<Value> = policies.into_iter().map(|policy| policy.object).collect();
    let clusters = given::clusters(options.inputs.clusters.as_deref())?;
    let inputs = given::inputs(&clusters)?;
    let fleet = options.inputs.clusters.as_ref().map(|_| Fleet::new(&clusters)).transpose()?;
    let mut all = Vec::new();
    if let Some(wrong) = sets.iter().find_map(|set| set.lines.wrong_comment()) {
        bail!("{wrong}");
    }
    for set in &sets {
        let revision = options.revision.as_deref();
        let expanded = expand::expanded(&set.object, &inputs, &bench.trees, revision).await?;
        let findings = one(set, &expanded, fleet.as_ref(), &policies)?;
        let findings = findings.into_iter().map(|finding| of_set(set, finding));
        found.extend(findings.filter(|one| !set.lines.is_meant(one.line, one.rule)));
        all.push(expanded);
    }
    found.extend(between(&sets, &all));
    Ok((found, sets.len()))
}

/// What is to be said of one set.
fn one(
    set: &Document,
    expanded: &Expanded,
    fleet: Option<&Fleet>,
    policies: &[Value],
) -> anyhow::Result<Vec<Finding>> {
    let plan = staging::plan(set, policies)?;
    let expansion = &expanded.expansion;
    let failed = !expansion.problems.is_empty() || !expansion.frozen.is_empty();
    let complete = !failed && (fleet.is_some() || !given::reads_clusters(&set.object));
    let applications: Option<Vec<Value>> =
        complete.then(|| expansion.applications.iter().map(Generated::object).collect());
    let applications = applications.as_ref().map(|all| all.iter());
    let staging = staging::staging(&plan, set, fleet, applications)?;
    let known = Known { inputs: &expanded.inputs, expansion, fleet: fleet.is_some(), staging: &staging };
    let mut findings = shared_generate::lint::lint(&set.object, &known);
    findings.extend(patched(set, expanded));
    Ok(findings)
}

/// What the hub would say against Applications that a patch made: the template itself is checked with the set.
fn patched(set: &Document, expanded: &Expanded) -> Option<Finding> {
    set.object["spec"]["templatePatch"].as_str()?;
    let made = expanded.expansion.applications.iter();
    let refusal = made.filter_map(|made| hub_api::refusal(Kind::Application, &made.object())).next()?;
    Some(Finding {
        path: "spec.templatePatch".to_owned(),
        severity: Severity::Error,
        rule: Rule::InvalidObject,
        message: refusal,
        remedy: String::new(),
    })
}

fn of_set(set: &Document, finding: Finding) -> Found {
    Found {
        file: set.lines.file.clone(),
        line: set.line_of(&finding.path, &finding.message),
        severity: finding.severity,
        rule: finding.rule,
        set: set.name().to_owned(),
        path: finding.path,
        message: finding.message,
        remedy: finding.remedy,
    }
}

fn trouble(trouble: &documents::Trouble) -> Found {
    Found {
        file: trouble.file.clone(),
        line: trouble.line,
        severity: trouble.rule.severity(),
        rule: trouble.rule,
        set: String::new(),
        path: String::new(),
        message: trouble.message.clone(),
        remedy: String::new(),
    }
}

/// Sets, and Applications of different sets, of one name.
fn between(sets: &[Document], expanded: &[Expanded]) -> Vec<Found> {
    let named = |set: &Document, path: &str, message: String| Found {
        file: set.lines.file.clone(),
        line: set.lines.line(path),
        severity: Severity::Error,
        rule: Rule::DuplicateName,
        set: set.name().to_owned(),
        path: path.to_owned(),
        message,
        remedy: "rename one of them".to_owned(),
    };
    let twice = given::twice(sets);
    let sets_twice = twice.iter().map(|(set, first)| {
        let message = format!("ApplicationSet {} is there already ({})", set.name(), first.place);
        named(set, "metadata.name", message)
    });
    let others = given::collisions(sets, expanded);
    // A set that is there twice gives everything twice.
    let others = others.into_iter().filter(|(set, _)| !twice.iter().any(|(one, _)| std::ptr::eq(*one, *set)));
    let applications = others.map(|(set, said)| named(set, "spec.template.metadata.name", said));
    sets_twice.chain(applications).collect()
}
