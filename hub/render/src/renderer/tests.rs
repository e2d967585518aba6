use super::*;
use crate::{
    request::{App, Capabilities, Chart, Fetch, Settings, Unfetched},
    tree::{Entry, Mode, Tree},
};
use async_trait::async_trait;
use shared_model::Source;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A tree in memory; a file's contents that begin with `-> ` make it a link.
#[derive(Debug)]
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    fn of(files: &[(&str, &str)]) -> Arc<dyn Tree> {
        Arc::new(Self(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()))
    }

    fn entry(path: &str, text: &str) -> Entry {
        let mode = if text.starts_with("-> ") { Mode::Symlink } else { Mode::File };
        Entry { path: path.to_owned(), mode, id: Digest::of(text.as_bytes()).to_string() }
    }
}

#[async_trait]
impl Tree for Files {
    fn name(&self) -> String {
        "files".to_owned()
    }

    fn get(&self, path: &str) -> Option<Entry> {
        self.0.get(path).map(|text| Self::entry(path, text))
    }

    fn under(&self, folder: &str) -> Vec<Entry> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = self.0.iter().filter(|(path, _)| path.starts_with(&prefix));
        inside.map(|(path, text)| Self::entry(path, text)).collect()
    }

    async fn read(&self, entries: &[Entry]) -> Result<Vec<Bytes>, String> {
        let text = |entry: &Entry| self.0[&entry.path].trim_start_matches("-> ").to_owned().into();
        Ok(entries.iter().map(text).collect())
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Fetch for Nothing {
    async fn chart(&self, _: &str, name: &str, _: &str) -> Result<Chart, Unfetched> {
        Err(Unfetched::Never(name.to_owned()))
    }

    async fn repository(&self, url: &str, _: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        Err(Unfetched::Never(url.to_owned()))
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        Err(Unfetched::Never(url.to_owned()))
    }
}

/// Bundles in memory; it can lose them, and refuse new ones.
#[derive(Debug, Default)]
struct Memory {
    bundles: Mutex<BTreeSet<Digest>>,
    full: Mutex<bool>,
}

impl Shelf for Memory {
    fn put(&self, bytes: &[u8]) -> Result<Digest, String> {
        if *self.full.lock() {
            return Err("the disk is full".to_owned());
        }
        self.bundles.lock().insert(Digest::of(bytes));
        Ok(Digest::of(bytes))
    }

    fn renew(&self, bundle: &Digest) -> bool {
        self.bundles.lock().contains(bundle)
    }
}

fn source(value: serde_json::Value) -> Source {
    serde_json::from_value(value).unwrap()
}

async fn prepare(renderer: &Renderer, tree: &Arc<dyn Tree>, source: &Source) -> Result<Job, Failure> {
    let request = Request {
        source,
        app: &App::default(),
        revision: "main",
        tree,
        folder: source.path.as_str(),
        references: &BTreeMap::new(),
        capabilities: &Capabilities::default(),
        fetch: &Nothing,
        settings: &Settings::default(),
    };
    renderer.prepare(&request).await
}

fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n")
}

const HERE: Whose<'static> = Whose { project: "default", place: "here" };

/// A renderer that counts how often it rendered.
fn counted() -> (Renderer, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    let tell: Tell = Arc::new(move |happened| {
        if let Happened::Rendered { .. } = happened {
            counts.fetch_add(1, Ordering::SeqCst);
        }
    });
    (Renderer::new(Config { tell, ..Config::new() }), count)
}

#[tokio::test]
async fn equal_inputs_are_rendered_once() {
    let (renderer, count) = counted();
    let shelf = Arc::new(Memory::default());
    let bundles: Arc<dyn Shelf> = shelf.clone();
    let tree = Files::of(&[("web/a.yaml", &config_map("a")), ("other.yaml", "x")]);
    let job = prepare(&renderer, &tree, &source(serde_json::json!({"path": "web"}))).await.unwrap();
    let all = futures_of(64, || renderer.keep(&job, HERE, &bundles)).await;
    let first = all[0].clone().unwrap();
    assert!(all.iter().all(|kept| kept.as_ref() == Ok(&first)));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // What is elsewhere in the tree is no input.
    let tree = Files::of(&[("web/a.yaml", &config_map("a")), ("other.yaml", "y")]);
    let job = prepare(&renderer, &tree, &source(serde_json::json!({"path": "web"}))).await.unwrap();
    assert_eq!(renderer.keep(&job, HERE, &bundles).await, Ok(first.clone()));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // A bundle that is gone is made again.
    shelf.bundles.lock().clear();
    assert_eq!(renderer.keep(&job, HERE, &bundles).await, Ok(first));
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

async fn futures_of<T, F: Future<Output = T>>(count: usize, make: impl Fn() -> F) -> Vec<T> {
    let mut all: Vec<_> = (0..count).map(|_| Box::pin(make())).collect();
    let mut done = Vec::new();
    // Polled in turns, so that each begins before the first ends.
    std::future::poll_fn(|context| {
        all.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn failures_last_as_long_as_their_cause() {
    let (renderer, count) = counted();
    let shelf = Arc::new(Memory::default());
    let bundles: Arc<dyn Shelf> = shelf.clone();
    let plain = source(serde_json::json!({}));
    let broken = Files::of(&[("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")]);
    let job = prepare(&renderer, &broken, &plain).await.unwrap();
    for _ in 0..3 {
        let failure = renderer.keep(&job, HERE, &bundles).await.unwrap_err();
        assert!(matches!(failure, Failure::Inputs(_)), "{failure}");
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    // A circumstance is tried again, but not at once.
    let job = prepare(&renderer, &Files::of(&[("a.yaml", &config_map("a"))]), &plain).await.unwrap();
    *shelf.full.lock() = true;
    for _ in 0..3 {
        let failure = renderer.keep(&job, HERE, &bundles).await.unwrap_err();
        assert_eq!(failure, Failure::Circumstance("the disk is full".to_owned()));
    }
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_folder_is_shown_with_what_its_links_lead_to() {
    let renderer = Renderer::new(Config::new());
    let plain = source(serde_json::json!({"path": "web"}));
    let link = |target: &str| {
        Files::of(&[
            ("shared/b.yaml", &config_map("b")),
            ("web/a.yaml", &config_map("a")),
            ("web/b.yaml", &format!("-> {target}")),
        ])
    };
    let names = async |tree: &Arc<dyn Tree>| {
        let rendered = renderer.render(&prepare(&renderer, tree, &plain).await?, HERE).await?;
        let names: Vec<String> = rendered.bundle.objects().iter().map(|o| o.name().to_owned()).collect();
        Ok::<_, Failure>(names)
    };
    assert_eq!(names(&link("../shared/b.yaml")).await, Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(names(&link("nowhere.yaml")).await, Ok(vec!["a".to_owned()]));
    for outside in ["../../etc/passwd.yaml", "/etc/passwd.yaml"] {
        let failure = names(&link(outside)).await.unwrap_err().to_string();
        assert!(failure.contains("leads out of the repository"), "{failure}");
    }
    let jsonnet = Files::of(&[("web/a.yaml", &config_map("a")), ("web/b.jsonnet", "{}")]);
    let failure = names(&jsonnet).await.unwrap_err().to_string();
    assert!(failure.contains("`b.jsonnet` is Jsonnet"), "{failure}");
}

#[tokio::test]
async fn what_is_there_twice_is_said() {
    let renderer = Renderer::new(Config::new());
    let shelf: Arc<dyn Shelf> = Arc::new(Memory::default());
    let tree = Files::of(&[("a.yaml", &config_map("a")), ("b.yaml", &config_map("a"))]);
    let job = prepare(&renderer, &tree, &source(serde_json::json!({}))).await.unwrap();
    for _ in 0..2 {
        let kept = renderer.keep(&job, HERE, &shelf).await.unwrap();
        let said: Vec<&str> = kept.warnings.iter().map(|warning| warning.condition.as_str()).collect();
        assert_eq!(said, ["RepeatedResourceWarning"]);
    }
}

#[tokio::test]
async fn what_is_large_has_room_and_gives_it_back() {
    let renderer = Renderer::new(Config::new());
    let large = format!("{}data: {{text: {}}}\n", config_map("a"), "x".repeat(6 << 20));
    let job =
        prepare(&renderer, &Files::of(&[("a.yaml", &large)]), &source(serde_json::json!({}))).await.unwrap();
    let all = renderer.0.budget.free();
    let (contents, share) = renderer.contents(&job).await.unwrap();
    let taken = all - renderer.0.budget.free();
    assert_eq!(contents["a.yaml"].len(), large.len());
    assert!((6 << 20..7 << 20).contains(&taken), "{taken}");
    drop(share);
    let done = futures_of(8, || renderer.render(&job, HERE)).await;
    assert!(done.iter().all(Result::is_ok));
    assert_eq!(renderer.0.budget.free(), all);
}

#[test]
fn the_machines_trouble_is_not_the_inputs() {
    let check = |stopped: Stopped, recurs_alone: bool, is_of_inputs: bool| {
        let failure = failure(Kind::Helm, &stopped, recurs_alone);
        assert_eq!(matches!(failure, Failure::Inputs(_)), is_of_inputs, "{failure}");
    };
    let thread = || Stopped::Broke { why: "runtime: failed to create new OS thread".to_owned() };
    check(thread(), false, false);
    check(thread(), true, false);
    check(Stopped::TooMuchMemory { limit: 1 << 30 }, false, false);
    check(Stopped::TooMuchMemory { limit: 1 << 30 }, true, true);
    check(Stopped::TooMuchOutput { limit: 1 << 20 }, false, true);
    check(Stopped::Failed { code: 1, stderr: "Error: no chart".to_owned() }, false, true);
}

/// Says much.
#[derive(Debug)]
struct Wordy;

impl Shelf for Wordy {
    fn put(&self, _: &[u8]) -> Result<Digest, String> {
        Err("x".repeat(100_000))
    }

    fn renew(&self, _: &Digest) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_kept_of_a_failure_is_small() {
    let (renderer, _) = counted();
    let shelf: Arc<dyn Shelf> = Arc::new(Wordy);
    let tree = Files::of(&[("web/a.yaml", &config_map("a"))]);
    let job = prepare(&renderer, &tree, &source(serde_json::json!({"path": "web"}))).await.unwrap();
    let said = renderer.keep(&job, HERE, &shelf).await.unwrap_err().to_string();
    assert!(said.starts_with("xxx") && said.len() < 3_000, "{}", said.len());
}
