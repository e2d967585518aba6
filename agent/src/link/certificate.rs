//! What counts of the agent's certificate.

use super::{renewal::Life, trust};
use crate::journal::Identity;
use jiff::Timestamp;
use x509_parser::prelude::FromDer as _;

/// The life of an identity's certificate. One that cannot be read counts as ended long ago.
pub(super) fn life(identity: &Identity) -> Life {
    read(identity).unwrap_or(Life { from: Timestamp::MIN, to: Timestamp::MIN, trusted: false })
}

fn read(identity: &Identity) -> Option<Life> {
    let chain = Identity::decode(&identity.certificates)?;
    let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(chain.first()?).ok()?;
    let (from, to) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    let authorities = Identity::decode(&identity.authorities)?;
    Some(Life {
        from: Timestamp::from_second(from).ok()?,
        to: Timestamp::from_second(to).ok()?,
        trusted: trust::issued_by(&chain, &authorities, u64::try_from(to).ok()?),
    })
}
