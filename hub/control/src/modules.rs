//! Submodules: which repository a path of a source is really in, and what is mounted below it.
//!
//! Decides from trees, `.gitmodules` and the setting `git.submodules`. A submodule's commit is the one in the
//! tree, so what is frozen stays frozen.
//!
//! # Invariants
//! - Without the setting nothing is followed.
//! - Another host than the parent's is asked only when a repository Secret names it: who may write to a
//!   repository cannot have the hub talk to any place. A submodule is read with what its own address is read
//!   with, never with its parent's credentials.
//! - A submodule's repository has to be permitted by `sourceRepos` of the Application's AppProject, as the
//!   Application's own is, before it is asked: who may write to a repository of one team cannot have the hub
//!   read another team's with the hub's login. (Argo CD reads submodules with their parent's credentials and
//!   does not look at the project.)
//! - Submodules inside one another are followed [`DEEPEST`] deep.

use crate::{
    credentials,
    git::{Git, chain},
    unmade::Unmade,
};
use hub_source::{Entry, Mode, Tree};
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared_model::{CommitId, Kind, RepoUrl};
use shared_project::{Settings, settings};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Submodules inside one another.
const DEEPEST: usize = 5;
/// Submodules of one source.
const MOST: usize = 100;

/// A folder of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: RepoUrl,
    pub(crate) commit: CommitId,
    /// Without slashes around it; empty for the root.
    pub(crate) path: String,
}

/// A commit's tree that appears at a folder of a source.
#[derive(Debug)]
pub(crate) struct Mount {
    /// From the source's folder, with a trailing slash; empty for the source itself.
    pub(crate) at: String,
    pub(crate) place: Place,
    pub(crate) tree: Arc<Tree>,
}

/// Whether submodules are followed, and to where for Applications of one project.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    followed: bool,
    /// By name, with the AppProject if there is one.
    project: (String, Option<Arc<Value>>),
}

impl Permit {
    /// That of a project as an Application in `namespace` names it.
    pub(crate) fn of(git: &Git, namespace: &str, project: &str) -> Self {
        let index = git.index();
        let source = index.object(Kind::ConfigMap, settings::NAMESPACE, settings::NAME);
        let followed = source.is_some_and(|stored| Settings::read(&stored.value()).submodules);
        let object = crate::line::project(&index, namespace, project);
        let object = object.map(|object| Arc::new(object.value().into_owned()));
        Self { followed, project: (project.to_owned(), object) }
    }

    /// All that it depends on, unless submodules are not followed.
    pub(crate) fn shape(&self) -> Option<Value> {
        let (name, object) = &self.project;
        let repositories = object.as_ref().map(|object| object["spec"]["sourceRepos"].clone());
        self.followed.then(|| json!([name, repositories]))
    }

    /// Whether another repository may be read: a submodule's, or what a source names beside its own. `called` is all that
    /// people may call it.
    pub(crate) fn check(&self, called: &[RepoUrl]) -> Result<(), String> {
        let (name, object) = &self.project;
        match object {
            Some(project) => {
                shared_project::allow_source(project, called).map_err(|problem| problem.to_string())
            }
            // As for an Application's own: `default` permits all unless somebody wrote it.
            None if name == shared_project::DEFAULT_PROJECT => Ok(()),
            None => Err(format!("there is no AppProject {name}")),
        }
    }

    /// Whether the project names the host of a repository, rather than to permit any.
    pub(crate) fn names(&self, called: &[RepoUrl]) -> bool {
        self.project.1.as_ref().is_some_and(|project| shared_project::names_source(project, called))
    }
}

/// Which repositories are mounted in which, as far as sources that were rendered showed. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mounted(Arc<Mutex<BTreeMap<String, BTreeSet<RepoUrl>>>>);

impl Mounted {
    fn note(&self, outer: &RepoUrl, inner: &RepoUrl) {
        self.0.lock().entry(outer.normalized()).or_default().insert(inner.clone());
    }

    /// What is mounted in these, at any depth. What is in others is forgotten.
    pub(crate) fn within(&self, outer: &BTreeSet<RepoUrl>) -> BTreeSet<RepoUrl> {
        let mut mounted = self.0.lock();
        let mut found = BTreeSet::new();
        let mut seen: BTreeSet<String> = outer.iter().map(RepoUrl::normalized).collect();
        let mut next: Vec<String> = seen.iter().cloned().collect();
        while let Some(outer) = next.pop() {
            for inner in mounted.get(&outer).into_iter().flatten() {
                found.insert(inner.clone());
                if seen.insert(inner.normalized()) {
                    next.push(inner.normalized());
                }
            }
        }
        mounted.retain(|outer, _| seen.contains(outer));
        found
    }
}

/// Where a folder is that the tree does not have, if a submodule is on the way to it.
pub(crate) async fn enter(git: &Git, mut place: Place, permit: &Permit) -> Result<Option<Place>, Unmade> {
    let mut entered = false;
    for _ in 0..DEEPEST {
        let tree = list(git, &place).await?;
        let parts: Vec<&str> = place.path.split('/').collect();
        let on_the_way = (1..=parts.len()).find_map(|length| {
            let entry = tree.get(&parts[..length].join("/"))?;
            (entry.mode == Mode::Submodule).then_some(entry)
        });
        let Some(entry) = on_the_way else {
            let there = place.path.is_empty() || tree.under(&place.path).next().is_some();
            return Ok((entered && there).then_some(place));
        };
        if !permit.followed {
            return Err(Unmade::until_changed(format!(
                "`{}` is a submodule, and those are not followed: set git.submodules to \"true\" in the ConfigMap {}/{}",
                entry.path,
                settings::NAMESPACE,
                settings::NAME
            )));
        }
        let mut next = follow(git, &place, entry, permit).await?;
        place.path[entry.path.len()..].trim_matches('/').clone_into(&mut next.path);
        place = next;
        entered = true;
    }
    Err(too_deep())
}

/// The source's own tree and, if submodules are followed, those of all submodules below its folder.
pub(crate) async fn mounts(git: &Git, place: Place, permit: &Permit) -> Result<Vec<Mount>, Unmade> {
    let tree = list(git, &place).await?;
    let mut mounts = vec![Mount { at: String::new(), place, tree }];
    if !permit.followed {
        return Ok(mounts);
    }
    let mut depths = vec![0];
    let mut at = 0;
    while at < mounts.len() {
        let mount = &mounts[at];
        let modules: Vec<Entry> =
            mount.tree.under(&mount.place.path).filter(|e| e.mode == Mode::Submodule).cloned().collect();
        if !modules.is_empty() && depths[at] >= DEEPEST {
            return Err(too_deep());
        }
        let (parent, outer, depth) = (mount.place.clone(), mount.at.clone(), depths[at]);
        for entry in modules {
            if mounts.len() > MOST {
                return Err(Unmade::until_changed(format!("more than {MOST} submodules in one source")));
            }
            let place = follow(git, &parent, &entry, permit).await?;
            let tree = list(git, &place).await?;
            let below = entry.path[parent.path.len()..].trim_matches('/').to_owned();
            mounts.push(Mount { at: format!("{outer}{below}/"), place, tree });
            depths.push(depth + 1);
        }
        at += 1;
    }
    Ok(mounts)
}

fn too_deep() -> Unmade {
    Unmade::until_changed(format!("submodules inside one another more than {DEEPEST} deep"))
}

async fn list(git: &Git, place: &Place) -> Result<Arc<Tree>, String> {
    git.repositories.list(&place.url, &place.commit).await.map_err(|error| chain(&error))
}

/// The root of a submodule, fetched.
async fn follow(git: &Git, parent: &Place, entry: &Entry, permit: &Permit) -> Result<Place, Unmade> {
    let path = &entry.path;
    let modules = git.repositories.modules(&parent.url, &parent.commit).await;
    let modules = modules.map_err(|error| chain(&error))?;
    let wrong = |message: String| Unmade::until_changed(message);
    let url = modules.get(path).ok_or_else(|| {
        wrong(format!(
            "the submodule `{path}` of {} has no url in .gitmodules, or none that can be read",
            parent.url
        ))
    })?;
    if !may_follow(git, &parent.url, url) {
        return Err(wrong(format!(
            "the submodule `{path}` is at {url}, another host than {}: create a repository Secret for it to allow that",
            parent.url
        )));
    }
    let called = std::slice::from_ref(url);
    permit.check(called).map_err(|why| wrong(format!("the submodule `{path}` is not followed: {why}")))?;
    let commit: CommitId =
        entry.id.as_str().parse().map_err(|_| wrong(format!("the submodule `{path}` has no commit")))?;
    git.mounted.note(&parent.url, url);
    git.fetch(url, &commit, path).await?;
    Ok(Place { url: url.clone(), commit, path: String::new() })
}

fn may_follow(git: &Git, parent: &RepoUrl, module: &RepoUrl) -> bool {
    let server = |url: &RepoUrl| {
        let normalized = url.normalized();
        let (scheme, rest) = normalized.split_once("://").unwrap_or(("", ""));
        format!("{scheme}://{}", rest.split('/').next().unwrap_or_default())
    };
    server(parent) == server(module) || credentials::is_named(&git.index(), module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_in_what_is_needed_is_needed_and_the_rest_is_forgotten() {
        let url = |name: &str| RepoUrl::new(format!("https://git.example.com/{name}"));
        let mounted = Mounted::default();
        for (outer, inner) in [("fleet.git", "lib"), ("lib", "deep"), ("deep", "lib"), ("other", "more")] {
            mounted.note(&url(outer), &url(inner));
        }
        let fleet = BTreeSet::from([url("fleet")]);
        assert_eq!(mounted.within(&fleet), BTreeSet::from([url("deep"), url("lib")]));
        assert_eq!(mounted.within(&BTreeSet::from([url("other")])), BTreeSet::new());
        assert_eq!(mounted.within(&fleet), BTreeSet::new());
    }
}
