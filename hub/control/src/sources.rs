//! A source becomes a bundle: its repository opened at a commit, and what it says rendered for one Application.
//!
//! Done in two steps. What a source *is* (commit, tree, type) is the same for all Applications of an owner that say the
//! same, and so is a plain directory's bundle. What a chart or an overlay comes to depends on the Application too: its
//! name, its destination, what its cluster can do.
//!
//! It refuses to know what a release is, and how something is rendered ([`hub_render`]).

mod fetch;
mod seen;
mod unpacked;

use crate::{
    argocd,
    git::{Git, chain},
    index::{Index, Object},
    modules::{self, Permit, Place},
    pins::{Pins, Reference, revision_or_head},
    turns::outside,
    unmade::Unmade,
};
use bytes::Bytes;
use fetch::Fetcher;
use hub_records::Bundles;
use hub_render::{
    App, Capabilities, Failure, Kept, Renderer, Request, Settings, Shelf, SourceType, Tree, Whose,
};
use hub_source::charts::Address;
use parking_lot::Mutex;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use shared_model::{Application, CommitId, Digest, Kind, RepoUrl, Source};
use shared_project::settings;
use std::{collections::BTreeMap, sync::Arc};
use unpacked::Unpacked;

pub(crate) use seen::Seen;

/// How many folders are remembered to be plain directories whose bundle is known.
const REMEMBERED: usize = 65_536;

/// A source, and for whom: a project may not permit what another does.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Wanted {
    /// Shared by all that is said of it: values may be large.
    #[serde(serialize_with = "shared")]
    source: Arc<Source>,
    /// What it follows.
    reference: Reference,
    /// All that people may call its repository.
    called: Vec<RepoUrl>,
    /// The Application's.
    namespace: String,
    project: String,
    /// What `$name` in it means.
    references: BTreeMap<String, Reference>,
    /// Absent where all Applications get the same.
    app: Option<For>,
}

/// What of an Application and its cluster a chart or an overlay may show.
#[derive(Debug, Clone, Serialize)]
struct For {
    name: String,
    destination: String,
    /// Names the capabilities.
    able: Digest,
    #[serde(skip)]
    capabilities: Arc<Capabilities>,
}

/// Names what is wanted.
pub(crate) type Said = Digest;

/// What a source came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// Absent for a source that others only refer to.
    pub(crate) kept: Option<Kept>,
    /// What the source itself is at.
    pub(crate) commit: CommitId,
    /// The same, for people.
    pub(crate) revision: String,
    /// Whether it was rendered for one Application and its cluster.
    pub(crate) is_apart: bool,
    /// Everything that it was made from.
    pub(crate) commits: BTreeMap<Reference, CommitId>,
}

fn shared<S: Serializer>(source: &Arc<Source>, serializer: S) -> Result<S::Ok, S::Error> {
    source.as_ref().serialize(serializer)
}

impl Wanted {
    /// The same for whichever Application.
    fn for_all(&self) -> Self {
        Self { app: None, ..self.clone() }
    }

    fn said(&self) -> Said {
        Digest::of(&serde_json::to_vec(self).expect("a source has string keys only"))
    }
}

/// Names what a cluster can do.
fn able(capabilities: &Capabilities) -> Digest {
    let Capabilities { kube_version, api_versions, told } = capabilities;
    Digest::of(format!("{told:?}\n{kube_version}\n{}", api_versions.join("\n")).as_bytes())
}

/// What a source is.
#[derive(Debug)]
struct Opened {
    commit: CommitId,
    /// The commit, or a chart's version.
    revision: String,
    is: Is,
}

#[derive(Debug)]
enum Is {
    /// What others refer to, and nothing by itself.
    Reference,
    /// A folder that comes to the same for all.
    Shared(Kept),
    /// One that is rendered for each Application.
    Apart { tree: Arc<dyn Tree>, folder: String },
}

/// Makes bundles of sources. Clones share memory.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    git: Git,
    renderer: Renderer,
    shelf: Arc<dyn Shelf>,
    /// The inputs of folders that were plain directories, by their trees' ids and what is said of them.
    plain: Arc<Mutex<BTreeMap<Digest, Digest>>>,
    unpacked: Arc<Mutex<Unpacked>>,
}

/// The folder of bundles.
#[derive(Debug)]
struct Folder(Bundles);

impl Shelf for Folder {
    fn put(&self, bytes: &[u8]) -> Result<Digest, String> {
        self.0.put(bytes).map_err(|error| chain(&error))
    }

    fn renew(&self, bundle: &Digest) -> bool {
        self.0.renew(bundle)
    }
}

/// Whether a look at the same again found another kind of thing.
#[derive(Debug)]
pub(crate) struct Otherwise;

impl Sources {
    pub(crate) fn new(git: Git, renderer: Renderer, bundles: Bundles) -> Self {
        Self {
            git,
            renderer,
            shelf: Arc::new(Folder(bundles)),
            plain: Arc::default(),
            unpacked: Arc::default(),
        }
    }

    pub(crate) const fn renderer(&self) -> &Renderer {
        &self.renderer
    }

    pub(crate) const fn shelf(&self) -> &Arc<dyn Shelf> {
        &self.shelf
    }

    /// What a source follows.
    ///
    /// # Errors
    /// When it is a chart whose address is none.
    pub(crate) fn reference(&self, source: &Source, pins: &Pins, seen: &Seen) -> Result<Reference, String> {
        let (url, _) = seen.address(&self.git, pins, source)?;
        Ok((url, revision_or_head(&source.target_revision)))
    }

    /// A source of an Application, for a cluster that can do this.
    ///
    /// # Errors
    /// When it, or one that it refers to, has no address.
    pub(crate) fn wanted(
        &self,
        application: &Application,
        source: &Source,
        capabilities: &Arc<Capabilities>,
        (pins, seen): (&Pins, &Seen),
    ) -> Result<Wanted, String> {
        let mut references = BTreeMap::new();
        for other in application.spec.all_sources().into_iter().filter(|other| !other.reference.is_empty()) {
            let (name, reference) = (&other.reference, self.reference(other, pins, seen)?);
            if Address::is(&reference.0) {
                if std::ptr::eq(other, source) {
                    continue;
                }
                return Err(format!(
                    "spec.sources: the source with ref `{name}` is a chart; value files are referred to in Git repositories only"
                ));
            }
            if references.insert(name.clone(), reference).is_some() {
                return Err(format!(
                    "spec.sources: two sources have the ref `{name}`, so what `${name}` means cannot be told: give each a name of its own"
                ));
            }
        }
        let (url, called) = seen.address(&self.git, pins, source)?;
        Ok(Wanted {
            source: Arc::new(source.clone()),
            reference: (url, revision_or_head(&source.target_revision)),
            called,
            namespace: application.metadata.namespace.clone(),
            project: application.spec.project.clone(),
            references,
            app: Some(For {
                name: application.metadata.name.clone(),
                destination: application.spec.destination.namespace.clone(),
                able: able(capabilities),
                capabilities: Arc::clone(capabilities),
            }),
        })
    }

    /// What a source comes to, and by which name it is remembered in `seen`.
    pub(crate) async fn made(
        &self,
        wanted: &Wanted,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<(Said, Made), Unmade> {
        let common = wanted.for_all();
        let said = common.said();
        let opened = seen.opened(said, || self.open(&common, pins, seen)).await?;
        let (said, wanted) = match &opened.is {
            Is::Shared(_) | Is::Reference => (said, &common),
            Is::Apart { .. } => (wanted.said(), wanted),
        };
        let cell = seen.made_of(said, wanted);
        let made = cell.get_or_try_init(|| self.make(wanted, &opened, pins, seen)).await?;
        Ok((said, made.clone()))
    }

    /// What something that was made before comes to now, if it is still the same kind of thing.
    pub(crate) async fn again(&self, wanted: &Wanted, pins: &Pins, seen: &Seen) -> Result<Made, Otherwise> {
        let common = wanted.for_all();
        let opened = seen.opened(common.said(), || self.open(&common, pins, seen)).await;
        let opened = opened.map_err(|_| Otherwise)?;
        if wanted.app.is_some() != matches!(opened.is, Is::Apart { .. }) {
            return Err(Otherwise);
        }
        self.make(wanted, &opened, pins, seen).await.map_err(|_| Otherwise)
    }

    async fn open(&self, wanted: &Wanted, pins: &Pins, seen: &Seen) -> Result<Opened, Unmade> {
        let (source, git) = (&wanted.source, &self.git);
        let (url, revision) = &wanted.reference;
        let permit = seen.permit(git, &wanted.namespace, &wanted.project);
        // The Application was looked at as it is written; a Secret may have said that it is a registry.
        permit.check(&wanted.called).map_err(Unmade::until_changed)?;
        let commit = pins.commit(git, &wanted.reference).await?;
        if !source.reference.is_empty() && source.path.is_empty() && source.chart.is_empty() {
            return Ok(Opened { revision: commit.to_string(), commit, is: Is::Reference });
        }
        let path = source.path.trim_matches('/');
        let path = if path == "." { "" } else { path };
        if path.split('/').any(|part| part == "..") {
            return Err(Unmade::until_changed(format!("spec.source.path: `{path}` leaves the repository")));
        }
        if Address::is(url) {
            let tree = seen.unpacked(&commit, || self.chart(wanted, &commit)).await.map_err(Unmade::from)?;
            let shown = git.called(url, &commit);
            // Of a chart the whole is rendered, whatever its path, as in Argo CD.
            let folder = if tree.get("Chart.yaml").is_some() { "" } else { path };
            if !tree.has_folder(folder) {
                let url = Address::shown(url);
                let missing = format!("spec.source.path: there is no folder `{folder}` in {url} {shown}");
                return Err(Unmade::until_changed(missing));
            }
            let is = self.told_apart(wanted, (&commit, &shown), (tree, folder), None, seen).await?;
            return Ok(Opened { commit, revision: shown, is });
        }
        seen.ready(git, &wanted.reference, &commit).await.map_err(Unmade::from)?;
        let mut place = Place { url: url.clone(), commit: commit.clone(), path: path.to_owned() };
        let mut tree = seen.folder(git, &place).await.map_err(Unmade::from)?;
        if tree.is_none()
            && let Some(entered) = modules::enter(git, place.clone(), &permit).await?
        {
            place = entered;
            tree = seen.folder(git, &place).await.map_err(Unmade::from)?;
        }
        let Some(tree) = tree else {
            return Err(Unmade::until_changed(format!(
                "spec.source.path: there is no folder `{path}` in {url} at {revision} ({})",
                commit.short()
            )));
        };
        let shape = shape(source, &tree, &place, &permit);
        let known = self.plain.lock().get(&shape).copied();
        let shown = commit.to_string();
        if let Some(kept) = known.and_then(|inputs| self.renderer.recall(&inputs, &self.shelf)) {
            return Ok(Opened { commit, revision: shown, is: Is::Shared(kept?) });
        }
        let folder = place.path.clone();
        let tree = seen.tree(git, revision, place, Some(&permit)).await?;
        let is = self.told_apart(wanted, (&commit, &shown), (tree, &folder), Some(shape), seen).await?;
        Ok(Opened { commit, revision: shown, is })
    }

    /// Whether a folder comes to the same for all; then what, and it is remembered under its shape.
    async fn told_apart(
        &self,
        wanted: &Wanted,
        (commit, revision): (&CommitId, &str),
        (tree, folder): (Arc<dyn Tree>, &str),
        shape: Option<Digest>,
        seen: &Seen,
    ) -> Result<Is, Unmade> {
        let said = hub_render::overridden(&wanted.source, &*tree, folder, None).await?;
        let of = hub_render::type_of(&said, &*tree, folder);
        let of = of.map_err(|problem| Unmade::until_changed(problem.to_string()))?;
        if of != SourceType::Directory || hub_render::tells_applications_apart(&*tree, folder) {
            return Ok(Is::Apart { tree, folder: folder.to_owned() });
        }
        tracing::trace!(%commit, folder, "a plain directory");
        let (kept, inputs) = self.directory(&said, wanted, (&tree, folder), revision, seen).await?;
        if let (Some(inputs), Some(shape)) = (inputs, shape) {
            let mut plain = self.plain.lock();
            if plain.len() >= REMEMBERED {
                plain.clear();
            }
            plain.insert(shape, inputs);
        }
        Ok(Is::Shared(kept?))
    }

    /// What is in a chart, or another artefact of a registry: fetched and unpacked once, for all that want it.
    async fn chart(&self, wanted: &Wanted, commit: &CommitId) -> Result<Arc<dyn Tree>, String> {
        let turn = self.unpacked.lock().turn(commit);
        let _alone = outside(turn.lock()).await;
        if let Some(tree) = self.unpacked.lock().get(commit) {
            return Ok(tree);
        }
        let (url, version) = &wanted.reference;
        let passes = wanted.source.helm.as_ref().is_some_and(|helm| helm.pass_credentials);
        let credentials = self.git.credentials(url);
        let credentials = credentials.map(|known| if passes { known.passed_on() } else { known });
        let files = outside(self.git.charts.files(url, commit, version, credentials.as_ref())).await;
        let files = files.map_err(|error| chain(&error))?;
        let name = format!("{} {}", Address::shown(url), self.git.called(url, commit));
        let bytes = files.values().map(Bytes::len).sum();
        let tree: Arc<dyn Tree> = Arc::new(hub_render::tree::Memory::new(name, files));
        self.unpacked.lock().put(commit.clone(), bytes, Arc::clone(&tree));
        Ok(tree)
    }

    /// What a plain directory comes to; with its inputs, where they are all in the folder.
    async fn directory(
        &self,
        source: &Source,
        wanted: &Wanted,
        (tree, folder): (&Arc<dyn Tree>, &str),
        revision: &str,
        seen: &Seen,
    ) -> Result<(Result<Kept, Failure>, Option<Digest>), Failure> {
        let nobody = App { project: wanted.project.clone(), ..App::default() };
        let pins = Pins::head();
        let fetch = Fetcher::new(&self.git, wanted, &pins, seen);
        let request = Request {
            source,
            app: &nobody,
            revision,
            tree,
            folder,
            references: &BTreeMap::new(),
            capabilities: &Capabilities::default(),
            fetch: &fetch,
            settings: &Settings::default(),
        };
        let job = self.renderer.prepare(&request).await?;
        let kept = outside(self.renderer.keep(&job, whose(wanted, &place(source)), &self.shelf)).await;
        let links = tree.under(folder).iter().any(|entry| entry.mode == hub_render::tree::Mode::Symlink);
        let known = !links && job.warnings.is_empty() && !matches!(kept, Err(Failure::Circumstance(_)));
        Ok((kept, known.then(|| job.inputs())))
    }

    async fn make(&self, wanted: &Wanted, opened: &Opened, pins: &Pins, seen: &Seen) -> Result<Made, Unmade> {
        let (commit, revision) = (opened.commit.clone(), opened.revision.clone());
        let own = BTreeMap::from([(wanted.reference.clone(), opened.commit.clone())]);
        let (tree, folder) = match &opened.is {
            Is::Reference => return Ok(Made { kept: None, commit, revision, is_apart: false, commits: own }),
            Is::Shared(kept) => {
                let kept = Some(kept.clone());
                return Ok(Made { kept, commit, revision, is_apart: false, commits: own });
            }
            Is::Apart { tree, folder } => (tree, folder),
        };
        let fetch = Fetcher::new(&self.git, wanted, pins, seen);
        match self.apart(wanted, (tree, folder), &revision, &fetch).await {
            Ok((kept, references)) => {
                let commits = own.into_iter().chain(references).chain(fetch.fetched()).collect();
                Ok(Made { kept: Some(kept), commit, revision, is_apart: true, commits })
            }
            // What is followed keeps its schedule, and tells when it is there or another.
            Err(unmade) => Err(unmade.asked(fetch.asked())),
        }
    }

    /// What a source comes to for one Application and its cluster, and what `$name` in it was.
    async fn apart(
        &self,
        wanted: &Wanted,
        (tree, folder): (&Arc<dyn Tree>, &str),
        revision: &str,
        fetch: &Fetcher<'_>,
    ) -> Result<(Kept, BTreeMap<Reference, CommitId>), Unmade> {
        let Some(app) = &wanted.app else {
            return Err(Unmade::until_changed("the source is for one Application".to_owned()));
        };
        let about = App {
            name: app.name.clone(),
            namespace: wanted.namespace.clone(),
            project: wanted.project.clone(),
            destination: app.destination.clone(),
        };
        let name = about.instance_name();
        let source = hub_render::overridden(&wanted.source, &**tree, folder, Some(&name)).await?;
        let (mut commits, mut references) = (BTreeMap::new(), BTreeMap::new());
        for (name, reference) in &wanted.references {
            let (commit, tree) = fetch.referred(reference).await?;
            commits.insert(reference.clone(), commit);
            references.insert(name.clone(), tree);
        }
        let request = Request {
            source: &source,
            app: &about,
            revision,
            tree,
            folder,
            references: &references,
            capabilities: &app.capabilities,
            fetch,
            settings: fetch.settings(),
        };
        let job = self.renderer.prepare(&request).await?;
        let kept = outside(self.renderer.keep(&job, whose(wanted, &place(&source)), &self.shelf)).await?;
        Ok((kept, commits))
    }
}

/// Names a folder's contents and all that is said of them.
fn shape(source: &Source, tree: &hub_source::TreeId, place: &Place, permit: &Permit) -> Digest {
    let mut said = serde_json::to_value(source).unwrap_or_default();
    if let Some(fields) = said.as_object_mut() {
        fields.retain(|name, _| !["repoURL", "path", "targetRevision"].contains(&name.as_str()));
    }
    // The same folder is then more than its own files, by the repository that its submodules' addresses are relative to.
    let submodules = permit.shape().map(|from| json!([place.url.normalized(), from]));
    Digest::of(json!([tree.as_str(), place.path, said, submodules]).to_string().as_bytes())
}

/// Where a source is, for whoever minds how long it takes there.
fn place(source: &Source) -> String {
    let Source { repo_url, path, chart, .. } = source;
    format!("{}#{path}{chart}", RepoUrl::new(repo_url.clone()).normalized())
}

fn whose<'a>(wanted: &'a Wanted, place: &'a str) -> Whose<'a> {
    Whose { project: &wanted.project, place }
}

/// What people set about rendering: Argo CD's keys in its ConfigMap, and ours in ours.
fn settings(index: &Index) -> Settings {
    let map = |name| index.object(Kind::ConfigMap, settings::NAMESPACE, name).map(|stored| stored.value());
    let ours = map(settings::NAME).map(|value| shared_project::Settings::read(&value)).unwrap_or_default();
    let text = |key: &str| {
        let value = map(argocd::NAME)?;
        value["data"][key].as_str().map(str::to_owned)
    };
    let words = |key: &str, between: fn(char) -> bool| {
        let text = text(key).unwrap_or_default();
        text.split(between).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    Settings {
        kustomize_options: words(KUSTOMIZE_OPTIONS, char::is_whitespace),
        remote_bases: ours.remote_bases,
        values_schemes: words(VALUES_SCHEMES, |c| c == ','),
    }
}

/// The keys of [`argocd::NAME`] that change what is rendered.
const KUSTOMIZE_OPTIONS: &str = "kustomize.buildOptions";
const VALUES_SCHEMES: &str = "helm.valuesFileSchemes";

/// What of a ConfigMap changes what is rendered.
pub(crate) fn rendered_by(map: Option<&Object>) -> Option<[Value; 4]> {
    let value = &map?.value()["data"];
    let keys = [KUSTOMIZE_OPTIONS, VALUES_SCHEMES, settings::SUBMODULES, settings::REMOTE_BASES];
    Some(keys.map(|key| value[key].clone()))
}

#[cfg(test)]
mod tests;
