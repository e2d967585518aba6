//! Helm charts: what the tool is shown and told.
//!
//! Decides the arguments of `helm template` and the files that it may read, as Argo CD does (`util/helm`,
//! `reposerver/repository`), and fetches what the chart needs and its repository does not hold. The tool itself runs
//! elsewhere, without a network: whatever it needs is in its view.
//!
//! # The view
//! `chart/` is the chart and the tool's folder; `values/` are files of the source's repository, `references/NAME/` those of
//! the source with that `ref`, `web/` those from the web, `inline.yaml` what the source itself holds.
//!
//! # Invariants
//! - A file that no template can read is not shown, and what of the cluster no template can see is not told: sources that
//!   differ in nothing else share one rendering ([`mentions`]).
//! - Charts that are needed and not in `charts/` are added as `helm dependency build` would; `Chart.lock` binds.
//!
//! # Why
//! Whether a chart draws random numbers or asks for the time cannot be decided; that its templates say so can, and
//! then it is rendered twice.

pub(crate) mod archive;
mod arguments;
mod chart;
mod dependencies;
mod explain;
mod glob;
pub(crate) mod inflate;
mod lock;
mod mentions;
mod metadata;
mod pack;
mod values;

pub use chart::Memo;
pub use explain::explain;

use crate::{
    job::{Job, Tool, Work},
    request::{Failure, Request},
    tree::{Entry, Tree},
    view::View,
};
use arguments::Told;
use bytes::Bytes;
use chart::Chart;
use mentions::Mentions;
use shared_manifest::yaml;
use shared_model::Helm;
use std::sync::{Arc, LazyLock};

/// Where the chart is in the view.
const CHART: &str = "chart";
/// What the source itself holds of values, in the view.
const INLINE: &str = "inline.yaml";
/// The longest name of a release.
const LONGEST_NAME: usize = 53;
/// What names of releases are like.
const RELEASE_NAMES: &str =
    "at most 53 lower case letters, digits, `-` and `.`, with a letter or digit at both ends";
/// The longest single argument that the operating system takes, with some room.
const LONGEST_ARGUMENT: usize = 120 * 1024;
/// What a release is called whose name nothing can see.
const UNSEEN: &str = "release";

/// What the tool is shown beside the chart.
#[derive(Debug, Default)]
struct Shown {
    view: View,
    /// Files whose contents are values.
    values: Vec<(Arc<dyn Tree>, Entry)>,
    /// Contents that are values.
    texts: Vec<Bytes>,
}

impl Shown {
    /// Shows a file of the source's repository, or of the source with a `ref`; its path as the tool sees it.
    fn file(&mut self, tree: &Arc<dyn Tree>, reference: &str, path: &str, entry: Entry) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        let at = match reference {
            "" => format!("values/{path}"),
            name => format!("references/{name}/{path}"),
        };
        let at = if at.chars().all(plain) {
            at
        } else {
            // Names that an address or a list of values would read otherwise.
            let name: String = path.chars().map(|c| if plain(c) { c } else { '_' }).collect();
            format!("values/~{}/{name}", self.values.len())
        };
        self.values.push((Arc::clone(tree), entry.clone()));
        self.view.show(at.clone(), tree, entry);
        format!("../{at}")
    }

    /// Shows a file from the web; its path as the tool sees it.
    fn web(&mut self, contents: Bytes) -> String {
        let at = format!("web/{}.yaml", self.texts.len());
        self.texts.push(contents.clone());
        self.view.make(at.clone(), contents);
        format!("../{at}")
    }
}

/// What is to be done for a source that is a chart.
///
/// # Errors
/// What is wrong with the source or its files; what could not be fetched.
pub async fn prepare(request: &Request<'_>, tool: &Tool, memo: &Memo) -> Result<Job, Failure> {
    static NONE: LazyLock<Helm> = LazyLock::new(Helm::default);
    let helm = request.source.helm.as_ref().unwrap_or(&NONE);
    let chart = Chart::read(request.tree, request.folder, memo).await?;
    let mut shown = Shown::default();
    let mut told = told(request, helm, &mut shown).await?;
    let supplied = dependencies::supply(request, &chart, memo, &mut shown.view).await?;
    let mentions = mentioned(request, &chart, &supplied, &shown, &told, memo).await?;

    for (at, other) in &supplied.local {
        let files = pack::files(request.tree, other, mentions.files).await?;
        shown.view.pack(at.clone(), request.tree, &other.facts.metadata.name, files);
    }
    for (path, entry) in &chart.needed {
        if !supplied.replaced.contains(path) {
            shown.view.show(format!("{CHART}/{path}"), request.tree, entry.clone());
        }
    }
    if mentions.files {
        for (path, entry) in chart.other(request.tree).await? {
            shown.view.show(format!("{CHART}/{path}"), request.tree, entry);
        }
    }
    if !mentions.name {
        UNSEEN.clone_into(&mut told.name);
    }
    if !mentions.namespace {
        told.namespace.clear();
    }
    if !mentions.kube_version {
        told.kube_version.clear();
    }
    let sees_version = mentions.kube_version && helm.kube_version.is_empty();
    let sees_apis = mentions.apis != mentions::Apis::default() && helm.api_versions.is_empty();
    let old = request.capabilities.suffice(sees_version, sees_apis)?;
    told.api_versions = mentions.apis.of(&told.api_versions).into_iter().map(str::to_owned).collect();
    let arguments = told.arguments();
    bounded(&arguments)?;
    Ok(Job {
        work: Work::Run { tool: tool.clone(), arguments, folder: CHART.to_owned() },
        view: shown.view,
        may_vary: mentions.varies,
        own: if mentions.varies { request.app.identity() } else { String::new() },
        fetched: supplied.fetched,
        warnings: supplied.warnings.into_iter().chain(old).collect(),
        charts: Vec::new(),
    })
}

/// What the tool is told, were the chart to see all of it.
async fn told(request: &Request<'_>, helm: &Helm, shown: &mut Shown) -> Result<Told, Failure> {
    let environment = request.environment();
    let resolver = values::Resolver::new(request);
    let mut told = Told {
        name: name(request, helm)?,
        namespace: first(&helm.namespace, &request.app.destination).to_owned(),
        kube_version: kube_version(request, helm)?,
        api_versions: match helm.api_versions.as_slice() {
            [] => request.capabilities.api_versions.to_vec(),
            given => given.to_vec(),
        },
        skip_crds: helm.skip_crds,
        skip_schema_validation: helm.skip_schema_validation,
        skip_tests: helm.skip_tests,
        ..Told::default()
    };
    told.values = resolver.value_files(&helm.value_files, helm.ignore_missing_value_files, shown).await?;
    if let Some(inline) = inline(helm) {
        shown.texts.push(inline.clone());
        shown.view.make(INLINE, inline);
        told.values.push(format!("../{INLINE}"));
    }
    for parameter in &helm.parameters {
        let list = if parameter.force_string { &mut told.set_string } else { &mut told.set };
        put(list, &parameter.name, environment.fill(&parameter.value));
    }
    for (at, parameter) in helm.file_parameters.iter().enumerate() {
        let field = format!("spec.source.helm.fileParameters[{at}].path");
        let path = resolver.file(&parameter.path, &field, shown).await?;
        put(&mut told.set_file, &parameter.name, path);
    }
    Ok(told)
}

/// Sets a value; of one that is set twice the last counts.
fn put(list: &mut Vec<(String, String)>, name: &str, value: String) {
    list.retain(|(known, _)| known != name);
    list.push((name.to_owned(), value));
}

fn first<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

/// The values that the source itself holds: `valuesObject`, else `values`.
fn inline(helm: &Helm) -> Option<Bytes> {
    let text = helm.values_object.as_ref().map_or_else(|| helm.values.clone(), yaml::to_string);
    (!text.is_empty()).then(|| Bytes::from(text))
}

/// The release's name, as the tool takes it.
fn name(request: &Request<'_>, helm: &Helm) -> Result<String, Failure> {
    let name = first(&helm.release_name, &request.app.name);
    if is_release(name) {
        return Ok(name.to_owned());
    }
    let whose = if helm.release_name.is_empty() { "the Application's name" } else { "it" };
    Err(Failure::inputs(
        "spec.source.helm.releaseName",
        format!("`{name}` cannot be the name of a release ({whose} has {} characters)", name.len()),
        format!("set one of {RELEASE_NAMES}"),
    ))
}

/// Whether the tool takes it for a release's name.
fn is_release(name: &str) -> bool {
    let part = |part: &str| {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        part.starts_with(inner) && part.ends_with(inner) && part.chars().all(|c| inner(c) || c == '-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(part)
}

/// The Kubernetes version as the tool takes it: numbers only (Argo CD's `parseKubeVersion`).
fn kube_version(request: &Request<'_>, helm: &Helm) -> Result<String, Failure> {
    let written = first(&helm.kube_version, &request.capabilities.kube_version);
    if written.is_empty() {
        return Ok(String::new());
    }
    numbers(written).ok_or_else(|| no_version(written, "spec.source.helm.kubeVersion"))
}

fn no_version(written: &str, field: &str) -> Failure {
    Failure::inputs(field, format!("`{written}` is not a Kubernetes version"), "write e.g. `1.34.3`")
}

/// The numbers of a Kubernetes version: `1.34.3` of `v1.34.3-gke.1`.
pub(crate) fn numbers(written: &str) -> Option<String> {
    let numbers = written.trim_start().strip_prefix('v').unwrap_or_else(|| written.trim_start());
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
    let numbers = numbers[..end].trim_end_matches('.');
    let parts: Vec<&str> = numbers.split('.').collect();
    let is_version = parts.len() >= 2 && parts.iter().all(|part| part.parse::<u32>().is_ok());
    is_version.then(|| parts.iter().take(3).copied().collect::<Vec<_>>().join("."))
}

/// What of its surroundings the chart can see, with all that it needs and all values.
async fn mentioned(
    request: &Request<'_>,
    chart: &Chart,
    supplied: &dependencies::Supplied,
    shown: &Shown,
    told: &Told,
    memo: &Memo,
) -> Result<Mentions, Failure> {
    let mut mentions = chart.facts.mentions.clone();
    let mut dormant = chart.facts.dormant.clone();
    for facts in &supplied.facts {
        mentions.add(facts.mentions.clone());
        dormant.add(facts.dormant.clone());
    }
    if mentions.templated_values {
        mentions.add(dormant);
        for (tree, entry) in &shown.values {
            mentions.add(memo.values(tree, entry).await?);
        }
        for text in &shown.texts {
            mentions.add(Mentions::of(text));
        }
        for (_, value) in told.set.iter().chain(&told.set_string) {
            mentions.add(Mentions::of(value.as_bytes()));
        }
    }
    if mentions.templated_values && mentions.files {
        // Any file that a template reads may be a template itself.
        mentions.add(chart.facts.beside.clone());
        for facts in &supplied.facts {
            mentions.add(facts.beside.clone());
        }
        for chart in std::iter::once(chart).chain(supplied.local.iter().map(|(_, chart)| chart)) {
            mentions.add(chart.beside(request.tree, memo).await?);
        }
    }
    Ok(mentions)
}

/// Arguments that the operating system would not take.
fn bounded(arguments: &[String]) -> Result<(), Failure> {
    let wrong = |what: &str| {
        Err(Failure::inputs(
            "spec.source.helm.parameters",
            format!("a parameter {what}"),
            "write it in `valuesObject` or in a value file",
        ))
    };
    if arguments.iter().any(|argument| argument.len() > LONGEST_ARGUMENT) {
        return wrong("is longer than a program takes");
    }
    if arguments.iter().any(|argument| argument.contains('\0')) {
        return wrong("holds a NUL character, which no program takes");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
