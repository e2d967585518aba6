//! Charts and overlays through a hub: from Git and from a Helm repository, rendered by the real tools, confined, for a
//! cluster that tells what it can do.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use hub_records::{Records, keys};
use hub_render::{Confine, Tooling, confine::Limits, tools::Places};
use hub_serve::{Config, Hub};
use hub_source::poll::Settings;
use serde_json::{Value, json};
use shared_manifest::Bundle;
use shared_model::{Kind, ReleaseId, ReleaseSpec};
use shared_runtime::Tasks;
use tests_e2e::{
    Tool,
    charts::{ChartRepository, Identity, PASSWORD, USERNAME, index, package},
    eventually, programs,
};

const WITHIN: Duration = Duration::from_secs(60);

const CHART: &[(&str, &str)] = &[
    ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n"),
    ("chart/values.yaml", "color: red\nsize: small\n"),
    (
        "chart/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n\
         data: {color: \"{{ .Values.color }}\", size: \"{{ .Values.size }}\", kubernetes: \"{{ .Capabilities.KubeVersion.Version }}\"}\n",
    ),
];

const FILES: &[(&str, &str)] = &[
    ("values/eu-1.yaml", "color: green\n"),
    ("base/kustomization.yaml", "resources: [map.yaml]\n"),
    ("base/map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map}\ndata: {a: b}\n"),
    ("eu/kustomization.yaml", "resources: [../base]\nnamePrefix: eu-\n"),
    ("eu/.argocd-source-overlaid.yaml", "kustomize: {nameSuffix: -told}\n"),
    ("dice/Chart.yaml", "apiVersion: v2\nname: dice\nversion: 0.1.0\n"),
    (
        "dice/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: dice}\ndata: {thrown: \"{{ randAlphaNum 20 }}\"}\n",
    ),
];

fn write(folder: &Path, files: &[(&str, &str)]) -> Result<()> {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn commit(folder: &Path) -> Result<()> {
    for arguments in
        [&["init", "-q", "-b", "main", "."][..], &["add", "-A"], &["commit", "-q", "-m", "change"]]
    {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

/// A hub in this process whose tools are confined by the real command.
struct World {
    _folder: tempfile::TempDir,
    hub: Hub,
    tasks: Tasks,
}

impl Drop for World {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl World {
    async fn start(folder: tempfile::TempDir, helm: &Path, kustomize: &Path) -> Result<Self> {
        let data = folder.path().join("hub");
        let tooling = Tooling {
            confine: Confine::new(programs().flotilla.clone()),
            scratch: data.join("rendering"),
            places: Places {
                helm: Some(helm.to_owned()),
                kustomize: Some(kustomize.to_owned()),
                search: None,
            },
            limits: Limits::default(),
        };
        let often = Duration::from_millis(100);
        let config = Config {
            allow_file: true,
            poll: Settings { period: often, jitter: often / 10, first_retry: often, ..Settings::default() },
            tooling: Some(tooling),
            ..Config::local(data, "test")
        };
        let tasks = Tasks::new();
        let hub = Hub::start(config, &tasks).await?;
        Ok(Self { _folder: folder, hub, tasks })
    }

    const fn records(&self) -> &Records {
        &self.hub.records
    }

    async fn create(&self, kind: Kind, object: Value) -> Result<()> {
        self.records().create(kind, object, shared_runtime::now()).await?;
        Ok(())
    }

    async fn application(&self, name: &str, spec: Value) -> Result<()> {
        let mut spec = spec;
        spec["project"] = json!("default");
        spec["destination"] = json!({"name": "eu-1", "namespace": "web"});
        self.create(
            Kind::Application,
            json!({"metadata": {"name": name, "namespace": "argocd"}, "spec": spec}),
        )
        .await
    }

    /// The objects that the hub would have in the cluster for an Application, and what it is made from.
    async fn target(&self, name: &str) -> Result<(Vec<Value>, Vec<String>, Value)> {
        let status = self.records().status(Kind::Application, "argocd", name).await?;
        let (status, _) = status.context("no status yet")?;
        let Ok(release) = serde_json::from_value::<ReleaseId>(status["target"]["release"].clone()) else {
            bail!("nothing to release: {}", status["conditions"]);
        };
        let spec = self.records().read::<ReleaseSpec>(&keys::release(&release)).await?;
        let (spec, _) = spec.context("no such release")?;
        let bundle = Bundle::from_bytes(&self.hub.bundles.get(&spec.bundle)?)?;
        let objects = bundle.into_objects().into_iter().map(|object| object.value().clone());
        Ok((objects.collect(), spec.shown(), status["conditions"].clone()))
    }

    /// Waits until the only object of an Application is that.
    async fn is(&self, name: &str, object: &str, data: &Value) {
        eventually(WITHIN, name, async || {
            let (objects, ..) = self.target(name).await?;
            let [only] = objects.as_slice() else { bail!("{objects:?}") };
            ensure!(only["metadata"]["name"] == object && only["data"] == *data, "{only}");
            Ok(())
        })
        .await;
    }

    async fn facts(&self, version: &str) -> Result<()> {
        let facts = json!({"kubernetesVersion": version, "served": {"v1": ["ConfigMap"]}});
        let told = |status: &mut Value| status["facts"] = facts.clone();
        self.records().modify_status(Kind::Cluster, "", "eu-1", told).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_of_every_kind_become_releases() -> Result<()> {
    let (Some(helm), Some(kustomize)) = (Tool::Helm.path(), Tool::Kustomize.path()) else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let (repository, served) = (folder.path().join("repository"), folder.path().join("served"));
    fs::create_dir_all(&served)?;
    write(&repository, CHART)?;
    write(&repository, FILES)?;
    commit(&repository)?;
    let identity = Identity::new()?;
    package(helm, &repository.join("chart"), &served)?;
    index(helm, &served)?;
    let charts = ChartRepository::serve(&served, &identity)?;

    let world = World::start(folder, helm, kustomize).await?;
    world.create(Kind::Cluster, json!({"metadata": {"name": "eu-1"}, "spec": {}})).await?;
    world.facts("v1.30.1").await?;
    let secret = json!({
        "metadata": {"name": "charts", "namespace": "argocd", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {"type": "helm", "url": charts.url(), "username": USERNAME, "password": PASSWORD},
    });
    world.create(Kind::Secret, secret).await?;
    let trusted = json!({
        "metadata": {"name": "argocd-tls-certs-cm", "namespace": "argocd"},
        "data": {"127.0.0.1": identity.authority(), "localhost": identity.authority()},
    });
    world.create(Kind::ConfigMap, trusted).await?;

    let git = repository.to_str().context("a path")?;
    let source = |path: &str| json!({"repoURL": git, "path": path, "targetRevision": "main"});
    let mut charted = source("chart");
    charted["helm"] =
        json!({"valueFiles": ["../values/eu-1.yaml"], "parameters": [{"name": "size", "value": "large"}]});
    world.application("charted", json!({"source": charted})).await?;
    world.application("overlaid", json!({"source": source("eu")})).await?;
    world.application("diced", json!({"source": source("dice")})).await?;
    let packed = json!({"repoURL": charts.url(), "chart": "web", "targetRevision": "1.x", "helm": {"valueFiles": ["$values/values/eu-1.yaml"]}});
    let values = json!({"repoURL": git, "targetRevision": "main", "ref": "values"});
    world.application("packed", json!({"sources": [packed, values]})).await?;

    world
        .is("charted", "charted", &json!({"color": "green", "size": "large", "kubernetes": "v1.30.1"}))
        .await;
    world.is("overlaid", "eu-map-told", &json!({"a": "b"})).await;
    world.is("packed", "packed", &json!({"color": "green", "size": "small", "kubernetes": "v1.30.1"})).await;
    let (_, revisions, _) = world.target("packed").await?;
    assert_eq!((revisions[0].as_str(), revisions.len()), ("1.2.3", 2), "{revisions:?}");

    // What was drawn first is kept, and said.
    let (diced, _, conditions) = eventually(WITHIN, "diced", async || world.target("diced").await).await;
    assert!(conditions.to_string().contains("NonDeterministic"), "{conditions}");

    // Another version of the cluster, another value, another chart: each is a release.
    world.facts("v1.31.0").await?;
    world
        .is("charted", "charted", &json!({"color": "green", "size": "large", "kubernetes": "v1.31.0"}))
        .await;
    write(&repository, &[("values/eu-1.yaml", "color: blue\n")])?;
    commit(&repository)?;
    world.is("charted", "charted", &json!({"color": "blue", "size": "large", "kubernetes": "v1.31.0"})).await;
    world.is("packed", "packed", &json!({"color": "blue", "size": "small", "kubernetes": "v1.31.0"})).await;
    write(
        &repository,
        &[
            ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.3.0\n"),
            ("chart/values.yaml", "color: red\nsize: tiny\n"),
        ],
    )?;
    package(helm, &repository.join("chart"), &served)?;
    index(helm, &served)?;
    world.is("packed", "packed", &json!({"color": "blue", "size": "tiny", "kubernetes": "v1.31.0"})).await;
    assert_eq!(world.target("packed").await?.1[0], "1.3.0");
    let (now, ..) = world.target("diced").await?;
    assert_eq!(now, diced, "rendered again though no input of it changed");
    Ok(())
}
