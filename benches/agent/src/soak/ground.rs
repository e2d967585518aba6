//! What the soak runs on: a hub, Git and a cluster with networks between them, and the agent as it is shipped.

use crate::{
    args::Args,
    ground::{CONTAINER, shipped, size},
    soak::truth::{APPS, Kind, Objects, Truth},
    usage::Watched,
};
use anyhow::{Context, Result, ensure};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use std::{cell::RefCell, collections::BTreeMap, fmt, path::Path, process::Command, time::Duration};
use tests_e2e::{
    Fleet, Options, control_plane, eventually,
    fleet::{Setup, alone},
    programs,
    programs::small_agent,
};

pub(crate) const CLUSTER: &str = "soak";
/// Both ends notice a silent network within the time that it lasts.
const KEEPALIVE: [&str; 2] = ["--keepalive", "3s"];
/// Longer than anything takes to be as Git says once nothing is in the way.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// All of it; it ends with this.
pub(crate) struct Ground {
    pub(crate) fleet: Fleet,
    pub(crate) truth: RefCell<Truth>,
    pub(crate) counts: RefCell<Counts>,
}

/// What was done to it.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) edits: u64,
    pub(crate) deletions: u64,
    pub(crate) cuts: u64,
    pub(crate) pauses: u64,
    pub(crate) removals: u64,
    pub(crate) commits: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { edits, deletions, cuts, pauses, removals, commits } = self;
        write!(out, "{commits} commits; by hand {edits} edits and {deletions} deletions; ")?;
        write!(
            out,
            "{cuts} times a bad network, {pauses} pauses, {removals} times an application removed and back"
        )
    }
}

impl Ground {
    /// Starts everything and waits until the cluster is as Git says.
    pub(crate) async fn start(args: &Args) -> Result<Self> {
        let control_plane = control_plane().context("no control plane: see the README on how it is built")?;
        let program = match &args.agent {
            Some(program) => program.clone(),
            None => small_agent()?,
        };
        let setup = Setup { proxies: true, hub: &KEEPALIVE, agents: &KEEPALIVE, ..Setup::default() };
        let mut fleet = Fleet::start_with(control_plane, setup).await?;
        fleet.join(&[(CLUSTER, "env=soak")], Options { controllers: true }).await?;
        // It joined by the build of the tests; from here on it is the one that is shipped.
        fleet.kill_agent(CLUSTER);
        fleet.start_agent_by(CLUSTER, |command| {
            let mut small = Command::new(&program);
            alone(&mut small, command.get_current_dir().unwrap_or(Path::new(".")));
            small.args(command.get_args());
            small.envs(if args.bare { Vec::new() } else { shipped(CONTAINER) });
            small
        })?;
        let ground = Self { fleet, truth: RefCell::new(Truth::new()), counts: RefCell::default() };
        ground.push(&ground.truth.borrow().files())?;
        for app in APPS {
            ground.fleet.apply(&ground.application(app)).await?;
        }
        ground.is_as_git_says().await;
        Ok(ground)
    }

    pub(crate) fn push(&self, files: &[(String, String)]) -> Result<()> {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
        self.fleet.push(&files).map(drop)
    }

    /// An Application whose objects go with it.
    pub(crate) fn application(&self, name: &str) -> String {
        format!(
            "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd, finalizers: [resources-finalizer.argocd.argoproj.io]}}
spec:
  project: default
  source: {{repoURL: '{}', targetRevision: main, path: {name}}}
  destination: {{name: {CLUSTER}, namespace: {name}}}
  syncPolicy:
    automated: {{prune: true, selfHeal: true}}
    syncOptions: [CreateNamespace=true]
",
            self.fleet.repository_url()
        )
    }

    /// The objects of one kind, of one application or of all.
    pub(crate) fn api(&self, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk(kind.group(), "v1", &format!("{kind:?}"));
        let (client, resource) = (self.fleet.cluster(CLUSTER).client(), ApiResource::from_gvk(&kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        }
    }

    /// Waits until the cluster has what Git says, with these values, and nothing else.
    pub(crate) async fn is_as_git_says(&self) {
        let wanted = wanted(self.truth.borrow().apps());
        eventually(SETTLED_WITHIN, "the cluster is as Git says", async || {
            let live = self.live().await?;
            let differ = |(name, value): (&String, &String)| live.get(name) != Some(value);
            let wrong: Vec<&String> =
                wanted.iter().filter(|&one| differ(one)).map(|(name, _)| name).collect();
            let more: Vec<&String> = live.keys().filter(|name| !wanted.contains_key(*name)).collect();
            ensure!(wrong.is_empty() && more.is_empty(), "not as in Git: {wrong:?}; not in Git: {more:?}");
            Ok(())
        })
        .await;
    }

    /// What the cluster has by names as ours, whoever made it.
    async fn live(&self) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        for kind in Kind::ALL {
            for object in self.api(kind, None).list(&ListParams::default()).await?.items {
                let name = object.metadata.name.unwrap_or_default();
                let namespace = object.metadata.namespace.unwrap_or_default();
                if APPS.contains(&namespace.as_str()) && name.starts_with("soak-") {
                    let value = object.data.pointer(kind.pointer()).and_then(|value| value.as_str());
                    let value = value.unwrap_or_default().to_owned();
                    found.insert(format!("{namespace}/{kind:?}/{name}"), value);
                }
            }
        }
        Ok(found)
    }

    /// Pauses or resumes by the agent's own command, in its folder.
    pub(crate) async fn in_the_cluster(&self, arguments: &[&str]) -> Result<()> {
        let folder = self.fleet.agent_folder(CLUSTER);
        let mut command = tokio::process::Command::new(&programs().agent);
        alone(command.as_std_mut(), &folder);
        let said = command.args(arguments).arg("--data-dir").arg(folder.join("data")).output().await?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }

    /// The agent and the hub.
    ///
    /// # Errors
    /// When one of them has ended.
    pub(crate) fn both(&self) -> Result<[Watched; 2]> {
        let watched = |name: &str, process: Option<&tests_e2e::Process>| {
            let process = process.with_context(|| format!("{name} was not started"))?;
            ensure!(process.exited().is_none(), "{name} has ended\n{}", process.tail());
            Ok(Watched(process.id()))
        };
        Ok([
            watched("the agent", self.fleet.agent(CLUSTER))?,
            watched("the hub", self.fleet.hub().process())?,
        ])
    }

    /// What the agent logged.
    pub(crate) fn log(&self) -> String {
        self.fleet.agent_log(CLUSTER)
    }

    /// Bytes on disk: the agent's journal, and all that the hub keeps.
    pub(crate) fn disks(&self) -> [u64; 2] {
        [size(&self.fleet.agent_folder(CLUSTER).join("data")), size(&self.fleet.hub().data())]
    }
}

fn wanted(apps: &BTreeMap<&'static str, Objects>) -> BTreeMap<String, String> {
    let named = apps.iter().flat_map(|(app, objects)| {
        objects
            .iter()
            .map(move |(object, value)| (format!("{app}/{:?}/{object}", object.kind), value.clone()))
    });
    named.collect()
}
