//! Who calls, and what they may do.

use crate::{Certificate, Unacceptable, Verdict, judge, service::Shared};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{Cluster, Kind};
use std::net::SocketAddr;
use tonic::{Request, Status};

/// The agent at the other end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its certificate, as TLS verified it.
    pub(crate) certificate: Certificate,
    /// Where it comes from.
    pub(crate) address: Option<SocketAddr>,
}

impl Shared {
    /// The holder of the certificate of a request.
    #[allow(clippy::result_large_err, reason = "tonic's Status is the error of every service method")]
    pub(crate) fn identify<T>(&self, request: &Request<T>) -> Result<Peer, Status> {
        let certificates = request.peer_certs().filter(|certificates| !certificates.is_empty());
        let certificates = certificates
            .ok_or_else(|| Status::unauthenticated("a client certificate of this hub is needed"))?;
        let certificate = Certificate::read(&certificates[0], self.authority.trust_domain())
            .map_err(|error| Status::unauthenticated(error.to_string()))?;
        Ok(Peer { certificate, address: request.remote_addr() })
    }

    /// The Cluster of a peer that may do everything, with its status.
    pub(crate) async fn admit(&self, peer: &Peer, now: Timestamp) -> Result<(Cluster, Value), Status> {
        let certificate = &peer.certificate;
        let read = async {
            let name = certificate.cluster.as_str();
            let Some(stored) = self.records.get(Kind::Cluster, "", name).await? else {
                return Ok(None);
            };
            let status = self.records.status(Kind::Cluster, "", name).await?;
            let status = status.map(|(status, _)| status).unwrap_or_default();
            Ok::<_, hub_records::Error>(Some((stored.value, status)))
        };
        let found = read.await.map_err(|error| {
            tracing::error!(cluster = %certificate.cluster, %error, "the Cluster cannot be read");
            Status::unavailable("the hub cannot read its store now")
        })?;
        match judge(certificate, found.as_ref().map(|(_, status)| status), now) {
            Verdict::Good => {}
            Verdict::RenewOnly(at) => return Err(expired(at)),
            Verdict::Refused(why) => return Err(refusal(&why)),
        }
        let (value, status) = found.expect("a certificate is good for a Cluster only");
        let cluster = Cluster::from_value(&value).map_err(|error| {
            Status::failed_precondition(format!("Cluster {} cannot be read: {error}", certificate.cluster))
        })?;
        Ok((cluster, status))
    }
}

/// Told to whoever does anything but renew an expired certificate.
pub(crate) fn expired(at: Timestamp) -> Status {
    Status::unauthenticated(format!("the certificate expired at {at}; renew it"))
}

/// Told to the holder of a certificate that is worth nothing.
pub(crate) fn refusal(why: &Unacceptable) -> Status {
    match why {
        Unacceptable::Expired { .. } => Status::unauthenticated(why.to_string()),
        Unacceptable::Deleted(_)
        | Unacceptable::NotJoined(_)
        | Unacceptable::Revoked { .. }
        | Unacceptable::Superseded { .. } => Status::permission_denied(format!("{}: {why}", why.reason())),
    }
}
