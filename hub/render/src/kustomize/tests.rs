//! What a build is shown, without the tool: `tests/compat` compares with the real one.

mod charts;
mod closure;
mod drawn;
mod remote;

use crate::{
    App, Capabilities, Chart, Failure, Fetch, Job, Kind, Request, Settings, Tool, Tree, Unfetched, Work,
    helm, kustomize, tree::Memory,
};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use shared_model::{Kustomize, Source};
use std::{collections::BTreeMap, sync::Arc};

/// Files by their paths. Contents that start with `-> ` are symbolic links.
#[derive(Debug, Clone, Default)]
pub(super) struct Files(pub(super) BTreeMap<String, String>);

impl Files {
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    pub(super) fn put(&mut self, path: &str, text: &str) {
        self.0.insert(path.to_owned(), text.to_owned());
    }

    pub(super) fn tree(&self) -> Arc<dyn Tree> {
        let files = self.0.iter().map(|(path, text)| (path.clone(), Bytes::from(text.clone())));
        let mut tree = Memory::new("files", files);
        for (path, text) in &self.0 {
            if let Some(target) = text.strip_prefix("-> ") {
                tree = tree.with_link(path, target);
            }
        }
        Arc::new(tree)
    }
}

/// What is elsewhere, by address and revision.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    pub(super) repositories: BTreeMap<(String, String), Arc<dyn Tree>>,
    pub(super) files: BTreeMap<String, Result<Bytes, Unfetched>>,
    /// What every other repository is.
    pub(super) anything: Option<Arc<dyn Tree>>,
    /// Packed charts, by repository and name.
    pub(super) charts: BTreeMap<(String, String), Bytes>,
    /// What was asked for of them.
    pub(super) asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Fetch for Elsewhere {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        self.asked.lock().push(format!("{repository} {name} {version}"));
        let found = self.charts.get(&(repository.to_owned(), name.to_owned()));
        let chart = found.map(|archive| Chart::new("1.0.0", archive.clone()));
        chart.ok_or_else(|| Unfetched::Never(format!("no chart {name}")))
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let found = self.repositories.get(&(url.to_owned(), revision.to_owned()));
        found
            .or(self.anything.as_ref())
            .cloned()
            .ok_or_else(|| Unfetched::Never("there is no such repository".to_owned()))
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        let found = self.files.get(url).cloned();
        found.unwrap_or_else(|| Err(Unfetched::Never("404 Not Found".to_owned())))
    }
}

/// What is prepared, and with what around it.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) files: Files,
    pub(super) folder: &'static str,
    pub(super) asked: Option<Kustomize>,
    pub(super) settings: Settings,
    pub(super) elsewhere: Elsewhere,
    pub(super) capabilities: Capabilities,
}

impl Case {
    pub(super) fn of(folder: &'static str, files: &[(&str, &str)]) -> Self {
        Self { files: Files::of(files), folder, ..Self::default() }
    }

    pub(super) fn prepare(&self) -> Result<Job, Failure> {
        let source = Source { kustomize: self.asked.clone(), ..Source::default() };
        let app = App { name: "web".into(), destination: "shop".into(), ..App::default() };
        let tree = self.files.tree();
        let request = Request {
            source: &source,
            app: &app,
            revision: "0123456789abcdef",
            tree: &tree,
            folder: self.folder,
            references: &BTreeMap::new(),
            capabilities: &self.capabilities,
            fetch: &self.elsewhere,
            settings: &self.settings,
        };
        let tool = Tool { kind: Kind::Kustomize, path: "kustomize".into(), version: "v5.8.1".into() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let helm = Tool { kind: Kind::Helm, path: "helm".into(), version: "v4.3.1".into() };
        let memo = helm::Memo::new();
        let helm = kustomize::Helm { tool: Ok(helm), memo: &memo };
        runtime.block_on(kustomize::prepare(&request, &tool, Some(helm)))
    }

    /// The paths that are shown, and the contents of those that were made or fetched.
    pub(super) fn shown(&self) -> (Vec<String>, BTreeMap<String, String>) {
        let job = self.prepare().unwrap_or_else(|failure| panic!("{failure}"));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let contents = runtime.block_on(job.view.contents()).unwrap();
        let paths = contents.keys().cloned().collect();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let made = contents.iter().filter(|(path, bytes)| self.files.0.get(*path) != Some(&text(bytes)));
        let made = made.map(|(path, bytes)| (path.clone(), text(bytes))).collect();
        (paths, made)
    }

    /// What is wrong, one line each.
    pub(super) fn wrong(&self) -> String {
        match self.prepare() {
            Ok(job) => panic!("nothing was wrong: {job:?}"),
            Err(Failure::Inputs(problems)) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
            Err(circumstance) => format!("later: {circumstance}\n"),
        }
    }
}

#[test]
fn a_build_is_told_its_folder_and_the_options_that_are_safe() {
    let files = [("a/b/kustomization.yaml", "namePrefix: x-\n"), ("a/other.yaml", "")];
    let mut case = Case::of("a/b", &files);
    let plain = case.prepare().unwrap();
    let Work::Run { arguments, folder, .. } = &plain.work else { panic!("{plain:?}") };
    assert_eq!((arguments.join(" ").as_str(), folder.as_str()), ("build .", "a/b"));
    assert!(!plain.may_vary);

    case.settings.kustomize_options =
        "--enable-helm --helm-command=helm --load-restrictor LoadRestrictionsNone --reorder=none --enable-managedby-label"
            .split(' ')
            .map(str::to_owned)
            .collect();
    let other = case.prepare().unwrap();
    let Work::Run { arguments, .. } = &other.work else { panic!("{other:?}") };
    assert_eq!(
        arguments.join(" "),
        "build . --load-restrictor=LoadRestrictionsNone --reorder=none --enable-managedby-label"
    );
    assert_ne!(plain.inputs(), other.inputs());

    for refused in
        ["--enable-exec", "--enable-alpha-plugins", "--network", "--mount=x", "-o", "--output=/x", "../y"]
    {
        case.settings.kustomize_options = vec![refused.to_owned()];
        let wrong = case.wrong();
        assert!(wrong.contains(refused.split('=').next().unwrap()), "{wrong}");
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let mut case = Case::of("", &[("kustomization.yaml", "namePrefix: x-\n")]);
    case.asked = Some(Kustomize { version: "5.8.1".into(), ..Kustomize::default() });
    assert!(case.prepare().is_ok());
    case.asked = Some(Kustomize { version: "v4.5.7".into(), ..Kustomize::default() });
    assert_eq!(
        case.wrong(),
        "kustomize.version: kustomize v4.5.7 is asked for, and the hub has v5.8.1: leave `version` out, or give the hub that one\n"
    );
}
