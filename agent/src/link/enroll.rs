//! Joining: a token and a key made here become an identity.

use super::{Error, dial::dial, trust};
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
        hub: &str,
        token: &JoinToken,
        cluster_uid: &str,
    ) -> Result<Identity, Error> {
        let (config, verdict) = trust::pinned(&token.authority)?;
        let channel = dial(hub, config, &verdict).await?;
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
