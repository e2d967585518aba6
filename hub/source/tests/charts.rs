//! Charts from servers of HTTP and TLS that answer as the test says: what is asked, with what login, and what becomes
//! of the answers. Real registries and tools are in `tests/e2e/tests/charts.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/web.rs"]
mod web;

#[path = "charts/helm.rs"]
mod helm;
#[path = "charts/limits.rs"]
mod limits;
#[path = "charts/oci.rs"]
mod oci;

use hub_source::{
    Charts, CommitId, Credentials, RepoUrl,
    charts::{Address, Config},
};
use sha2::{Digest, Sha256};
use std::path::Path;
use tempfile::TempDir;
use web::{Asked, Said, Web};

/// `me:s3cret`
const BASIC: &str = "Basic bWU6czNjcmV0";

fn me() -> Credentials {
    Credentials::basic("me", "s3cret")
}

/// Charts in a folder of their own.
struct Fixture {
    folder: TempDir,
    charts: Charts,
}

impl Fixture {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let charts = open(folder.path(), adjust);
        Self { folder, charts }
    }

    /// The digest, or what is wrong; never a secret.
    async fn resolve(&self, url: &RepoUrl, version: &str, credentials: &Credentials) -> String {
        let got = self.charts.resolve(url, version, Some(credentials)).await;
        shown(got.map(|commit| commit.to_string()))
    }

    async fn fetch(&self, url: &RepoUrl, version: &str, commit: &CommitId, with: &Credentials) -> String {
        let got = self.charts.fetch(url, commit, version, Some(with)).await;
        shown(got.map(|bytes| digest(&bytes).to_string()))
    }
}

fn open(folder: &Path, adjust: impl FnOnce(&mut Config)) -> Charts {
    let mut config = Config::new(folder.join("charts"));
    adjust(&mut config);
    Charts::build(config).unwrap()
}

fn shown(got: Result<String, hub_source::Error>) -> String {
    let text = got.unwrap_or_else(|err| format!("{err} | {err:?}"));
    assert!(!text.contains("s3cret") && !text.contains("bWU6"), "{text}");
    text.split(" | ").next().unwrap().to_owned()
}

fn digest(bytes: &[u8]) -> CommitId {
    hex::encode(Sha256::digest(bytes)).parse().unwrap()
}

fn helm(web: &Web, path: &str, chart: &str) -> RepoUrl {
    Address::repository(&format!("{}{path}", web.url()), chart).unwrap().to_url()
}

/// A packed chart.
fn archive(name: &str, version: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let files = [
        ("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: {version}\n")),
        ("templates/a.yaml", "kind: ConfigMap\n".to_owned()),
    ];
    for (path, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{name}/{path}"), contents.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}
