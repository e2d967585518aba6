//! Bundles over the wire, in chunks; a fetch that breaks off goes on where it was.

use super::Error;
use crate::journal::MOST_BYTES;
use proto::v1::{self, agent_client::AgentClient};
use shared_model::Digest;
use std::time::Duration;
use tonic::transport::Channel;

/// How often a fetch goes on after it broke off, on one connection.
const TRIES: u32 = 3;
const CHUNK_WITHIN: Duration = Duration::from_secs(60);

/// Why a bundle is not here.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The hub says no; trying again does not help.
    #[error("the hub does not give the bundle: {0}")]
    Refused(String),
    /// It is too large.
    #[error("the bundle's compressed form has {0} bytes: more than {most} MiB are refused", most = MOST_BYTES >> 20)]
    TooLarge(u64),
    /// The link broke.
    #[error("fetching the bundle broke off: {0}")]
    Link(String),
}

/// Where bundles come from while a session is up. Clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Bundles {
    client: AgentClient<Channel>,
}

impl Bundles {
    pub(super) const fn new(client: AgentClient<Channel>) -> Self {
        Self { client }
    }

    pub(super) fn client(&self) -> AgentClient<Channel> {
        self.client.clone()
    }

    /// Fetches a bundle's compressed form. What is in it is not checked here.
    pub(crate) async fn fetch(&self, digest: &Digest) -> Result<Vec<u8>, FetchError> {
        let mut bytes = Vec::new();
        let mut tries = 0;
        loop {
            match self.go_on(digest, &mut bytes).await {
                Ok(()) => return Ok(bytes),
                Err(FetchError::Link(_)) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Fetches what is missing.
    async fn go_on(&self, digest: &Digest, bytes: &mut Vec<u8>) -> Result<(), FetchError> {
        let request = v1::FetchBundleRequest { digest: digest.to_string(), offset: bytes.len() as u64 };
        let failed = |status: tonic::Status| {
            let error = Error::of_status(&status);
            if let Error::Refused(text) = error {
                FetchError::Refused(text)
            } else {
                FetchError::Link(error.to_string())
            }
        };
        let mut chunks = self.client.clone().fetch_bundle(request).await.map_err(failed)?.into_inner();
        let mut total = None;
        loop {
            let next = tokio::time::timeout(CHUNK_WITHIN, chunks.message()).await;
            let next = next.map_err(|_| FetchError::Link("no data came".to_owned()))?;
            let Some(chunk) = next.map_err(failed)? else { break };
            if chunk.total > MOST_BYTES || bytes.len() + chunk.data.len() > chunk.total as usize {
                return Err(FetchError::TooLarge(chunk.total));
            }
            total = Some(chunk.total);
            bytes.extend_from_slice(&chunk.data);
        }
        match total {
            Some(total) if bytes.len() as u64 == total => Ok(()),
            // All was here already: a fetch that broke off after its last chunk.
            None if !bytes.is_empty() => Ok(()),
            Some(_) | None => Err(FetchError::Link("it ended early".to_owned())),
        }
    }
}
