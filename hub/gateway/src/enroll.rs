//! Enrolment: a one-time token and a key become an identity; and the renewal of that identity.
//!
//! A token is used up in the same transaction that writes the identity it gives, so that two agents can
//! never join with one token, and a token is not lost to an enrolment that was refused. The same key may ask
//! again, since an answer can be lost on its way, for as long as the identity that it got is the present one.
//!
//! Invariants:
//! 1. Enrolling moves `validFrom`: whatever was issued before is no good any more. Renewing does not.
//! 2. The time of issue is in the store before the certificate leaves the hub, so that a revocation that
//!    comes at the same moment is later than it, or the renewal is refused.

use crate::{Certificate, Verdict, authority::AuthorityError, judge, peer, service::Shared};
use hub_records::{Identity, Records, Stored, keys};
use hub_store::{Compare, Op, Outcome, Revision, Txn};
use jiff::Timestamp;
use proto::v1;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared_model::{ClusterName, EnrollmentToken, EnrollmentTokenSpec, Kind};
use tonic::{Request, Response, Status};

/// How often an enrolment is tried again when others change the same records.
const TRIES: usize = 20;

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
    #[error(
        "cluster {0} is another cluster than the one that joined under this name (ClusterReplaced); join it under a name of its own, or, if it takes the old one's place, delete the Cluster {0} on the hub first"
    )]
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
        let joined = self.join(request, shared_runtime::now()).await;
        self.0.metrics.asked("enroll", joined.is_ok());
        match joined {
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
        let peer = self.0.identify(&request)?;
        let cluster = &peer.certificate.cluster;
        let extended = self.extend(&peer.certificate, request.get_ref(), shared_runtime::now()).await;
        self.0.metrics.asked("renew", extended.is_ok());
        match extended {
            Ok(identity) => {
                tracing::info!(%cluster, "the agent's certificate was renewed");
                Ok(Response::new(identity))
            }
            Err(status) => {
                tracing::warn!(%cluster, why = status.message(), "the agent's certificate was not renewed");
                Err(status)
            }
        }
    }
}

/// A token that may be used, with what the store must still say of it.
struct Token {
    spec: EnrollmentTokenSpec,
    revision: Revision,
}

/// What the store says of a cluster that joins.
struct Place {
    object: Option<Stored>,
    status: Value,
    status_revision: Revision,
}

impl Enrollment {
    async fn join(&self, request: v1::EnrollRequest, now: Timestamp) -> Result<v1::Identity, Refusal> {
        let key = key_of(&request.certificate_request)?;
        for _try in 0..TRIES {
            let token = self.token(&request, now).await?;
            let cluster = ClusterName::new(token.spec.cluster.clone());
            let place = Place::read(&self.0.records, &cluster).await?;
            let identity = self.place(&request, &token, &place, &key, now).await?;
            // Signing first: a request that cannot be signed must not use the token up.
            let issued = self.issue(&request.certificate_request, &cluster, identity.last_issued, now)?;
            if self.keep(&request.token_id, &token, &place, &identity, &key, now).await? {
                return Ok(issued);
            }
        }
        Err(Refusal::Failed("others change the same cluster; try again".to_owned()))
    }

    /// The identity that a token gives, if it may.
    async fn place(
        &self,
        request: &v1::EnrollRequest,
        token: &Token,
        place: &Place,
        key: &str,
        now: Timestamp,
    ) -> Result<Identity, Refusal> {
        let name = token.spec.cluster.as_str();
        let known = Identity::of(&place.status);
        if known.as_ref().is_some_and(|known| known.cluster_uid != request.cluster_uid) {
            return Err(Refusal::Replaced(name.to_owned()));
        }
        let expires_at = now.checked_add(self.0.authority.agent_lifetime()).ok();
        let used = self.0.records.status(Kind::EnrollmentToken, "", &request.token_id).await?;
        if let Some((used, _)) = used {
            // Only the key that has it, and not to get around a revocation or another's enrolment.
            let same = used["key"] == key;
            return match known {
                Some(known) if same && known.token == request.token_id && known.revoked.is_none() => {
                    let last_issued = known.next_issue(now);
                    Ok(Identity { last_issued, expires_at, ..known })
                }
                _ => Err(Refusal::Used),
            };
        }
        if known.is_some() && !token.spec.reenrol {
            return Err(Refusal::Joined(name.to_owned()));
        }
        let issued = known.unwrap_or_default().next_issue(now);
        Ok(Identity {
            cluster_uid: request.cluster_uid.clone(),
            joined_at: Some(now),
            token: request.token_id.clone(),
            valid_from: issued,
            last_issued: issued,
            expires_at,
            ..Identity::default()
        })
    }

    /// Uses the token up and writes the identity, both or neither. Answers false when something changed.
    async fn keep(
        &self,
        id: &str,
        token: &Token,
        place: &Place,
        identity: &Identity,
        key: &str,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let name = token.spec.cluster.as_str();
        let (object, status) = (keys::object(Kind::Cluster, "", name), keys::status(Kind::Cluster, "", name));
        let of_token = keys::object(Kind::EnrollmentToken, "", id);
        let used = keys::status(Kind::EnrollmentToken, "", id);
        let revision = place.status_revision;
        let mut txn = Txn::new()
            .when(Compare::ModRevision { key: of_token, revision: token.revision })
            .when(Compare::ModRevision { key: status.clone(), revision });
        txn = match &place.object {
            Some(_) => txn.when(Compare::Exists { key: object }),
            None => {
                let made = json!({"metadata": {"name": name, "labels": token.spec.labels}, "spec": {}});
                let made = Records::draft(Kind::Cluster, made, now)?;
                txn.when(Compare::Absent { key: object.clone() }).put(object, made.to_string())
            }
        };
        if identity.joined_at == Some(now) {
            let record = json!({"phase": "Used", "usedAt": now, "key": key});
            txn = txn.when(Compare::Absent { key: used.clone() }).put(used, record.to_string());
        }
        let mut written = place.status.clone();
        identity.put(&mut written);
        let told = shared_history::of_status(&ClusterName::new(name), &place.status, &written, now);
        txn.ops.extend(hub_records::history::puts(told));
        txn.ops.push(Op::Put { key: status, value: written.to_string().into() });
        let outcome = self.0.records.store().commit(txn).await.map_err(hub_records::Error::from)?;
        Ok(matches!(outcome, Outcome::Committed(_)))
    }

    /// A new certificate for the holder of one that may be renewed.
    async fn extend(
        &self,
        certificate: &Certificate,
        request: &v1::RenewRequest,
        now: Timestamp,
    ) -> Result<v1::Identity, Status> {
        let cluster = &certificate.cluster;
        // Before anything is written.
        key_of(&request.certificate_request)?;
        let mut decided = Verdict::Good;
        let mut issued = 0;
        let change = |status: &mut Value| {
            decided = judge(certificate, Some(status), now);
            let (false, Some(mut identity)) = (matches!(decided, Verdict::Refused(_)), Identity::of(status))
            else {
                return;
            };
            issued = identity.next_issue(now).max(certificate.issued + 1);
            identity.last_issued = issued;
            identity.expires_at = now.checked_add(self.0.authority.agent_lifetime()).ok();
            identity.put(status);
        };
        let found = self.0.records.modify_status(Kind::Cluster, "", cluster.as_str(), change).await;
        if found.map_err(Refusal::from)?.is_none() {
            decided = judge(certificate, None, now);
        }
        match decided {
            Verdict::Good | Verdict::RenewOnly(_) => {
                Ok(self.issue(&request.certificate_request, cluster, issued, now)?)
            }
            Verdict::Refused(why) => Err(peer::refusal(&why)),
        }
    }

    fn issue(
        &self,
        request: &[u8],
        cluster: &ClusterName,
        issued: i64,
        now: Timestamp,
    ) -> Result<v1::Identity, Refusal> {
        let authority = &self.0.authority;
        let certificates = authority.issue_agent(request, cluster, issued, now)?;
        Ok(v1::Identity {
            cluster: cluster.to_string(),
            certificates: certificates.iter().map(|der| der.to_vec().into()).collect(),
            authorities: authority.trusted().iter().map(|der| der.to_vec().into()).collect(),
        })
    }

    async fn token(&self, request: &v1::EnrollRequest, now: Timestamp) -> Result<Token, Refusal> {
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
            _ => Ok(Token { spec: token.spec, revision: stored.revision }),
        }
    }
}

impl Place {
    async fn read(records: &Records, cluster: &ClusterName) -> Result<Self, Refusal> {
        let object = records.get(Kind::Cluster, "", cluster.as_str()).await?;
        let status = records.status(Kind::Cluster, "", cluster.as_str()).await?;
        let (status, status_revision) = status.unwrap_or_else(|| (json!({}), Revision::ZERO));
        Ok(Self { object, status, status_revision })
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
