//! An Application becomes a release: its sources rendered at their commits, bundle and record durable.

use crate::{
    expand::{Pins, Reference, revision_or_head},
    git::{Git, chain},
    metrics::Work,
    modules::{self, Mount, Permit, Place},
};
use bytes::Bytes;
use hub_records::{Bundles, Records, keys};
use hub_render::{Cache, Inputs, Known, LARGEST_FILE, LARGEST_SOURCE, Rendered};
use hub_source::{ReadLimit, TreeId};
use parking_lot::Mutex;
use serde::Serialize;
use shared_model::{AppKey, Application, CommitId, Digest, ReleaseId, ReleaseSpec, Source};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};
use tokio::sync::OnceCell;

const REMEMBERED: usize = 10_000;

/// Sources that were rendered a moment ago, by what they say: an owner's Applications often share theirs.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<BTreeMap<Said, (Wanted, Arc<Once>)>>);

/// A source that is rendered, or will be by whoever asks first.
type Once = OnceCell<Made>;
/// A source, and for whom: a project may not permit what another does.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Wanted {
    pub(crate) source: Source,
    /// The Application's.
    pub(crate) namespace: String,
    pub(crate) project: String,
}

/// What is wanted, as JSON.
pub(crate) type Said = Arc<str>;
/// The bundle that a source came to, its size, and the commit.
pub(crate) type Made = (Bundled, CommitId);
/// A bundle's digest and size.
pub(crate) type Bundled = (Digest, u64);

impl Seen {
    fn of(&self, wanted: &Wanted) -> (Said, Arc<Once>) {
        let said = serde_json::to_string(wanted).expect("a source has string keys only");
        let mut seen = self.0.lock();
        if let Some((said, (_, cell))) = seen.get_key_value(said.as_str()) {
            return (Arc::clone(said), Arc::clone(cell));
        }
        let (said, cell) = (Said::from(said), Arc::default());
        seen.insert(Arc::clone(&said), (wanted.clone(), Arc::clone(&cell)));
        (said, cell)
    }

    /// What each source came to; those that came to nothing are left out.
    pub(crate) fn made(self) -> BTreeMap<Said, (Wanted, Bundled)> {
        let made = self.0.into_inner().into_iter();
        made.filter_map(|(said, (wanted, cell))| Some((said, (wanted, cell.get()?.0)))).collect()
    }
}

/// Makes releases. Clones share one cache.
#[derive(Debug, Clone)]
pub(crate) struct Releases {
    git: Git,
    records: Records,
    bundles: Bundles,
    cache: Arc<Cache>,
    metrics: Work,
}

/// A release that is durable, with the commits that it was rendered from.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) id: ReleaseId,
    pub(crate) spec: ReleaseSpec,
    pub(crate) commits: BTreeMap<Reference, CommitId>,
    pub(crate) sources: Vec<Said>,
}

/// Why an Application has no release: Argo CD's condition type and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unrendered {
    pub(crate) condition: &'static str,
    pub(crate) message: String,
    /// What it wanted to follow, so that it hears when that is there.
    pub(crate) references: BTreeSet<Reference>,
}

impl Releases {
    pub(crate) fn new(git: Git, records: Records, bundles: Bundles, metrics: Work) -> Self {
        let cache = Arc::new(Cache::new(REMEMBERED));
        Self { git, records, bundles, cache, metrics }
    }

    /// The release of an Application at the given commits.
    pub(crate) async fn release(
        &self,
        key: &AppKey,
        application: &Application,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<Release, Unrendered> {
        let references: BTreeSet<Reference> =
            application.spec.all_sources().into_iter().map(reference).collect();
        let unrendered =
            |condition, message| Unrendered { condition, message, references: references.clone() };
        let comparison = |message| unrendered("ComparisonError", message);
        let mut commits = BTreeMap::new();
        let (mut parts, mut sources) = (Vec::new(), Vec::new());
        if references.is_empty() {
            return Err(unrendered(
                "InvalidSpecError",
                "spec.source: a source with repoURL and path is required".into(),
            ));
        }
        for source in application.spec.all_sources() {
            let reference = reference(source);
            let wanted = Wanted {
                source: source.clone(),
                namespace: application.metadata.namespace.clone(),
                project: application.spec.project.clone(),
            };
            let (said, known) = seen.of(&wanted);
            let made = known.get_or_try_init(|| self.made(&wanted, pins));
            let (rendered, commit) = made.await.map_err(comparison)?.clone();
            sources.push(said);
            commits.insert(reference, commit.clone());
            parts.push((rendered, commit));
        }
        let (bundle, bundle_bytes) = self.join(&parts).await.map_err(comparison)?;
        let spec = spec(
            key,
            application,
            bundle,
            bundle_bytes,
            parts.into_iter().map(|(_, commit)| commit).collect(),
        );
        let id = spec.id();
        self.keep(&id, &spec)
            .await
            .map_err(|error| comparison(format!("the release could not be stored: {}", chain(&error))))?;
        Ok(Release { id, spec, commits, sources })
    }

    /// What a source comes to.
    pub(crate) async fn made(&self, wanted: &Wanted, pins: &Pins) -> Result<Made, String> {
        let reference = reference(&wanted.source);
        let commit = pins.commit(&self.git, &reference).await?;
        Ok((self.source(wanted, &reference, &commit).await?, commit))
    }

    /// Writes the record of a release once.
    async fn keep(&self, id: &ReleaseId, spec: &ReleaseSpec) -> Result<(), hub_records::Error> {
        let key = keys::release(id);
        let _there = self.records.recent().note(*id, shared_runtime::now()).await;
        if self.records.store().get(&key).await?.is_none() {
            self.records.write(&key, spec).await?;
        }
        Ok(())
    }

    /// One source as a bundle.
    async fn source(
        &self,
        wanted: &Wanted,
        reference: &Reference,
        commit: &CommitId,
    ) -> Result<(Digest, u64), String> {
        let source = &wanted.source;
        let (url, revision) = reference;
        let path = source.path.trim_matches('/');
        let path = if path == "." { "" } else { path };
        if path.split('/').any(|part| part == "..") {
            return Err(format!("spec.source.path: `{path}` leaves the repository"));
        }
        self.git.fetch(url, commit, revision).await?;
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
        let options = serde_json::to_value(source).unwrap_or_default();
        let mut shape = options;
        for field in ["repoURL", "path", "targetRevision"] {
            if let Some(fields) = shape.as_object_mut() {
                fields.remove(field);
            }
        }
        if let Some(from) = permit.shape()
            && let Some(fields) = shape.as_object_mut()
        {
            // The same folder is then more than its own files, by the repository that its submodules' addresses are relative to.
            fields.insert("submodules".to_owned(), serde_json::json!([place.url.normalized(), from]));
        }
        let inputs = Inputs::of(tree.as_str(), &shape);
        let known = self.cache.get(&inputs);
        self.metrics.looked_up(known.is_some());
        match known {
            Some(Ok((digest, bytes))) if self.bundles.renew(&digest) => return Ok((digest, bytes)),
            Some(Err(problems)) => return Err(lines(&problems)),
            // It was not needed for long, and is gone.
            Some(Ok(_)) | None => {}
        }
        let began = Instant::now();
        let rendered = self.render(source, place, &permit).await;
        self.metrics.rendered(began.elapsed(), !matches!(rendered, Ok(Ok(_))));
        let result = rendered?;
        self.cache.put(inputs, result.clone());
        result.map_err(|problems| lines(&problems))
    }

    async fn tree(&self, place: &Place) -> Result<Option<TreeId>, String> {
        let Place { url, commit, path } = place;
        self.git.repositories.tree_id(url, commit, path).await.map_err(|error| chain(&error))
    }

    /// Renders a source. The outer error is one of circumstance, the inner one of the files.
    async fn render(&self, source: &Source, place: Place, permit: &Permit) -> Result<Known, String> {
        let prefix = if place.path.is_empty() { String::new() } else { format!("{}/", place.path) };
        let mounts = modules::mounts(&self.git, place, permit).await?;
        let files: BTreeMap<String, (usize, String)> = mounts
            .iter()
            .enumerate()
            .flat_map(|(at, mount)| mount.files().map(move |(name, entry)| (name, (at, entry.path.clone()))))
            .collect();
        let inside: Vec<&str> = files.keys().map(String::as_str).collect();
        let names = inside.iter().copied().filter(|name| !name.contains('/'));
        if let Some(refusal) = hub_render::detect(source, names).refusal() {
            return Err(format!("spec.source: {refusal}"));
        }
        let directory = source.directory.clone().unwrap_or_default();
        let selected: Vec<String> = match hub_render::select(inside, &directory) {
            Ok(selected) => selected.into_iter().map(|name| name.to_owned()).collect(),
            Err(problem) => return Ok(Err(vec![problem])),
        };
        let contents = self.read(&mounts, &files, &selected).await?;
        let files: Vec<(String, Bytes)> =
            selected.into_iter().map(|name| format!("{prefix}{name}")).zip(contents).collect();
        let pointers: Vec<&str> = files
            .iter()
            .filter(|(_, bytes)| hub_source::is_lfs_pointer(bytes))
            .map(|(path, _)| path.as_str())
            .collect();
        if !pointers.is_empty() {
            return Err(pointed(&pointers));
        }
        let bundles = self.bundles.clone();
        let work = move || {
            let views: Vec<(String, &[u8])> =
                files.iter().map(|(path, bytes)| (path.clone(), &bytes[..])).collect();
            match hub_render::plain(&views) {
                Err(problems) => Ok(Err(problems)),
                Ok(Rendered { bundle, repeated }) => {
                    for object in repeated {
                        tracing::warn!(?object, "RepeatedResourceWarning: the last one counts");
                    }
                    let bytes = bundle.to_bytes();
                    let digest = bundles.put(&bytes).map_err(|error| chain(&error))?;
                    Ok(Ok((digest, bytes.len() as u64)))
                }
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| "rendering was interrupted".to_owned())?
    }

    /// The contents of the selected files, in their order.
    async fn read(
        &self,
        mounts: &[Mount],
        files: &BTreeMap<String, (usize, String)>,
        selected: &[String],
    ) -> Result<Vec<Bytes>, String> {
        let mut contents = vec![Bytes::new(); selected.len()];
        let mut left = LARGEST_SOURCE;
        for (at, mount) in mounts.iter().enumerate() {
            let wanted: Vec<(usize, String)> = selected
                .iter()
                .enumerate()
                .filter_map(|(index, name)| {
                    let (of, path) = files.get(name)?;
                    (*of == at).then(|| (index, path.clone()))
                })
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let (indices, paths): (Vec<usize>, Vec<String>) = wanted.into_iter().unzip();
            let limit = ReadLimit { per_file: LARGEST_FILE, total: left };
            let Place { url, commit, .. } = &mount.place;
            let read = self.git.repositories.read(url, commit, &paths, limit).await;
            for (index, (_, bytes)) in indices.into_iter().zip(read.map_err(|error| chain(&error))?) {
                left = left.saturating_sub(bytes.len() as u64);
                contents[index] = bytes;
            }
        }
        Ok(contents)
    }

    /// The bundle of all sources together: the only one's, or one made of all objects.
    async fn join(&self, parts: &[((Digest, u64), CommitId)]) -> Result<(Digest, u64), String> {
        if let [(only, _)] = parts {
            return Ok(*only);
        }
        let bundles = self.bundles.clone();
        let digests: Vec<Digest> = parts.iter().map(|((digest, _), _)| *digest).collect();
        let work = move || {
            let mut objects = Vec::new();
            for digest in digests {
                let bytes = bundles.get(&digest).map_err(|error| chain(&error))?;
                let bundle =
                    shared_manifest::Bundle::from_bytes(&bytes).map_err(|error| error.to_string())?;
                objects.extend(bundle.into_objects());
            }
            let (bundle, _repeated) = shared_manifest::Bundle::new(objects);
            let bytes = bundle.to_bytes();
            Ok((bundles.put(&bytes).map_err(|error| chain(&error))?, bytes.len() as u64))
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| "rendering was interrupted".to_owned())?
    }
}

/// What to say of files whose contents are elsewhere.
pub(crate) fn pointed(paths: &[&str]) -> String {
    const SHOWN: usize = 5;
    let more = paths.len().saturating_sub(SHOWN);
    let shown = paths.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "pointers of Git LFS: {shown}{rest}; their contents are not fetched, also with enableLfs: keep manifests in Git itself (`git lfs untrack`)"
    )
}

pub(crate) fn reference(source: &Source) -> Reference {
    (shared_model::RepoUrl::new(source.repo_url.clone()), revision_or_head(&source.target_revision))
}

fn spec(
    key: &AppKey,
    application: &Application,
    bundle: Digest,
    bundle_bytes: u64,
    revisions: Vec<CommitId>,
) -> ReleaseSpec {
    let policy = application.spec.sync_policy.clone().unwrap_or_default();
    let automated =
        policy.automated.clone().filter(|automated| automated.enabled != Some(false)).unwrap_or_default();
    ReleaseSpec {
        application: key.clone(),
        bundle,
        bundle_bytes,
        namespace: application.spec.destination.namespace.clone(),
        project: application.spec.project.clone(),
        sync_policy: policy,
        ignore_differences: application.spec.ignore_differences.clone(),
        self_heal: automated.self_heal,
        prune: automated.prune,
        revisions,
    }
}

fn lines(problems: &[shared_manifest::Problem]) -> String {
    let shown: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
    let more = problems.len().saturating_sub(5);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join("; "))
}
