//! One overlay of `overlays/*.txt`, in a file that reads like a manual: what it shows, the Application's source, what
//! a person would type, and the files.
//!
//! ```text
//! What it is for.
//! == app
//! path: overlays/prod          # Application's `spec.source`; also `options` and `remote` of the hub's settings,
//!                              # and `cluster`: what the cluster can do
//! == run
//! edit set nameprefix eu-      # arguments of kustomize in the source's folder; the last line prints the manifests
//! build .                      # HELM stands for helm's program
//! == base/kustomization.yaml
//! resources: [web.yaml]
//! == base/web.yaml -> ../shared/web.yaml        a symbolic link
//! == direct base/kustomization.yaml             as the person's own folder has it, where that differs
//! == at https://git.example.com/base.git v1 x.yaml    a file of another repository
//! == web https://example.com/a.yaml             a file on the web
//! == pulled https://example.com/charts web 1.0.0 overlays/prod/charts/web-1.0.0 Chart.yaml
//!                                               a file of a chart in a repository, and where kustomize pulls it to
//! == fails                                      neither can build it, and the hub says this
//! ```

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{
    App, Capabilities, Chart, Failure, Fetch, Job, Renderer, Request, Settings, Tool, Tree, Unfetched, helm,
    kustomize, tree::Memory,
};
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::Source;
use std::{collections::BTreeMap, fs, os::unix::fs::symlink, path::Path, sync::Arc};

/// Files and symbolic links by their paths.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Contents by path.
    pub files: BTreeMap<String, Bytes>,
    /// Targets by path.
    pub links: BTreeMap<String, String>,
}

impl Files {
    fn tree(&self, name: &str) -> Arc<dyn Tree> {
        let tree = Memory::new(name, self.files.clone());
        Arc::new(self.links.iter().fold(tree, |tree, (path, target)| tree.with_link(path, target)))
    }
}

/// One overlay.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// Its file's name.
    pub name: String,
    /// The Application's source.
    pub source: Source,
    /// The hub's settings.
    pub settings: Settings,
    /// What a person would type, one list of arguments each.
    pub run: Vec<Vec<String>>,
    /// The repository.
    pub files: Files,
    /// Where a person's own folder differs from it.
    pub direct: BTreeMap<String, Bytes>,
    /// What is elsewhere.
    pub elsewhere: Elsewhere,
    /// For one that cannot be built: what the hub says.
    pub fails: Option<String>,
    /// What the cluster can do.
    pub capabilities: Capabilities,
    /// Files that kustomize pulls.
    pub pulled: BTreeMap<String, Bytes>,
}

/// What is elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    repositories: BTreeMap<(String, String), Files>,
    web: BTreeMap<String, Bytes>,
    /// By repository, name and version.
    charts: BTreeMap<(String, String, String), BTreeMap<String, Bytes>>,
}

#[async_trait]
impl Fetch for Elsewhere {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        let is = |key: &(String, String, String)| {
            key.0 == repository && key.1 == name && (version.is_empty() || key.2 == version)
        };
        let Some((key, files)) = self.charts.iter().rfind(|(key, _)| is(key)) else {
            return Err(Unfetched::Never(format!("{repository} has no chart `{name}` of version {version}")));
        };
        let archive = crate::shelf::pack(name, files.clone()).await;
        let archive = archive.map_err(|error| Unfetched::Never(error.to_string()))?;
        Ok(Chart::new(key.2.clone(), archive))
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let found = self.repositories.get(&(url.to_owned(), revision.to_owned()));
        found
            .map(|files| files.tree(url))
            .ok_or_else(|| Unfetched::Never(format!("there is no {revision} of {url}")))
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        self.web.get(url).cloned().ok_or_else(|| Unfetched::Never(format!("there is no {url}")))
    }
}

/// The overlays of a folder, sorted by name.
///
/// # Errors
/// When one cannot be read.
pub fn all(folder: &Path) -> anyhow::Result<Vec<Overlay>> {
    let mut overlays = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().context("a name")?.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        overlays.push(Overlay::read(&name, &text).with_context(|| name.clone())?);
    }
    overlays.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(overlays)
}

impl Overlay {
    /// Reads the text of an overlay.
    ///
    /// # Errors
    /// When it is not of the form above.
    pub fn read(name: &str, text: &str) -> anyhow::Result<Self> {
        let mut overlay = Self { name: name.to_owned(), ..Self::default() };
        let (purpose, mut rest) = text.split_once("\n== ").context("no sections")?;
        anyhow::ensure!(!purpose.trim().is_empty(), "it does not say what it is for");
        loop {
            let (section, next) =
                rest.split_once("\n== ").map_or((rest, None), |(section, next)| (section, Some(next)));
            let (head, body) = section.split_once('\n').unwrap_or((section, ""));
            let newline = if body.is_empty() || body.ends_with('\n') { "" } else { "\n" };
            overlay.section(head, &format!("{body}{newline}")).with_context(|| head.to_owned())?;
            let Some(next) = next else { break };
            rest = next;
        }
        anyhow::ensure!(!overlay.run.is_empty(), "nothing is run");
        anyhow::ensure!(!overlay.files.files.is_empty(), "there are no files");
        Ok(overlay)
    }

    fn section(&mut self, head: &str, body: &str) -> anyhow::Result<()> {
        let bytes = Bytes::from(body.to_owned());
        match head.split_whitespace().collect::<Vec<_>>()[..] {
            ["app"] => self.app(yaml::parse(body)?)?,
            ["run"] => self.run = body.lines().map(words).collect(),
            ["fails"] => self.fails = Some(body.trim_end().to_owned()),
            ["direct", path] => drop(self.direct.insert(path.to_owned(), bytes)),
            ["at", url, revision, path] => {
                let revision = if revision == "HEAD" { "" } else { revision };
                let repository = (url.to_owned(), revision.to_owned());
                let files = &mut self.elsewhere.repositories.entry(repository).or_default().files;
                files.insert(path.to_owned(), bytes);
            }
            ["web", url] => drop(self.elsewhere.web.insert(url.to_owned(), bytes)),
            ["pulled", repository, name, version, folder, path] => {
                let chart = (repository.to_owned(), name.to_owned(), version.to_owned());
                self.elsewhere.charts.entry(chart).or_default().insert(path.to_owned(), bytes.clone());
                self.pulled.insert(format!("{folder}/{name}/{path}"), bytes);
            }
            [path, "->", target] => drop(self.files.links.insert(path.to_owned(), target.to_owned())),
            [path] => drop(self.files.files.insert(path.to_owned(), bytes)),
            _ => bail!("not a section"),
        }
        Ok(())
    }

    fn app(&mut self, mut app: Value) -> anyhow::Result<()> {
        let fields = app.as_object_mut().context("a mapping")?;
        if let Some(options) = fields.remove("options") {
            self.settings.kustomize_options = serde_json::from_value(options)?;
        }
        if let Some(cluster) = fields.remove("cluster") {
            self.capabilities.kube_version = cluster["version"].as_str().unwrap_or_default().to_owned();
            let apis: Vec<String> = serde_json::from_value(cluster["apis"].clone())?;
            self.capabilities.api_versions = apis.into();
        }
        self.settings.remote_bases = fields.remove("remote").is_some();
        fields.insert("repoURL".to_owned(), "https://git.example.com/fleet.git".into());
        self.source = serde_json::from_value(app)?;
        Ok(())
    }

    /// What the hub makes of it.
    ///
    /// # Errors
    /// As the hub's.
    pub fn prepare(&self, tool: &Tool, helm: &Tool) -> Result<Job, Failure> {
        let memo = helm::Memo::new();
        let charts = kustomize::Helm { tool: Ok(helm.clone()), memo: &memo };
        let (tree, app) = (self.files.tree("fleet"), app());
        let none = BTreeMap::new();
        runtime().block_on(kustomize::prepare(&self.request(&tree, &app, &none), tool, Some(charts)))
    }

    /// What a renderer makes of it.
    ///
    /// # Errors
    /// As the renderer's.
    pub async fn with_renderer(&self, renderer: &Renderer) -> Result<Job, Failure> {
        let (tree, app) = (self.files.tree("fleet"), app());
        renderer.prepare(&self.request(&tree, &app, &BTreeMap::new())).await
    }

    fn request<'a>(
        &'a self,
        tree: &'a Arc<dyn Tree>,
        app: &'a App,
        references: &'a BTreeMap<String, Arc<dyn Tree>>,
    ) -> Request<'a> {
        Request {
            source: &self.source,
            app,
            revision: "0123456789abcdef0123456789abcdef01234567",
            tree,
            folder: &self.source.path,
            references,
            capabilities: &self.capabilities,
            fetch: &self.elsewhere,
            settings: &self.settings,
        }
    }

    /// The files that the tool is shown.
    ///
    /// # Errors
    /// As the hub's.
    pub fn shown(&self, job: &Job) -> Result<BTreeMap<String, Bytes>, Failure> {
        runtime().block_on(job.view.contents())
    }

    /// Writes the folder that a person would work in.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        crate::run::write(folder, &self.files.files)?;
        for (path, target) in &self.files.links {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            symlink(target, path)?;
        }
        crate::run::write(folder, &self.pulled)?;
        crate::run::write(folder, &self.direct)
    }
}

fn app() -> App {
    App {
        name: "shop-eu-1".to_owned(),
        namespace: "argocd".to_owned(),
        project: "default".to_owned(),
        destination: "shop".to_owned(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("threads are not needed")
}

/// The words of a line; in single quotes a word may have spaces, and `\n` is a new line.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(|word| word.replace("\\n", "\n")).collect()
}
