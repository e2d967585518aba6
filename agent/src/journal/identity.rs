//! Who the agent is to its hub.

use super::{Error, Journal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A certificate, its key, and whom to trust.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The cluster's name on the hub.
    pub(crate) cluster: String,
    /// UID of the kube-system namespace of the cluster that enrolled.
    pub(crate) cluster_uid: String,
    /// Id of the token that was used, so that it is not tried twice.
    pub(crate) token_id: String,
    /// PKCS#8, PEM.
    pub(crate) key: String,
    /// DER in base64, leaf first.
    pub(crate) certificates: Vec<String>,
    /// DER in base64.
    pub(crate) authorities: Vec<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}

impl Identity {
    pub(crate) fn encode(der: &[u8]) -> String {
        STANDARD.encode(der)
    }

    pub(crate) fn decode(list: &[String]) -> Option<Vec<Vec<u8>>> {
        list.iter().map(|text| STANDARD.decode(text).ok()).collect()
    }
}

/// Written second, read when the first is damaged: with the hub away nobody could give the agent another one, and without
/// one it does not start.
const COPY: &str = "identity-copy";
const REMEDY: &str = "join again with `flotilla cluster token --name NAME --reenrol`";

impl Journal {
    /// The identity; `None` before the first enrolment. A damaged one is mended from its copy.
    pub(crate) fn identity(&self) -> Result<Option<Identity>, Error> {
        let damaged = match self.records.get("identity", REMEDY) {
            Ok(kept) => return Ok(kept),
            Err(error @ Error::Damaged { .. }) => error,
            Err(error) => return Err(error),
        };
        let Ok(Some(copy)) = self.records.get::<Identity>(COPY, REMEDY) else { return Err(damaged) };
        tracing::error!(error = %damaged, "the agent's identity was damaged: its copy is used");
        if let Err(error) = self.records.put("identity", &copy) {
            tracing::warn!(%error, "the agent's identity is not mended yet");
        }
        Ok(Some(copy))
    }

    /// Keeps an identity.
    pub(crate) fn save_identity(&self, identity: &Identity) -> Result<(), Error> {
        self.records.put("identity", identity)?;
        self.records.put(COPY, identity)
    }
}
