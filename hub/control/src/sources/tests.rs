//! Where what sources are made of comes from, and how often it is held.

use super::*;
use crate::{
    index::Shared,
    tests::{index, records},
};
use hub_render::{Fetch, Unfetched};
use hub_source::{
    Repositories,
    charts::{self, Charts},
    poll,
};
use jiff::Timestamp;
use parking_lot::RwLock;
use shared_model::PinnedCommit;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Command,
};

/// Sources in a folder, for what the store holds.
struct Place {
    folder: tempfile::TempDir,
    sources: Sources,
}

impl Place {
    async fn of(objects: impl IntoIterator<Item = (Kind, Value)>) -> Self {
        let records = records();
        for (kind, object) in objects {
            records.create(kind, object, Timestamp::UNIX_EPOCH).await.unwrap();
        }
        let shared: Shared = Arc::new(RwLock::new(Arc::new(index(&records).await)));
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = hub_source::Config { allow_file: true, ..hub_source::Config::new(at("mirrors")) };
        let read =
            (Repositories::build(config).unwrap(), Charts::build(charts::Config::new(at("charts"))).unwrap());
        let git = Git::new(read, shared, poll::Settings::default(), crate::Metrics::default().work);
        let renderer = Renderer::new(hub_render::Config::new());
        let sources = Sources::new(git, renderer, Bundles::open(&at("bundles")).unwrap());
        Self { folder, sources }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let path = self.repository();
        std::fs::create_dir_all(&path).unwrap();
        let done = Command::new("git").args(identity).args(arguments).current_dir(path).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn repository(&self) -> std::path::PathBuf {
        self.folder.path().join("repository")
    }

    /// A repository of these files, and what its branch is frozen at.
    fn commit(&self, files: &[(&str, &str)]) -> PinnedCommit {
        for (path, text) in files {
            let path = self.repository().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["init", "-q", "-b", "main", "."]);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "all"]);
        let url = RepoUrl::new(self.repository().display().to_string());
        frozen(url, "main", self.git(&["rev-parse", "HEAD"]).parse().unwrap())
    }

    fn wanted(&self, application: &Value, seen: &Seen) -> Result<Wanted, String> {
        let application = Application::from_value(application).unwrap();
        let source = application.spec.all_sources()[0];
        self.sources.wanted(&application, source, &Arc::default(), (&Pins::frozen(&[]), seen))
    }

    /// What of a chart is asked for, by what a file says; nothing is frozen.
    async fn chart(&self, application: &Value, repository: &str) -> (String, Vec<String>) {
        let (seen, pins) = (Seen::default(), Pins::frozen(&[]));
        let wanted = self.wanted(application, &seen).unwrap();
        let fetch = Fetcher::new(&self.sources.git, &wanted, &pins, &seen);
        let said = match fetch.chart(repository, "web", "1.0.0").await.unwrap_err() {
            Unfetched::Never(why) => format!("never: {why}"),
            Unfetched::Now(why) => format!("now: {why}"),
        };
        (said, fetch.asked().into_iter().map(|(url, _)| url.as_str().to_owned()).collect())
    }
}

fn frozen(repo_url: RepoUrl, revision: &str, commit: CommitId) -> PinnedCommit {
    PinnedCommit { repo_url, revision: revision.to_owned(), commit, names: Vec::new() }
}

fn secret(name: &str, fields: &Value) -> (Kind, Value) {
    let labels = json!({"argocd.argoproj.io/secret-type": "repository"});
    let metadata = json!({"name": name, "namespace": "argocd", "labels": labels});
    (Kind::Secret, json!({"metadata": metadata, "stringData": fields}))
}

fn project(rules: &[&str]) -> (Kind, Value) {
    let spec = json!({"sourceRepos": rules, "destinations": [{"server": "*", "namespace": "*"}]});
    (Kind::AppProject, json!({"metadata": {"name": "team", "namespace": "argocd"}, "spec": spec}))
}

fn application(sources: &Value) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {"project": "team", "destination": {"name": "eu-1"}, "sources": sources},
    })
}

const HERE: &str = "https://git.example.com/fleet";

fn here() -> Value {
    application(&json!([{"repoURL": HERE, "path": "web"}]))
}

#[tokio::test]
async fn projects_permit_what_a_name_stands_for() {
    let check = async |rules: &[&str], repository: &str, expect: &str| {
        let url = "https://1.1.1.1/secret";
        let stable = secret("a", &json!({"type": "helm", "name": "stable", "url": url}));
        let registry =
            secret("b", &json!({"type": "helm", "name": "ours", "url": "9.9.9.9/x", "enableOCI": "true"}));
        let place = Place::of([project(rules), stable, registry]).await;
        let (said, asked) = place.chart(&here(), repository).await;
        assert!(said.starts_with(expect), "{rules:?} {repository}: {said}");
        // What is not permitted is not followed either.
        assert_eq!(
            asked.is_empty(),
            expect.contains("application repo"),
            "{rules:?} {repository}: {asked:?}"
        );
    };
    let (permitted, refused) =
        ("never: the rollout did not freeze", "never: spec.sourceRepos: application repo");
    for repository in ["@stable", "alias:stable", "https://1.1.1.1/secret"] {
        check(&["*"], repository, permitted).await;
        check(&["*", "!https://1.1.1.1/**"], repository, refused).await;
        check(&[HERE, "https://1.1.1.1/*"], repository, permitted).await;
        check(&[HERE], repository, refused).await;
    }
    for repository in ["@ours", "9.9.9.9/x", "oci://9.9.9.9/x"] {
        check(&["*"], repository, permitted).await;
        for denied in ["!9.9.9.9/x", "!oci://9.9.9.9/x", "!oci://9.9.9.9/x/web"] {
            check(&["*", denied], repository, refused).await;
        }
        for named in ["9.9.9.9/*", "oci://9.9.9.9/*"] {
            check(&[HERE, named], repository, permitted).await;
        }
        check(&[HERE, "https://9.9.9.9/*"], repository, refused).await;
    }
}

#[tokio::test]
async fn a_registry_by_another_name_is_refused_as_well() {
    let url = "https://registry.example.com/x";
    let registry = secret("b", &json!({"type": "helm", "url": url, "enableOCI": "true"}));
    let place = Place::of([project(&["*", "!oci://registry.example.com/**"]), registry]).await;
    let (seen, pins) = (Seen::default(), Pins::frozen(&[]));
    let wanted = application(&json!([{"repoURL": url, "chart": "web", "targetRevision": "1.0.0"}]));
    let wanted = place.wanted(&wanted, &seen).unwrap();
    let unmade = place.sources.made(&wanted, &pins, &seen).await.unwrap_err();
    assert!(unmade.message.contains("refuses it") && !unmade.later, "{unmade:?}");
    let named = application(&json!([{"repoURL": "@stable", "chart": "web", "targetRevision": "1.0.0"}]));
    let said = place.wanted(&named, &seen).unwrap_err();
    assert!(
        said.starts_with("spec.source.repoURL: `@stable` is a name, by which only dependencies"),
        "{said}"
    );
}

#[tokio::test]
async fn private_servers_are_asked_where_somebody_names_them() {
    let check = async |place: &Place, application: &Value, repository: &str, expect: &str| {
        let (said, _) = place.chart(application, repository).await;
        assert!(said.starts_with(expect), "{repository}: {said}");
    };
    let (asked, private) =
        ("never: the rollout did not freeze", "never: 127.0.0.1 is not asked for what a file names, since");
    let (local, metadata) = ("http://127.0.0.1:9/charts", "http://169.254.169.254/x");
    let anybody = Place::of([project(&["*"])]).await;
    check(&anybody, &here(), "https://1.1.1.1/bitnami", asked).await;
    check(&anybody, &here(), local, private).await;
    check(&anybody, &here(), "oci://127.0.0.1:9/charts", private).await;
    let own = application(&json!([{"repoURL": "http://127.0.0.1/fleet", "path": "web"}]));
    check(&anybody, &own, local, asked).await;
    let files = json!({"valueFiles": ["http://127.0.0.1/values.yaml"]});
    check(&anybody, &application(&json!([{"repoURL": HERE, "path": "web", "helm": files}])), local, asked)
        .await;
    let named = Place::of([project(&[HERE, "http://127.0.0.1:9/**"])]).await;
    check(&named, &here(), local, asked).await;
    let known = secret("a", &json!({"type": "helm", "url": "http://127.0.0.1:9/charts"}));
    let cloud = secret("b", &json!({"type": "helm", "url": metadata}));
    let known = Place::of([project(&["*", metadata]), known, cloud]).await;
    check(&known, &here(), local, asked).await;
    check(&known, &here(), metadata, "never: 169.254.169.254 is not asked").await;
}

#[tokio::test]
async fn references_have_names_of_their_own() {
    let place = Place::of([project(&["*"])]).await;
    let check = |sources: Value, expect: Result<&[&str], &str>| {
        let got = place.wanted(&application(&sources), &Seen::default());
        let got = got.map(|wanted| wanted.references.into_keys().collect::<Vec<_>>());
        match expect {
            Ok(names) => assert_eq!(got.unwrap(), names),
            Err(said) => assert!(got.unwrap_err().contains(said)),
        }
    };
    let values = |name: &str| json!({"repoURL": "https://git.example.com/values", "ref": name});
    // Its own is one of them.
    let own = || json!({"repoURL": HERE, "path": "web", "ref": "own"});
    check(json!([own(), values("values")]), Ok(&["own", "values"]));
    check(json!([own(), values("own")]), Err("two sources have the ref `own`"));
    let chart = || json!({"repoURL": "https://charts.example.com", "chart": "web", "ref": "chart"});
    check(json!([chart(), values("values")]), Ok(&["values"]));
    check(json!([own(), chart()]), Err("the source with ref `chart` is a chart"));
}

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_held_once_whatever_is_said_of_its_folder() {
    let place = Place::of([project(&["*"])]).await;
    let text = "x".repeat(1000);
    let pins = Pins::frozen(&[place.commit(&[
        ("web/Chart.yaml", CHART),
        ("other/Chart.yaml", CHART),
        ("web/text", &text),
    ])]);
    let seen = Seen::default();
    let opened = async |path: &str, file: &str| {
        let helm = json!({"valueFiles": [file]});
        let repository = place.repository();
        let source =
            json!({"repoURL": repository.to_str(), "targetRevision": "main", "path": path, "helm": helm});
        let common = place.wanted(&application(&json!([source])), &seen).unwrap().for_all();
        let opened = seen.opened(common.said(), || place.sources.open(&common, &pins, &seen)).await.unwrap();
        let Is::Apart { tree, .. } = &opened.is else { panic!("a chart is rendered for each") };
        Arc::clone(tree)
    };
    let tree = opened("web", "eu-1.yaml").await;
    for (path, file) in [("web", "eu-2.yaml"), ("other", "eu-1.yaml")] {
        assert!(Arc::ptr_eq(&tree, &opened(path, file).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rendered_is_not_remembered() {
    let place = Place::of([]).await;
    let text = "x".repeat(1000);
    let PinnedCommit { repo_url: url, revision, commit, .. } = place.commit(&[("a", &text), ("b", &text)]);
    place.sources.git.fetch(&url, &commit, &revision).await.unwrap();
    let tree = place.sources.git.repositories.list(&url, &commit).await.unwrap();
    let at = modules::Place { url, commit, path: String::new() };
    let mount = modules::Mount { at: String::new(), place: at, tree };
    let tree = crate::trees::GitTree::new(place.sources.git.repositories.clone(), &revision, vec![mount]);
    let all = tree.under("");
    let limit = hub_render::tree::Limit { each: 1 << 20, all: 1 << 20 };
    assert_eq!(tree.read_within(&all, limit).await.unwrap()[0].len(), 1000);
    assert_eq!(tree.remembered(), 0);
    assert_eq!(tree.read(&all[..1]).await.unwrap()[0].len(), 1000);
    assert_eq!(tree.remembered(), 1000);
}

/// A repository of one chart, over plain HTTP on loopback. Counts the archives that it gives.
fn served(archive: Vec<u8>) -> (String, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let given = Arc::new(Mutex::new(0));
    let (count, digest) = (Arc::clone(&given), Digest::of(&archive).hex().to_owned());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let path = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let entry = format!("{{name: web, version: 1.0.0, digest: {digest}, urls: [web-1.0.0.tgz]}}");
            let index = format!("apiVersion: v1\nentries:\n  web:\n  - {entry}\n");
            let body = if path.contains("index.yaml") { index.as_bytes() } else { &archive };
            *count.lock() += usize::from(!path.contains("index.yaml"));
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    (url, given)
}

/// A packed chart.
fn packed() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in [("web/Chart.yaml", CHART), ("web/templates/a.yaml", "a: 1\n")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_fetched_and_unpacked_once_for_all() {
    let archive = packed();
    let commit: CommitId = Digest::of(&archive).hex().parse().unwrap();
    let (url, given) = served(archive);
    let place = Place::of([project(&["*"])]).await;
    let chart = place.sources.git.chart(&url, "web").unwrap();
    let reference = (chart, "1.0.0".to_owned());
    let pins = Pins::frozen(&[frozen(reference.0.clone(), "1.0.0", commit.clone())]);
    // Two owners at a time, eight members of each.
    let owners = [Seen::default(), Seen::default()];
    let opened = (0..16).map(|at| {
        let (place, seen, pins, url) = (&place, &owners[at % 2], &pins, &url);
        async move {
            let values = format!("at: {at}");
            let source = json!({"repoURL": url, "chart": "web", "targetRevision": "1.0.0", "helm": {"values": values}});
            let common = place.wanted(&application(&json!([source])), seen).unwrap().for_all();
            let opened = seen.opened(common.said(), || place.sources.open(&common, pins, seen)).await.unwrap();
            let Is::Apart { tree, .. } = &opened.is else { panic!("a chart is rendered for each") };
            Arc::clone(tree)
        }
    });
    let trees = futures::future::join_all(opened).await;
    assert!(trees.iter().all(|tree| Arc::ptr_eq(tree, &trees[0])));
    assert_eq!(*given.lock(), 1);
    // So is a dependency, whose archive nobody hashes again.
    let archive = async || owners[0].archive(&place.sources.git, &reference, &commit, false).await.unwrap();
    let (one, other) = (archive().await, archive().await);
    assert_eq!(one.archive.as_ptr(), other.archive.as_ptr());
    assert_eq!((one.version.as_str(), one.id), ("1.0.0", format!("sha256:{commit}")));
    assert_eq!(*given.lock(), 1);
}
