//! The command line as people use it: signing in, listing and showing in every form, waiting, and letting a cluster be.

use crate::web::{ground, manifest, running};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use tests_e2e::{Fleet, Kubectl, eventually, fleet::SOON};

#[tokio::test]
async fn a_person_signs_in_looks_around_and_waits() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let (fleet, _history) = running(control_plane).await?;

    let config = signs_in(&fleet).await?;
    let home = config.parent().context("it is in a folder")?;
    let listed = Kubectl::new(control_plane, &config, home).run(&["get", "applications"]).await?;
    ensure!(listed.contains("web-eu-1"), "{listed}");

    looks_around(&fleet).await?;
    waits(&fleet).await?;
    lets_be(&fleet).await
}

/// Runs a command; it must end with this code and say all of these.
async fn check(fleet: &Fleet, line: &str, code: i32, parts: &[&str]) -> Result<String> {
    let said = fleet.hub().run(&line.split(' ').collect::<Vec<_>>()).await?;
    ensure!(said.code == Some(code), "{line}: {:?} and not {code}: {}", said.code, said.text);
    for part in parts {
        ensure!(said.text.contains(part), "{line}: {part} in {}", said.text);
    }
    Ok(said.text)
}

/// The kubeconfig that a login wrote.
async fn signs_in(fleet: &Fleet) -> Result<PathBuf> {
    let data = fleet.hub().data();
    let folder = data.parent().context("it is in a folder")?;
    let admin = std::fs::read_to_string(data.join("admin.kubeconfig"))?;
    let field = |name: &str| {
        let line = admin.lines().find_map(|line| line.trim().strip_prefix(name));
        line.map(|text| text.trim().to_owned()).with_context(|| format!("{name} in the kubeconfig"))
    };
    let (server, token) = (field("server:")?, field("token:")?);
    std::fs::write(folder.join("token"), format!("{token}\n"))?;
    std::fs::write(folder.join("wrong"), "another\n")?;
    let config = folder.join("config");
    let line = format!("login --server {server} --kubeconfig config");

    // Nothing is sent to a hub that nobody vouched for.
    let asked = check(fleet, &format!("{line} --token-file token"), 1, &["--ca-fingerprint"]).await?;
    let digits = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fingerprint = asked.split_whitespace().find(digits).context("a fingerprint")?.to_owned();
    let other = format!("{line} --token-file token --ca-fingerprint {}", "0".repeat(64));
    check(fleet, &other, 1, &["is another one", &fingerprint]).await?;
    let known = format!("{line} --ca-fingerprint {fingerprint}");
    let refused = format!("flotilla login --server {server}");
    check(fleet, &format!("{known} --token-file wrong"), 1, &["does not know the token", &refused]).await?;
    ensure!(!config.exists(), "something was written");

    std::fs::write(&config, "preferences: {colors: true}\n")?;
    let said =
        check(fleet, &format!("{known} --token-file token"), 0, &["as admin", "context flotilla"]).await?;
    ensure!(!said.contains(&token), "{said}");
    let written = std::fs::read_to_string(&config)?;
    ensure!(written.contains("colors: true") && written.contains("admin@flotilla"), "the entries");
    let by_file =
        format!("{line} --token-file token --ca data/ca/ca.crt --context second --set-current=false");
    check(fleet, &by_file, 0, &["--context second"]).await?;
    for context in ["flotilla", "second"] {
        check(fleet, &format!("cluster list --kubeconfig config --context {context}"), 0, &["eu-1"]).await?;
    }
    Ok(config)
}

async fn looks_around(fleet: &Fleet) -> Result<()> {
    check(fleet, "app list -A -o wide", 0, &["NAMESPACE", "REVISION", "web-us-2", "argocd"]).await?;
    let names = check(fleet, "app list -o name", 0, &[]).await?;
    ensure!(names.lines().count() == 3 && names.contains("application.argoproj.io/web-eu-1\n"), "{names}");
    let list: Value = serde_json::from_str(&check(fleet, "app list -o json", 0, &[]).await?)?;
    ensure!(list["kind"] == "List" && list["items"][0]["kind"] == "Application", "{list:#}");
    let bare = check(fleet, "rollout list --no-headers", 0, &["web-1"]).await?;
    ensure!(!bare.contains("PHASE"), "{bare}");
    check(fleet, "cluster list -o yaml -l ring=canary", 0, &["kind: List", "name: eu-1"]).await?;
    check(fleet, "rollout status web -o yaml", 0, &["kind: FleetRollout"]).await?;
    check(fleet, "app list -n nowhere", 0, &["there are in argocd"]).await?;

    let shown = ["SYNC         Synced", "HEALTH       Healthy", "ROLLOUT      web-1", "eu-1, namespace web"];
    check(fleet, "app get web-eu-1", 0, &shown).await?;
    check(fleet, "app get web-eu-1 -o name", 0, &["application.argoproj.io/web-eu-1"]).await?;
    check(fleet, "cluster get eu-1", 0, &["MODE          Enforce"]).await?;
    check(fleet, "app get web-eu1", 1, &["did you mean `web-eu-1`?", "flotilla app list -n argocd"]).await?;
    check(fleet, "app sync web-eu-1 -n team", 1, &["there is one in argocd: add -n argocd"]).await?;
    check(fleet, "cluster pause eu-9", 1, &["flotilla cluster list"]).await?;
    Ok(())
}

async fn waits(fleet: &Fleet) -> Result<()> {
    let commit = fleet.push(&[("web/web.yaml", &manifest("v2"))])?;
    let line = format!("app wait web-eu-1 web-us-1 web-us-2 --revision {commit} --timeout 80s");
    check(fleet, &line, 0, &["web-us-2: "]).await?;
    fleet.rollout("web-2", "Done").await;
    eventually(SOON, "both releases are in the history", async || {
        let told = check(fleet, "app history web-eu-1", 0, &["web-1", "web-2", &commit[..7]]).await?;
        ensure!(told.matches("yes").count() == 2, "{told}");
        Ok(())
    })
    .await;

    // One that never becomes ready fails on the canary, and goes no further.
    let commit = fleet.push(&[("web/web.yaml", &manifest("broken-3"))])?;
    let line = format!("app wait web-eu-1 --revision {commit} --timeout 80s");
    check(fleet, &line, 1, &["application web-eu-1: its release failed", "flotilla app get web-eu-1"])
        .await?;
    let line = format!("app wait web-us-1 --revision {commit} --timeout 1s");
    check(fleet, &line, 124, &["timed out after 1s: 1 of 1"]).await?;
    check(fleet, "app history web-eu-1", 0, &["web-3", "no"]).await?;
    Ok(())
}

async fn lets_be(fleet: &Fleet) -> Result<()> {
    check(fleet, "cluster observe us-1", 1, &["stops writing", "--yes"]).await?;
    check(fleet, "cluster observe us-1 --yes", 0, &["writes nothing"]).await?;
    check(fleet, "cluster list", 0, &["observes only"]).await?;
    check(fleet, "cluster observe us-1 --yes", 0, &["already"]).await?;
    check(fleet, "cluster observe us-1 --off --yes", 0, &["heals and prunes again"]).await?;
    let listed = check(fleet, "cluster list", 0, &["us-1"]).await?;
    ensure!(!listed.contains("observes only"), "{listed}");
    Ok(())
}
