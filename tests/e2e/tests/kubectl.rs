//! The real kubectl on the hub's API, with no Kubernetes cluster under it.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use hub_api::{Api, Config, HubInfo, Token};
use hub_records::Records;
use hub_store::Memory;
use sha2::{Digest as _, Sha256};
use shared_runtime::{Tasks, metrics::Exposed};
use tests_e2e::{ControlPlane, Kubectl, control_plane, eventually};

const WITHIN: Duration = Duration::from_secs(30);

/// The hub's API, and kubectl for it.
struct Hub {
    kubectl: Kubectl,
    tasks: Tasks,
    _home: tempfile::TempDir,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

async fn hub(control_plane: ControlPlane) -> Result<Hub> {
    shared_runtime::install_crypto();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()])?;
    let listener = hub_api::listen(([127, 0, 0, 1], 0).into()).await?;
    let token = uuid::Uuid::new_v4().to_string();
    let key = made.signing_key.serialize_der().try_into().map_err(anyhow::Error::msg)?;
    let config = Config {
        certificate: hub_api::fixed(vec![made.cert.der().clone()], &key)?,
        keeper: None,
        comparer: None,
        asker: None,
        webhooks: None,
        notify: None,
        violations: Default::default(),
        metrics: hub_api::Metrics::default(),
        exposed: Exposed::new("hub", "1", |_| {}),
        tokens: vec![Token {
            hash: hex::encode(Sha256::digest(token.as_bytes())),
            user: "ada".to_owned(),
            groups: vec!["admins".to_owned()],
        }],
        info: tokio::sync::watch::channel(HubInfo {
            agent_address: "hub:8444".to_owned(),
            ca_pem: made.cert.pem(),
            version: "0.1.0".to_owned(),
            trust_domain: "example.org".to_owned(),
        })
        .1,
        audit: hub_api::AuditLog::none(),
        limits: hub_api::Limits::default(),
        runtime: None,
    };
    let tasks = Tasks::new();
    let records = Records::new(Arc::new(Memory::new(hub_store::Config::default())));
    let api = Api::build(config, listener, records, tasks.clone()).await?;
    let home = tempfile::tempdir()?;
    let kubeconfig = home.path().join("kubeconfig");
    write_kubeconfig(&kubeconfig, &format!("https://{}", api.address), &made.cert.pem(), &token)?;
    Ok(Hub { kubectl: Kubectl::new(control_plane, &kubeconfig, home.path()), tasks, _home: home })
}

fn write_kubeconfig(path: &Path, server: &str, authority: &str, token: &str) -> Result<()> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let authority = STANDARD.encode(authority);
    let text = format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: hub\n\
         clusters: [{{name: hub, cluster: {{server: \"{server}\", certificate-authority-data: {authority}}}}}]\n\
         users: [{{name: ada, user: {{token: {token}}}}}]\n\
         contexts: [{{name: hub, context: {{cluster: hub, user: ada, namespace: argocd}}}}]\n"
    );
    std::fs::write(path, text).context("write the kubeconfig")
}

const SET: &str = "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: web}
spec:
  goTemplate: true
  generators: [{list: {elements: [{name: web}]}}]
  template:
    metadata: {name: '{{.name}}'}
    spec: {project: default, destination: {name: eu-1}, source: {repoURL: 'https://git.example.org/web', path: deploy}}
";
const APPLICATION: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web, labels: {team: shop}}
spec: {project: default, destination: {name: eu-1}, source: {repoURL: 'https://git.example.org/web', path: deploy}}
";
const CLUSTER: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: Cluster
metadata: {name: eu-1, labels: {env: prod}}
spec: {}
";
const SECRET: &str = "
apiVersion: v1
kind: Secret
metadata: {name: repo, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {url: 'https://git.example.org/web', password: hunter2}
";

/// The columns of the first row below the headings.
fn row(table: &str) -> Vec<&str> {
    table.lines().nth(1).unwrap_or_default().split_whitespace().collect()
}

#[tokio::test]
async fn kubectl_finds_what_the_hub_serves() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let listed = hub.kubectl.run(&["api-resources", "--no-headers"]).await?;
    let named =
        |line: &str, words: &[&str]| words.iter().all(|word| line.split_whitespace().any(|w| w == *word));
    let expected: [&[&str]; 6] = [
        &["applications", "app,apps", "argoproj.io/v1alpha1", "true", "Application"],
        &["applicationsets", "appset,appsets", "ApplicationSet"],
        &["appprojects", "appproj,appprojs", "AppProject"],
        &["clusters", "flotilla.dev/v1alpha1", "false", "Cluster"],
        &["fleetrollouts", "fr", "FleetRollout"],
        &["namespaces", "ns", "v1", "false", "Namespace"],
    ];
    for words in expected {
        ensure!(listed.lines().any(|line| named(line, words)), "{words:?} is not in {listed}");
    }
    ensure!(hub.kubectl.run(&["version"]).await?.contains("flotilla"));
    ensure!(hub.kubectl.run(&["auth", "can-i", "create", "applications"]).await?.trim() == "yes");
    ensure!(hub.kubectl.run(&["auth", "whoami"]).await?.contains("ada"));
    let namespaces = hub.kubectl.run(&["get", "namespaces", "-o", "name"]).await?;
    assert_eq!(namespaces, "namespace/argocd\nnamespace/default\nnamespace/flotilla\n");
    Ok(())
}

#[tokio::test]
async fn kubectl_applies_twice_and_sees_columns() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let kubectl = hub(control_plane).await?;
    let kubectl = &kubectl.kubectl;
    let all = [SET, APPLICATION, CLUSTER].join("---");
    let created = kubectl.apply(&all).await?;
    assert_eq!(
        created,
        "applicationset.argoproj.io/web created\napplication.argoproj.io/web created\ncluster.flotilla.dev/eu-1 created\n"
    );
    let again = kubectl.apply(&all).await?;
    assert_eq!(again, created.replace("created", "unchanged"));
    let labelled = kubectl.apply(&all.replace("team: shop", "team: web")).await?;
    ensure!(labelled.contains("application.argoproj.io/web configured"), "{labelled}");
    let server_side =
        kubectl.run_with_input(&["apply", "--server-side", "-f", "-"], &all.replace("shop", "web")).await?;
    ensure!(server_side.contains("application.argoproj.io/web serverside-applied"), "{server_side}");

    let table = kubectl.run(&["get", "app"]).await?;
    // As Argo CD's: no age.
    assert_eq!(table, "NAME   SYNC STATUS   HEALTH STATUS\nweb    Unknown       Missing\n");
    let wide = kubectl.run(&["get", "application", "web", "-o", "wide"]).await?;
    ensure!(wide.contains("REVISION") && wide.contains("CLUSTER"), "{wide}");
    assert_eq!(row(&kubectl.run(&["get", "clusters"]).await?)[..3], ["eu-1", "Never", "no"]);
    ensure!(kubectl.run(&["get", "all", "-A"]).await?.contains("application.argoproj.io/web"));
    let described = kubectl.run(&["describe", "appset", "web"]).await?;
    ensure!(described.contains("Go Template:") && described.contains("Events:"), "{described}");
    let yaml = kubectl.run(&["get", "appset/web", "-o", "yaml"]).await?;
    ensure!(yaml.contains("goTemplate: true") && yaml.contains("generation: 1"), "{yaml}");
    Ok(())
}

#[tokio::test]
async fn kubectl_is_told_of_typos_and_conflicts() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    let said = kubectl.apply(&SET.replace("goTemplate", "goTemplat")).await.unwrap_err();
    let said = format!("{said:#}");
    ensure!(said.contains("unknown field \"spec.goTemplat\" (did you mean \"spec.goTemplate\"?)"), "{said}");
    let said = format!("{:#}", kubectl.run(&["get", "app", "nope"]).await.unwrap_err());
    ensure!(said.contains("applications.argoproj.io \"nope\" not found"), "{said}");
    let said = format!(
        "{:#}",
        kubectl.run_with_input(&["apply", "-n", "nope", "-f", "-"], SECRET).await.unwrap_err()
    );
    ensure!(said.contains("namespaces \"nope\" not found"), "{said}");

    let server_side =
        |manager: &'static str| ["apply", "--server-side", "--field-manager", manager, "-f", "-"];
    kubectl.run_with_input(&server_side("one"), APPLICATION).await?;
    let other = APPLICATION.replace("project: default", "project: other");
    let said = format!("{:#}", kubectl.run_with_input(&server_side("two"), &other).await.unwrap_err());
    ensure!(said.contains("conflict with \"one\": .spec.project"), "{said}");
    let invalid = CLUSTER.replace("spec: {}", "spec: {pause: {for: soon}}");
    let said = format!("{:#}", kubectl.apply(&invalid).await.unwrap_err());
    ensure!(said.contains("spec.pause.for: Invalid value: \"soon\": must be a duration"), "{said}");
    Ok(())
}

#[tokio::test]
async fn kubectl_changes_objects_in_every_way() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    kubectl.apply(&[APPLICATION, CLUSTER].join("---")).await?;
    kubectl.run(&["label", "cluster", "eu-1", "region=eu"]).await?;
    kubectl.run(&["annotate", "cluster", "eu-1", "note=x"]).await?;
    let project = async || kubectl.run(&["get", "app", "web", "-o", "jsonpath={.spec.project}"]).await;
    kubectl.run(&["patch", "app", "web", "--type=merge", "-p", r#"{"spec":{"project":"a"}}"#]).await?;
    assert_eq!(project().await?, "a");
    let operations = r#"[{"op":"replace","path":"/spec/project","value":"b"}]"#;
    kubectl.run(&["patch", "app", "web", "--type=json", "-p", operations]).await?;
    assert_eq!(project().await?, "b");
    let edited = kubectl.run(&["get", "app", "web", "-o", "yaml"]).await?.replace("project: b", "project: c");
    kubectl.run_with_input(&["replace", "-f", "-"], &edited).await?;
    assert_eq!(project().await?, "c");
    let pause = r#"{"spec":{"pause":{"reason":"INC-7","for":"2h","by":"mallory"}}}"#;
    kubectl.run(&["patch", "cluster", "eu-1", "--type=merge", "-p", pause]).await?;
    let by = kubectl.run(&["get", "cluster", "eu-1", "-o", "jsonpath={.spec.pause.by}"]).await?;
    assert_eq!(by, "ada");
    ensure!(kubectl.run(&["get", "clusters"]).await?.contains("requested, not acknowledged since"));
    let picked = kubectl.run(&["get", "clusters", "-l", "region=eu,env in (prod)", "-o", "name"]).await?;
    assert_eq!(picked, "cluster.flotilla.dev/eu-1\n");
    Ok(())
}

#[tokio::test]
async fn kubectl_creates_core_objects_in_its_own_ways() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    kubectl.apply(SECRET).await?;
    let data = kubectl.run(&["get", "secret", "repo", "-o", "jsonpath={.data.password}"]).await?;
    assert_eq!(data, "aHVudGVyMg==");
    // These send the binary form.
    kubectl.run(&["create", "namespace", "team"]).await?;
    kubectl.run(&["create", "secret", "generic", "s", "--from-literal=a=b", "-n", "team"]).await?;
    kubectl.run(&["create", "configmap", "m", "--from-literal=a=b", "-n", "team"]).await?;
    assert_eq!(row(&kubectl.run(&["get", "secret", "-n", "team"]).await?)[..3], ["s", "Opaque", "1"]);
    let said = format!("{:#}", kubectl.run(&["delete", "namespace", "argocd"]).await.unwrap_err());
    ensure!(said.contains("this namespace may not be deleted"), "{said}");
    // It goes when the hub's loops have emptied it, which do not run here; nothing new comes into it.
    kubectl.run(&["delete", "namespace", "team", "--wait=false"]).await?;
    let phase = kubectl.run(&["get", "namespace", "team", "-o", "jsonpath={.status.phase}"]).await?;
    assert_eq!(phase, "Terminating");
    let late = ["create", "configmap", "late", "--from-literal=a=b", "-n", "team"];
    let said = format!("{:#}", kubectl.run(&late).await.unwrap_err());
    ensure!(said.contains("being terminated"), "{said}");
    Ok(())
}

#[tokio::test]
async fn kubectl_watches_waits_and_deletes() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    kubectl.apply(APPLICATION).await?;
    let waiting = kubectl.clone();
    let waited = shared_runtime::spawn("wait", async move {
        waiting.run(&["wait", "app/web", "--for=jsonpath={.spec.project}=other", "--timeout=30s"]).await
    });
    let gone = kubectl.clone();
    let gone = shared_runtime::spawn("gone", async move {
        gone.run(&["wait", "app/web", "--for=delete", "--timeout=30s"]).await
    });
    eventually(WITHIN, "the project is changed and seen", async || {
        kubectl
            .run(&["patch", "app", "web", "--type=merge", "-p", r#"{"spec":{"project":"other"}}"#])
            .await?;
        ensure!(waited.is_finished(), "kubectl wait still runs");
        Ok(())
    })
    .await;
    ensure!(waited.await??.contains("condition met"));
    kubectl.run(&["delete", "app", "web"]).await?;
    gone.await??;
    ensure!(kubectl.run(&["get", "app", "-o", "name"]).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn kubectl_explains_every_kind_and_field() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let explain = async |arguments: &[&str]| {
        let said = hub.kubectl.run(&[&["explain"], arguments].concat()).await?;
        let lines = said.lines().map(str::trim_end).collect::<Vec<_>>();
        anyhow::Ok(lines.join("\n").trim_end().to_owned() + "\n")
    };
    expect_test::expect![[r#"
        GROUP:      argoproj.io
        KIND:       Application
        VERSION:    v1alpha1

        FIELD: syncPolicy <Object>


        DESCRIPTION:
            When and how the cluster is changed.

        FIELDS:
          automated	<Object>
            Present where changes go out, and drift is seen to, without a person.

          managedNamespaceMetadata	<Object>
            Labels and annotations for the namespace that the option
            CreateNamespace=true makes.

          retry	<Object>
            How often and when a sync that failed is tried again.

          syncOptions	<[]string>
            Options of the sync, each as in CreateNamespace=true or
            ServerSideApply=true.
    "#]]
    .assert_eq(&explain(&["application.spec.syncPolicy"]).await?);
    expect_test::expect![[r#"
        KIND:       Secret
        VERSION:    v1

        FIELD: stringData <map[string]string>


        DESCRIPTION:
            Data in plain text, for writing only: each entry goes into data, over what
            is there.
    "#]]
    .assert_eq(&explain(&["secret.stringData"]).await?);
    let older = explain(&["rolloutpolicy.spec.waves.approval", "--output=plaintext-openapiv2"]).await?;
    ensure!(older.contains("FIELD:    approval <string>"), "{older}");
    ensure!(older.contains("Whether a person has to approve the wave"), "{older}");
    let all = explain(&["applicationset", "--recursive"]).await?;
    ensure!(all.contains("mergeKeys\t<[]string> -required-") && all.lines().count() > 5_000, "{all}");
    for kind in hub.kubectl.run(&["api-resources", "-o", "name"]).await?.lines() {
        let said = explain(&[kind]).await?;
        ensure!(!said.contains("<empty>") && said.contains("apiVersion\t<string>"), "{kind}: {said}");
    }
    Ok(())
}

#[tokio::test]
async fn kubectl_is_told_of_every_wrong_type_and_field() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    let refused = async |manifest: &str, more: &[&str]| {
        let arguments = [&["create", "-f", "-"], more].concat();
        let refused = kubectl.run_with_input(&arguments, manifest).await;
        anyhow::Ok(format!("{:#}", refused.err().context("it was taken")?))
    };
    let wrong = "{project: 5, destination: [], syncPolicy: {retry: {limit: many}, automated: {prune: \"yes\"}}, info: [{name: a}]}";
    let wrong = APPLICATION.replace("spec: {project: default, destination: {name: eu-1}, source: {repoURL: 'https://git.example.org/web', path: deploy}}", &format!("spec: {wrong}"));
    let said = refused(&wrong, &[]).await?;
    for cause in [
        "spec.project: Invalid value: \"integer\": spec.project in body must be of type string: \"integer\"",
        "spec.destination: Invalid value: \"array\": spec.destination in body must be of type object: \"array\"",
        "spec.syncPolicy.retry.limit: Invalid value: \"string\"",
        "spec.syncPolicy.automated.prune: Invalid value: \"string\"",
        "spec.info[0].value: Required value",
    ] {
        ensure!(said.contains(cause), "{cause} is not in {said}");
    }
    let typo = SET.replace("elements:", "elemnts:");
    let said = refused(&typo, &["--validate=strict"]).await?;
    ensure!(said.contains("unknown field \"spec.generators[0].list.elemnts\""), "{said}");
    ensure!(said.contains("did you mean \"spec.generators[0].list.elements\"?"), "{said}");
    let warned = kubectl.run_with_input(&["create", "-f", "-", "--validate=warn"], &typo).await?;
    assert_eq!(warned, "applicationset.argoproj.io/web created\n");
    let said = refused("{apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {a: 5}}", &[]).await?;
    ensure!(
        said.contains("cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        "{said}"
    );
    // Whatever the hub shows, it takes back.
    kubectl.apply(&[APPLICATION, CLUSTER, SECRET].join("---")).await?;
    let shown = kubectl.run(&["get", "app,clusters,secrets,namespaces", "-o", "yaml"]).await?;
    kubectl.run_with_input(&["replace", "--validate=strict", "--dry-run=server", "-f", "-"], &shown).await?;
    Ok(())
}

#[tokio::test]
async fn kubectl_is_told_who_may_what_and_where_to_ask_instead() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let hub = hub(control_plane).await?;
    let kubectl = &hub.kubectl;
    kubectl.apply(APPLICATION).await?;
    let refused = async |arguments: &[&str]| match kubectl.run(arguments).await {
        Ok(said) => Err(anyhow::anyhow!("{arguments:?} was not refused: {said}")),
        Err(error) => Ok(format!("{error:#}")),
    };
    let said = refused(&["get", "app", "--as=bob"]).await?;
    ensure!(said.contains("the hub acts for nobody else"), "{said}");
    let said = refused(&["get", "--raw", "/api/v1/namespaces/default/pods/web/log"]).await?;
    ensure!(said.contains("kubectl --context CLUSTER logs"), "{said}");
    let said = refused(&["get", "--raw", "/apis/apps/v1/deployments"]).await?;
    ensure!(said.contains("the hub has no deployments"), "{said}");
    refused(&["delete", "--raw", "/apis/argoproj.io/v1alpha1/applications"]).await?;
    assert_eq!(kubectl.run(&["get", "app", "-o", "name"]).await?, "application.argoproj.io/web\n");

    let me = kubectl.run(&["auth", "whoami"]).await?;
    ensure!(["ada", "UID", "system:authenticated"].iter().all(|part| me.contains(part)), "{me}");
    // Answered no, which is an exit code.
    refused(&["auth", "can-i", "get", "pods"]).await?;
    refused(&["auth", "can-i", "create", "applications", "--subresource=exec"]).await?;
    assert_eq!(kubectl.run(&["auth", "can-i", "patch", "app", "--subresource=status"]).await?.trim(), "yes");
    let rules = kubectl.run(&["auth", "can-i", "--list"]).await?;
    ensure!(rules.contains("applications.argoproj.io") && rules.contains("/openapi/*"), "{rules}");

    ensure!(kubectl.run(&["get", "--raw", "/"]).await?.contains("/apis/argoproj.io/v1alpha1"));
    let health = kubectl.run(&["get", "--raw", "/readyz?verbose&exclude=store"]).await?;
    ensure!(
        health.contains("[+]store excluded: ok") && health.ends_with("readyz check passed\n"),
        "{health}"
    );
    ensure!(refused(&["get", "--raw", "/readyz/nothing"]).await?.contains("could not find"));
    Ok(())
}
