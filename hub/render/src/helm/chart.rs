//! A chart in a tree: which of its files the tool may read, and what is to be known of them before it runs.

use super::{
    archive,
    mentions::Mentions,
    metadata::{self, Dependency, Lock, Metadata},
};
use crate::{
    request::{Chart as Fetched, Failure},
    tree::{Astray, Entry, Found, Mode, Tree, follow},
    view::MOST_FILES,
};
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::OnceCell;

/// Folders that links lead to, one within another.
const HOPS: usize = 16;
/// The most files beside a chart's templates that are searched for what they mention.
const MOST_SEARCHED: usize = 500;
/// Charts and files that are remembered.
const REMEMBERED: usize = 4096;

/// A file of a chart: its path in the chart, and what it is.
pub(crate) type File = (String, Entry);

/// What depends on a chart's files only, by their digest: cheap to ask again for every cluster.
#[derive(Debug, Default)]
pub struct Memo {
    facts: Mutex<BTreeMap<[u8; 32], Arc<Read>>>,
    mentions: Mutex<BTreeMap<String, Mentions>>,
}

impl Memo {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What a file of values mentions, by its id; `read` is asked when that is not known.
    pub(crate) async fn values(&self, tree: &Arc<dyn Tree>, entry: &Entry) -> Result<Mentions, Failure> {
        if let Some(known) = self.mentions.lock().get(&entry.id) {
            return Ok(known.clone());
        }
        let read = tree.read(std::slice::from_ref(entry)).await.map_err(Failure::Circumstance)?;
        let mentions = Mentions::of(read.first().map(Bytes::as_ref).unwrap_or_default());
        remember(&mut self.mentions.lock(), entry.id.clone(), mentions.clone());
        Ok(mentions)
    }

    /// What a packed chart that was fetched mentions.
    pub(crate) fn archive(&self, packed: &Fetched) -> Arc<Facts> {
        let key: [u8; 32] = Sha256::digest(&packed.id).into();
        let cell = self.facts(key);
        if let Some(known) = cell.get() {
            return Arc::clone(known);
        }
        let mut facts = Facts::default();
        facts.add_archive(&packed.archive, "");
        let facts = Arc::new(facts);
        // Somebody else may have been quicker.
        drop(cell.set(Arc::clone(&facts)));
        facts
    }

    /// Where the facts of a chart are, once somebody has read it: who comes meanwhile waits.
    fn facts(&self, key: [u8; 32]) -> Arc<Read> {
        let mut facts = self.facts.lock();
        if !facts.contains_key(&key) {
            remember(&mut facts, key, Arc::default());
        }
        Arc::clone(&facts[&key])
    }
}

/// What a chart's files say, once they are read.
type Read = OnceCell<Arc<Facts>>;

fn remember<K: Ord, V>(known: &mut BTreeMap<K, V>, key: K, value: V) {
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(key, value);
}

/// What a chart's files say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// `Chart.yaml`, with the dependencies of `requirements.yaml`.
    pub(crate) metadata: Metadata,
    /// Its lock file, if there is one.
    pub(crate) lock: Option<Lock>,
    /// The charts in `charts/` by name, and their versions.
    pub(crate) vendored: BTreeMap<String, String>,
    /// Those of them that are packed: file in `charts/` and name.
    pub(crate) packed: Vec<(String, String)>,
    /// Dependencies of charts in `charts/` that are not there: `chart: name`.
    pub(crate) unmet: Vec<String>,
    /// What its templates mention, and those of the charts in `charts/`.
    pub(crate) mentions: Mentions,
    /// What else is in these charts mentions: it counts when some template takes texts for templates.
    pub(crate) dormant: Mentions,
    /// What the files mention that templates of packed charts may read: it counts when these are templates as well.
    pub(crate) beside: Mentions,
}

/// A chart in a tree.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    /// Its folder.
    pub(crate) folder: String,
    /// What the tool needs whatever the templates say.
    pub(crate) needed: Vec<File>,
    /// What templates may read with `.Files`, as it is in the tree: links are not followed yet.
    pub(crate) other: Vec<File>,
    /// What the files say.
    pub(crate) facts: Arc<Facts>,
}

impl Chart {
    /// The chart in a folder of a tree.
    ///
    /// # Errors
    /// There is none, or its files cannot be read.
    pub(crate) async fn read(tree: &Arc<dyn Tree>, folder: &str, memo: &Memo) -> Result<Self, Failure> {
        let all = tree.under(folder);
        let prefix = if folder.is_empty() { 0 } else { folder.len() + 1 };
        let all = all.into_iter().map(|entry| (entry.path[prefix..].to_owned(), entry));
        let (needed, other): (Vec<File>, Vec<File>) = all.partition(|(path, _)| is_needed(path));
        let needed = resolve(tree, needed).await?;
        if !needed.iter().any(|(path, _)| path == "Chart.yaml") {
            let there = tree.has_folder(folder);
            let what = if there { "there is no Chart.yaml in" } else { "there is no folder" };
            return Err(Failure::inputs(
                "spec.source.path",
                format!("{what} `{folder}` of {}", tree.name()),
                "name the folder of the chart",
            ));
        }
        let key = digest(&needed);
        let cell = memo.facts(key);
        let facts =
            cell.get_or_try_init(async || Facts::read(tree, folder, &needed).await.map(Arc::new)).await?;
        let facts = Arc::clone(facts);
        Ok(Self { folder: folder.to_owned(), needed, other, facts })
    }

    /// What templates may read with `.Files`, links followed.
    ///
    /// # Errors
    /// A link leads out of the tree.
    pub(crate) async fn other(&self, tree: &Arc<dyn Tree>) -> Result<Vec<File>, Failure> {
        resolve(tree, self.other.clone()).await
    }

    /// What these mention. Of very many it is everything: to search them takes longer than to render.
    pub(crate) async fn beside(&self, tree: &Arc<dyn Tree>, memo: &Memo) -> Result<Mentions, Failure> {
        let files = self.other(tree).await?;
        if files.len() > MOST_SEARCHED {
            return Ok(Mentions::all());
        }
        let mut found = Mentions::default();
        for (_, entry) in &files {
            found.add(memo.values(tree, entry).await?);
        }
        Ok(found)
    }
}

impl Facts {
    async fn read(tree: &Arc<dyn Tree>, folder: &str, files: &[File]) -> Result<Self, Failure> {
        let entries: Vec<Entry> = files.iter().map(|(_, entry)| entry.clone()).collect();
        let contents = tree.read(&entries).await.map_err(Failure::Circumstance)?;
        let contents: BTreeMap<&str, &[u8]> =
            files.iter().zip(&contents).map(|((path, _), bytes)| (path.as_str(), bytes.as_ref())).collect();
        let mut facts = Self::default();
        facts.describe(&contents).map_err(|(file, why)| {
            let place = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
            Failure::inputs("", format!("`{place}` cannot be read: {why}"), "correct it")
        })?;
        facts.scan(&contents);
        Ok(facts)
    }

    /// Takes in what the chart says about itself.
    fn describe(&mut self, files: &BTreeMap<&str, &[u8]>) -> Result<(), (&'static str, String)> {
        const FILES: [&str; 4] = ["Chart.yaml", "requirements.yaml", "Chart.lock", "requirements.lock"];
        let [chart, requirements, lock, old_lock] = FILES;
        if let Some(bytes) = files.get(chart) {
            self.metadata = metadata::read(bytes).map_err(|why| (chart, why))?;
        }
        if let Some(bytes) = files.get(requirements) {
            let read: Metadata = metadata::read(bytes).map_err(|why| (requirements, why))?;
            if !read.dependencies.is_empty() {
                self.metadata.dependencies = read.dependencies;
            }
        }
        for name in [lock, old_lock] {
            if let Some(bytes) = files.get(name) {
                self.lock = Some(metadata::read(bytes).map_err(|why| (name, why))?);
            }
        }
        Ok(())
    }

    /// Takes in what the templates of this chart and of those in `charts/` mention.
    fn scan(&mut self, files: &BTreeMap<&str, &[u8]>) {
        let mut within: BTreeMap<&str, BTreeMap<&str, &[u8]>> = BTreeMap::new();
        let mut own = Vec::new();
        for (&path, &bytes) in files {
            match path.strip_prefix("charts/").map(|rest| rest.split_once('/')) {
                None => own.push((path, bytes)),
                Some(Some((name, path))) => drop(within.entry(name).or_default().insert(path, bytes)),
                Some(None) if path.ends_with(".tgz") => {
                    self.add_archive(bytes, path.trim_start_matches("charts/"))
                }
                Some(None) => {}
            }
        }
        for (path, bytes) in &own {
            let own = if path.starts_with("templates/") { &mut self.mentions } else { &mut self.dormant };
            own.add(Mentions::of(bytes));
        }
        if !self.metadata.kube_version.is_empty() {
            self.mentions.kube_version = true;
        }
        let charts = within.into_iter().filter(|(name, _)| !name.starts_with(['_', '.']));
        for (_, files) in charts {
            let mut facts = Self::default();
            // What is wrong with a file of another chart is the tool's to say.
            drop(facts.describe(&files));
            facts.scan(&files);
            self.add_chart(&facts);
        }
    }

    /// Takes in a packed chart in `charts/`.
    fn add_archive(&mut self, archive: &[u8], file: &str) {
        let Some(files) = archive::read(archive, is_needed) else {
            // It cannot be read here: in doubt it sees everything. What is wrong with it is the tool's to say.
            self.mentions.add(Mentions::all());
            return;
        };
        match archive::read(archive, |path| !is_needed(path)) {
            Some(files) => files.values().for_each(|bytes| self.beside.add(Mentions::of(bytes))),
            None => self.beside = Mentions::all(),
        }
        let files: BTreeMap<&str, &[u8]> =
            files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        let mut facts = Self::default();
        drop(facts.describe(&files));
        facts.scan(&files);
        self.add_chart(&facts);
        self.packed.push((file.to_owned(), facts.metadata.name.0));
    }

    fn add_chart(&mut self, chart: &Self) {
        let name = chart.metadata.name.0.clone();
        let needs =
            chart.metadata.dependencies.iter().filter(|needed| !chart.vendored.contains_key(&*needed.name));
        self.unmet.extend(needs.map(|needed| format!("{name}: {}", needed.name.0)));
        self.unmet.extend(chart.unmet.iter().cloned());
        self.mentions.add(chart.mentions.clone());
        self.dormant.add(chart.dormant.clone());
        self.beside.add(chart.beside.clone());
        self.vendored.insert(name, chart.metadata.version.0.clone());
    }

    /// Dependencies that are not in `charts/`, as helm sees it: by their names.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &Dependency> {
        self.metadata.dependencies.iter().filter(|needed| !self.vendored.contains_key(&*needed.name))
    }
}

/// Whether the tool reads this file of a chart whatever its templates say.
fn is_needed(path: &str) -> bool {
    const FILES: [&str; 8] = [
        ".helmignore",
        "Chart.yaml",
        "Chart.lock",
        "requirements.yaml",
        "requirements.lock",
        "values.yaml",
        "values.schema.json",
        // A link to a folder.
        "templates",
    ];
    match path.split_once('/') {
        None => FILES.contains(&path) || path == "crds" || path == "charts",
        Some(("templates" | "crds", _)) => true,
        Some(("charts", rest)) => match rest.split_once('/') {
            // A packed chart, or a link to a folder.
            None => true,
            Some((_, path)) => is_needed(path),
        },
        Some(_) => false,
    }
}

/// The files with links followed: what a link to a folder leads to is below the link.
async fn resolve(tree: &Arc<dyn Tree>, files: Vec<File>) -> Result<Vec<File>, Failure> {
    let mut resolved = Vec::new();
    let mut open: Vec<(String, Entry, usize)> =
        files.into_iter().rev().map(|(path, entry)| (path, entry, 0)).collect();
    while let Some((path, entry, hops)) = open.pop() {
        match entry.mode {
            Mode::File => resolved.push((path, entry)),
            Mode::Submodule => {}
            Mode::Symlink => match follow(&**tree, &entry.path).await {
                Ok(Found::File(entry)) => resolved.push((path, entry)),
                Ok(Found::Folder(folder)) if hops < HOPS => {
                    let below = tree.under(&folder).into_iter().rev();
                    let start = folder.len() + usize::from(!folder.is_empty());
                    open.extend(
                        below.map(|entry| (format!("{path}/{}", &entry.path[start..]), entry, hops + 1)),
                    );
                }
                Ok(Found::Folder(_)) => {
                    let why = Astray::Circle { path: entry.path.clone() }.to_string();
                    return Err(Failure::inputs("", why, "point it at what it is to show"));
                }
                Err(astray @ Astray::Unreadable { .. }) => {
                    return Err(Failure::Circumstance(astray.to_string()));
                }
                Err(astray) => {
                    let link = format!("the link `{}`: {astray}", entry.path);
                    return Err(Failure::inputs("", link, ""));
                }
            },
        }
        if resolved.len() + open.len() > MOST_FILES {
            let why = format!("the chart has more than {MOST_FILES} files");
            return Err(Failure::inputs("", why, "split it, or correct links that lead in a circle"));
        }
    }
    let mut seen = BTreeSet::new();
    resolved.retain(|(path, _)| seen.insert(path.clone()));
    Ok(resolved)
}

fn digest(files: &[File]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, entry) in files {
        hash.update(format!("{path}\0{}\0", entry.id));
    }
    hash.finalize().into()
}
