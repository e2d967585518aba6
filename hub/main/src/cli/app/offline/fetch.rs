//! What sources name elsewhere: other repositories, charts, files.

use super::trees::{At, Trees, chain};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{Chart, Fetch, Tree, Unfetched};
use hub_source::charts::Address;
use shared_model::RepoUrl;
use std::sync::Arc;

/// Fetches with no credentials.
#[derive(Debug)]
pub(super) struct Elsewhere(pub(super) Arc<Trees>);

#[async_trait]
impl Fetch for Elsewhere {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        if repository.starts_with('@') || repository.starts_with("alias:") {
            return Err(Unfetched::Never(format!(
                "chart {name} is of the repository `{repository}`, whose name only a hub knows: run `helm dependency build` and keep what it puts into charts/, or write the address"
            )));
        }
        let address = Address::of_source(repository, name, false);
        let address = address.map_err(|error| Unfetched::Never(chain(&error)))?;
        self.0.packed(&address, version).await.map_err(Unfetched::Now)
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let found = self.0.get(&RepoUrl::new(url), &At::Disk(revision.to_owned())).await;
        found.map(|found| found.tree).map_err(Unfetched::Now)
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        let address = Address::file(url).map_err(|error| Unfetched::Never(chain(&error)))?;
        self.0.packed(&address, "").await.map(|file| file.archive).map_err(Unfetched::Now)
    }
}
