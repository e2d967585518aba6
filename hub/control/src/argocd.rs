//! What people set in Argo CD's own ConfigMap, `argocd/argocd-cm`, as far as the hub has the same thing to set.

use crate::index::Index;
use hub_records::Stored;
use serde_json::Value;
use shared_model::{DEFAULT_NAMESPACE, Kind};
use std::sync::Arc;
use tokio::sync::watch;

const NAME: &str = "argocd-cm";
/// The key of the largest body of a webhook, in MiB.
const MAX_PAYLOAD: &str = "webhook.maxPayloadSizeMB";
/// GitHub sends no payload above this. Argo CD's own default is 50.
const PAYLOAD_MIB: usize = 25;
const MIB: usize = 1 << 20;

/// The settings in force.
#[derive(Debug)]
pub(crate) struct ArgoCd {
    read: Option<Arc<Stored>>,
    /// The most MiB that can be set.
    most: usize,
    limit: watch::Sender<usize>,
}

impl ArgoCd {
    pub(crate) fn new(most: usize) -> Self {
        Self { read: None, most, limit: watch::Sender::new(PAYLOAD_MIB.min(most) * MIB) }
    }

    /// The most bytes of a webhook's body.
    pub(crate) fn limit(&self) -> watch::Receiver<usize> {
        self.limit.subscribe()
    }

    /// Takes what is set now.
    pub(crate) fn refresh(&mut self, index: &Index) {
        let found = index.object(Kind::ConfigMap, DEFAULT_NAMESPACE, NAME);
        let same = match (found, &self.read) {
            (Some(found), Some(read)) => Arc::ptr_eq(found, read),
            (found, read) => found.is_none() && read.is_none(),
        };
        if same {
            return;
        }
        self.read = found.cloned();
        let nothing = Value::Null;
        let data = found.map_or(&nothing, |stored| &stored.value["data"]);
        let mib = match data[MAX_PAYLOAD].as_str() {
            None => PAYLOAD_MIB,
            Some(text) => match text.trim().parse() {
                Ok(mib) if (1..=self.most).contains(&mib) => mib,
                Ok(_) | Err(_) => {
                    let most = self.most;
                    tracing::warn!(
                        "ConfigMap argocd/{NAME}: {MAX_PAYLOAD}: `{text}` is no number from 1 to {most}; what was set before stays"
                    );
                    return;
                }
            },
        };
        self.limit.send_replace(mib.min(self.most) * MIB);
    }
}
