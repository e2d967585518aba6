//! What sources name elsewhere: other repositories, charts, files.

use super::trees::{At, Trees};
use async_trait::async_trait;
use bytes::Bytes;
use hub_render::{Chart, Fetch, Tree, Unfetched};
use shared_model::RepoUrl;
use std::sync::Arc;

/// Fetches with no credentials.
#[derive(Debug)]
pub(super) struct Elsewhere(pub(super) Arc<Trees>);

#[async_trait]
impl Fetch for Elsewhere {
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched> {
        Err(Unfetched::Now(format!(
            "chart {name} {version} of {repository} is not fetched here: run `helm dependency build` and commit what it puts into charts/"
        )))
    }

    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched> {
        let found = self.0.get(&RepoUrl::new(url), &At::Disk(revision.to_owned())).await;
        found.map(|found| found.tree).map_err(Unfetched::Now)
    }

    async fn file(&self, url: &str) -> Result<Bytes, Unfetched> {
        Err(Unfetched::Never(format!("{url} is not fetched here: keep the file in the repository")))
    }
}
