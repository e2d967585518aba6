//! Rules over an index, and the loops on a real repository with a store in memory.

mod commit;
mod deletions;
mod history;
mod isolation;
mod limits;
pub(crate) mod line;
mod modules;
mod readable;
mod restore;
mod turns;
mod windows;

use crate::{
    Config, Control, Deps, conditions,
    index::{Index, Touched},
    removal::{self, Removal},
};
use hub_gateway::{LinkState, Links};
use hub_records::{Bundles, Records, keys};
use hub_source::{
    Repositories,
    charts::{self, Charts},
    poll::Settings,
};
use hub_store::{Memory, Page, Revision};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{
    AppKey, ClusterName, Digest, Health, HealthStatus, Kind, Observation, Position, RESOURCES_FINALIZER,
    ReleaseId, RolloutName, SyncPhase, SyncState,
};
use shared_rollout::{Assigned, ClusterState, Hold, Link, Order, Pause, Seat};
use shared_runtime::Tasks;
use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc, time::Duration};

pub(crate) fn records() -> Records {
    Records::new(Arc::new(Memory::default()))
}

pub(crate) async fn index(records: &Records) -> Index {
    let listing = records.store().list("", Page::default()).await.unwrap();
    let mut index = Index::default();
    for entry in &listing.entries {
        index.load(entry);
    }
    index
}

pub(crate) fn cluster(name: &str, labels: &Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}, "spec": {}})
}

pub(crate) fn application(name: &str, cluster: &str, finalizers: &[&str]) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "argocd", "finalizers": finalizers},
        "spec": {"project": "default", "destination": {"name": cluster}, "source": {"repoURL": "https://x", "path": "."}},
    })
}

pub(crate) fn run(generation: u64) -> Assigned {
    let order = Order::Run {
        release: ReleaseId(Digest::of(b"release")),
        rollout: RolloutName::new("web-1"),
        at: Timestamp::UNIX_EPOCH,
    };
    Assigned { position: Position { incarnation: 1, generation }, order, proof: None, adopted: None }
}

pub(crate) async fn assign(records: &Records, cluster: &str, app: &str, assigned: &Assigned) {
    let key = keys::assignment(&ClusterName::new(cluster), &AppKey::new("argocd", app));
    records.write(&key, assigned).await.unwrap();
}

/// The link of an agent that says nothing else.
pub(crate) const fn linked(link: Link) -> LinkState {
    LinkState {
        link,
        acknowledged_pause: String::new(),
        acknowledged_applications: BTreeMap::new(),
        local_pause: None,
        hold: None,
        arrived: Revision::ZERO,
    }
}

/// What an agent reports of what it was told last.
pub(crate) fn report(
    seat: &Seat,
    position: Position,
    release: Option<ReleaseId>,
    at: Timestamp,
) -> Observation {
    Observation {
        application: seat.1.clone(),
        cluster: seat.0.clone(),
        position,
        release,
        phase: SyncPhase::Succeeded,
        message: String::new(),
        sync: SyncState::Synced,
        health: Health::new(HealthStatus::Healthy, ""),
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        removed: false,
        pin: None,
        unsupported: Vec::new(),
        received_at: at,
        healthy_since: None,
    }
}

/// The same of one that cannot run what it was told.
pub(crate) fn failed(report: Observation) -> Observation {
    Observation { phase: SyncPhase::Failed, health: Health::new(HealthStatus::Degraded, ""), ..report }
}

/// Every cluster as one that is connected, but for what `change` makes of them.
fn states(index: &Index, change: impl Fn(&str, &mut ClusterState)) -> BTreeMap<ClusterName, ClusterState> {
    let state = |name: &ClusterName| {
        let mut state = ClusterState::default();
        change(name.as_str(), &mut state);
        (name.clone(), state)
    };
    index.clusters.keys().map(state).collect()
}

#[tokio::test]
async fn what_goes_follows_from_the_index_alone() {
    let (records, now) = (records(), Timestamp::UNIX_EPOCH);
    for name in ["eu-1", "eu-2"] {
        records.create(Kind::Cluster, cluster(name, &json!({})), now).await.unwrap();
    }
    for (app, on, finalizers) in
        [("stays", "eu-1", vec![]), ("moved", "eu-2", vec![]), ("going", "eu-1", vec![RESOURCES_FINALIZER])]
    {
        records.create(Kind::Application, application(app, on, &finalizers), now).await.unwrap();
        assign(&records, "eu-1", app, &run(3)).await;
    }
    assign(&records, "eu-1", "gone", &run(5)).await;
    assign(&records, "lost", "stays", &run(1)).await;
    records.delete(Kind::Application, "argocd", "going", now).await.unwrap();

    let seat = |cluster: &str, app: &str| (ClusterName::new(cluster), AppKey::new("argocd", app));
    let index = index(&records).await;
    let told =
        |change: fn(&str, &mut ClusterState)| removal::plan(&index, &states(&index, change), now).removals;
    // One of the four at a time, and what a person deleted comes no sooner than the others.
    assert_eq!(
        told(|_, _| {}),
        [
            Removal::Tell { seat: seat("eu-1", "going"), cascade: true },
            Removal::Forget { seat: seat("lost", "stays") },
        ]
    );
    // A cluster that is held, as on a store that was restored, or paused is told nothing.
    let forget = [Removal::Forget { seat: seat("lost", "stays") }];
    assert_eq!(told(|_, state| state.hold = Some(Hold::HubRestored)), forget);
    assert_eq!(told(|_, state| state.pauses.push(Pause::default())), forget);
    let goes = |first: &str| {
        let done = ["going", "gone", "moved"].into_iter().take_while(|name| *name != first);
        done.map(str::to_owned).collect::<Vec<_>>()
    };
    for (first, cascade) in [("gone", false), ("moved", false)] {
        let mut later = index.clone();
        for app in goes(first) {
            later.assigned.remove(&seat("eu-1", &app));
        }
        let found = removal::plan(&later, &states(&later, |_, _| {}), now).removals;
        assert_eq!(found[0], Removal::Tell { seat: seat("eu-1", first), cascade });
    }
}

#[tokio::test]
async fn only_what_generators_see_of_a_cluster_expands_sets_again() {
    let (records, now) = (records(), Timestamp::UNIX_EPOCH);
    let mut index = Index::default();
    let from = records.store().revision().await.unwrap();
    let mut watch = records.store().watch("", from).await.unwrap();
    let created = records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "dev"})), now).await.unwrap();
    let mut paused = created.value.clone();
    paused["spec"]["pause"] = json!({"reason": "INC-7"});
    let paused = records.replace(Kind::Cluster, &created, paused).await.unwrap();
    let mut relabelled = paused.value.clone();
    relabelled["metadata"]["labels"]["env"] = json!("prod");
    records.replace(Kind::Cluster, &paused, relabelled).await.unwrap();
    let mut all = Vec::new();
    while all.len() < 3 {
        for change in watch.next().await.unwrap().unwrap() {
            let mut touched = Touched::default();
            index.apply(&change, &mut touched);
            all.push(touched.all);
        }
    }
    assert_eq!(all, [true, false, true]);
}

#[test]
fn a_condition_keeps_its_time_while_it_says_the_same() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    let ready = || vec![conditions::of_set("Ready", true, "Fine", "all is well")];
    let first = conditions::since(&Value::Null, ready(), at(0));
    let same = conditions::since(&first, ready(), at(60));
    assert_eq!(first, same);
    let other = conditions::since(&first, vec![conditions::of_set("Ready", true, "Fine", "still")], at(60));
    assert_eq!(other[0]["lastTransitionTime"], "1970-01-01T00:01:00Z");
}

/// A hub's loops on a repository in a folder, with nobody connected.
struct Loops {
    folder: tempfile::TempDir,
    records: Records,
    tasks: Tasks,
    metrics: crate::Metrics,
    tooling: Option<hub_render::Tooling>,
}

impl Loops {
    async fn start() -> Self {
        Self::idle().again().await
    }

    /// What they would run on.
    fn idle() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (tasks, metrics) = (Tasks::new(), crate::Metrics::default());
        let loops = Self { folder, records: records(), tasks, metrics, tooling: None };
        loops.git(&["init", "-q", "-b", "main", "."]);
        loops
    }

    /// Loops on what others left.
    async fn again(self) -> Self {
        let loops = Self { tasks: Tasks::new(), ..self };
        let config = hub_source::Config {
            allow_file: true,
            ..hub_source::Config::new(loops.folder.path().join("mirrors"))
        };
        let deps = Deps {
            metrics: loops.metrics.clone(),
            records: loops.records.clone(),
            bundles: Bundles::open(&loops.folder.path().join("bundles")).unwrap(),
            repositories: Repositories::build(config).unwrap(),
            charts: Charts::build(charts::Config::new(loops.folder.path().join("charts"))).unwrap(),
            links: Links::new(),
            tracing: shared_runtime::otlp::Tracing::default(),
            rendering: hub_render::Config { tooling: loops.tooling.clone(), ..hub_render::Config::new() },
        };
        let poll = Settings {
            period: Duration::from_millis(50),
            jitter: Duration::from_millis(5),
            first_retry: Duration::from_millis(50),
            ..Settings::default()
        };
        let history = crate::Retention::default();
        let config = Config { poll, exclusive: true, history, largest_webhook_mib: 32 };
        Control::build(config, deps, &loops.tasks).await.unwrap();
        loops
    }

    fn repository(&self) -> std::path::PathBuf {
        let path = self.folder.path().join("repository");
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// The commit of the work tree.
    fn head(&self) -> String {
        let head =
            Command::new("git").args(["rev-parse", "HEAD"]).current_dir(self.repository()).output().unwrap();
        String::from_utf8(head.stdout).unwrap().trim().to_owned()
    }

    fn git(&self, args: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(args)
            .current_dir(self.repository())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn commit(&self, path: &str, text: &str) {
        let path = self.repository().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    /// Waits until the store says what `check` looks for; the store's watch wakes it.
    async fn until(&self, what: &str, check: impl AsyncFn(&Records) -> bool) {
        let waiting = async {
            let from = self.records.store().revision().await.unwrap();
            let mut watch = self.records.store().watch("", from).await.unwrap();
            while !check(&self.records).await {
                watch.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting)
            .await
            .unwrap_or_else(|_| panic!("never: {what}"));
    }

    async fn condition(&self, kind: Kind, name: &str) -> String {
        let status = self.records.status(kind, "argocd", name).await.unwrap();
        status.map(|(status, _)| status["conditions"].to_string()).unwrap_or_default()
    }
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\n";

fn set(repository: &Path) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "generators": [{"clusters": {"selector": {"matchLabels": {"env": "prod"}}}}],
            "template": {
                "metadata": {"name": "web-{{name}}"},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": repository.to_str(), "path": "web"},
                    "destination": {"name": "{{name}}", "namespace": "web"},
                },
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_becomes_applications_and_a_pinned_rollout() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    for name in ["eu-1", "us-1"] {
        records.create(Kind::Cluster, cluster(name, &json!({"env": "prod"})), now).await.unwrap();
    }
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();
    loops
        .until("a rollout", async |records| {
            records.get(Kind::FleetRollout, "argocd", "web-1").await.unwrap().is_some()
        })
        .await;
    let (applications, _) = records.list(Kind::Application, None).await.unwrap();
    assert_eq!(applications.iter().map(|app| app.name()).collect::<Vec<_>>(), ["web-eu-1", "web-us-1"]);

    let started = async |records: &Records| {
        let head = keys::head("argocd", &RolloutName::new("web-1"));
        records.read::<shared_rollout::Head>(&head).await.unwrap().is_some()
    };
    loops.until("the rollout starts", started).await;

    // The same content under another commit is nothing new; other content is the next rollout.
    loops.commit("README.md", "unrelated");
    loops.commit("web/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {a: b}\n");
    loops
        .until("the next rollout", async |records| {
            records.get(Kind::FleetRollout, "argocd", "web-2").await.unwrap().is_some()
        })
        .await;
    let second = records.get(Kind::FleetRollout, "argocd", "web-2").await.unwrap().unwrap();
    assert_eq!(second.value["spec"]["parent"], "web-1");
    // When it came about is frozen with it.
    let timings = &second.value["spec"]["timings"];
    let commit = &timings["commits"][0];
    assert_eq!((&commit["author"], &commit["title"]), (&json!("t"), &json!("change")), "{timings}");
    assert_eq!(timings["members"], 2);
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time(&commit["asked"]) <= time(&commit["answered"]));
    assert!(time(&commit["answered"]) <= time(&timings["render"]["from"]));
    assert!(time(&timings["generate"]["to"]) <= time(&timings["render"]["to"]));

    // The course of both is told once each, on the rollout and on its set.
    let told = async |records: &Records| {
        let (events, _) = records.list(Kind::Event, Some("argocd")).await.unwrap();
        let about = |event: &Value| {
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            format!("{} {} {}", text("/involvedObject/name"), text("/reason"), text("/message"))
        };
        let mut told: Vec<String> = events.iter().map(|event| about(&event.value)).collect();
        told.sort();
        told
    };
    let both = async |records: &Records| {
        told(records).await.iter().any(|line| line.starts_with("web-2 RolloutStarted"))
    };
    loops.until("the second rollout starts", both).await;
    expect_test::expect![[r#"
        web RolloutStarted web-1: 2 members at once
        web RolloutStarted web-2: 2 members at once
        web RolloutSuperseded web-1: web-2 took its place
        web-1 RolloutStarted 2 members at once
        web-1 RolloutSuperseded web-2 took its place
        web-2 RolloutStarted 2 members at once"#]]
    .assert_eq(&told(records).await.join("\n"));
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_on_the_object_and_others_go_on() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    let mut missing = application("missing-path", "eu-1", &[]);
    missing["spec"]["source"] = json!({"repoURL": loops.repository().to_str(), "path": "wbe"});
    let mut unreachable = application("unreachable", "eu-1", &[]);
    unreachable["spec"]["source"] =
        json!({"repoURL": loops.folder.path().join("nowhere").to_str(), "path": "web"});
    let nowhere = application("no-cluster", "eu-9", &[]);
    for object in [missing, unreachable, nowhere] {
        records.create(Kind::Application, object, now).await.unwrap();
    }
    let mut unknown = set(&loops.repository());
    unknown["metadata"]["name"] = json!("unknown");
    unknown["spec"]["generators"] = json!([{"gti": {}}]);
    records.create(Kind::ApplicationSet, unknown, now).await.unwrap();
    records.create(Kind::ApplicationSet, set(&loops.repository()), now).await.unwrap();

    let project = json!({
        "metadata": {"name": "limited", "namespace": "argocd"},
        "spec": {
            "sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
        },
    });
    records.create(Kind::AppProject, project, now).await.unwrap();
    let mut limited = application("limited", "eu-1", &[]);
    limited["spec"]["project"] = json!("limited");
    limited["spec"]["source"] = json!({"repoURL": loops.repository().to_str(), "path": "web"});
    records.create(Kind::Application, limited, now).await.unwrap();

    for (kind, name, parts) in [
        (
            Kind::Application,
            "limited",
            vec!["UnsupportedFields", "AppProject limited", "clusterResourceWhitelist"],
        ),
        (Kind::Application, "missing-path", vec!["spec.source.path", "`wbe`"]),
        (Kind::Application, "unreachable", vec!["ComparisonError", "nowhere"]),
        (Kind::Application, "no-cluster", vec!["InvalidSpecError", "eu-9", "flotilla cluster list"]),
        (Kind::ApplicationSet, "unknown", vec!["gti", "did you mean `git`"]),
    ] {
        let said = async |_: &Records| {
            let condition = loops.condition(kind, name).await;
            parts.iter().all(|part| condition.contains(part))
        };
        loops.until(name, said).await;
    }
    loops
        .until("the others", async |records| {
            records.get(Kind::FleetRollout, "argocd", "web-1").await.unwrap().is_some()
        })
        .await;
    // The two whose sources cannot be had, and the set; what names no cluster is not Git's fault. It stays so however
    // often it is looked at.
    let failing = || loops.metrics.work.unrendered.get();
    loops.until("they are counted", async |_| failing() == 3).await;
    loops.commit("wbe/config.yaml", CONFIG_MAP);
    loops.until("one is mended", async |_| failing() == 2).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_is_said_on_all_that_follows_it_until_it_is_back() {
    let loops = Loops::start().await;
    let (records, now) = (&loops.records, Timestamp::UNIX_EPOCH);
    loops.commit("web/config.yaml", CONFIG_MAP);
    let commit = loops.head();
    records.create(Kind::Cluster, cluster("eu-1", &json!({"env": "prod"})), now).await.unwrap();
    let mut folders = set(&loops.repository());
    folders["spec"]["generators"] = json!([{"git": {"repoURL": loops.repository().to_str(), "revision": "main", "directories": [{"path": "web"}]}}]);
    folders["spec"]["template"]["metadata"]["name"] = json!("web");
    folders["spec"]["template"]["spec"]["source"]["targetRevision"] = json!("main");
    folders["spec"]["template"]["spec"]["destination"]["name"] = json!("eu-1");
    records.create(Kind::ApplicationSet, folders, now).await.unwrap();
    let frozen =
        async |records: &Records| records.get(Kind::FleetRollout, "argocd", "web-1").await.unwrap().is_some();
    loops.until("a rollout", frozen).await;

    let away = loops.folder.path().join("away");
    std::fs::rename(loops.repository(), &away).unwrap();
    let parts = ["main of ", "since", commit.get(..7).unwrap(), "stands"];
    for (kind, reason) in [
        (Kind::Application, "ComparisonError"),
        (Kind::ApplicationSet, "ApplicationGenerationFromParamsError"),
    ] {
        let said = async |_: &Records| {
            let said = loops.condition(kind, "web").await;
            said.contains(reason) && parts.iter().all(|part| said.contains(part))
        };
        loops.until(reason, said).await;
    }
    let status = records.status(Kind::ApplicationSet, "argocd", "web").await.unwrap().unwrap().0;
    assert_eq!(status["health"]["status"], "Degraded");
    // What was released stays, and the next commit is found when the repository is back.
    assert_eq!(records.list(Kind::Application, None).await.unwrap().0.len(), 1);
    std::fs::remove_dir_all(loops.repository()).unwrap();
    std::fs::rename(&away, loops.repository()).unwrap();
    let well = async |_: &Records| {
        !loops.condition(Kind::Application, "web").await.contains("ComparisonError")
            && !loops.condition(Kind::ApplicationSet, "web").await.contains("FromParamsError")
    };
    loops.until("it is back", well).await;

    // A branch that is gone is said at once, and by that name.
    loops.git(&["checkout", "-q", "-b", "other"]);
    loops.git(&["branch", "-D", "main"]);
    let gone =
        async |_: &Records| loops.condition(Kind::ApplicationSet, "web").await.contains("is gone since");
    loops.until("the branch is gone", gone).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_argo_cd_that_cannot_be_read_are_said() {
    let loops = Loops::start().await;
    let map = json!({
        "metadata": {"name": "argocd-cm", "namespace": "argocd"}, "data": {"timeout.reconciliation": "soon"},
    });
    loops.records.create(Kind::ConfigMap, map, Timestamp::UNIX_EPOCH).await.unwrap();
    let said = async |records: &Records| {
        let (events, _) = records.list(Kind::Event, Some("argocd")).await.unwrap();
        events
            .iter()
            .any(|event| event.value["message"].to_string().contains("data[timeout.reconciliation]: `soon`"))
    };
    loops.until("an event", said).await;
    assert!(loops.tasks.drain(Duration::from_secs(5)).await);
}
