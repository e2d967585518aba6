//! What a case finds on the web: packed charts and single files, out of its own folder.

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{
    Chart, Fetch, Tree, Unfetched, View,
    tree::{Entry, Memory},
};
use shared_template::semver;
use std::{collections::BTreeMap, sync::Arc};

/// What there is on the web.
#[derive(Debug, Default)]
pub struct Shelf {
    /// By repository and name: versions, oldest first.
    charts: BTreeMap<(String, String), Vec<Chart>>,
    files: BTreeMap<String, Bytes>,
}

impl Shelf {
    /// Puts a chart into a repository, from its files.
    ///
    /// # Errors
    /// When it cannot be packed.
    pub async fn add_chart(
        &mut self,
        repository: &str,
        name: &str,
        version: &str,
        files: BTreeMap<String, Bytes>,
    ) -> anyhow::Result<()> {
        let archive = pack(name, files).await?;
        let versions = self.charts.entry((repository.to_owned(), name.to_owned())).or_default();
        versions.push(Chart::new(version, archive));
        Ok(())
    }

    /// Puts a file at an address.
    pub fn add_file(&mut self, url: &str, contents: Bytes) {
        self.files.insert(url.to_owned(), contents);
    }
}

/// Files as a packed chart.
///
/// # Errors
/// When they cannot be packed.
pub async fn pack(name: &str, files: BTreeMap<String, Bytes>) -> anyhow::Result<Bytes> {
    let tree: Arc<dyn Tree> = Arc::new(Memory::new(name, files));
    let entries: Vec<(String, Entry)> =
        tree.under("").into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    let mut view = View::new();
    view.pack("chart.tgz", &tree, name, entries);
    let mut contents = view.contents().await?;
    contents.remove("chart.tgz").context("it was put there")
}

#[async_trait]
impl Fetch for Shelf {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        let all = self.charts.get(&(repository.to_owned(), name.to_owned()));
        let fits = |chart: &&Chart| {
            chart.version == version || semver::matches(version, &chart.version) == Some(true)
        };
        all.and_then(|all| all.iter().rev().find(fits)).cloned().ok_or_else(|| {
            Unfetched::Never(format!("{repository} has no chart `{name}` of version {version}"))
        })
    }

    async fn repository(&self, url: &str, _revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        Err(Unfetched::Never(format!("there is no repository {url}")))
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        self.files.get(url).cloned().ok_or_else(|| Unfetched::Now(format!("{url} is not there")))
    }
}
