//! Sealing at rest, as a thief of the data folder sees it: a hub process is given secrets in every way that there is, and
//! each file of its folder is searched for them.

mod needles;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use needles::{Needle, search};
use shared_model::JoinToken;
use shared_seal::{KeyFile, Place, Ring};
use tempfile::TempDir;
use tests_e2e::{
    control_plane, eventually,
    fleet::{Hub, SOON},
    git::{GitServer, Login, Repository},
    programs,
};

/// A Secret of the API.
const OF_API: &str = "of-the-api-9aX2-correct-horse-battery";
/// What repositories are read with.
const PASSWORD: &str = "of-the-repository-7bQ4-staple";
/// In a Secret that Git has in plain text, and so a bundle.
const IN_GIT: &str = "of-the-bundle-3cW8-tropical-fish";

struct Ground {
    folder: TempDir,
    hub: Hub,
    token: JoinToken,
    _server: GitServer,
    _repository: Repository,
}

impl Ground {
    /// A hub that was given secrets, and has rendered one.
    async fn new() -> Result<Option<Self>> {
        let Some(control_plane) = control_plane() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("flotilla-e2e-sealed-").tempdir()?;
        let repository = Repository::create("fleet")?;
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: login}}\nstringData: {{password: {IN_GIT}}}\n"
        );
        repository.commit(&[("web/secret.yaml", &secret)])?;
        repository.push()?;
        let login = Login { username: "reader".into(), password: PASSWORD.into() };
        let server = GitServer::start(repository.root(), Some(&login))?;
        let hub = Hub::start(control_plane, folder.path()).await?;
        hub.kubectl().apply(&objects(&server.url("fleet"))).await?;
        let words = hub.token("eu-2", "env=dev", &[]).await?;
        let token = words.iter().find_map(|word| word.parse::<JoinToken>().ok()).context("no token")?;
        let ground = Self { folder, hub, token, _server: server, _repository: repository };
        eventually(SOON, "the Secret is rendered", async || {
            ensure!(ground.bundle()?.contains(IN_GIT), "another bundle");
            Ok(())
        })
        .await;
        Ok(Some(ground))
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("data.seal-key")
    }

    fn ring(&self) -> Result<Ring> {
        let keys = KeyFile::parse(&std::fs::read_to_string(self.key_file())?)?;
        let wrapped = std::fs::read_to_string(self.hub.data().join("seal.json"))?;
        Ok(Ring::unwrap_with(&wrapped, &keys)?)
    }

    /// The only bundle, opened with the key file.
    fn bundle(&self) -> Result<String> {
        let mut files = std::fs::read_dir(self.hub.data().join("bundles"))?;
        let path = files.next().context("no bundle yet")??.path();
        let digest = path.file_stem().and_then(|name| name.to_str()).context("a digest")?;
        let sealed = std::fs::read(&path)?;
        let opened = self.ring()?.open(Place { area: "bundle", name: digest }, &sealed)?;
        Ok(String::from_utf8(zstd::decode_all(&opened[..])?)?)
    }

    /// The private key of the authority, opened with the key file.
    fn authority(&self) -> Result<String> {
        let sealed = std::fs::read_to_string(self.hub.data().join("ca/ca.key"))?;
        let opened = self.ring()?.open_text(Place { area: "authority", name: "key" }, &sealed)?;
        Ok(String::from_utf8(opened)?)
    }

    /// What nobody may find.
    fn needles(&self) -> Result<Vec<Needle>> {
        let pem = self.authority()?;
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        ensure!(body.len() > 100, "no key");
        let keys = std::fs::read_to_string(self.key_file())?;
        let key = keys.lines().find(|line| !line.starts_with('#')).context("a key")?;
        Ok(vec![
            Needle::text("the Secret of the API", OF_API),
            Needle::text("the repository's password", PASSWORD),
            Needle::text("the token's secret", &self.token.secret),
            Needle::text("the Secret in a bundle", IN_GIT).packed_in("mirrors"),
            Needle::text("a private key", "PRIVATE KEY"),
            // As a line of the PEM has it, and its bytes.
            Needle::text("the authority's key", body.get(40..60).context("a line")?),
            Needle::base64("the authority's key, as bytes", &body)?,
            Needle::base64("the key file's key", key)?,
        ])
    }

    /// Nothing of it is in the folder, and nothing in the log.
    fn check_sealed(&self) -> Result<()> {
        let needles = self.needles()?;
        assert_eq!(search(&self.hub.data(), &needles)?, Vec::<String>::new());
        let log = self.hub.log();
        for secret in [OF_API, PASSWORD, IN_GIT, &self.token.secret, "PRIVATE KEY"] {
            assert!(!log.contains(secret), "the log tells `{secret}`");
        }
        Ok(())
    }

    /// The hub has all that it had.
    async fn check_works(&self) -> Result<()> {
        let path = "--output=jsonpath={.data.password}";
        let data = self.hub.kubectl().run(&["get", "secret", "ours", "--namespace=argocd", path]).await?;
        assert_eq!(needles::decoded(data.trim())?, OF_API.as_bytes());
        let names = ["get", "applications", "--namespace=argocd", "--output=name"];
        assert_eq!(self.hub.kubectl().run(&names).await?.trim(), "application.argoproj.io/web-eu-1");
        assert!(self.bundle()?.contains(IN_GIT));
        Ok(())
    }

    /// A hub on this folder ends at once, and says why.
    async fn check_refused(&self, expect: &[&str]) -> Result<()> {
        let data = self.hub.data();
        let said = self.hub.run(&["hub", "--data-dir", &data.to_string_lossy()]).await?;
        assert!(!said.success && expect.iter().all(|word| said.text.contains(word)), "{}", said.text);
        Ok(())
    }
}

fn objects(url: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: ours, namespace: argocd}}
stringData: {{password: {OF_API}}}
---
apiVersion: v1
kind: Secret
metadata:
  name: fleet
  namespace: argocd
  labels: {{argocd.argoproj.io/secret-type: repository}}
stringData: {{url: '{url}', username: reader, password: {PASSWORD}}}
---
apiVersion: flotilla.dev/v1alpha1
kind: Cluster
metadata: {{name: eu-1, labels: {{env: prod}}}}
spec: {{}}
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: fleet, namespace: argocd}}
spec:
  goTemplate: true
  generators:
  - clusters: {{selector: {{matchLabels: {{env: prod}}}}}}
  template:
    metadata: {{name: 'web-{{{{.name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{url}', path: web, targetRevision: main}}
      destination: {{name: '{{{{.name}}}}', namespace: web}}
"
    )
}

fn key(number: u8) -> String {
    KeyFile::text([number; 32]).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thief_of_the_data_folder_finds_no_secret_in_it() -> Result<()> {
    let Some(mut ground) = Ground::new().await? else { return Ok(()) };
    // The search finds what is there, whatever was done to it.
    needles::check_search(&ground.hub.data())?;
    ground.check_sealed()?;
    ground.check_works().await?;
    ground.hub.kill();
    ground.check_sealed()?;
    ground.hub.restart().await?;
    ground.check_works().await?;
    ground.check_sealed()?;

    // The key file is replaced: the new key in front, then alone.
    let old = std::fs::read_to_string(ground.key_file())?;
    for keys in [key(1) + &old, key(1)] {
        ground.hub.stop().await?;
        std::fs::write(ground.key_file(), keys)?;
        ground.hub.restart().await?;
        ground.check_works().await?;
        ground.check_sealed()?;
    }

    // So is the data key: not under a hub that runs.
    let data = ground.hub.data().to_string_lossy().into_owned();
    let reseal = ["hub", "reseal", "--data-dir", &data];
    let said = ground.hub.run(&reseal).await?;
    assert!(!said.success && said.text.contains("another hub is using"), "{}", said.text);
    ground.hub.stop().await?;
    let before = ground.ring()?;
    let output = std::process::Command::new(&programs().flotilla)
        .args(reseal)
        .env("FLOTILLA_SEAL_KEY_FILE", ground.key_file())
        .output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!ground.ring()?.has(before.current()), "the old data key still opens something");
    ground.hub.restart().await?;
    ground.check_works().await?;
    ground.check_sealed()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_hub_does_not_start_and_changes_nothing() -> Result<()> {
    let Some(mut ground) = Ground::new().await? else { return Ok(()) };
    ground.hub.stop().await?;
    let before = files(&ground.hub.data())?;
    let kept = ground.folder.path().join("kept");
    std::fs::rename(ground.key_file(), &kept)?;
    ground.check_refused(&["data.seal-key: the key file is missing", "--seal-key-file FILE"]).await?;
    std::fs::write(ground.key_file(), key(2))?;
    ground.check_refused(&["it does not hold key", "nothing was changed"]).await?;
    assert!(files(&ground.hub.data())? == before, "a hub that did not start changed its folder");
    std::fs::rename(kept, ground.key_file())?;
    ground.hub.restart().await?;
    ground.check_works().await
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push((entry.path(), std::fs::read(entry.path())?)),
            }
        }
    }
    found.sort();
    Ok(found)
}
