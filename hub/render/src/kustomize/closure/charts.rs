//! Charts of overlays: rendered by the hub before the overlay is built, and put where the tool would have put what its own
//! `helm` prints.
//!
//! # Invariants
//! - What a chart comes to is a component of the kustomization that names it, before its other components: after its
//!   resources and generators, so that its transformers see it. It bears the mark of what helm generated, which the tool's
//!   own namespace transformer leaves alone.
//! - A chart without a namespace gets that of its kustomization, else that of the nearest one above it (kustomize 5.8).
//! - One place below `chartHome` is one chart, as it is where charts are pulled into folders.
//!
//! # Why
//! Where a kustomization has other generators, which may change what a chart gave, the objects come before the
//! generators, as resources. `originAnnotations` and `transformerAnnotations` are refused with charts: they would tell of
//! this arrangement. Two differences on purpose: the entry's `apiVersions` are for that entry only (kustomize 5.8 lets the
//! others see them where a flag gives some as well), and a chart without a namespace in a base that overlays of several
//! namespaces use is refused if it sees its namespace.

use super::{
    Closure, Kustomization, Root, Visit,
    names::{below, failure, is_below, no_helm, objects, read, renamed, stream},
};
use crate::{
    helm::{
        Memo,
        inflate::{self, Place, Told},
    },
    job::{Inflation, Job, Tool},
    kustomize::{
        charts::{self, Chart},
        file::{self, take},
        references, remote,
    },
    request::{self, Failure},
    tree::{self, Astray, Found},
};
use serde_json::{Map, Value, json};
use shared_manifest::{Problem, yaml};
use shared_model::RepoUrl;
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

/// Where what charts come to is, in the folder of their kustomization.
const PLACE: &str = ".flotilla-charts";
/// Where the objects are in it.
const OBJECTS: &str = "objects";
/// The most charts of an overlay.
const MOST_CHARTS: usize = 100;
/// Where charts are that are not fetched.
const HOME: &str = "charts";
/// What is marked as the tool marks what its own `helm` prints.
const MARK: &str = "apiVersion: builtin\nkind: AnnotationsTransformer\nmetadata: {name: generated}\n\
    annotations: {internal.config.kubernetes.io/helm-generated: \"true\"}\n\
    fieldSpecs: [{path: metadata/annotations, create: true}]\n";

/// What charts of overlays are rendered with.
#[derive(Debug)]
pub struct Helm<'a> {
    /// The tool, or why there is none.
    pub tool: Result<Tool, Failure>,
    /// What is known of charts.
    pub memo: &'a Memo,
}

/// What charts of overlays are rendered with, and what they see of the cluster.
#[derive(Debug)]
pub(crate) struct Oven<'a> {
    pub(crate) helm: Helm<'a>,
    pub(crate) kube_version: String,
    pub(crate) api_versions: Vec<String>,
    /// Whether these are those of the cluster.
    pub(crate) of_cluster: (bool, bool),
}

/// A kustomization that waits for its charts: what they see may depend on all that name it.
#[derive(Debug)]
pub(super) struct Waiting {
    place: String,
    kustomization: Kustomization,
    charts: Vec<charts::Named>,
}

/// What a kustomization says that those below it may see.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) namespace: String,
    /// Whose it is.
    pub(super) of: BTreeSet<Root>,
}

impl Closure<'_> {
    /// Takes the charts out of a kustomization: its own, then those of generators in files.
    pub(super) async fn take_charts(
        &mut self,
        visit: &Visit,
        place: &str,
        kustomization: &mut Kustomization,
    ) -> Result<Vec<charts::Named>, Failure> {
        let fields = &mut kustomization.fields;
        if self.oven.is_none() {
            if let Some(field) = references::helm(fields) {
                self.problems.push(no_helm(field).at(place));
            }
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        match charts::of_kustomization(fields) {
            Ok(charts) => found = charts,
            Err(problems) => self.problems.extend(problems.into_iter().map(|problem| problem.at(place))),
        }
        let Some(Value::Array(generators)) = take(fields, "generators") else { return Ok(found) };
        let mut others = Vec::new();
        for (at, generator) in generators.into_iter().enumerate() {
            let configs = self.generator(&visit.root, &generator).await?;
            let (helm, rest): (Vec<Value>, Vec<Value>) = configs.into_iter().partition(references::is_helm);
            if helm.is_empty() {
                others.push(generator);
                continue;
            }
            for config in &helm {
                match charts::of_generator(config, &format!("generators[{at}]")) {
                    Ok(named) => found.push(named),
                    Err(problem) => self.problems.push(problem.at(place)),
                }
            }
            if !rest.is_empty() {
                others.push(Value::from(stream(&rest)));
            }
        }
        if !others.is_empty() {
            kustomization.fields.insert("generators".to_owned(), Value::Array(others));
        }
        Ok(found)
    }

    /// The configurations that an entry of `generators` holds, or its file; none where it is something else.
    async fn generator(&self, root: &Root, generator: &Value) -> Result<Vec<Value>, Failure> {
        let Some(text) = generator.as_str() else { return Ok(Vec::new()) };
        if let Some(configs) = objects(text) {
            return Ok(configs);
        }
        match self.local(root, text).await {
            Ok(Found::File(entry)) if !remote::is_web(text) && self.may_read(root, &entry.path) => {
                let bytes = read(&self.mounts[root.tree], &entry).await?;
                Ok(std::str::from_utf8(&bytes).ok().and_then(objects).unwrap_or_default())
            }
            // What is wrong with it is said elsewhere.
            Ok(_) | Err(_) => Ok(Vec::new()),
        }
    }

    /// Whether a kustomization may read a file of its tree.
    pub(super) fn may_read(&self, root: &Root, path: &str) -> bool {
        self.unrestricted && root.tree == 0 || is_below(&root.folder, path)
    }

    /// Keeps a kustomization with charts until all are found.
    pub(super) fn wait(
        &mut self,
        root: &Root,
        place: String,
        kustomization: Kustomization,
        charts: Vec<charts::Named>,
    ) {
        self.waiting.insert(root.clone(), Waiting { place, kustomization, charts });
    }

    /// Prepares all charts, and has the kustomizations name what they will come to.
    pub(super) async fn inflate(&mut self, top: &Map<String, Value>) -> Result<(), Failure> {
        let waiting = mem::take(&mut self.waiting);
        let told = |name: &str| {
            let list = file::field(top, "buildMetadata").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(|said| said == name))
        };
        for metadata in ["originAnnotations", "transformerAnnotations"] {
            if !waiting.is_empty() && told(metadata) {
                let message = format!("`{metadata}` cannot be told where the overlay has charts");
                self.problems.push(Problem::new("buildMetadata", message, "leave it out"));
            }
        }
        for (root, Waiting { place, kustomization, charts }) in waiting {
            let folder = below(&self.folder_in_view(&root), PLACE);
            if self.mounts[root.tree].tree.has_folder(&below(&root.folder, PLACE)) {
                let message = format!("there is a folder `{PLACE}`, where the output of charts is put");
                self.problems.push(Problem::new("", message, "give it another name").at(place));
                continue;
            }
            for (number, named) in charts.iter().enumerate() {
                let name = format!("chart {} of {place}", named.chart.name);
                match self.chart(&root, named).await {
                    Ok(job) => {
                        let at = format!("{folder}/{OBJECTS}/{number}.yaml");
                        self.charts.push(Inflation { at, name, job });
                    }
                    Err(Failure::Inputs(problems)) => {
                        let told = problems.into_iter().map(|mut problem| {
                            let of_folder = problem.field == "spec.source.path";
                            let part = if of_folder { "name" } else { &problem.field };
                            let dot = if part.is_empty() { "" } else { "." };
                            problem.field = format!("{}{dot}{part}", named.field);
                            problem.remedy =
                                problem.remedy.replace("spec.source.helm", "spec.source.kustomize");
                            problem.at(place.as_str())
                        });
                        self.problems.extend(told);
                    }
                    Err(circumstance @ Failure::Circumstance(_)) => return Err(circumstance),
                }
            }
            if self.charts.len() > MOST_CHARTS {
                let message = format!("the overlay has more than {MOST_CHARTS} charts");
                return Err(Failure::inputs("helmCharts", message, "split it"));
            }
            self.put(&root, &folder, kustomization, charts.len());
        }
        Ok(())
    }

    /// Shows a kustomization that names what its charts come to.
    fn put(&mut self, root: &Root, folder: &str, mut kustomization: Kustomization, count: usize) {
        let fields = &mut kustomization.fields;
        let generates = take(fields, "generators").inspect(|list| {
            fields.insert("generators".to_owned(), list.clone());
        });
        let (field, name) = match generates {
            Some(Value::Array(list)) if !list.is_empty() => ("resources", format!("{PLACE}/{OBJECTS}")),
            Some(_) | None => ("components", PLACE.to_owned()),
        };
        let mut list = match take(fields, field) {
            Some(Value::Array(list)) => list,
            Some(_) | None => Vec::new(),
        };
        let at = if field == "components" { 0 } else { list.len() };
        list.insert(at, Value::from(name));
        fields.insert(field.to_owned(), Value::Array(list));
        if field == "components" {
            let component = json!({
                "apiVersion": "kustomize.config.k8s.io/v1alpha1",
                "kind": "Component",
                "resources": [OBJECTS],
            });
            self.view.make(format!("{folder}/kustomization.yaml"), yaml::to_string(&component));
        }
        let files: Vec<String> = (0..count).map(|number| format!("{number}.yaml")).collect();
        let marked = json!({"resources": files, "transformers": [MARK]});
        self.view.make(format!("{folder}/{OBJECTS}/kustomization.yaml"), yaml::to_string(&marked));
        let path = below(&self.folder_in_view(root), kustomization.name);
        self.view.make(path, kustomization.text());
    }

    /// How a chart is rendered.
    async fn chart(&mut self, root: &Root, named: &charts::Named) -> Result<Job, Failure> {
        let charts::Named { chart, is_own, .. } = named;
        let inline = chart.inline().map_err(|problem| Failure::Inputs(vec![problem]))?;
        if chart.name.is_empty() {
            return Err(Failure::inputs("name", "the chart has no name", "name it"));
        }
        let home = if chart.chart_home.is_empty() { HOME } else { &chart.chart_home };
        if home.starts_with('/') {
            let message = "the folder of charts is not in the repository";
            return Err(Failure::inputs("chartHome", message, "name one from the kustomization's folder"));
        }
        let home = match (chart.version.as_str(), chart.repo.as_str()) {
            ("", _) | (_, "") => home.to_owned(),
            (version, _) => below(home, &format!("{}-{version}", chart.name)),
        };
        let path = below(&home, &chart.name);
        let place = self.find_chart(root, &path, chart).await?;
        let (values, beside) = self.values(root, &place, &path, chart, inline).await?;
        let own = self.request.app.identity();
        let oven = self.oven.as_ref().expect("charts are only taken where they are rendered");
        let first = |one: &str, other: &str| if one.is_empty() { other.to_owned() } else { one.to_owned() };
        let told = Told {
            release_name: chart.release_name.clone(),
            name_template: chart.name_template.clone(),
            namespace: chart.namespace.clone(),
            kube_version: first(&chart.kube_version, &oven.kube_version),
            api_versions: match chart.api_versions.as_slice() {
                [] => oven.api_versions.clone(),
                given => given.to_vec(),
            },
            include_crds: chart.include_crds,
            skip_tests: chart.skip_tests,
            skip_hooks: chart.skip_hooks,
            capabilities: self.request.capabilities.clone(),
            of_cluster: (
                chart.kube_version.is_empty() && oven.of_cluster.0,
                chart.api_versions.is_empty() && oven.of_cluster.1,
            ),
        };
        let tool = oven.helm.tool.clone()?;
        let inherits = *is_own && chart.namespace.is_empty();
        let namespaces =
            if inherits { self.namespaces(root) } else { BTreeSet::from([chart.namespace.clone()]) };
        let mut jobs = Vec::new();
        for namespace in namespaces {
            let told = Told { namespace, ..told.clone() };
            let with = (&tool, oven.helm.memo);
            jobs.push(inflate::prepare(&place, &told, &values, &beside, own.clone(), with).await?);
        }
        let job = jobs.pop().expect("there is always one namespace");
        // A chart that sees nothing of it gives the same for all.
        if jobs.iter().any(|other| other.inputs() != job.inputs()) {
            let message = "the chart is in a base that overlays of several namespaces use";
            return Err(Failure::inputs("namespace", message, "give the chart a namespace of its own"));
        }
        Ok(job)
    }

    /// The namespaces that a chart of a kustomization gets: the nearest ones, on all ways to it.
    fn namespaces(&self, root: &Root) -> BTreeSet<String> {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![root]);
        while let Some(root) = open.pop() {
            if !seen.insert(root) {
                continue;
            }
            match self.layers.get(root) {
                Some(Layer { namespace, .. }) if !namespace.is_empty() => {
                    found.insert(namespace.clone());
                }
                Some(Layer { of, .. }) if !of.is_empty() => open.extend(of),
                Some(_) | None => {
                    found.insert(String::new());
                }
            }
        }
        if found.is_empty() { BTreeSet::from([String::new()]) } else { found }
    }

    /// Where a chart is: below `chartHome`, or fetched.
    async fn find_chart(&mut self, root: &Root, path: &str, chart: &Chart) -> Result<Place, Failure> {
        let absent = match self.local(root, path).await {
            Ok(Found::Folder(folder)) => {
                return Ok(Place::Folder(self.mounts[root.tree].tree.clone(), folder));
            }
            Ok(Found::File(_)) => {
                return Err(Failure::inputs("name", format!("`{path}` is a file"), "name a chart's folder"));
            }
            Err(absent @ Astray::Absent { .. }) => absent,
            Err(astray) => return Err(failure(&renamed(astray, path), "name")),
        };
        let Chart { name, version, repo, devel, .. } = chart;
        if repo.is_empty() {
            let remedy = "add the chart there, or say in `repo` where it comes from";
            return Err(Failure::inputs("name", renamed(absent, path).to_string(), remedy));
        }
        let scheme = repo.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("http" | "https" | "oci")) {
            let message = format!("`{}` is not the address of charts", RepoUrl::new(repo.as_str()));
            return Err(Failure::inputs("repo", message, "write `https://…` or `oci://…`"));
        }
        let key = (root.tree, tree::join(&root.folder, path).unwrap_or_default());
        if let Some(packed) = self.pulled.get(&key) {
            return Ok(Place::Packed(packed.clone()));
        }
        let wanted = if version.is_empty() && *devel { ">0.0.0-0" } else { version };
        let fetched = self.request.fetch.chart(repo.trim_end_matches('/'), name, wanted).await?;
        self.fetched.push((RepoUrl::new(repo.as_str()), fetched.version.clone()));
        self.pulled.insert(key, fetched.clone());
        Ok(Place::Packed(fetched))
    }
}

/// Charts that were fetched, by their places.
pub(super) type Pulled = BTreeMap<(usize, String), request::Chart>;
