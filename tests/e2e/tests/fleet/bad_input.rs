//! What people get wrong: each with an answer that says what, where, and how to mend it, while all else goes on.

use crate::web::ground;
use anyhow::{Result, ensure};
use std::time::Duration;
use tests_e2e::{Fleet, Options, eventually, fleet::SOON};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const LARGE: usize = 20 * 1024 * 1024;

#[tokio::test]
async fn a_mistake_is_explained_and_stops_nobody_else() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let mut fleet = Fleet::start(control_plane).await?;
    fleet.push(&[
        ("good/map.yaml", &map("good", "one")),
        ("broken/fine.yaml", &map("fine", "one")),
        ("broken/wrong.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: wrong\n data: {}\n"),
        (
            "typo/workload.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: typo}\nspec: {replicas: many}\n",
        ),
        ("large/map.yaml", &map("large", &"x".repeat(LARGE))),
    ])?;
    fleet.join(&[("eu-1", "env=prod")], Options::default()).await?;
    fleet.apply(&application(&fleet, "good", "good")).await?;
    delivered(&fleet, "one").await;

    terminal(&fleet).await?;
    generators(&fleet).await?;
    sources(&fleet).await?;
    garbage(&fleet).await?;

    // All of it is still wrong, and the good one goes on.
    fleet.push(&[("good/map.yaml", &map("good", "two"))])?;
    delivered(&fleet, "two").await;
    fleet.connected("eu-1").await;
    Ok(())
}

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n")
}

async fn delivered(fleet: &Fleet, value: &str) {
    eventually(SOON, &format!("the good application says {value}"), async || {
        let cluster = fleet.cluster("eu-1");
        let seen = cluster.kubectl(&["get", "configmap", "good", "--output=jsonpath={.data.value}"]).await?;
        ensure!(seen == value, "{seen}");
        Ok(())
    })
    .await;
}

fn application(fleet: &Fleet, name: &str, path: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: argocd}}
spec:
  project: default
  source: {{repoURL: '{}', targetRevision: main, path: {path}}}
  destination: {{name: eu-1, namespace: default}}
  syncPolicy: {{automated: {{}}}}
",
        fleet.repository_url()
    )
}

/// A set of the given generators, whose Applications have the given name.
fn set(fleet: &Fleet, name: &str, generators: &str, application: &str) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: {name}, namespace: argocd}}
spec:
  goTemplate: true
  goTemplateOptions: [missingkey=error]
  generators: {generators}
  template:
    metadata: {{name: '{application}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: good}}
      destination: {{name: eu-1, namespace: default}}
",
        fleet.repository_url()
    )
}

/// What kubectl says at once.
async fn terminal(fleet: &Fleet) -> Result<()> {
    let set = set(fleet, "words", "[{list: {elements: [{app: a}]}}]", "{{.app}}");
    let large = map("large", &"x".repeat(LARGE)).replace("{name:", "{namespace: argocd, name:");
    let cases: [(&str, String, &[&str]); 5] = [
        ("not-yaml.yaml", set.replace("  generators", " generators"), &["not-yaml.yaml", "yaml: line"]),
        (
            "field.yaml",
            set.replace("goTemplate: true", "goTemplat: true"),
            &["field.yaml", "spec.goTemplat", "did you mean", "spec.goTemplate"],
        ),
        (
            "type.yaml",
            set.replace("goTemplate: true", "goTemplate: 7"),
            &["spec.goTemplate", "must be of type boolean"],
        ),
        (
            "kind.yaml",
            set.replace("kind: ApplicationSet", "kind: ApplicationSett"),
            &["kind.yaml", "ApplicationSett"],
        ),
        ("large.yaml", large, &["limit is", "Git"]),
    ];
    for (file, text, parts) in cases {
        let path = fleet.folder().join(file);
        std::fs::write(&path, text)?;
        // Server-side and client-side apply end in different requests; create is the plainest.
        let said = fleet.kubectl(&["create", "-f", &path.display().to_string()]).await;
        let said =
            said.map_or_else(|error| error.root_cause().to_string(), |text| format!("accepted: {text}"));
        ensure!(parts.iter().all(|part| said.contains(part)), "{file}: {parts:?} is not all in:\n{said}");
        println!("{}", said.replace(&format!("{}/", fleet.folder().display()), ""));
    }
    Ok(())
}

/// What a set says of its generators and templates.
async fn generators(fleet: &Fleet) -> Result<()> {
    let list = "[{list: {elements: [{app: a}, {app: b}]}}]";
    let cases: [(&str, &str, &str, &[&str]); 6] = [
        (
            "unknown",
            "[{gti: {repoURL: x}}]",
            "{{.app}}",
            &["spec.generators[0]", "`gti`", "did you mean `git`"],
        ),
        ("function", list, "{{.app | uper}}", &["spec.template.metadata.name", "uper"]),
        ("key", list, "{{.ap}}", &["spec.template.metadata.name", "ap"]),
        ("syntax", list, "{{.app", &["spec.template.metadata.name"]),
        ("double", list, "same", &["duplicate name `same`"]),
        ("dash", list, "{{.app}}-", &["`a-`", "lower-case"]),
    ];
    for (name, generators, template, _) in cases {
        // kubectl has what a kind does not have refused, unless it is told otherwise.
        let path = fleet.folder().join(format!("{name}.yaml"));
        std::fs::write(&path, set(fleet, name, generators, template))?;
        fleet.kubectl(&["create", "--validate=warn", "-f", &path.display().to_string()]).await?;
    }
    for (name, _, _, parts) in cases {
        println!("{name}: {}", fleet.condition("applicationset", name, "ErrorOccurred", parts).await);
    }
    Ok(())
}

/// What an Application says of its source, its destination, and what its cluster thinks of it.
async fn sources(fleet: &Fleet) -> Result<()> {
    let on = |name: &str, path: &str| application(fleet, name, path);
    let nobody = format!("http://127.0.0.1:{}/shop.git", tests_e2e::free_port());
    let cases: [(&str, String, &str, &[&str]); 7] = [
        ("path", on("path", "goood"), "ComparisonError", &["spec.source.path", "`goood`", "main"]),
        (
            "away",
            on("away", "good").replace(&fleet.repository_url(), &nobody),
            "ComparisonError",
            &["cannot reach", &nobody],
        ),
        (
            "branch",
            on("branch", "good").replace("targetRevision: main", "targetRevision: mian"),
            "ComparisonError",
            &["`mian`", "main"],
        ),
        ("manifest", on("manifest", "broken"), "ComparisonError", &["broken/wrong.yaml", "line"]),
        ("large", on("large", "large"), "ComparisonError", &["large/map.yaml", "too large", "limit"]),
        (
            "nowhere",
            on("nowhere", "good").replace("name: eu-1", "name: eu-9"),
            "InvalidSpecError",
            &["spec.destination", "eu-9", "flotilla cluster list"],
        ),
        (
            "chart",
            on("chart", "good").replace("path: good", "chart: web"),
            "ComparisonError",
            &["no repository at", "shop.git", "web"],
        ),
    ];
    for (_, yaml, _, _) in &cases {
        fleet.apply(yaml).await?;
    }
    for (name, _, condition, parts) in &cases {
        println!("{name}: {}", fleet.condition("application", name, condition, parts).await);
    }
    // What only the cluster itself finds wrong.
    fleet.apply(&on("typo", "typo").replace("automated: {}", "automated: {}, retry: {limit: 0}")).await?;
    eventually(SOON, "the cluster's refusal is told", async || {
        let status = fleet.object("application", "typo").await?["status"].clone();
        let text = status["operationState"].to_string();
        ensure!(text.contains("Failed") && text.contains("typo") && text.contains("replicas"), "{status:#}");
        Ok(())
    })
    .await;
    let listed = fleet.flotilla(&["app", "list"]).await?;
    println!("{listed}");
    Ok(())
}

/// Whatever is sent to the port for agents, it closes the connection, says so in the log, and goes on.
async fn garbage(fleet: &Fleet) -> Result<()> {
    let noise: Vec<u8> =
        (0..64 * 1024_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let oversized = [&[0x16, 3, 1, 0xff, 0xff][..], &noise].concat();
    for bytes in
        [&b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &noise, &oversized]
    {
        let mut stream = TcpStream::connect(fleet.hub().agents()).await?;
        // It may hang up before it has read all.
        drop(stream.write_all(bytes).await);
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        ensure!(closed.is_ok(), "a connection with garbage stays open");
    }
    eventually(SOON, "the log tells of it", async || {
        ensure!(fleet.hub().log().matches("was not TLS").count() >= 4, "{}", fleet.hub().log());
        Ok(())
    })
    .await;
    Ok(())
}
