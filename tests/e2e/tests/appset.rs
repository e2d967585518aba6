//! `flotilla appset diff` against a hub that runs.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use tests_e2e::{
    control_plane, eventually,
    fleet::Hub,
    git::{GitServer, Login, Repository},
    programs,
};

/// As long as anything may take on a busy machine.
const SOON: Duration = Duration::from_secs(90);

const FLEET: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: Cluster
metadata: {name: eu-1, labels: {env: prod, ring: canary}}
spec: {}
---
apiVersion: flotilla.dev/v1alpha1
kind: Cluster
metadata: {name: eu-2, labels: {env: prod}}
spec: {}
---
apiVersion: flotilla.dev/v1alpha1
kind: Cluster
metadata: {name: us-1, labels: {env: dev}}
spec: {}
---
apiVersion: flotilla.dev/v1alpha1
kind: RolloutPolicy
metadata: {name: careful, namespace: argocd}
spec: {waves: [{name: canary, match: {matchLabels: {ring: canary}}}, {name: rest}]}
---
";

const SET: &str = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata:
  name: fleet
  namespace: argocd
  annotations: {flotilla.dev/rollout-policy: careful}
spec:
  goTemplate: true
  generators:
  - clusters: {selector: {matchExpressions: [{key: env, operator: In, values: [prod]}]}}
  template:
    metadata: {name: 'web-{{.name}}'}
    spec:
      project: default
      source: {repoURL: 'https://127.0.0.1:1/fleet.git', path: web, targetRevision: main}
      destination: {name: '{{.name}}', namespace: web}
";

/// A hub that has the set, with an Application on each of the two clusters that it matches.
async fn fleet() -> Result<Option<(Hub, TempDir)>> {
    let Some(control_plane) = control_plane() else { return Ok(None) };
    let folder = tempfile::Builder::new().prefix("flotilla-e2e-appset-").tempdir()?;
    let hub = Hub::start(control_plane, folder.path()).await?;
    hub.kubectl().apply(&format!("{FLEET}{SET}")).await?;
    eventually(SOON, "the hub makes both Applications", async || {
        let names = names(&hub).await?;
        ensure!(names == "web-eu-1 web-eu-2", "{names}");
        Ok(())
    })
    .await;
    Ok(Some((hub, folder)))
}

async fn names(hub: &Hub) -> Result<String> {
    let output = "--output=jsonpath={.items[*].metadata.name}";
    hub.kubectl().run(&["get", "applications", "--namespace=argocd", output]).await
}

/// A command of somebody who may ask the hub.
fn command(hub: &Hub, folder: &Path, line: &str) -> Command {
    let mut command = Command::new(&programs().flotilla);
    command
        .args(line.split_whitespace())
        .current_dir(folder)
        .env("KUBECONFIG", hub.data().join("admin.kubeconfig"));
    command
}

/// What the command says and how it ends.
fn check(hub: &Hub, folder: &Path, line: &str, code: i32, expect: &str) -> Result<()> {
    let output = command(hub, folder, line).output()?;
    let said = String::from_utf8([output.stdout, output.stderr].concat()).context("text")?;
    assert_eq!((said.as_str(), output.status.code()), (expect.trim_start(), Some(code)), "{line}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_compared_with_what_the_hub_has_of_it() -> Result<()> {
    let Some((hub, folder)) = fleet().await? else { return Ok(()) };
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text);
    let check = |line: &str, code, expect: &str| check(&hub, folder.path(), line, code, expect);
    write("set.yaml", SET)?;
    check("appset diff -f set.yaml", 0, "no difference (2 applications)\n")?;
    check("appset diff -f set.yaml --against hub", 0, "no difference (2 applications)\n")?;
    let note = "note: neither -f, --repo nor --clusters is given: this compares with what Git has now\n";
    check("appset diff fleet", 0, &format!("{note}no difference (2 applications)\n"))?;
    write("next.yaml", &SET.replace("values: [prod]", "values: [dev]"))?;
    let removed = "
ApplicationSet argocd/fleet: 1 added, 0 changed, 2 removed, 0 equal
+ web-us-1 on us-1, wave rest
- web-eu-1 on eu-1, wave canary (its objects go too)
- web-eu-2 on eu-2, wave rest (its objects go too)

Blast radius: 3 of 3 applications, 3 of 3 clusters
  WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
  canary   1          0       0         1         eu-1
  rest     2          1       0         1         eu-2, us-1
note: argocd/fleet: 2 of 2 Applications would be deleted (web-eu-1, web-eu-2), and that is more than a tenth of the set: they are held until `flotilla appset approve fleet`
";
    check("appset diff -f next.yaml", 1, removed)?;
    let both = SET
        .replace("values: [prod]", "values: [prod, dev]")
        .replace("targetRevision: main", "targetRevision: v2");
    write("both.yaml", &both)?;
    let changed = "
ApplicationSet argocd/fleet: 1 added, 2 changed, 0 removed, 0 equal
+ web-us-1 on us-1, wave rest
! 2 applications: web-eu-1, web-eu-2
--- Application (hub)
+++ Application (after)
@@ -12 +12 @@
-    targetRevision: main
+    targetRevision: v2

Blast radius: 3 of 3 applications, 3 of 3 clusters
  WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
  canary   1 of 1     0       1         0         eu-1
  rest     2 of 2     1       1         0         eu-2, us-1
";
    check("appset diff -f both.yaml --unified 0", 1, changed)?;
    // Nothing of it moved anything.
    assert_eq!(names(&hub).await?, "web-eu-1 web-eu-2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_clusters_and_other_sets_are_compared_too() -> Result<()> {
    let Some((hub, folder)) = fleet().await? else { return Ok(()) };
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text);
    let check = |line: &str, code, expect: &str| check(&hub, folder.path(), line, code, expect);
    let clusters = "- {name: eu-1, labels: {env: prod, ring: canary}}\n- {name: eu-2, labels: {env: prod}}\n- {name: us-1, labels: {env: prod}}\n";
    write("clusters.yaml", clusters)?;
    let added = "
ApplicationSet argocd/fleet: 1 added, 0 changed, 0 removed, 2 equal
+ web-us-1 on us-1, wave rest

Blast radius: 1 of 3 applications, 1 of 3 clusters
  WAVE   CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
  rest   1 of 2     1       0         0         us-1
";
    check("appset diff fleet --clusters clusters.yaml", 1, added)?;
    // A set that the hub does not have, and that asks for what is another's.
    let other = SET.replace("name: fleet", "name: other");
    write("other.yaml", &other.replace("web-{{", "w{{ if eq .name \"eu-1\" }}eb{{ end }}-{{"))?;
    let taken = "
ApplicationSet argocd/other: 2 added, 0 changed, 0 removed, 0 equal
+ w-eu-2 on eu-2, wave rest
+ web-eu-1 on eu-1, wave canary

Blast radius: 2 of 2 applications, 2 of 3 clusters
  WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
  canary   1 of 1     1       0         0         eu-1
  rest     1 of 1     1       0         0         eu-2
note: argocd/other: Application web-eu-1 is on the hub already and is not this set's: it would be refused
";
    check("appset diff -f other.yaml", 1, taken)?;
    let gone = "error: there is no ApplicationSet `gone` in namespace argocd; `flotilla appset list -n argocd` shows what there is\n";
    check("appset diff gone --clusters clusters.yaml", 2, gone)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_reads_private_repositories_for_a_comparison() -> Result<()> {
    let Some((hub, folder)) = fleet().await? else { return Ok(()) };
    let repository = Repository::create("private")?;
    repository.commit(&[("apps/api/a.yaml", "kind: ConfigMap\n"), ("envs/prod/env.yaml", "size: big\n")])?;
    repository.push()?;
    let login = Login { username: "flotilla".to_owned(), password: "not-for-everybody".to_owned() };
    let git = GitServer::start(repository.root(), Some(&login))?;
    let url = git.url("private");
    let set = SET.replace("name: fleet", "name: private").replace("web-{{.name}}", "{{.path.basename}}").replace(
        "clusters: {selector: {matchExpressions: [{key: env, operator: In, values: [prod]}]}}",
        &format!(
            "matrix: {{generators: [{{git: {{repoURL: '{url}', revision: main, directories: [{{path: apps/*}}]}}}}, {{git: {{repoURL: '{url}', revision: main, files: [{{path: 'envs/*/env.yaml'}}], pathParamPrefix: env}}}}]}}"
        ),
    );
    let set = set.replace("path: web", "path: 'web/{{.size}}'").replace("'{{.name}}'", "eu-1");
    std::fs::write(folder.path().join("set.yaml"), set)?;
    let said = |line: &str| -> Result<(Option<i32>, String)> {
        let output = command(&hub, folder.path(), line).output()?;
        Ok((output.status.code(), String::from_utf8([output.stdout, output.stderr].concat())?))
    };
    // Without credentials the hub reads no more than anybody, and says what to do.
    let (code, refused) = said("appset diff -f set.yaml")?;
    assert_eq!(code, Some(2), "{refused}");
    ensure!(
        refused.contains(&format!("--repo {url}=DIR")) && refused.contains("set.yaml, line 10"),
        "{refused}"
    );
    hub.kubectl()
        .apply(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: private, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: repository}}}}\nstringData: {{url: '{url}', username: {}, password: {}}}\n",
            login.username, login.password
        ))
        .await?;
    let added = "
ApplicationSet argocd/private: 1 added, 0 changed, 0 removed, 0 equal
+ api on eu-1, wave canary

Blast radius: 1 of 1 applications, 1 of 3 clusters
  WAVE     CLUSTERS   ADDED   CHANGED   REMOVED   WHICH
  canary   1 of 1     1       0         0         eu-1
";
    eventually(SOON, "the hub uses its credentials", async || {
        let (code, said) = said("appset diff -f set.yaml")?;
        ensure!((code, said.as_str()) == (Some(1), added.trim_start()), "{said}");
        Ok(())
    })
    .await;
    let (_, all) = said("appset diff -f set.yaml -o json")?;
    ensure!(all.contains("web/big"), "{all}");
    // A folder stands for one of them without the hub's help, and nobody follows what was asked.
    std::fs::create_dir_all(folder.path().join("local/apps/job"))?;
    std::fs::create_dir_all(folder.path().join("local/envs/prod"))?;
    std::fs::write(folder.path().join("local/apps/job/a.yaml"), "kind: ConfigMap\n")?;
    std::fs::write(folder.path().join("local/envs/prod/env.yaml"), "size: small\n")?;
    let (_, local) = said(&format!("appset diff -f set.yaml --repo {url}=local -o json"))?;
    ensure!(local.contains("web/small") && !local.contains("web/big"), "{local}");
    ensure!(!hub.log().contains(&login.password), "the hub logs the password");
    assert_eq!(names(&hub).await?, "web-eu-1 web-eu-2");
    Ok(())
}
