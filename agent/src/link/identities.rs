//! Who the agent is, replaced while it runs. Clones share it.
//!
//! Invariants:
//! 1. Key, certificate and authorities change together: one record of the journal, one value here.
//! 2. What is trusted is durable before it counts, since the hub retires an authority on the word that agents
//!    trust the next one.
//! 3. A new certificate counts at once, and is written again until that works: with a full disk an agent that
//!    is let in is worth more than one that is not.

use crate::journal::{self, Identity, Journal};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::sync::{Mutex, watch};

/// The present identity, and how it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    current: Arc<watch::Sender<Arc<Identity>>>,
    /// What the journal has. Held by whoever changes the identity.
    saved: Arc<Mutex<Arc<Identity>>>,
    journal: Arc<Journal>,
}

impl Identities {
    pub(crate) fn new(identity: Identity, journal: Arc<Journal>) -> Self {
        let identity = Arc::new(identity);
        let current = Arc::new(watch::Sender::new(Arc::clone(&identity)));
        Self { current, saved: Arc::new(Mutex::new(identity)), journal }
    }

    pub(crate) fn current(&self) -> Arc<Identity> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Identity>> {
        self.current.subscribe()
    }

    /// SHA-256 in hex of each authority that is trusted, also after a restart.
    pub(super) async fn trusted(&self) -> Vec<String> {
        let saved = Arc::clone(&*self.saved.lock().await);
        let list = Identity::decode(&saved.authorities).unwrap_or_default();
        list.iter().map(|der| hex::encode(Sha256::digest(der))).collect()
    }

    /// Puts a new identity in the place of `old`; nothing when that one was replaced meanwhile.
    ///
    /// # Errors
    /// When it could not be written: it counts all the same, see [`Identities::save`].
    pub(super) async fn replace(&self, old: &Identity, new: Identity) -> Result<(), journal::Error> {
        let mut saved = self.saved.lock().await;
        if self.current().token_id != old.token_id {
            return Ok(());
        }
        let new = Arc::new(new);
        self.current.send_replace(Arc::clone(&new));
        self.write(&mut saved, new).await
    }

    /// Trusts these authorities (DER in base64) from now on, if the identity is still `known`.
    ///
    /// # Errors
    /// When they could not be written: the old ones count.
    pub(super) async fn trust(
        &self,
        authorities: Vec<String>,
        known: impl FnOnce(&Identity) -> bool,
    ) -> Result<bool, journal::Error> {
        let mut saved = self.saved.lock().await;
        let current = self.current();
        if !known(&current) {
            return Ok(false);
        }
        let new = Arc::new(Identity { authorities, ..Identity::clone(&current) });
        self.write(&mut saved, Arc::clone(&new)).await?;
        self.current.send_replace(new);
        Ok(true)
    }

    /// Writes what could not be written before; whether everything is durable now.
    pub(super) async fn save(&self) -> Result<(), journal::Error> {
        let mut saved = self.saved.lock().await;
        let current = self.current();
        if Arc::ptr_eq(&saved, &current) {
            return Ok(());
        }
        self.write(&mut saved, current).await?;
        tracing::info!("the agent's identity is in the journal now");
        Ok(())
    }

    async fn write(&self, saved: &mut Arc<Identity>, identity: Arc<Identity>) -> Result<(), journal::Error> {
        let (journal, kept) = (Arc::clone(&self.journal), Arc::clone(&identity));
        tokio::task::spawn_blocking(move || journal.save_identity(&kept))
            .await
            .expect("the journal does not panic")?;
        *saved = identity;
        Ok(())
    }
}
