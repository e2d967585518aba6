//! Owners evaluated one at a time, on a real repository, with no loops around them.

use super::*;
use crate::{
    git::Git,
    line::{Evaluation, Lines},
    pins::{Pins, pinned},
    releases::{Noted, Releases},
    sources::Sources,
};
use parking_lot::RwLock;
use shared_model::{CommitId, Owner, OwnerKind, PinnedCommit, RepoUrl};

/// A line that is looked at when a test says so.
pub(crate) struct Line {
    ground: Loops,
    shared: crate::index::Shared,
    pub(crate) lines: Lines,
}

impl Line {
    /// A repository with one commit, and one cluster.
    pub(crate) async fn new() -> Self {
        let ground = Loops::idle();
        ground.commit("web/config.yaml", CONFIG_MAP);
        let (records, now) = (&ground.records, Timestamp::UNIX_EPOCH);
        records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
        Self::on(ground, "mirrors", hub_render::Config::new())
    }

    /// Evaluates with mirrors in a folder of that name, as if started anew.
    fn on(ground: Loops, mirrors: &str, rendering: hub_render::Config) -> Self {
        let path = |name: &str| ground.folder.path().join(name);
        let config = hub_source::Config { allow_file: true, ..hub_source::Config::new(path(mirrors)) };
        let charts = Charts::build(charts::Config::new(path("charts"))).unwrap();
        let shared = crate::index::Shared::new(RwLock::new(Arc::default()));
        let read = (Repositories::build(config).unwrap(), charts);
        let git = Git::new(read, Arc::clone(&shared), Settings::default(), ground.metrics.work.clone());
        let (told, _) = tokio::sync::mpsc::channel(1);
        ground.tasks.spawn_until_stopped("poll", git.clone().poll(told));
        let bundles = Bundles::open(&path("bundles")).unwrap();
        let sources = Sources::new(git.clone(), hub_render::Renderer::new(rendering), bundles.clone());
        let releases = Releases::new(sources, ground.records.clone(), bundles);
        let lines = Lines::new(Arc::clone(&shared), git, releases, ground.records.clone());
        Self { ground, shared, lines }
    }

    /// The same after a restart that lost what was fetched.
    fn without_mirrors(self) -> Self {
        Self::on(self.ground, "other-mirrors", hub_render::Config::new())
    }

    pub(crate) async fn create(&self, kind: Kind, object: Value) {
        self.ground.records.create(kind, object, Timestamp::UNIX_EPOCH).await.unwrap();
    }

    /// An Application of a folder of the repository.
    fn application(&self, name: &str, path: &str) -> Value {
        let mut object = application(name, "eu-1", &[]);
        object["spec"]["source"] = json!({"repoURL": self.ground.repository().to_str(), "path": path});
        object
    }

    /// One Application for each cluster.
    pub(crate) fn set(&self) -> Value {
        set(&self.ground.repository())
    }

    /// Commits a file; answers which commit that is.
    pub(crate) fn commit(&self, path: &str, text: &str) -> CommitId {
        self.ground.commit(path, text);
        self.ground.head().parse().unwrap()
    }

    /// Where the repository is.
    pub(crate) fn repository(&self) -> String {
        self.ground.repository().to_str().unwrap().to_owned()
    }

    /// Removes it, and its mirrors.
    pub(crate) fn remove_repository(&self) {
        std::fs::remove_dir_all(self.ground.repository()).unwrap();
        std::fs::remove_dir_all(self.ground.folder.path().join("mirrors")).unwrap();
    }

    /// Takes what the store says by now. The numbers of what changed go on, as those of a watch do.
    pub(crate) async fn refresh(&self) {
        let from = self.shared.read().revision;
        let mut index = Index::clone(&self.shared.read());
        let listing = self.ground.records.store().list("", Page::default()).await.unwrap();
        for entry in listing.entries.iter().filter(|entry| entry.mod_revision > from) {
            index.load(entry);
        }
        index.revision = listing.revision;
        *self.shared.write() = Arc::new(index);
    }

    pub(crate) async fn evaluate(&self, kind: OwnerKind, name: &str) -> Evaluation {
        self.refresh().await;
        let owner = Owner { kind, namespace: "argocd".to_owned(), name: name.to_owned() };
        self.lines.evaluate(&owner, Timestamp::UNIX_EPOCH).await
    }

    /// Evaluates an Application: whether it has members, whether it is tried again, and what its conditions say.
    async fn look(&self, name: &str) -> (bool, bool, String) {
        let Evaluation { head, retry, applications, .. } = self.evaluate(OwnerKind::Application, name).await;
        let said = applications.values().flatten().filter_map(|condition| condition["message"].as_str());
        (!head.is_empty(), retry, said.collect::<Vec<_>>().join("; "))
    }

    /// Changes what the newest rollout of an Application froze.
    async fn refreeze(&self, name: &str, change: impl Fn(&mut Value)) {
        let name = format!("{name}.app.1");
        let stored = self.ground.records.get(Kind::FleetRollout, "argocd", &name).await.unwrap().unwrap();
        let mut object = stored.value.clone();
        change(&mut object["spec"]);
        // Nobody else may.
        self.ground.records.write(&keys::object(Kind::FleetRollout, "argocd", &name), &object).await.unwrap();
    }

    /// The releases in the store.
    async fn noted(&self) -> Vec<Noted> {
        let listing = self.ground.records.store().list(keys::RELEASES, Page::default()).await.unwrap();
        listing.entries.iter().map(|entry| serde_json::from_slice(&entry.value).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_of_several_sources_names_their_bundles() {
    let line = Line::new().await;
    line.ground.commit("more/config.yaml", &CONFIG_MAP.replace("web", "more"));
    let mut several = line.application("several", "web");
    let source = several["spec"]["source"].take();
    let mut other = source.clone();
    other["path"] = json!("more");
    several["spec"]["sources"] = json!([source, other]);
    line.create(Kind::Application, several).await;
    line.create(Kind::Application, line.application("single", "web")).await;
    for name in ["several", "single"] {
        assert_eq!(line.look(name).await, (true, false, String::new()));
    }
    let noted = line.noted().await;
    let of = |name: &str| noted.iter().find(|noted| &*noted.spec.application.name == name).unwrap();
    let (several, single) = (of("several"), of("single"));
    assert_eq!((several.parts.len(), single.parts.len()), (2, 0));
    assert_eq!(several.parts[0], single.spec.bundle);
    // One of a hub that did not note them yet is noted again.
    let key = keys::release(&several.spec.id());
    line.ground.records.write(&key, &several.spec).await.unwrap();
    assert!(line.look("several").await.0);
    assert_eq!(line.noted().await.iter().find(|noted| noted.spec == several.spec), Some(several));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_not_tried_again_and_what_was_not_there_is() {
    let line = Line::new().await;
    line.ground.commit("broken/config.yaml", "kind: [");
    for (name, path) in [("nowhere", "wbe"), ("broken", "broken"), ("outside", "../x"), ("web", "web")] {
        line.create(Kind::Application, line.application(name, path)).await;
    }
    let check = async |line: &Line, name: &str, expect: (bool, bool), part: &str| {
        let (shipped, retried, said) = line.look(name).await;
        assert_eq!((shipped, retried), expect, "{name}: {said}");
        assert!(said.contains(part), "{name}: {said}");
    };
    check(&line, "nowhere", (false, false), "there is no folder `wbe`").await;
    check(&line, "broken", (false, false), "broken/config.yaml").await;
    check(&line, "outside", (false, false), "leaves the repository").await;
    check(&line, "web", (true, false), "").await;
    // What was not frozen never will have been.
    line.create(Kind::Application, line.application("other", "web")).await;
    check(&line, "other", (true, false), "").await;
    line.refreeze("other", |spec| spec["commits"] = json!([])).await;
    let line = line.without_mirrors();
    check(&line, "other", (true, false), "the rollout did not freeze HEAD").await;
    // A server that is away may come back, and nobody tells of what a rollout froze.
    let away = line.ground.folder.path().join("away");
    std::fs::rename(line.ground.repository(), &away).unwrap();
    let line = Line::on(line.ground, "third-mirrors", hub_render::Config::new());
    check(&line, "web", (false, true), "rollout web.app.1, member web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_with_a_broken_member_rests_until_an_input_changes() {
    let line = Line::new().await;
    let now = Timestamp::UNIX_EPOCH;
    line.ground.records.create(Kind::Cluster, cluster("us-1", &json!({"env": "prod"})), now).await.unwrap();
    let mut set = line.set();
    set["spec"]["template"]["spec"]["source"]["path"] = json!("{{name}}");
    line.ground.commit("eu-1/config.yaml", CONFIG_MAP);
    line.create(Kind::ApplicationSet, set).await;
    for _ in 0..2 {
        let seen = line.evaluate(OwnerKind::ApplicationSet, "web").await;
        assert_eq!((seen.head.len(), seen.unrendered, seen.retry), (1, 1, false), "{:?}", seen.applications);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_joins_is_waited_for_and_causes_no_rollout() {
    let line = Line::new().await;
    line.ground.commit("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    let template = "kind: ConfigMap\nmetadata: {name: \"{{ .Capabilities.KubeVersion.Version }}\"}\n";
    line.ground.commit("web/templates/map.yaml", template);
    std::fs::write(line.ground.folder.path().join("released"), "").unwrap();
    let tooling = Some(turns::tooling(line.ground.folder.path()));
    let line = Line::on(line.ground, "mirrors", hub_render::Config { tooling, ..hub_render::Config::new() });
    let tell = async |line: &Line, cluster: &str, facts: Value| {
        let told = |status: &mut Value| status["facts"] = facts.clone();
        line.ground.records.modify_status(Kind::Cluster, "", cluster, told).await.unwrap();
    };
    let known = |version: &str| json!({"kubernetesVersion": version, "served": {"v1": ["ConfigMap"]}});
    tell(&line, "eu-1", known("v1.33.1")).await;
    line.create(Kind::ApplicationSet, line.set()).await;
    let look = async |line: &Line| {
        let seen = line.evaluate(OwnerKind::ApplicationSet, "web").await;
        let said = seen.applications.values().flatten().filter_map(|condition| condition["message"].as_str());
        let said =
            said.map(|said| said.split(':').next().unwrap_or(said).to_owned()).collect::<Vec<_>>().join("; ");
        let rollouts = seen.rollouts.iter().map(|(name, members)| format!("{name} {}", members.len()));
        (seen.head.len(), rollouts.collect::<Vec<_>>().join(", "), said, seen.able.len(), seen.retry)
    };
    let expect = |members: usize, rollouts: &str, said: &str, able: usize| {
        (members, rollouts.to_owned(), said.to_owned(), able, false)
    };
    assert_eq!(look(&line).await, expect(1, "web-1 1", "", 1));
    line.create(Kind::Cluster, cluster("us-1", &json!({"env": "prod"}))).await;
    let waits = "waits for the first report of us-1";
    assert_eq!(look(&line).await, expect(1, "web-1 1", waits, 2));
    tell(&line, "us-1", known("v1.34.0")).await;
    assert_eq!(look(&line).await, expect(2, "web-1 2", "", 2));
    // A cluster of those that are there comes to something else: that is a change, and goes the way of changes.
    tell(&line, "us-1", known("v1.35.0")).await;
    assert_eq!(look(&line).await, expect(2, "web-1 2, web-2 2", "", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_secret_says_of_a_chart_is_frozen() {
    let line = Line::new().await;
    let secret = |url: &str, oci: &str| {
        json!({
            "metadata": {"name": "charts", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
            "stringData": {"type": "helm", "name": "platform", "url": url, "enableOCI": oci},
        })
    };
    line.create(Kind::Secret, secret("https://old.example.com/charts", "false")).await;
    line.refresh().await;
    let git = &line.lines.git;
    let (one, other) = ("https://old.example.com/charts", "https://other.example.com/charts");
    let at = |pins: &Pins| {
        ["@platform", one, other].map(|repository| pins.chart(git, repository, "web").unwrap().to_string())
    };
    let head = Pins::head();
    let was = at(&head);
    assert_eq!(was[0], was[1]);
    // What does not follow from a Secret has no name.
    assert_eq!(head.names().keys().collect::<Vec<_>>(), ["@platform web"]);
    let commit = "a".repeat(64).parse::<CommitId>().unwrap();
    let commits = was[1..].iter().map(|url| ((RepoUrl::new(url.as_str()), "1.x".to_owned()), commit.clone()));
    let pins = serde_json::to_value(pinned(&commits.collect(), &head.names())).unwrap();
    assert_eq!(pins[0]["names"], json!(["@platform web"]));
    assert_eq!(pins[1].get("names"), None);

    let stored = line.ground.records.get(Kind::Secret, "argocd", "charts").await.unwrap().unwrap();
    let mut object = stored.value.clone();
    object["stringData"] = secret(other, "true")["stringData"].clone();
    line.ground.records.replace(Kind::Secret, &stored, object).await.unwrap();
    line.refresh().await;
    let registry = "oci://other.example.com/charts/web";
    assert_eq!(at(&Pins::head()), [registry, &was[1], registry]);
    assert_eq!(at(&head), was, "one look sees one Secret");
    let frozen: Vec<PinnedCommit> = serde_json::from_value(pins).unwrap();
    assert_eq!(at(&Pins::frozen(&frozen)), was);
}
