//! `flotilla app diff`: what an apply would change in clusters, or what two revisions differ in.
//!
//! Exit codes as `kubectl diff` has them: 0 no difference, 1 differences, 2 failed.

mod live;
mod show;

use super::{
    offline::{
        documents,
        make::{Made, Subject},
    },
    render::{Bench, capabilities, clusters, subjects},
};
use crate::{
    args::{Connection, DiffOptions, Differences, Range},
    cli::{client::Hub, output},
};
use anyhow::{Context as _, bail};
use serde_json::Value;
use shared_diff::{Change, Changes, Rules};
use shared_model::{Application, Kind};
use show::{Compared, Sides};
use std::{collections::BTreeMap, process::ExitCode};

pub(super) async fn run(connection: Connection, options: DiffOptions) -> ExitCode {
    let compared = super::unless_interrupted(Box::pin(compare(connection, &options))).await;
    match compared {
        None => super::interrupted(),
        Some(Ok((compared, sides))) => tell(&compared, &sides, &options),
        Some(Err(error)) => {
            super::offline::progress("");
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn tell(compared: &[Compared], sides: &Sides, options: &DiffOptions) -> ExitCode {
    match options.output {
        Differences::Text => {
            show::text(compared, sides, options.unified).iter().for_each(|line| output::line(line))
        }
        Differences::Json => output::line(&show::json(compared)),
    }
    let failed = compared.iter().filter_map(|compared| Some((compared, compared.found.as_ref().err()?)));
    let mut incomplete = false;
    for (compared, why) in failed {
        incomplete = true;
        output::note(&format!("error: {}: {why}", compared.name()));
    }
    for compared in compared {
        for change in compared.found.iter().flat_map(|found| &found.changes).filter(|change| change.unknown) {
            incomplete = true;
            output::note(&format!("error: {}: {}: {}", compared.name(), change.object, change.note));
        }
    }
    let differs = compared.iter().filter(|compared| compared.differs()).count();
    match (incomplete, differs) {
        (true, _) => ExitCode::from(2),
        (false, 0) => {
            let many = compared.len();
            output::note(&format!("no difference ({many} application{})", if many == 1 { "" } else { "s" }));
            ExitCode::SUCCESS
        }
        (false, _) => ExitCode::from(1),
    }
}

async fn compare(connection: Connection, options: &DiffOptions) -> anyhow::Result<(Vec<Compared>, Sides)> {
    let bench = Bench::new(&options.offline)?;
    if let Some(range) = &options.revisions {
        return revisions(connection, options, range, &bench).await;
    }
    let hub = Hub::connect(connection)?;
    let (subjects, _) = chosen(Some(&hub), options, &bench, options.revision.as_deref()).await?;
    let rendered =
        !options.files.is_empty() || !options.offline.repos.is_empty() || options.revision.is_some();
    let made = if rendered {
        let made = bench.maker.all(&subjects, options.revision.as_deref()).await?;
        warn(&subjects, &made);
        Some(made)
    } else {
        None
    };
    let right = match (&options.revision, rendered) {
        (Some(revision), _) => revision.clone(),
        (None, true) if !options.offline.repos.is_empty() => "local files".to_owned(),
        (None, true) => "target revision".to_owned(),
        (None, false) => "release".to_owned(),
    };
    let compared = live::compare(&hub, subjects, made).await;
    Ok((compared, Sides { left: "live".to_owned(), right }))
}

/// Two revisions, with no cluster.
async fn revisions(
    connection: Connection,
    options: &DiffOptions,
    range: &Range,
    bench: &Bench,
) -> anyhow::Result<(Vec<Compared>, Sides)> {
    if range.to.is_none() && options.offline.repos.is_empty() {
        bail!(
            "--revisions {}..: name the folder to compare with by --repo URL=DIR, or a second revision",
            range.from
        );
    }
    let hub = if options.files.is_empty() { Some(Hub::connect(connection)?) } else { None };
    let (before, set_moves) = chosen(hub.as_ref(), options, bench, Some(&range.from)).await?;
    let after = if set_moves {
        chosen(hub.as_ref(), options, bench, range.to.as_deref()).await?.0
    } else {
        before.clone()
    };
    let old =
        bench.maker.all(&before, Some(&range.from)).await.with_context(|| format!("at {}", range.from))?;
    let to = range.to.as_deref();
    let right = to.unwrap_or("local files").to_owned();
    let new = bench.maker.all(&after, to).await.with_context(|| format!("at {right}"))?;
    warn(&after, &new);
    let sides = Sides { left: range.from.clone(), right };
    Ok((paired((before, old), (after, new)), sides))
}

fn warn(subjects: &[Subject], made: &[Made]) {
    for (subject, made) in subjects.iter().zip(made) {
        made.warnings
            .iter()
            .for_each(|warning| output::note(&format!("warning: {}: {warning}", subject.key())));
    }
}

/// What is compared, and whether another revision may have other Applications: those of a file's set may come and go.
async fn chosen(
    hub: Option<&Hub>,
    options: &DiffOptions,
    bench: &Bench,
    revision: Option<&str>,
) -> anyhow::Result<(Vec<Subject>, bool)> {
    if !options.files.is_empty() {
        let documents = documents::applications(&options.files)?;
        let known = match (&options.offline.clusters, hub) {
            (Some(_), _) | (None, None) => clusters(&options.offline)?,
            (None, Some(hub)) => hub.list(Kind::Cluster, "", None).await?,
        };
        let subjects = subjects(&documents, &known, &options.offline, &bench.trees, revision).await?;
        let set_moves = documents.iter().any(|document| document.kind == Kind::ApplicationSet);
        return Ok((subjects, set_moves));
    }
    let hub = hub.context("a hub is needed for Applications that are in no file")?;
    let namespace = &options.namespace.namespace;
    let objects = match &options.set {
        Some(set) => of_set(hub, namespace, set).await?,
        None => {
            let mut objects = Vec::new();
            for name in &options.names {
                objects.push(hub.read(Kind::Application, namespace, name).await?);
            }
            objects
        }
    };
    let known = hub.list(Kind::Cluster, "", None).await?;
    let subject = |object: &Value| {
        let application = Application::from_value(object)?;
        let cluster =
            object.pointer("/status/cluster").and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = known.iter().find(|object| object["metadata"]["name"] == *cluster);
        let capabilities = capabilities(found, &options.offline);
        Ok(Subject { application, place: "of the hub".to_owned(), cluster, capabilities })
    };
    let subjects: anyhow::Result<Vec<Subject>> = objects.iter().map(subject).collect();
    Ok((subjects?, false))
}

/// The Applications that a set of the hub made.
async fn of_set(hub: &Hub, namespace: &str, set: &str) -> anyhow::Result<Vec<Value>> {
    let set = hub.read(Kind::ApplicationSet, namespace, set).await?;
    let uid = &set["metadata"]["uid"];
    let mut applications = hub.list(Kind::Application, namespace, None).await?;
    applications.retain(|application| {
        let owners = application.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        owners.into_iter().flatten().any(|owner| owner["kind"] == "ApplicationSet" && owner["uid"] == *uid)
    });
    if applications.is_empty() {
        bail!("ApplicationSet {} has no Application", set["metadata"]["name"].as_str().unwrap_or_default());
    }
    Ok(applications)
}

/// Applications before and after, by name: one that is on one side only comes or goes with all of its objects.
fn paired(before: (Vec<Subject>, Vec<Made>), after: (Vec<Subject>, Vec<Made>)) -> Vec<Compared> {
    let by_name = |(subjects, made): (Vec<Subject>, Vec<Made>)| -> BTreeMap<_, _> {
        subjects.into_iter().zip(made).map(|(subject, made)| (subject.key(), (subject, made))).collect()
    };
    let (mut before, after) = (by_name(before), by_name(after));
    let mut compared = Vec::new();
    for (key, (subject, new)) in after {
        let (old, note) = match before.remove(&key) {
            Some((_, old)) => (Some(old), ""),
            None => (None, "the Application is new"),
        };
        compared.push(Compared::of(&subject, Ok(bundles(old.as_ref(), Some(&new), &subject)), note));
    }
    for (subject, old) in before.into_values() {
        let note = "the Application goes";
        compared.push(Compared::of(&subject, Ok(bundles(Some(&old), None, &subject)), note));
    }
    compared.sort_by(|one, other| one.application.cmp(&other.application));
    compared
}

/// What differs between two bundles, masked.
fn bundles(old: Option<&Made>, new: Option<&Made>, subject: &Subject) -> Changes {
    let rules = Rules::new(&subject.application.spec.ignore_differences);
    let objects = |made: Option<&Made>| -> BTreeMap<_, Value> {
        let objects = made.into_iter().flat_map(|made| made.bundle.objects());
        objects.map(|object| (object.id(), object.value().clone())).collect()
    };
    let (old, new) = (objects(old), objects(new));
    let mut found = Changes::default();
    let ids: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for id in ids {
        match Change::of(id, old.get(id), new.get(id), &rules) {
            Some(change) => found.changes.push(change),
            None => found.same += 1,
        }
    }
    found
}
