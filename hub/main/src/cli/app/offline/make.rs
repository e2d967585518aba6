//! What an Application comes to: each of its sources rendered, and their objects together.

use super::{
    fetch::Elsewhere,
    trees::{At, Found, Trees, chain},
};
use futures::{StreamExt as _, stream};
use hub_render::{App, Capabilities, Failure, Job, Rendered, Renderer, Request, Settings, Tree, Whose};
use hub_source::charts::Address;
use parking_lot::Mutex;
use shared_manifest::{Bundle, Manifest, ObjectId};
use shared_model::{AppKey, Application, Digest, ReleaseSpec, RepoUrl, Source};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::OnceCell;

/// An Application, and for which cluster.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) application: Application,
    /// The file and line, or where else it comes from; for errors.
    pub(crate) place: String,
    /// The cluster's name, where it is known.
    pub(crate) cluster: String,
    pub(crate) capabilities: Capabilities,
}

impl Subject {
    pub(crate) fn key(&self) -> AppKey {
        AppKey::new(&*self.application.metadata.namespace, &*self.application.metadata.name)
    }
}

/// What an Application came to.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) bundle: Bundle,
    /// Of each object, the number of its source.
    pub(crate) of: BTreeMap<ObjectId, usize>,
    /// For people: `https://git.example.com/fleet.git apps/web at main (abc1234)`.
    pub(crate) sources: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Made {
    /// The objects, with the place of each in its Application.
    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Manifest, &str)> {
        let source = |object: &Manifest| self.of.get(&object.id()).and_then(|at| self.sources.get(*at));
        self.bundle.objects().iter().map(move |object| (object, source(object).map_or("", String::as_str)))
    }
}

/// Renders Applications. Equal inputs are rendered once.
#[derive(Debug)]
pub(crate) struct Maker {
    trees: Arc<Trees>,
    renderer: Renderer,
    fetch: Elsewhere,
    settings: Settings,
    known: Mutex<BTreeMap<Digest, Arc<Once>>>,
}

type Once = OnceCell<Result<Arc<Rendered>, Failure>>;

/// A source, found.
struct Place {
    found: Found,
    folder: String,
    shown: String,
}

impl Maker {
    pub(crate) fn new(trees: Arc<Trees>, renderer: Renderer, settings: Settings) -> Self {
        let fetch = Elsewhere(Arc::clone(&trees));
        Self { trees, renderer, fetch, settings, known: Mutex::default() }
    }

    /// Renders Applications side by side; answers in their order. `revision` stands for the target revision of the first
    /// source's repository, and `None` for the folder that stands for it.
    ///
    /// # Errors
    /// All of what is wrong, a line each.
    pub(crate) async fn all(
        &self,
        subjects: &[Subject],
        revision: Option<&str>,
    ) -> anyhow::Result<Vec<Made>> {
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) * 2;
        let made = stream::iter(subjects).map(|subject| self.one(subject, revision)).buffered(at_once);
        let made: Vec<Result<Made, Vec<String>>> = made.collect().await;
        let (mut all, mut wrong) = (Vec::new(), Vec::new());
        for (subject, made) in subjects.iter().zip(made) {
            match made {
                Ok(made) => all.push(made),
                Err(why) => wrong
                    .extend(why.iter().map(|why| format!("{} ({}): {why}", subject.key(), subject.place))),
            }
        }
        if wrong.is_empty() { Ok(all) } else { anyhow::bail!("{}", wrong.join("\n       ")) }
    }

    async fn one(&self, subject: &Subject, revision: Option<&str>) -> Result<Made, Vec<String>> {
        let application = &subject.application;
        let sources = application.spec.all_sources();
        if sources.is_empty() {
            return Err(vec!["spec.source: a source with repoURL and path is required".to_owned()]);
        }
        let several = !application.spec.sources.is_empty();
        let named =
            |at: usize| if several { format!("spec.sources[{at}]") } else { "spec.source".to_owned() };
        let first = sources
            .iter()
            .find(|source| source.chart.is_empty())
            .map(|source| RepoUrl::new(&*source.repo_url).normalized());
        let mut places = Vec::new();
        for (at, source) in sources.iter().enumerate() {
            let place = self.place(source, revision, first.as_deref()).await;
            places.push(place.map_err(|why| vec![format!("{}: {why}", named(at))])?);
        }
        let references: BTreeMap<String, Arc<dyn Tree>> = sources
            .iter()
            .zip(&places)
            .filter(|(source, _)| !source.reference.is_empty())
            .map(|(source, place)| (source.reference.clone(), Arc::clone(&place.found.tree)))
            .collect();
        let app = App {
            name: application.metadata.name.clone(),
            namespace: application.metadata.namespace.clone(),
            project: application.spec.project.clone(),
            destination: application.spec.destination.namespace.clone(),
        };
        let (mut objects, mut of, mut warnings) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (at, (source, place)) in sources.iter().zip(&places).enumerate() {
            // One that only others refer to renders nothing.
            if !source.reference.is_empty() && source.path.is_empty() && source.chart.is_empty() {
                continue;
            }
            if !place.found.tree.has_folder(&place.folder) {
                return Err(vec![format!(
                    "{}.path: there is no folder `{}` in {}",
                    named(at),
                    place.folder,
                    place.found.tree.name()
                )]);
            }
            let overridden = self.overridden(source, place, &app.instance_name(), several).await;
            let source = &overridden.map_err(|failure| lines(&failure, &named(at)))?;
            let request = Request {
                source,
                app: &app,
                revision: &place.found.revision,
                tree: &place.found.tree,
                folder: &place.folder,
                references: &references,
                capabilities: &subject.capabilities,
                fetch: &self.fetch,
                settings: &self.settings,
            };
            let (rendered, said) =
                self.source(&request, &place.shown).await.map_err(|failure| lines(&failure, &named(at)))?;
            warnings.extend(said);
            for object in rendered.bundle.objects() {
                of.insert(object.id(), at);
                objects.push(object.clone());
            }
        }
        let (bundle, repeated) = Bundle::new(objects);
        warnings.extend(
            repeated
                .iter()
                .map(|twice| format!("{} is in {} sources; the last one counts", twice.id, twice.times)),
        );
        Ok(Made { bundle, of, sources: places.into_iter().map(|place| place.shown).collect(), warnings })
    }

    /// Where a source is.
    async fn place(
        &self,
        source: &Source,
        revision: Option<&str>,
        first: Option<&str>,
    ) -> Result<Place, String> {
        let folder = hub_render::tree::join("", source.path.trim_start_matches('/'))
            .ok_or_else(|| format!("path: `{}` leaves the repository", source.path))?;
        let is_oci = source.repo_url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("oci://"));
        if !source.chart.is_empty() || is_oci {
            let address =
                Address::of_source(&source.repo_url, &source.chart, false).map_err(|error| chain(&error))?;
            let found = self.trees.chart(&address, &source.target_revision).await?;
            let shown = format!("{} {} {}", source.repo_url, address.name(), found.shown);
            let folder = if source.chart.is_empty() { folder } else { String::new() };
            return Ok(Place { found, folder, shown });
        }
        let url = RepoUrl::new(&*source.repo_url);
        let at = match revision {
            Some(revision) if first == Some(url.normalized().as_str()) => At::Revision(revision.to_owned()),
            Some(_) | None => At::Disk(source.target_revision.clone()),
        };
        let found = self.trees.get(&url, &at).await?;
        let shown = format!("{url} {} at {}", if folder.is_empty() { "." } else { &folder }, found.shown);
        Ok(Place { found, folder, shown })
    }

    /// The source with what its folder says over it; where there are several, nothing does, as in Argo CD.
    async fn overridden(
        &self,
        source: &Source,
        place: &Place,
        app: &str,
        several: bool,
    ) -> Result<Source, Failure> {
        if several {
            return Ok(source.clone());
        }
        hub_render::overridden(source, &*place.found.tree, &place.folder, Some(app)).await
    }

    /// What a source comes to, and what is to be said of it.
    async fn source(
        &self,
        request: &Request<'_>,
        place: &str,
    ) -> Result<(Arc<Rendered>, Vec<String>), Failure> {
        let job = self.renderer.prepare(request).await?;
        let once = {
            let mut known = self.known.lock();
            Arc::clone(known.entry(job.inputs()).or_default())
        };
        let rendered = once.get_or_init(|| self.render(&job, request, place)).await.clone()?;
        let said =
            rendered.warnings.iter().map(|warning| format!("{}: {}", warning.condition, warning.message));
        let said = said.chain(job.warnings.iter().cloned()).collect();
        Ok((rendered, said))
    }

    async fn render(&self, job: &Job, request: &Request<'_>, place: &str) -> Result<Arc<Rendered>, Failure> {
        let whose = Whose { project: &request.app.project, place };
        self.renderer.render(job, whose).await.map(Arc::new)
    }
}

/// A failure, a line for each problem; one that names no file is the source's.
fn lines(failure: &Failure, source: &str) -> Vec<String> {
    match failure {
        Failure::Circumstance(cause) => vec![format!("{source}: {cause}")],
        Failure::Inputs(problems) => problems
            .iter()
            .map(|problem| {
                let said = problem.to_string();
                let placed = !problem.place.is_empty() || problem.field.starts_with("spec.");
                if placed { said } else { format!("{source}: {said}") }
            })
            .collect(),
    }
}

/// The release that an Application is with this bundle, as the hub would make it.
pub(crate) fn release(subject: &Subject, bundle: &Bundle) -> ReleaseSpec {
    let spec = &subject.application.spec;
    let policy = spec.sync_policy.clone().unwrap_or_default();
    let automated =
        policy.automated.clone().filter(|automated| automated.enabled != Some(false)).unwrap_or_default();
    let bytes = bundle.to_bytes();
    ReleaseSpec {
        application: subject.key(),
        bundle: Digest::of(&bytes),
        bundle_bytes: bytes.len() as u64,
        namespace: spec.destination.namespace.clone(),
        project: spec.project.clone(),
        sync_policy: policy,
        ignore_differences: spec.ignore_differences.clone(),
        self_heal: automated.self_heal,
        prune: automated.prune,
        revisions: Vec::new(),
        versions: Vec::new(),
    }
}
