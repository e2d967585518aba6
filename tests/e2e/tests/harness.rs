//! The harness itself: a control plane starts, runs workloads, survives an outage, and goes away.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, core::v1::Pod};
use kube::{
    Api,
    api::{DeleteParams, ListParams},
};
use tests_e2e::{
    Cluster, Options,
    binaries::{Tool, binaries},
    control_plane, eventually, programs,
};

const SOON: Duration = Duration::from_secs(60);

/// The one test that fails where there is no Go, and says what to install.
#[test]
fn control_plane_binaries() {
    if let Err(error) = binaries() {
        panic!("{error}");
    }
}

/// The same for the tools that other tests compare with.
#[test]
fn tools_of_the_tests() {
    let check = |tool: Tool, arguments: &[&str], version: &str| {
        let tool = tool.provide().unwrap_or_else(|error| panic!("{error}"));
        let said = Command::new(tool).args(arguments).output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(said.contains(version), "{said:?} of {}", tool.display());
    };
    check(Tool::Helm, &["version", "--template", "{{.Version}}"], "v4.3.1");
    check(Tool::Kustomize, &["version"], "v5.8.1");
    check(Tool::Registry, &["--version"], "v3.1.2");
}

/// Needs no control plane, so it runs without Go too.
#[test]
fn our_programs_are_built_and_run() {
    for program in [&programs().flotilla, &programs().agent] {
        let help = Command::new(program).arg("--help").output().unwrap();
        assert!(help.status.success(), "{} --help: {help:?}", program.display());
    }
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 3
  progressDeadlineSeconds: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: main, image: {image}}}]}}
"
    )
}

async fn available(cluster: &Cluster, name: &str) {
    let deployments: Api<Deployment> = Api::default_namespaced(cluster.client());
    eventually(SOON, &format!("{name} is available"), async || {
        let status = deployments.get(name).await?.status.unwrap_or_default();
        let ready = status.ready_replicas.unwrap_or(0);
        ensure!(ready == 3, "{ready} of 3 replicas are ready");
        let conditions = status.conditions.unwrap_or_default();
        ensure!(
            conditions.iter().any(|one| one.type_ == "Available" && one.status == "True"),
            "{conditions:?}"
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn workloads_run_fail_complete_and_go() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let started = Instant::now();
    let cluster = Cluster::start(control_plane, "eu-1", Options { controllers: true }).await?;
    println!("a cluster with controllers was ready after {:?}", started.elapsed());

    let applied = Instant::now();
    cluster.apply(&deployment("orders", "shop/orders:1")).await?;
    println!("kubectl apply took {:?}", applied.elapsed());
    available(&cluster, "orders").await;
    println!("a Deployment of 3 replicas was available {:?} after kubectl began", applied.elapsed());

    cluster.apply(&deployment("typo", "shop/orders:broken-1")).await?;
    let deployments: Api<Deployment> = Api::default_namespaced(cluster.client());
    eventually(SOON, "a missing image is noticed", async || {
        let conditions =
            deployments.get("typo").await?.status.unwrap_or_default().conditions.unwrap_or_default();
        let reasons: Vec<_> = conditions.iter().filter_map(|one| one.reason.as_deref()).collect();
        ensure!(reasons.contains(&"ProgressDeadlineExceeded"), "{reasons:?}");
        Ok(())
    })
    .await;
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    let waiting = pods.list(&ListParams::default().labels("app=typo")).await?;
    assert_eq!(waiting.items.len(), 3);
    for pod in waiting {
        let status = pod.status.unwrap_or_default();
        assert_eq!(status.phase.as_deref(), Some("Pending"));
        let containers = status.container_statuses.unwrap_or_default();
        let reason = containers[0].state.clone().unwrap_or_default().waiting.unwrap_or_default().reason;
        assert_eq!(reason.as_deref(), Some("ImagePullBackOff"));
    }

    cluster.kubectl(&["create", "job", "migrate", "--image=shop/migrate:1"]).await?;
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    eventually(SOON, "the Job completes", async || {
        let status = jobs.get("migrate").await?.status.unwrap_or_default();
        ensure!(status.succeeded == Some(1), "{status:?}");
        Ok(())
    })
    .await;

    deployments.delete("orders", &DeleteParams::default()).await?;
    eventually(SOON, "the Pods go with their Deployment", async || {
        let left = pods.list(&ListParams::default().labels("app=orders")).await?.items.len();
        ensure!(left == 0, "{left} are left");
        Ok(())
    })
    .await;
    println!("all in all {:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn an_outage_loses_nothing() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let mut cluster = Cluster::start(control_plane, "eu-1", Options { controllers: true }).await?;
    cluster.apply(&deployment("before", "shop/orders:1")).await?;
    available(&cluster, "before").await;

    cluster.stop_api_server();
    let refused = cluster.kubectl(&["get", "deployments"]).await.unwrap_err();
    assert!(format!("{refused:#}").contains("refused"), "{refused:#}");

    cluster.start_api_server().await?;
    available(&cluster, "before").await;
    cluster.apply(&deployment("after", "shop/orders:1")).await?;
    available(&cluster, "after").await;
    Ok(())
}

#[tokio::test]
async fn clusters_on_one_etcd_do_not_see_each_other() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let start = |name| Cluster::start(control_plane, name, Options::default());
    let (one, other) = futures::try_join!(start("eu-1"), start("eu-2"))?;
    one.kubectl(&["create", "namespace", "orders"]).await?;
    assert_eq!(one.kubectl(&["get", "namespace", "orders", "--output=name"]).await?, "namespace/orders\n");
    let missing = other.kubectl(&["get", "namespace", "orders"]).await.unwrap_err();
    assert!(format!("{missing:#}").contains("not found"), "{missing:#}");

    let (url, kubeconfig) = (one.url(), one.kubeconfig());
    one.delete();
    assert!(!kubeconfig.exists(), "{} is left", kubeconfig.display());
    let address = url.trim_start_matches("https://");
    assert!(std::net::TcpStream::connect(address).is_err(), "somebody still listens on {address}");
    other.kubectl(&["get", "namespaces"]).await?;
    Ok(())
}
