//! Everything that a build reads, found from the kustomization files alone: what they name is shown, kustomizations
//! that they name are followed in turn.
//!
//! # Invariants
//! - The view has a file only if a kustomization in it names it, at its real path in its tree: a name that passes a
//!   symbolic link is written anew in the kustomization, so that the tool sees the file where it is and applies its
//!   own rule (files in or below their kustomization's folder).
//! - Each tree has its own place in the view; what is named from a tree is in that tree or fetched.
//! - A kustomization is visited once, so circles end here; the tool says that they are circles.
//!
//! # Why
//! A plugin's configuration names files from the kustomization that lists it, not from where it stands. Where such
//! files are objects of a kustomization of their own, that one is visited with the lister in mind
//! ([`Visit::plugins_of`]); what its patches change about those names is not seen, and the tool misses the file.

mod charts;
mod components;
mod fetched;
mod names;
mod values;

pub use self::charts::Helm;
pub(crate) use self::{charts::Oven, components::components, names::failure};

use self::{
    charts::{Layer, Pulled, Waiting},
    names::{at, below, hidden_helm, is_below, keyed, no_helm, objects, read, relative, renamed, stream},
};
use super::{
    MOST_KUSTOMIZATIONS,
    file::{Kustomization, NAMES, text_of},
    references::{self, Kind, Reference},
    remote,
};
use crate::{
    job::Inflation,
    request::{Failure, Request},
    tree::{self, Astray, Entry, Found, Tree},
    view::View,
};
use bytes::Bytes;
use serde_json::Value;
use shared_manifest::Problem;
use shared_model::RepoUrl;
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

/// A kustomization's folder in one of the trees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Root {
    tree: usize,
    folder: String,
}

impl Root {
    /// In the source's own tree.
    pub(crate) fn of_source(folder: String) -> Self {
        Self { tree: 0, folder }
    }
}

/// A tree and its place in the view.
#[derive(Debug)]
struct Mount {
    tree: Arc<dyn Tree>,
    at: String,
    /// For people; empty for the source's own.
    name: String,
}

/// A kustomization to be visited.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Visit {
    root: Root,
    /// Whose plugins its resources configure, if they do.
    plugins_of: Option<Root>,
}

/// What still has to be read.
#[derive(Debug, Clone)]
enum Todo {
    Visit(Visit),
    /// A file of plugins' configuration, by its place in the view.
    Plugins {
        of: Root,
        at: String,
        contents: Contents,
    },
}

#[derive(Debug, Clone)]
enum Contents {
    Of(usize, Entry),
    Fetched(Bytes),
}

/// What a reference turned out to name.
#[derive(Debug)]
enum Named {
    File(usize, Entry),
    Folder(Root),
    /// A file from the web, with its place in the view.
    Fetched(String, Bytes),
}

/// What a build reads.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) view: View,
    pub(crate) fetched: Vec<(RepoUrl, String)>,
    pub(crate) charts: Vec<Inflation>,
}

/// The search for what a build reads.
#[derive(Debug)]
pub(crate) struct Closure<'a> {
    request: &'a Request<'a>,
    unrestricted: bool,
    mounts: Vec<Mount>,
    view: View,
    todo: Vec<Todo>,
    seen: BTreeSet<Visit>,
    problems: Vec<Problem>,
    fetched: Vec<(RepoUrl, String)>,
    /// What charts are rendered with, where they are.
    oven: Option<Oven<'a>>,
    waiting: BTreeMap<Root, Waiting>,
    layers: BTreeMap<Root, Layer>,
    pulled: Pulled,
    charts: Vec<Inflation>,
}

impl<'a> Closure<'a> {
    /// Nothing found yet. `unrestricted` as in [`super::options::Options`]; without an oven, charts are refused.
    pub(crate) fn new(request: &'a Request<'a>, unrestricted: bool, oven: Option<Oven<'a>>) -> Self {
        let source = Mount { tree: Arc::clone(request.tree), at: String::new(), name: String::new() };
        Self {
            request,
            unrestricted,
            mounts: vec![source],
            view: View::new(),
            todo: Vec::new(),
            seen: BTreeSet::new(),
            problems: Vec::new(),
            fetched: Vec::new(),
            oven,
            waiting: BTreeMap::new(),
            layers: BTreeMap::new(),
            pulled: Pulled::new(),
            charts: Vec::new(),
        }
    }

    /// Finds what the kustomization of the source's folder reads; it may differ from its file already.
    pub(crate) async fn follow(&mut self, folder: &str, top: Kustomization) -> Result<(), Failure> {
        let visit = Visit { root: Root::of_source(folder.to_owned()), plugins_of: None };
        self.seen.insert(visit.clone());
        let said = top.fields.clone();
        self.visit(&visit, top).await?;
        while let Some(todo) = self.todo.pop() {
            match todo {
                Todo::Visit(visit) => match self.load(&visit.root).await {
                    Ok(kustomization) => self.visit(&visit, kustomization).await?,
                    Err(Failure::Inputs(problems)) => self.problems.extend(problems),
                    Err(circumstance @ Failure::Circumstance(_)) => return Err(circumstance),
                },
                Todo::Plugins { of, at, contents } => self.plugins(&of, &at, contents).await?,
            }
        }
        self.inflate(&said).await
    }

    /// What was found.
    pub(crate) fn finish(self) -> Result<Done, Failure> {
        if !self.problems.is_empty() {
            return Err(Failure::Inputs(self.problems));
        }
        Ok(Done { view: self.view, fetched: self.fetched, charts: self.charts })
    }

    /// Reads the kustomization of a folder.
    pub(crate) async fn load(&self, root: &Root) -> Result<Kustomization, Failure> {
        let mount = &self.mounts[root.tree];
        let mut found: Vec<(&'static str, Entry)> = Vec::new();
        for name in NAMES {
            let place = self.place(root, name);
            match tree::follow(&*mount.tree, &below(&root.folder, name)).await {
                Ok(Found::File(entry)) => {
                    let inside = self.unrestricted && root.tree == 0 || is_below(&root.folder, &entry.path);
                    if !inside {
                        let message = format!("the link leads to `{}`, outside of its folder", entry.path);
                        let problem = Problem::new("", message, "keep the kustomization in its folder");
                        return Err(Failure::Inputs(vec![problem.at(place)]));
                    }
                    found.push((name, entry));
                }
                Ok(Found::Folder(_)) | Err(Astray::Absent { .. }) => {}
                Err(astray) => return Err(at(failure(&astray, ""), &place, "")),
            }
        }
        let shown = if root.folder.is_empty() { "the repository's root" } else { &root.folder };
        let problem = |message: String, remedy: &str| {
            Failure::Inputs(vec![Problem::new("", message, remedy).at(self.place(root, ""))])
        };
        let (name, entry) = match found.len() {
            1 => found.remove(0),
            0 => {
                let message = format!("there is no kustomization in `{shown}`");
                return Err(problem(message, "add a kustomization.yaml, or name another folder"));
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
                let message = format!("`{shown}` has several kustomizations: {}", names.join(", "));
                return Err(problem(message, "keep one of them"));
            }
        };
        let text = read(mount, &entry).await?;
        Kustomization::read(name, entry, &text)
            .map_err(|problem| Failure::Inputs(vec![problem.at(self.place(root, name))]))
    }

    /// Shows a kustomization and what it names.
    async fn visit(&mut self, visit: &Visit, mut kustomization: Kustomization) -> Result<(), Failure> {
        let place = self.place(&visit.root, kustomization.name);
        let charts = self.take_charts(visit, &place, &mut kustomization).await?;
        let namespace = text_of(&kustomization.fields, "namespace").to_owned();
        self.layers.entry(visit.root.clone()).or_default().namespace = namespace;
        let mut fields = mem::take(&mut kustomization.fields);
        for reference in references::of_kustomization(&mut fields) {
            kustomization.changed |= self.refer(visit, &place, reference).await?;
        }
        kustomization.fields = fields;
        if !charts.is_empty() {
            self.wait(&visit.root, place, kustomization, charts);
            return Ok(());
        }
        let path = below(&self.folder_in_view(&visit.root), kustomization.name);
        if kustomization.changed {
            self.view.make(path, kustomization.text());
        } else {
            self.view.show(path, &self.mounts[visit.root.tree].tree, kustomization.entry);
        }
        Ok(())
    }

    /// Sees to one reference; whether it had to be written anew.
    async fn refer(&mut self, visit: &Visit, place: &str, reference: Reference<'_>) -> Result<bool, Failure> {
        if reference.kind != Kind::Plugins {
            return self.name(visit, place, reference).await;
        }
        let Some(mut configs) = objects(reference.text) else {
            return self.name(visit, place, reference).await;
        };
        let changed = self.configs(&visit.root, place, &reference.field, &mut configs).await?;
        if changed {
            *reference.text = stream(&configs);
        }
        Ok(changed)
    }

    /// Sees to what plugins' configuration names; whether some of it had to be written anew.
    async fn configs(
        &mut self,
        of: &Root,
        place: &str,
        within: &str,
        configs: &mut [Value],
    ) -> Result<bool, Failure> {
        let visit = Visit { root: of.clone(), plugins_of: None };
        let mut changed = false;
        for config in configs {
            if references::is_helm(config) {
                let refused = if self.oven.is_some() { hidden_helm(within) } else { no_helm(within) };
                self.problems.push(refused.at(place.to_owned()));
            }
            for mut reference in references::of_plugin(config) {
                if !within.is_empty() {
                    reference.field = format!("{within}: {}", reference.field);
                }
                changed |= self.name(&visit, place, reference).await?;
            }
        }
        Ok(changed)
    }

    /// Shows a file of plugins' configuration and what it names.
    async fn plugins(&mut self, of: &Root, path: &str, contents: Contents) -> Result<(), Failure> {
        let text = match &contents {
            Contents::Of(tree, entry) => read(&self.mounts[*tree], entry).await?,
            Contents::Fetched(bytes) => bytes.clone(),
        };
        let configs = std::str::from_utf8(&text).ok().and_then(objects);
        // What cannot be read is the tool's to say.
        if let Some(mut configs) = configs
            && self.configs(of, path, "", &mut configs).await?
        {
            self.view.make(path, stream(&configs));
        }
        Ok(())
    }

    /// Shows what a reference names, or keeps it in mind; whether it had to be written anew.
    async fn name(&mut self, visit: &Visit, place: &str, reference: Reference<'_>) -> Result<bool, Failure> {
        let Reference { field, kind, text } = reference;
        let (key, written) = match kind {
            Kind::Patch if objects(text).is_some() => return Ok(false),
            Kind::Keyed => match keyed(text) {
                Some(both) => both,
                None => return Ok(false),
            },
            Kind::Resource | Kind::Folder | Kind::File | Kind::Patch | Kind::Plugins => ("", text.as_str()),
        };
        if written.is_empty() {
            return Ok(false);
        }
        let named = match self.find(&visit.root, kind, written).await {
            Ok(named) => named,
            Err(Failure::Inputs(problems)) => {
                let named = problems.into_iter().map(|mut problem| {
                    problem.field.clone_from(&field);
                    problem.at(place)
                });
                self.problems.extend(named);
                return Ok(false);
            }
            Err(circumstance @ Failure::Circumstance(_)) => return Err(circumstance),
        };
        let to = self.show(visit, kind, named)?;
        let from = self.folder_in_view(&visit.root);
        if !remote::is_web(written) && tree::join(&from, written).as_ref() == Some(&to) {
            return Ok(false);
        }
        let anew = relative(&from, &to);
        *text = if kind == Kind::Keyed { format!("{key}={anew}") } else { anew };
        Ok(true)
    }

    /// Puts what was found into the view, or on the list; gives its place in the view.
    fn show(&mut self, visit: &Visit, kind: Kind, named: Named) -> Result<String, Failure> {
        let plugins_of = match kind {
            Kind::Plugins => Some(visit.root.clone()),
            Kind::Resource | Kind::Folder => visit.plugins_of.clone(),
            Kind::File | Kind::Keyed | Kind::Patch => None,
        };
        let (at, contents) = match named {
            Named::Folder(root) => {
                let at = self.folder_in_view(&root);
                self.layers.entry(root.clone()).or_default().of.insert(visit.root.clone());
                let visit = Visit { root, plugins_of };
                if self.seen.insert(visit.clone()) {
                    self.todo.push(Todo::Visit(visit));
                }
                if self.seen.len() > MOST_KUSTOMIZATIONS {
                    let message =
                        format!("the overlay is made of more than {MOST_KUSTOMIZATIONS} kustomizations");
                    return Err(Failure::inputs("", message, "split it"));
                }
                return Ok(at);
            }
            Named::File(tree, entry) => {
                let at = below(&self.mounts[tree].at, &entry.path);
                if !self.view.has(&at) {
                    self.view.show(at.as_str(), &self.mounts[tree].tree, entry.clone());
                }
                (at, Contents::Of(tree, entry))
            }
            Named::Fetched(at, bytes) => {
                if !self.view.has(&at) {
                    self.view.make(at.as_str(), bytes.clone());
                }
                (at, Contents::Fetched(bytes))
            }
        };
        if let Some(of) = plugins_of {
            self.todo.push(Todo::Plugins { of, at: at.clone(), contents });
        }
        Ok(at)
    }

    /// Finds what a text names, in the tool's order: a file, another repository, a folder.
    async fn find(&mut self, root: &Root, kind: Kind, text: &str) -> Result<Named, Failure> {
        let may_be_file = kind != Kind::Folder;
        let may_be_folder = matches!(kind, Kind::Resource | Kind::Folder | Kind::Plugins);
        let is_web = remote::is_web(text);
        let local =
            if is_web { Err(Astray::Absent { path: text.to_owned() }) } else { self.local(root, text).await };
        if let (Ok(Found::File(entry)), true) = (&local, may_be_file) {
            if root.tree != 0 && !is_below(&root.folder, &entry.path) {
                let message = format!("`{text}` is outside of its kustomization's folder");
                return Err(Failure::inputs("", message, "a remote base may only read what is below it"));
            }
            return Ok(Named::File(root.tree, entry.clone()));
        }
        let repository = remote::repository(text).filter(|_| may_be_folder);
        if is_web && may_be_file && !(repository.is_some() && remote::is_rather_repository(text)) {
            return self.download(root, text, repository, kind).await;
        }
        if let Some(repository) = repository {
            return self.clone_of(text, &repository).await.map(Named::Folder);
        }
        match local {
            Ok(Found::Folder(folder)) if may_be_folder => Ok(Named::Folder(Root { tree: root.tree, folder })),
            Ok(Found::Folder(_)) => Err(Failure::inputs("", format!("`{text}` is a folder"), "name a file")),
            Ok(Found::File(_)) => {
                Err(Failure::inputs("", format!("`{text}` is a file"), "name the folder of a kustomization"))
            }
            Err(astray) => Err(failure(&renamed(astray, text), "")),
        }
    }

    async fn local(&self, root: &Root, text: &str) -> Result<Found, Astray> {
        if text.starts_with('/') {
            let how = "by its leading `/`".to_owned();
            return Err(Astray::Outside { path: text.to_owned(), how });
        }
        tree::follow(&*self.mounts[root.tree].tree, &below(&root.folder, text)).await
    }

    fn folder_in_view(&self, root: &Root) -> String {
        below(&self.mounts[root.tree].at, &root.folder)
    }

    /// A file of a folder, for people.
    fn place(&self, root: &Root, name: &str) -> String {
        let path = below(&root.folder, name);
        match self.mounts[root.tree].name.as_str() {
            "" => path,
            tree => format!("{tree}: {path}"),
        }
    }
}
