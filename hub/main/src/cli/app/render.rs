//! `flotilla app render`: the manifests of Applications, with no hub.

use super::offline::{
    clusters,
    documents::{self, Document},
    expand::{expand, seen},
    make::{Made, Maker, Subject},
    places::Places,
    trees::Trees,
};
use crate::{
    args::{Manifests, Offline, RenderOptions},
    cli::output,
};
use anyhow::Context as _;
use hub_render::{Capabilities, Renderer, Settings};
use serde_json::{Value, json};
use shared_manifest::{Manifest, yaml};
use shared_model::{Application, Cluster, Kind};
use std::{process::ExitCode, sync::Arc};

/// What two commands need: files rendered without a hub.
pub(super) struct Bench {
    /// For mirrors and what tools are shown; goes with this.
    _scratch: tempfile::TempDir,
    pub(super) trees: Arc<Trees>,
    pub(super) maker: Maker,
}

impl Bench {
    pub(super) fn new(options: &Offline) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("flotilla-")
            .tempdir()
            .context("no temporary folder can be made")?;
        let trees = Arc::new(Trees::new(Places::new(&options.repos)?, scratch.path())?);
        let tooling = Some(options.tools.clone().tooling(scratch.path())?);
        let renderer = Renderer::new(hub_render::Config { tooling, ..hub_render::Config::new() });
        let words = options.kustomize_build_options.split_whitespace();
        let kustomize_options = words.map(str::to_owned).collect();
        let settings = Settings { kustomize_options, ..Settings::default() };
        let maker = Maker::new(Arc::clone(&trees), renderer, settings);
        Ok(Self { _scratch: scratch, trees, maker })
    }
}

pub(super) async fn run(options: RenderOptions) -> anyhow::Result<ExitCode> {
    let bench = Bench::new(&options.offline)?;
    let work = async {
        let documents = documents::applications(&options.files)?;
        let clusters = clusters(&options.offline)?;
        let subjects = subjects(&documents, &clusters, &options.offline, &bench.trees, None).await?;
        let made = bench.maker.all(&subjects, None).await?;
        anyhow::Ok((subjects, made))
    };
    let Some(done) = super::unless_interrupted(Box::pin(work)).await else { return Ok(super::interrupted()) };
    let (subjects, made) = done?;
    for (subject, made) in subjects.iter().zip(&made) {
        for warning in &made.warnings {
            output::note(&format!("warning: {}: {warning}", subject.key()));
        }
    }
    print(&subjects, &made, options.output)?;
    Ok(ExitCode::SUCCESS)
}

/// The Clusters of `--clusters`.
pub(super) fn clusters(options: &Offline) -> anyhow::Result<Vec<Value>> {
    options.clusters.as_deref().map_or_else(|| Ok(Vec::new()), clusters::clusters)
}

/// The Applications of documents, sets expanded over clusters, each with what its cluster can do.
pub(super) async fn subjects(
    documents: &[Document],
    clusters: &[Value],
    options: &Offline,
    trees: &Trees,
    revision: Option<&str>,
) -> anyhow::Result<Vec<Subject>> {
    let known: Vec<Cluster> = clusters.iter().map(Cluster::from_value).collect::<Result<_, _>>()?;
    let inputs: Vec<_> = known.iter().map(seen).collect();
    let mut subjects = Vec::new();
    for document in documents {
        if document.kind == Kind::Application {
            subjects.push(subject(&document.object, &document.place, clusters, &known, options)?);
            continue;
        }
        let (applications, notes) = expand(document, &inputs, trees, revision).await?;
        notes.iter().for_each(|note| output::note(&format!("note: {note}")));
        let place = format!("{}, ApplicationSet {}", document.place, document.name());
        for object in applications {
            subjects.push(subject(&object, &place, clusters, &known, options)?);
        }
    }
    Ok(subjects)
}

fn subject(
    object: &Value,
    place: &str,
    clusters: &[Value],
    known: &[Cluster],
    options: &Offline,
) -> anyhow::Result<Subject> {
    let application = Application::from_value(object).with_context(|| place.to_owned())?;
    let destination = &application.spec.destination;
    let is_it = |cluster: &&Cluster| {
        if destination.name.is_empty() {
            !destination.server.is_empty() && cluster.server() == destination.server
        } else {
            cluster.metadata.name == destination.name
        }
    };
    let found = known.iter().find(is_it).map(|cluster| cluster.metadata.name.as_str());
    let cluster = found.unwrap_or(&destination.name).to_owned();
    let object = clusters.iter().find(|object| object["metadata"]["name"] == *cluster);
    let capabilities = capabilities(object, options);
    Ok(Subject { application, place: place.to_owned(), cluster, capabilities })
}

/// What a cluster can do: as the command line says, else as its agent told last.
pub(super) fn capabilities(cluster: Option<&Value>, options: &Offline) -> Capabilities {
    let facts = cluster.map(|cluster| &cluster["status"]["facts"]);
    let told = facts.and_then(|facts| facts["kubernetesVersion"].as_str()).unwrap_or_default();
    let kube_version = options.kube_version.clone().unwrap_or_else(|| told.to_owned());
    let mut api_versions = options.api_versions.clone();
    if api_versions.is_empty() {
        let served = facts.and_then(|facts| facts["served"].as_object());
        for (version, kinds) in served.into_iter().flatten() {
            api_versions.push(version.clone());
            let kinds = kinds.as_array().into_iter().flatten().filter_map(Value::as_str);
            api_versions.extend(kinds.map(|kind| format!("{version}/{kind}")));
        }
    }
    api_versions.sort_unstable();
    api_versions.dedup();
    Capabilities { kube_version, api_versions: api_versions.into(), ..Capabilities::default() }
}

fn print(subjects: &[Subject], made: &[Made], form: Manifests) -> anyhow::Result<()> {
    let objects = || {
        subjects
            .iter()
            .zip(made)
            .flat_map(|(subject, made)| made.objects().map(move |(object, source)| (subject, object, source)))
    };
    match form {
        Manifests::Yaml => {
            for (subject, object, source) in objects() {
                let text = yaml::to_string(object.value());
                output::line(&format!("---\n# {}, from {source}\n{}", subject.key(), text.trim_end()));
            }
        }
        Manifests::Json => {
            let items: Vec<&Value> = objects().map(|(_, object, _)| object.value()).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
            output::line(&serde_json::to_string_pretty(&list)?);
        }
        Manifests::Name => objects().for_each(|(_, object, _)| output::line(&name(object))),
    }
    Ok(())
}

/// As kubectl names an object.
fn name(object: &Manifest) -> String {
    let kind = object.kind().to_lowercase();
    let name = object.generate_name().map_or_else(|| object.name().to_owned(), |prefix| format!("{prefix}*"));
    if object.group().is_empty() {
        format!("{kind}/{name}")
    } else {
        format!("{kind}.{}/{name}", object.group())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        offline: Offline,
    }

    #[test]
    fn what_a_cluster_can_do_is_what_it_told_unless_the_command_line_says_otherwise() {
        let cluster = json!({"status": {"facts": {"kubernetesVersion": "v1.34.3", "served": {"apps/v1": ["Deployment"], "v1": []}}}});
        let check = |line: &[&str], version: &str, served: &[&str]| {
            let line = Line::parse_from([&["x"], line].concat());
            let found = capabilities(Some(&cluster), &line.offline);
            assert_eq!(
                (found.kube_version.as_str(), &*found.api_versions),
                (version, &*served.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
            );
        };
        check(&[], "v1.34.3", &["apps/v1", "apps/v1/Deployment", "v1"]);
        check(&["--kube-version", "1.31", "--api-versions", "b/v1,a/v1"], "v1.31.0", &["a/v1", "b/v1"]);
    }
}
