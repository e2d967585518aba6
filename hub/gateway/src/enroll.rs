//! Enrolment: a one-time token and a key become an identity.
//!
//! A token is used up in the same transaction that records whose key used it, so that two agents can
//! never join with one token; the same key may ask again, since an answer can be lost on its way.

use crate::{authority::AuthorityError, service::Shared, status};
use hub_records::keys;
use hub_store::{Compare, Op, Outcome, Txn};
use jiff::Timestamp;
use proto::v1;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::{ClusterName, EnrollmentToken, EnrollmentTokenSpec, Kind};
use tonic::{Request, Response, Status};

/// Why a token was refused. The texts are for the person at the other end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "the token is not known to this hub, or its secret is wrong; ask for a new one with `flotilla cluster token`"
    )]
    Unknown,
    #[error("the token expired at {0}; ask for a new one with `flotilla cluster token`")]
    Expired(Timestamp),
    #[error("the token was used already; ask for a new one with `flotilla cluster token`")]
    Used,
    #[error(
        "cluster {0} has joined before; `flotilla cluster token --name {0} --reenrol` replaces its identity"
    )]
    Joined(String),
    #[error("cluster {0} is another cluster than the one that joined under this name (ClusterReplaced)")]
    Replaced(String),
    #[error("the certificate request cannot be signed: {0}")]
    Request(String),
    #[error("the hub failed: {0}")]
    Failed(String),
}

impl From<hub_records::Error> for Refusal {
    fn from(error: hub_records::Error) -> Self {
        tracing::error!(%error, "enrolment failed");
        Self::Failed("its store cannot be used now; try again".to_owned())
    }
}

impl From<AuthorityError> for Refusal {
    fn from(error: AuthorityError) -> Self {
        Self::Request(error.to_string())
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        match refusal {
            Refusal::Request(_) => Self::invalid_argument(text),
            Refusal::Failed(_) => Self::unavailable(text),
            Refusal::Unknown
            | Refusal::Expired(_)
            | Refusal::Used
            | Refusal::Joined(_)
            | Refusal::Replaced(_) => Self::permission_denied(text),
        }
    }
}

/// The enrolment service.
#[derive(Debug, Clone)]
pub(crate) struct Enrollment(pub(crate) Shared);

#[tonic::async_trait]
impl v1::enrollment_server::Enrollment for Enrollment {
    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Result<Response<v1::Identity>, Status> {
        let request = request.into_inner();
        let token = request.token_id.clone();
        match self.join(request, shared_runtime::now()).await {
            Ok(identity) => {
                tracing::info!(cluster = %identity.cluster, token, "a cluster joined");
                Ok(Response::new(identity))
            }
            Err(refusal) => {
                tracing::warn!(token, %refusal, "a cluster was not let in");
                Err(refusal.into())
            }
        }
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::Identity>, Status> {
        let cluster = self.0.authenticate(&request)?;
        if self.0.cluster(&cluster).await?.is_none() {
            return Err(Status::permission_denied("the Cluster was deleted on the hub"));
        }
        let identity =
            self.issue(&request.into_inner().certificate_request, &cluster, shared_runtime::now())?;
        tracing::info!(%cluster, "the agent's certificate was renewed");
        Ok(Response::new(identity))
    }
}

impl Enrollment {
    async fn join(&self, request: v1::EnrollRequest, now: Timestamp) -> Result<v1::Identity, Refusal> {
        let spec = self.token(&request, now).await?;
        let cluster = ClusterName::new(spec.cluster.clone());
        // Signing first: a request that cannot be signed must not use the token up.
        let identity = self.issue(&request.certificate_request, &cluster, now)?;
        let key = key_of(&request.certificate_request)?;
        let repeated = self.use_up(&request.token_id, &key, now).await?;
        self.admit(&spec, &cluster, &request.cluster_uid, repeated, now).await?;
        Ok(identity)
    }

    fn issue(&self, request: &[u8], cluster: &ClusterName, now: Timestamp) -> Result<v1::Identity, Refusal> {
        let certificates = self.0.authority.issue_agent(request, cluster, now)?;
        Ok(v1::Identity {
            cluster: cluster.to_string(),
            certificates: certificates.iter().map(|der| der.to_vec().into()).collect(),
            authorities: vec![self.0.authority.certificate().to_vec().into()],
        })
    }

    async fn token(
        &self,
        request: &v1::EnrollRequest,
        now: Timestamp,
    ) -> Result<EnrollmentTokenSpec, Refusal> {
        let valid = |name: &str| !name.is_empty() && !name.contains('/') && name.len() <= 253;
        if !valid(&request.token_id) {
            return Err(Refusal::Unknown);
        }
        let stored = self
            .0
            .records
            .get(Kind::EnrollmentToken, "", &request.token_id)
            .await?
            .ok_or(Refusal::Unknown)?;
        let token = EnrollmentToken::from_value(&stored.value).map_err(|_| Refusal::Unknown)?;
        let hash = hex::encode(Sha256::digest(request.secret.as_bytes()));
        if !same(hash.as_bytes(), token.spec.secret_hash.as_bytes()) || !valid(&token.spec.cluster) {
            return Err(Refusal::Unknown);
        }
        match token.spec.expires {
            Some(expires) if expires <= now => Err(Refusal::Expired(expires)),
            _ => Ok(token.spec),
        }
    }

    /// Marks the token as used by this key; answers whether that key had used it before.
    async fn use_up(&self, token: &str, key: &str, now: Timestamp) -> Result<bool, Refusal> {
        let status = keys::status(Kind::EnrollmentToken, "", token);
        let used = json!({"phase": "Used", "usedAt": now, "key": key});
        let txn = Txn {
            compares: vec![
                Compare::Absent { key: status.clone() },
                Compare::Exists { key: keys::object(Kind::EnrollmentToken, "", token) },
            ],
            ops: vec![Op::Put { key: status, value: used.to_string().into() }],
        };
        let outcome = self.0.records.store().commit(txn).await.map_err(hub_records::Error::from)?;
        if matches!(outcome, Outcome::Committed(_)) {
            return Ok(false);
        }
        let present = self.0.records.status(Kind::EnrollmentToken, "", token).await?;
        match present {
            Some((status, _)) if status["key"] == key => Ok(true),
            _ => Err(Refusal::Used),
        }
    }

    /// Makes the Cluster, or checks that this one may take its name.
    async fn admit(
        &self,
        token: &EnrollmentTokenSpec,
        cluster: &ClusterName,
        uid: &str,
        repeated: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let records = &self.0.records;
        let name = cluster.as_str();
        let known =
            records.status(Kind::Cluster, "", name).await?.map(|(status, _)| status).unwrap_or_default();
        let pinned = known.pointer("/identity/clusterUid").and_then(Value::as_str).unwrap_or_default();
        if !pinned.is_empty() && pinned != uid {
            return Err(Refusal::Replaced(name.to_owned()));
        }
        if !pinned.is_empty() && !token.reenrol && !repeated {
            return Err(Refusal::Joined(name.to_owned()));
        }
        if records.get(Kind::Cluster, "", name).await?.is_none() {
            let object = json!({"metadata": {"name": name, "labels": token.labels}, "spec": {}});
            match records.create(Kind::Cluster, object, now).await {
                Ok(_) | Err(hub_records::Error::AlreadyExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        status::update(records, cluster, |status| {
            status["identity"] = json!({"clusterUid": uid, "joinedAt": now})
        })
        .await;
        Ok(())
    }
}

/// The hash of the request's public key.
fn key_of(request: &[u8]) -> Result<String, Refusal> {
    use x509_parser::prelude::FromDer as _;
    let (_, parsed) = x509_parser::certification_request::X509CertificationRequest::from_der(request)
        .map_err(|error| Refusal::Request(error.to_string()))?;
    Ok(hex::encode(Sha256::digest(parsed.certification_request_info.subject_pki.raw)))
}

/// Compares without telling by time where the two differ.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
