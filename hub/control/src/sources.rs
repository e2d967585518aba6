//! A source becomes a bundle: its repository opened at a commit, and what it says rendered for one Application.
//!
//! Done in two steps. What a source *is* (commit, tree, type) is the same for all Applications of an owner that say the
//! same, and so is a plain directory's bundle. What a chart or an overlay comes to depends on the Application too: its
//! name, its destination, what its cluster can do.
//!
//! It refuses to know what a release is, and how something is rendered ([`hub_render`]).

mod fetch;

use crate::{
    expand::{Pins, Reference, revision_or_head},
    git::{Git, chain},
    modules::{self, Mount, Permit, Place},
    trees::GitTree,
};
use fetch::Fetcher;
use hub_records::Bundles;
use hub_render::{App, Capabilities, Failure, Kept, Renderer, Request, Settings, Shelf, SourceType, Whose};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use shared_model::{Application, CommitId, Digest, RepoUrl, Source};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::OnceCell;

/// How many folders are remembered to be plain directories whose bundle is known.
const REMEMBERED: usize = 65_536;

/// A source, and for whom: a project may not permit what another does.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Wanted {
    pub(crate) source: Source,
    /// The Application's.
    pub(crate) namespace: String,
    pub(crate) project: String,
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
    /// Whether it was rendered for one Application and its cluster.
    pub(crate) is_apart: bool,
    /// Everything that it was made from.
    pub(crate) commits: BTreeMap<Reference, CommitId>,
}

impl Wanted {
    /// A source of an Application.
    pub(crate) fn of(application: &Application, source: &Source, capabilities: &Arc<Capabilities>) -> Self {
        let refers = |source: &Source| {
            let helm = source.helm.iter();
            let files = helm.clone().flat_map(|helm| &helm.value_files);
            let parameters = helm.flat_map(|helm| &helm.file_parameters).map(|parameter| &parameter.path);
            files.chain(parameters).any(|path| path.starts_with('$'))
        };
        // A file in the repository may refer too.
        let all = application.spec.all_sources();
        let named = all.iter().filter(|other| !other.reference.is_empty());
        let may_refer = source.reference.is_empty() || refers(source);
        let references = named.filter(|_| may_refer).map(|other| (other.reference.clone(), reference(other)));
        Self {
            source: source.clone(),
            namespace: application.metadata.namespace.clone(),
            project: application.spec.project.clone(),
            references: references.collect(),
            app: Some(For {
                name: application.metadata.name.clone(),
                destination: application.spec.destination.namespace.clone(),
                able: able(capabilities),
                capabilities: Arc::clone(capabilities),
            }),
        }
    }

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
    let Capabilities { kube_version, api_versions } = capabilities;
    Digest::of(format!("{kube_version}\n{}", api_versions.join("\n")).as_bytes())
}

/// Sources that were looked at a moment ago: an owner's Applications often share theirs.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    opened: Mutex<BTreeMap<Said, Arc<OnceCell<Opened>>>>,
    trees: Mutex<BTreeMap<Reference, Arc<OnceCell<(CommitId, Arc<dyn hub_render::Tree>)>>>>,
    made: Mutex<BTreeMap<Said, (Wanted, Arc<OnceCell<Made>>)>>,
}

impl Seen {
    fn made_of(&self, said: Said, wanted: &Wanted) -> Arc<OnceCell<Made>> {
        let mut made = self.made.lock();
        Arc::clone(&made.entry(said).or_insert_with(|| (wanted.clone(), Arc::default())).1)
    }

    /// What each source came to; those that came to nothing are left out.
    pub(crate) fn made(self) -> BTreeMap<Said, (Wanted, Made)> {
        let made = self.made.into_inner().into_iter();
        made.filter_map(|(said, (wanted, cell))| Some((said, (wanted, cell.get()?.clone())))).collect()
    }
}

/// What a source is.
#[derive(Debug)]
struct Opened {
    commit: CommitId,
    /// What the same folder would come to another way: the submodules' rule, where they are followed.
    is: Is,
}

#[derive(Debug)]
enum Is {
    /// What others refer to, and nothing by itself.
    Reference,
    /// A folder that comes to the same for all.
    Shared(Kept),
    /// One that is rendered for each Application.
    Apart { tree: Arc<dyn hub_render::Tree>, folder: String },
}

/// Makes bundles of sources. Clones share memory.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    git: Git,
    renderer: Renderer,
    shelf: Arc<dyn Shelf>,
    /// The inputs of folders that were plain directories, by their trees' ids and what is said of them.
    plain: Arc<Mutex<BTreeMap<Digest, Digest>>>,
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
        Self { git, renderer, shelf: Arc::new(Folder(bundles)), plain: Arc::default() }
    }

    pub(crate) const fn renderer(&self) -> &Renderer {
        &self.renderer
    }

    pub(crate) const fn shelf(&self) -> &Arc<dyn Shelf> {
        &self.shelf
    }

    /// What a source comes to, and by which name it is remembered in `seen`.
    pub(crate) async fn made(
        &self,
        wanted: &Wanted,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<(Said, Made), String> {
        let common = wanted.for_all();
        let said = common.said();
        let opened = self.opened(&common, said, pins, seen).await?;
        let opened = opened.get().expect("it was opened");
        let (said, wanted) = match &opened.is {
            Is::Shared(_) | Is::Reference => (said, &common),
            Is::Apart { .. } => (wanted.said(), wanted),
        };
        let cell = seen.made_of(said, wanted);
        let made = cell.get_or_try_init(|| self.make(wanted, opened, pins, seen)).await?;
        Ok((said, made.clone()))
    }

    /// What something that was made before comes to now, if it is still the same kind of thing.
    pub(crate) async fn again(&self, wanted: &Wanted, seen: &Seen) -> Result<Made, Otherwise> {
        let pins = Pins::Head;
        let common = wanted.for_all();
        let opened = self.opened(&common, common.said(), &pins, seen).await.map_err(|_| Otherwise)?;
        let opened = opened.get().expect("it was opened");
        if wanted.app.is_some() != matches!(opened.is, Is::Apart { .. }) {
            return Err(Otherwise);
        }
        self.make(wanted, opened, &pins, seen).await.map_err(|_| Otherwise)
    }

    /// What the source of an Application is rendered for.
    async fn opened(
        &self,
        wanted: &Wanted,
        said: Said,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<Arc<OnceCell<Opened>>, String> {
        let cell = Arc::clone(seen.opened.lock().entry(said).or_default());
        cell.get_or_try_init(|| self.open(wanted, pins)).await?;
        Ok(cell)
    }

    async fn open(&self, wanted: &Wanted, pins: &Pins) -> Result<Opened, String> {
        let source = &wanted.source;
        let reference = reference(source);
        let (url, revision) = &reference;
        let commit = pins.commit(&self.git, &reference).await?;
        if !source.reference.is_empty() && source.path.is_empty() {
            return Ok(Opened { commit, is: Is::Reference });
        }
        let path = source.path.trim_matches('/');
        let path = if path == "." { "" } else { path };
        if path.split('/').any(|part| part == "..") {
            return Err(format!("spec.source.path: `{path}` leaves the repository"));
        }
        self.git.fetch(url, &commit, revision).await?;
        let permit = Permit::of(&self.git, &wanted.namespace, &wanted.project);
        let mut place = Place { url: url.clone(), commit: commit.clone(), path: path.to_owned() };
        let mut tree = self.tree(&place).await?;
        if tree.is_none()
            && let Some(entered) = modules::enter(&self.git, place.clone(), &permit).await?
        {
            place = entered;
            tree = self.tree(&place).await?;
        }
        let Some(tree) = tree else {
            return Err(format!(
                "spec.source.path: there is no folder `{path}` in {url} at {revision} ({})",
                commit.short()
            ));
        };
        let shape = shape(source, &tree, &place, &permit);
        let known = self.plain.lock().get(&shape).copied();
        if let Some(kept) = known.and_then(|inputs| self.renderer.recall(&inputs, &self.shelf)) {
            let kept = kept.map_err(|failure| failure.to_string())?;
            return Ok(Opened { commit, is: Is::Shared(kept) });
        }
        let folder = place.path.clone();
        let mounts = modules::mounts(&self.git, place, &permit).await?;
        let tree: Arc<dyn hub_render::Tree> =
            Arc::new(GitTree::new(self.git.repositories.clone(), revision, mounts));
        let said = hub_render::overridden(source, &*tree, &folder, None).await;
        let said = said.map_err(|failure| failure.to_string())?;
        let of = hub_render::type_of(&said, &*tree, &folder).map_err(|problem| problem.to_string())?;
        if of != SourceType::Directory || hub_render::tells_applications_apart(&*tree, &folder) {
            return Ok(Opened { commit, is: Is::Apart { tree, folder } });
        }
        let (kept, inputs) = self.directory(&said, wanted, &tree, &folder, &commit).await?;
        if let Some(inputs) = inputs {
            let mut plain = self.plain.lock();
            if plain.len() >= REMEMBERED {
                plain.clear();
            }
            plain.insert(shape, inputs);
        }
        Ok(Opened { commit, is: Is::Shared(kept.map_err(|failure| failure.to_string())?) })
    }

    /// What a plain directory comes to; with its inputs, where they are all in the folder.
    async fn directory(
        &self,
        source: &Source,
        wanted: &Wanted,
        tree: &Arc<dyn hub_render::Tree>,
        folder: &str,
        commit: &CommitId,
    ) -> Result<(Result<Kept, Failure>, Option<Digest>), String> {
        let nobody = App { project: wanted.project.clone(), ..App::default() };
        let fetch = Fetcher::new(&self.git, wanted, &Pins::Head);
        let request = Request {
            source,
            app: &nobody,
            revision: commit.as_str(),
            tree,
            folder,
            references: &BTreeMap::new(),
            capabilities: &Capabilities::default(),
            fetch: &fetch,
            settings: &Settings::default(),
        };
        let job = self.renderer.prepare(&request).await.map_err(|failure| failure.to_string())?;
        let kept = self.renderer.keep(&job, whose(wanted, &place(source)), &self.shelf).await;
        let links = tree.under(folder).iter().any(|entry| entry.mode == hub_render::tree::Mode::Symlink);
        let known = !links && job.warnings.is_empty() && !matches!(kept, Err(Failure::Circumstance(_)));
        Ok((kept, known.then(|| job.inputs())))
    }

    async fn make(&self, wanted: &Wanted, opened: &Opened, pins: &Pins, seen: &Seen) -> Result<Made, String> {
        let commit = opened.commit.clone();
        let own = BTreeMap::from([(reference(&wanted.source), commit.clone())]);
        let (tree, folder) = match &opened.is {
            Is::Reference => return Ok(Made { kept: None, commit, is_apart: false, commits: own }),
            Is::Shared(kept) => {
                return Ok(Made { kept: Some(kept.clone()), commit, is_apart: false, commits: own });
            }
            Is::Apart { tree, folder } => (tree, folder),
        };
        let Some(app) = &wanted.app else { return Err("the source is for one Application".to_owned()) };
        let source = hub_render::overridden(&wanted.source, &**tree, folder, Some(&app.name)).await;
        let source = source.map_err(|failure| failure.to_string())?;
        let mut commits = own;
        let mut references = BTreeMap::new();
        for (name, reference) in &wanted.references {
            let (commit, tree) = self.referred(reference, pins, seen).await?;
            commits.insert(reference.clone(), commit);
            references.insert(name.clone(), tree);
        }
        let about = App {
            name: app.name.clone(),
            namespace: wanted.namespace.clone(),
            project: wanted.project.clone(),
            destination: app.destination.clone(),
        };
        let fetch = Fetcher::new(&self.git, wanted, pins);
        let settings = Settings::default();
        let request = Request {
            source: &source,
            app: &about,
            revision: commit.as_str(),
            tree,
            folder,
            references: &references,
            capabilities: &app.capabilities,
            fetch: &fetch,
            settings: &settings,
        };
        let job = self.renderer.prepare(&request).await.map_err(|failure| failure.to_string())?;
        let kept = self.renderer.keep(&job, whose(wanted, &place(&source)), &self.shelf).await;
        let kept = kept.map_err(|failure| failure.to_string())?;
        commits.extend(fetch.fetched());
        Ok(Made { kept: Some(kept), commit, is_apart: true, commits })
    }

    /// The tree of a source that others refer to.
    async fn referred(
        &self,
        reference: &Reference,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<(CommitId, Arc<dyn hub_render::Tree>), String> {
        let cell = Arc::clone(seen.trees.lock().entry(reference.clone()).or_default());
        let found = cell.get_or_try_init(|| async {
            let commit = pins.commit(&self.git, reference).await?;
            Ok::<_, String>((commit.clone(), whole(&self.git, reference, commit).await?))
        });
        found.await.cloned()
    }

    async fn tree(&self, place: &Place) -> Result<Option<hub_source::TreeId>, String> {
        let Place { url, commit, path } = place;
        self.git.repositories.tree_id(url, commit, path).await.map_err(|error| chain(&error))
    }
}

/// A commit from its root, fetched; its submodules are not followed.
async fn whole(
    git: &Git,
    (url, revision): &Reference,
    commit: CommitId,
) -> Result<Arc<dyn hub_render::Tree>, String> {
    git.fetch(url, &commit, revision).await?;
    let tree = git.repositories.list(url, &commit).await.map_err(|error| chain(&error))?;
    let place = Place { url: url.clone(), commit, path: String::new() };
    let mounts = vec![Mount { at: String::new(), place, tree }];
    Ok(Arc::new(GitTree::new(git.repositories.clone(), revision, mounts)))
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

pub(crate) fn reference(source: &Source) -> Reference {
    (RepoUrl::new(source.repo_url.clone()), revision_or_head(&source.target_revision))
}
