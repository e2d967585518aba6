//! Joining: a token and a key made here become an identity.

use super::{Error, dial::Dialer, trust::Trust};
use crate::journal::Identity;
use proto::v1::{self, enrollment_client::EnrollmentClient};
use rcgen::{CertificateParams, KeyPair};
use shared_model::JoinToken;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// A key and the request to certify it. The key stays; the request is sent.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) key: String,
    pub(super) der: Vec<u8>,
}

impl Request {
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |error: rcgen::Error| Error::Identity(error.to_string());
        let key = KeyPair::generate().map_err(failed)?;
        let params = CertificateParams::new(Vec::new()).map_err(failed)?;
        let request = params.serialize_request(&key).map_err(failed)?;
        Ok(Self { key: key.serialize_pem(), der: request.der().to_vec() })
    }

    pub(super) fn answered(
        self,
        answer: &v1::Identity,
        cluster_uid: &str,
        token_id: &str,
    ) -> Result<Identity, Error> {
        if answer.certificates.is_empty() || answer.authorities.is_empty() || answer.cluster.is_empty() {
            return Err(Error::Failed("it answered without a certificate".to_owned()));
        }
        Ok(Identity {
            cluster: answer.cluster.clone(),
            cluster_uid: cluster_uid.to_owned(),
            token_id: token_id.to_owned(),
            key: self.key,
            certificates: answer.certificates.iter().map(|der| Identity::encode(der)).collect(),
            authorities: answer.authorities.iter().map(|der| Identity::encode(der)).collect(),
        })
    }
}

/// Joins the fleet of the hub that made the token.
///
/// The key is made once and kept by the caller between tries: the hub lets the same key ask again
/// with a token that is used, since an answer may be lost on its way.
#[derive(Debug)]
pub(crate) struct Enrolment {
    request: Request,
}

impl Enrolment {
    /// Asks each hub until one answers; the order is the caller's.
    ///
    /// # Errors
    /// When one refuses the token, or none answers: one that may answer later, if there is one.
    pub(crate) async fn ask_each(
        &self,
        dialer: &Dialer,
        hubs: impl Iterator<Item = &str>,
        token: &JoinToken,
        cluster_uid: &str,
    ) -> Result<Identity, Error> {
        let mut failed: Option<Error> = None;
        for hub in hubs {
            match self.ask(dialer, hub, token, cluster_uid).await {
                Ok(identity) => return Ok(identity),
                Err(error @ Error::Refused(_)) => return Err(error),
                Err(error) => {
                    tracing::debug!(hub, %error, "no answer to the token");
                    if failed.as_ref().is_none_or(|known| !known.is_transient()) {
                        failed = Some(error);
                    }
                }
            }
        }
        Err(failed.expect("an agent has at least one hub"))
    }
}

/// A token that no hub has answered yet, with the key that was shown for it.
pub(crate) type Untried = (JoinToken, Enrolment);

/// Starts an enrolment.
///
/// # Errors
/// When no key can be made.
pub(crate) fn enroll() -> Result<Enrolment, Error> {
    Ok(Enrolment { request: Request::new()? })
}

impl Enrolment {
    /// Asks the hub once.
    ///
    /// # Errors
    /// When it cannot be reached, is not the token's, or says no.
    pub(crate) async fn ask(
        &self,
        dialer: &Dialer,
        hub: &str,
        token: &JoinToken,
        cluster_uid: &str,
    ) -> Result<Identity, Error> {
        let (channel, _) = dialer.dial(hub, Trust::Pinned(&token.authority)).await?;
        let message = v1::EnrollRequest {
            token_id: token.id.clone(),
            secret: token.secret.clone(),
            certificate_request: self.request.der.clone().into(),
            cluster_uid: cluster_uid.to_owned(),
        };
        let mut request = tonic::Request::new(message);
        request.set_timeout(ANSWER_WITHIN);
        let answer = EnrollmentClient::new(channel).enroll(request).await;
        let answer = answer.map_err(|status| Error::of_status(&status))?.into_inner();
        let request = Request { key: self.request.key.clone(), der: Vec::new() };
        request.answered(&answer, cluster_uid, &token.id)
    }
}
