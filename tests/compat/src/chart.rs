//! One chart: a repository, the source of an Application, and what a person would type.
//!
//! `app.yaml` says the Application; `repository/` is its repository, `references/NAME/` those of other sources, `web/` what
//! is on the web. `commands` are helm's words, one call a line; `cd FOLDER` changes the folder and `rm FILE` removes a
//! file. The last call is compared.

use crate::{disk, run, shelf::Shelf};
use anyhow::{Context, bail};
use bytes::Bytes;
use hub_render::{
    App, Capabilities, Failure, Job, Request, Settings, Tool, Tree, Work,
    confine::Confine,
    helm::{self, Memo},
    tree::Memory,
};
use serde_json::Value;
use shared_manifest::yaml;
use shared_model::Source;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// One chart.
#[derive(Debug)]
pub struct Case {
    files: BTreeMap<String, Bytes>,
    app: Value,
    source: Source,
    who: App,
    folder: String,
    tree: Arc<dyn Tree>,
    references: BTreeMap<String, Arc<dyn Tree>>,
    capabilities: Capabilities,
    settings: Settings,
    shelf: Shelf,
}

impl Case {
    /// Reads the case of this name.
    ///
    /// # Errors
    /// When its files are not what they should be.
    pub async fn read(name: &str) -> anyhow::Result<Self> {
        let files = disk::files(&disk::folder("charts").join(name))?;
        let text = |path: &str| -> anyhow::Result<&str> {
            let bytes = files.get(path).with_context(|| format!("{name} has no {path}"))?;
            Ok(std::str::from_utf8(bytes)?)
        };
        let app = yaml::parse(text("app.yaml")?)?;
        let source: Source = serde_json::from_value(app["source"].clone())?;
        let said = |field: &str, otherwise: &str| app[field].as_str().unwrap_or(otherwise).to_owned();
        let list = |value: &Value| -> Vec<String> {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let mut repository = Memory::new("the repository", below(&files, "repository/"));
        for (path, target) in app["links"].as_object().into_iter().flatten() {
            repository = repository.with_link(path, target.as_str().context("a link's target")?);
        }
        let mut references: BTreeMap<String, Arc<dyn Tree>> = BTreeMap::new();
        for name in list(&app["references"]) {
            let tree = Memory::new(&*name, below(&files, &format!("references/{name}/")));
            references.insert(name, Arc::new(tree));
        }
        Ok(Self {
            who: App {
                name: said("name", "web"),
                namespace: said("namespace", "argocd"),
                project: said("project", "default"),
                destination: said("destination", "apps"),
            },
            folder: source.path.trim_matches('/').trim_start_matches("./").trim_start_matches('.').to_owned(),
            tree: Arc::new(repository),
            references,
            capabilities: Capabilities {
                kube_version: said("kubeVersion", "v1.34.3"),
                api_versions: list(&app["apiVersions"]).into(),
                ..Capabilities::default()
            },
            settings: Settings { values_schemes: list(&app["schemes"]), ..Settings::default() },
            shelf: web(&app, &files).await?,
            source,
            app,
            files,
        })
    }

    /// The same with another `helm` block.
    #[must_use]
    pub fn with(mut self, helm: &Value) -> Self {
        self.source.helm = serde_json::from_value(helm.clone()).ok();
        self
    }

    /// What the hub makes of it.
    ///
    /// # Errors
    /// As the hub's.
    pub async fn job(&self, tool: &Tool, memo: &Memo) -> Result<Job, Failure> {
        let request = Request {
            source: &self.source,
            app: &self.who,
            revision: "5f0c3f1b9d7e4a2c8b6d0e1f2a3b4c5d6e7f8091",
            tree: &self.tree,
            folder: &self.folder,
            references: &self.references,
            capabilities: &self.capabilities,
            fetch: &self.shelf,
            settings: &self.settings,
        };
        helm::prepare(&request, tool, memo).await
    }

    /// What is to be said of it when it fails; `None` when it does not.
    pub fn failure(&self) -> Option<Vec<&str>> {
        let parts = self.app.get("fails")?.as_array()?;
        Some(parts.iter().filter_map(Value::as_str).collect())
    }

    /// What must not be said when it fails.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        self.app["hidden"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// Warnings, as parts of them.
    pub fn warnings(&self) -> Vec<&str> {
        self.app["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Whether it may give something else each time.
    pub fn varies(&self) -> bool {
        self.app["varies"] == Value::Bool(true)
    }

    /// What a person gets; the error is helm's.
    ///
    /// # Errors
    /// As helm's.
    pub fn by_hand(&self, helm: &Path) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        run::write(folder.path(), &self.files)?;
        for (path, target) in self.app["links"].as_object().into_iter().flatten() {
            let at = folder.path().join("repository").join(path);
            std::fs::create_dir_all(at.parent().context("a link is in a folder")?)?;
            std::os::unix::fs::symlink(target.as_str().context("a link's target")?, at)?;
        }
        let commands = self.files.get("commands").context("it has no commands")?;
        let (mut at, mut said) = (folder.path().join("repository"), None);
        for line in std::str::from_utf8(commands)?.lines().filter(|line| !line.trim().is_empty()) {
            let words = words(line)?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["cd", to] => at = at.join(to),
                ["rm", file] => std::fs::remove_file(at.join(file))?,
                words => said = Some(run::directly(helm, words, &at)?),
            }
        }
        said.context("no command")
    }
}

/// What the confined tool prints for a job.
///
/// # Errors
/// Why it was stopped, or what it said.
pub async fn rendered(job: &Job, confine: &Confine) -> anyhow::Result<String> {
    let Work::Run { tool, arguments, folder } = &job.work else { bail!("not a tool's work") };
    let files = job.view.contents().await?;
    run::confined(confine, &tool.path, arguments, &files, folder)
}

fn below(files: &BTreeMap<String, Bytes>, folder: &str) -> BTreeMap<String, Bytes> {
    let within = files.iter().filter_map(|(path, bytes)| Some((path.strip_prefix(folder)?, bytes)));
    within.map(|(path, bytes)| (path.to_owned(), bytes.clone())).collect()
}

/// `web: {charts: [{repository, name, version, folder}], files: {ADDRESS: PATH}}`, paths below `web/`.
async fn web(app: &Value, files: &BTreeMap<String, Bytes>) -> anyhow::Result<Shelf> {
    let mut shelf = Shelf::default();
    for chart in app["web"]["charts"].as_array().into_iter().flatten() {
        let field = |name: &str| chart[name].as_str().with_context(|| format!("a chart's {name}"));
        let within = below(files, &format!("web/{}/", field("folder")?));
        shelf.add_chart(field("repository")?, field("name")?, field("version")?, within).await?;
    }
    for (url, path) in app["web"]["files"].as_object().into_iter().flatten() {
        let path = format!("web/{}", path.as_str().context("a path")?);
        shelf.add_file(url, files.get(&path).context(path)?.clone());
    }
    Ok(shelf)
}

/// Words as a shell splits them: at blanks, but not within single quotes.
fn words(line: &str) -> anyhow::Result<Vec<String>> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if quoted {
        bail!("a quote is not closed: {line}");
    }
    if any {
        words.push(word);
    }
    Ok(words)
}
