//! An agent that keeps everything in Secrets: nothing of it is on a disk, and it needs neither hub nor Git.

use crate::web::{FULL, ground};
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use serde_json::Value;
use std::{fmt::Write as _, process::Command};
use tests_e2e::{
    Cluster, Fleet, Options, Process, eventually,
    fleet::{SOON, alone},
    programs,
};

const NAMESPACE: &str = "flotilla-agent";
const APP: &str = "web-eu-1";

/// A cluster whose agent is this test's to start and to kill.
struct Spoke {
    cluster: Cluster,
    arguments: Vec<String>,
    home: std::path::PathBuf,
}

impl Spoke {
    fn command(&self) -> Command {
        let mut command = Command::new(&programs().agent);
        alone(&mut command, &self.home);
        command
    }

    fn agent(&self, name: &str) -> Result<Process> {
        let mut command = self.command();
        command.arg("--kubeconfig").arg(self.cluster.kubeconfig()).args(&self.arguments);
        command.args(["--journal-namespace", NAMESPACE, "--log", "info"]);
        Process::start(name, &mut command, &self.home)
    }

    /// A command on the journal; what it printed, and whether it was content.
    fn run(&self, arguments: &[&str]) -> Result<(bool, String)> {
        let mut command = self.command();
        command.args(arguments).args(["--journal-namespace", NAMESPACE]);
        let output = command.arg("--kubeconfig").arg(self.cluster.kubeconfig()).output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8(text)?))
    }

    fn told(&self, arguments: &[&str]) -> Result<String> {
        let (content, text) = self.run(arguments)?;
        ensure!(content, "{arguments:?}: {text}");
        Ok(text)
    }

    /// Waits until the ConfigMap `settings` is of this version.
    async fn is(&self, version: &str) {
        eventually(SOON, &format!("the cluster runs {version}"), async || {
            let path = "--output=jsonpath={.data.version}";
            let found =
                self.cluster.kubectl(&["get", "configmap", "settings", "--namespace", "web", path]).await?;
            ensure!(found == version, "{found}");
            Ok(())
        })
        .await;
    }

    async fn edit(&self, version: &str) -> Result<()> {
        let patch = format!(r#"{{"data": {{"version": "{version}"}}}}"#);
        self.cluster
            .kubectl(&["patch", "configmap", "settings", "--namespace", "web", "--patch", &patch])
            .await?;
        Ok(())
    }

    /// The journal's Secrets of a kind.
    async fn secrets(&self, kind: &str) -> Result<Vec<Value>> {
        let label = format!("--selector=flotilla.dev/journal={kind}");
        let text = self
            .cluster
            .kubectl(&["get", "secrets", "--namespace", NAMESPACE, &label, "--output=json"])
            .await?;
        Ok(serde_json::from_str::<Value>(&text)?["items"].as_array().cloned().unwrap_or_default())
    }

    async fn delete(&self, secret: &str) -> Result<()> {
        self.cluster.kubectl(&["delete", "secret", secret, "--namespace", NAMESPACE]).await?;
        Ok(())
    }

    /// The chunks of the newest bundle, by name.
    async fn chunks(&self) -> Result<Vec<String>> {
        let all = self.secrets("bundle").await?;
        let time = |secret: &Value| {
            secret["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse::<u64>().ok())
        };
        let newest = all.iter().max_by_key(|secret| time(secret)).context("there is no bundle")?;
        let name = |secret: &Value| secret["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let newest = name(newest);
        let (prefix, _) = newest.rsplit_once('-').context("a chunk has a number")?;
        let mut names: Vec<String> = all.iter().map(name).filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        Ok(names)
    }
}

/// Text that no compression makes smaller than three quarters.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let bytes: Vec<u8> = std::iter::repeat_with(&mut next).take(bytes).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A version: the ConfigMap `settings`, others by name, and two that make the bundle larger than a Secret can be.
fn push(fleet: &Fleet, version: &str, others: &[&str]) -> Result<()> {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{version: {version}}}\n"
    );
    for name in others {
        writeln!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}")?;
    }
    for (seed, name) in [(1, "large-a"), (2, "large-b")] {
        let data = noise(seed, 700_000);
        writeln!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{noise: {data}}}"
        )?;
    }
    fleet.push(&[("web/web.yaml", &text)])?;
    Ok(())
}

fn application_set(fleet: &Fleet) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: web, namespace: argocd}}
spec:
  goTemplate: true
  generators: [{{clusters: {{}}}}]
  template:
    metadata: {{name: 'web-{{{{.name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: web}}
      destination: {{name: '{{{{.name}}}}', namespace: web}}
      syncPolicy: {{automated: {{selfHeal: true, prune: true}}, syncOptions: [CreateNamespace=true]}}
",
        fleet.repository_url()
    )
}

async fn start(options: Options) -> Result<Option<(Fleet, Spoke)>> {
    let Some(control_plane) = ground() else { return Ok(None) };
    let fleet = Fleet::start(control_plane).await?;
    push(&fleet, "v1", &["extra"])?;
    let cluster = Cluster::start(control_plane, "eu-1", options).await?;
    cluster.kubectl(&["create", "namespace", NAMESPACE]).await?;
    let arguments = fleet.hub().token("eu-1", "env=prod", &[]).await?;
    let home = fleet.folder().join("agent");
    std::fs::create_dir_all(&home)?;
    Ok(Some((fleet, Spoke { cluster, arguments, home })))
}

#[tokio::test]
async fn secrets_are_all_that_an_agent_needs() -> Result<()> {
    let Some((mut fleet, spoke)) = start(Options::default()).await? else { return Ok(()) };
    let first = spoke.agent("first")?;
    fleet.apply(&application_set(&fleet)).await?;
    spoke.is("v1").await;
    let chunks = spoke.secrets("bundle").await?;
    ensure!(chunks.len() >= 2 && chunks.iter().all(|chunk| chunk["immutable"] == true), "{}", chunks.len());
    for version in ["v2", "v3"] {
        push(&fleet, version, &["kept"])?;
        spoke.is(version).await;
    }

    // From here on without hub and Git.
    fleet.hub_mut().kill();
    let history = spoke.told(&["history", APP])?;
    ensure!(history.lines().count() == 4 && history.contains("runs"), "{history}");
    let (content, refusal) = spoke.run(&["rollback", APP, "--to", "9"])?;
    ensure!(
        !content && refusal.contains("order 9 of argocd/web-eu-1 is not kept; kept are 2, 1"),
        "{refusal}"
    );
    spoke.told(&["rollback", APP, "--to", "1", "--reason", "INC-7"])?;
    spoke.is("v1").await;
    let history = spoke.told(&["history"])?;
    ensure!(history.contains("runs, taken back") && history.contains("INC-7"), "{history}");

    // A second agent waits, and takes over from one that was killed: what was decided holds.
    let second = spoke.agent("second")?;
    eventually(SOON, "the second waits", async || {
        ensure!(second.log().contains("holds lease flotilla-agent/flotilla-agent"), "{}", second.tail());
        Ok(())
    })
    .await;
    first.kill_hard();
    spoke.edit("edited").await?;
    spoke.is("v1").await;
    spoke.told(&["unpin", APP])?;
    spoke.is("v3").await;

    // A pause by annotation on the Namespace, for an hour from now.
    let annotated = ["flotilla.dev/pause=INC-8", "flotilla.dev/pause-for=1h"];
    spoke.cluster.kubectl(&[&["annotate", "namespace", NAMESPACE][..], &annotated].concat()).await?;
    says(&spoke, &["paused here by annotation on Namespace flotilla-agent until", "INC-8"]).await;
    spoke.edit("edited").await?;
    says(&spoke, &["OutOfSync"]).await;
    // It is kept: an agent that starts anew obeys it, and does not count anew.
    let until = |status: &str| status.lines().nth(1).map(str::to_owned);
    let before = until(&spoke.told(&["status"])?);
    second.terminate()?;
    second.wait(SOON).await?;
    let third = spoke.agent("third")?;
    says(&spoke, &["INC-8", "OutOfSync"]).await;
    ensure!(until(&spoke.told(&["status"])?) == before, "{before:?}");
    spoke
        .cluster
        .kubectl(&["annotate", "namespace", NAMESPACE, "flotilla.dev/pause-", "flotilla.dev/pause-for-"])
        .await?;
    spoke.is("v3").await;
    spoke.told(&["pause", "--for", "1h", "--reason", "INC-9"])?;
    says(&spoke, &["INC-9"]).await;
    spoke.told(&["resume"])?;
    drop(third);
    Ok(())
}

/// Waits until the status in the journal has these parts.
async fn says(spoke: &Spoke, parts: &[&str]) {
    eventually(SOON, &format!("the status says {parts:?}"), async || {
        let status = spoke.told(&["status"])?;
        ensure!(parts.iter().all(|part| status.contains(part)), "{status}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_the_journal_lost_is_found_and_made_good() -> Result<()> {
    let Some((mut fleet, spoke)) = start(FULL).await? else { return Ok(()) };
    let agent = spoke.agent("agent")?;
    fleet.apply(&application_set(&fleet)).await?;
    spoke.is("v1").await;
    let chunks = spoke.chunks().await?;
    ensure!(chunks.len() >= 2, "{chunks:?}");

    // A chunk that is gone: found, said, and fetched again as soon as there is a hub.
    agent.kill_hard();
    fleet.hub_mut().kill();
    spoke.delete(&chunks[1]).await?;
    spoke.edit("edited").await?;
    let agent = spoke.agent("without-a-chunk")?;
    eventually(SOON, "the damage is told", async || {
        ensure!(agent.log().contains("chunk 2 of"), "{}", agent.tail());
        Ok(())
    })
    .await;
    fleet.hub_mut().restart().await?;
    spoke.is("v1").await;
    ensure!(spoke.chunks().await? == chunks);

    // What a crash between two chunks leaves: the first is not there yet.
    agent.kill_hard();
    spoke.delete(&chunks[0]).await?;
    spoke.edit("edited").await?;
    let agent = spoke.agent("between-chunks")?;
    spoke.is("v1").await;
    ensure!(spoke.chunks().await? == chunks);

    // All is lost but the identity, and what ran before is in Git no more: it is found by its marks, and pruned.
    agent.kill_hard();
    for kind in ["app", "bundle", "survey", "control", "local", "status"] {
        let label = format!("--selector=flotilla.dev/journal={kind}");
        spoke.cluster.kubectl(&["delete", "secrets", "--namespace", NAMESPACE, &label]).await?;
    }
    spoke.cluster.kubectl(&["create", "configmap", "strange", "--namespace", "web"]).await?;
    push(&fleet, "v2", &["kept"])?;
    let agent = spoke.agent("without-a-journal")?;
    spoke.is("v2").await;
    eventually(SOON, "what left Git is pruned", async || {
        let left =
            spoke.cluster.kubectl(&["get", "configmaps", "--namespace", "web", "--output=name"]).await?;
        let has = |name: &str| left.lines().any(|line| line == format!("configmap/{name}"));
        ensure!(!has("extra"), "{left}");
        ensure!(has("kept") && has("strange") && has("large-a"), "{left}");
        Ok(())
    })
    .await;
    drop(agent);
    Ok(())
}
