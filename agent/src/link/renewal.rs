//! The certificate's life: at two thirds of it a new one is asked for, with a new key.

use super::{Error, Identities, dial::dial, enroll::Request, trust};
use crate::journal::Identity;
use jiff::Timestamp;
use proto::v1::{self, enrollment_client::EnrollmentClient};
use shared_runtime::Backoff;
use std::time::Duration;
use x509_parser::prelude::FromDer as _;

/// At most so long is slept at once: clocks jump, machines sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Renews the certificate whenever it is due, for as long as it runs.
pub(crate) async fn renew(hub: String, identities: Identities) {
    let mut backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(3600));
    loop {
        let identity = identities.current();
        let Some(due) = due(&identity) else {
            tracing::error!(
                "the agent's certificate cannot be read: it is not renewed; join again before it ends"
            );
            return;
        };
        let now = shared_runtime::now();
        if now < due {
            let wait = due.duration_since(now).unsigned_abs();
            tokio::time::sleep(wait.min(LOOK_AGAIN)).await;
            continue;
        }
        let renewed = match ask(&hub, &identity).await {
            Ok(renewed) => identities.replace(renewed).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match renewed {
            Ok(()) => {
                backoff.reset();
                tracing::info!("the agent's certificate was renewed; the next connection uses it");
            }
            Err(error) => {
                let wait = backoff.next_wait();
                tracing::warn!(error, again_in = ?wait, "the agent's certificate could not be renewed");
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// Two thirds of the way from the certificate's beginning to its end.
fn due(identity: &Identity) -> Option<Timestamp> {
    let leaf = Identity::decode(&identity.certificates)?.into_iter().next()?;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&leaf).ok()?;
    let (from, to) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    Timestamp::from_second(from + (to - from) / 3 * 2).ok()
}

/// Asks once.
pub(crate) async fn ask(hub: &str, identity: &Identity) -> Result<Identity, Error> {
    let (config, verdict) = trust::mutual(identity)?;
    let channel = dial(hub, config, &verdict).await?;
    let request = Request::new()?;
    let message = v1::RenewRequest { certificate_request: request.der.clone().into() };
    let answer = EnrollmentClient::new(channel).renew(message).await;
    let answer = answer.map_err(|status| Error::of_status(&status))?.into_inner();
    request.answered(&answer, &identity.cluster_uid, &identity.token_id)
}
