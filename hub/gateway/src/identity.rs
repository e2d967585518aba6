//! Who a certificate says its holder is: a SPIFFE id in the URI SAN (SPIFFE X.509-SVID, §2), and when it
//! was issued: the serial number begins with that.

use jiff::Timestamp;
use shared_model::ClusterName;
use std::fmt;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// Marks a serial number that begins with the time of issue; never 0, so that DER keeps the length.
const SERIAL: u8 = 1;
/// The mark, the time of issue in microseconds, and as much randomness.
pub(crate) const SERIAL_BYTES: usize = 17;

/// `spiffe://<trust domain>/cluster/<name>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpiffeId {
    /// The hub's trust domain.
    pub trust_domain: String,
    /// The cluster.
    pub cluster: ClusterName,
}

/// A certificate that names no cluster of this hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the certificate names no cluster of this hub: {0}")]
pub struct InvalidIdentity(String);

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/cluster/{}", self.trust_domain, self.cluster)
    }
}

impl SpiffeId {
    /// Reads an id.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentity> {
        let parts = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once("/cluster/"));
        match parts {
            Some((domain, name)) if !domain.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Self { trust_domain: domain.to_owned(), cluster: ClusterName::new(name) })
            }
            _ => Err(InvalidIdentity(format!("`{text}` is not spiffe://<trust domain>/cluster/<name>"))),
        }
    }

    /// The id in a certificate that TLS has verified.
    fn of_certificate(
        certificate: &X509Certificate<'_>,
        trust_domain: &str,
    ) -> Result<Self, InvalidIdentity> {
        let names =
            certificate.subject_alternative_name().map_err(|error| InvalidIdentity(error.to_string()))?;
        let mut uris = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| {
            let GeneralName::URI(uri) = name else { return None };
            Some(*uri)
        });
        let (Some(uri), None) = (uris.next(), uris.next()) else {
            return Err(InvalidIdentity("exactly one URI SAN is needed".to_owned()));
        };
        let id = Self::parse(uri)?;
        if id.trust_domain == trust_domain {
            Ok(id)
        } else {
            Err(InvalidIdentity(format!("trust domain {} is not {trust_domain}", id.trust_domain)))
        }
    }
}

/// What the hub reads from an agent's certificate, once TLS has verified that it is one of the hub's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The cluster that it names.
    pub cluster: ClusterName,
    /// When it was issued; microseconds since 1970, by the hub's clock.
    pub issued: i64,
    /// When it ends.
    pub expires: Timestamp,
    /// The name of the authority that signed it, DER.
    pub issuer: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it names no cluster of this trust domain.
    pub fn read(der: &[u8], trust_domain: &str) -> Result<Self, InvalidIdentity> {
        let (_, parsed) =
            X509Certificate::from_der(der).map_err(|error| InvalidIdentity(error.to_string()))?;
        let id = SpiffeId::of_certificate(&parsed, trust_domain)?;
        let validity = parsed.validity();
        let second = |second| {
            Timestamp::from_second(second).map_err(|error| InvalidIdentity(format!("its dates: {error}")))
        };
        // Certificates of hubs before 0.1 have another serial: they count as issued when they begin.
        let issued = match issue_time(parsed.raw_serial()) {
            Some(issued) => issued,
            None => second(validity.not_before.timestamp())?.as_microsecond(),
        };
        let expires = second(validity.not_after.timestamp())?;
        Ok(Self { cluster: id.cluster, issued, expires, issuer: parsed.issuer().as_raw().to_vec() })
    }
}

/// A serial number that begins with the time of issue, in microseconds.
pub(crate) fn serial(issued: i64, random: [u8; 8]) -> [u8; SERIAL_BYTES] {
    let mut serial = [SERIAL; SERIAL_BYTES];
    serial[1..9].copy_from_slice(&issued.to_be_bytes());
    serial[9..].copy_from_slice(&random);
    serial
}

fn issue_time(serial: &[u8]) -> Option<i64> {
    let [SERIAL, rest @ ..] = serial else { return None };
    (serial.len() == SERIAL_BYTES).then(|| i64::from_be_bytes(*rest.first_chunk().expect("16 bytes follow")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_tells_the_time_of_issue() {
        for micros in [0, 1, 1_790_000_000_000_000, i64::MAX] {
            assert_eq!(issue_time(&serial(micros, [0xff; 8])), Some(micros));
        }
        assert_eq!(issue_time(&[0x42; 20]), None);
        assert_eq!(issue_time(&[2; SERIAL_BYTES]), None);
    }

    #[test]
    fn ids_have_one_form() {
        let check = |text: &str, expect: Option<&str>| {
            let id = SpiffeId::parse(text).ok();
            assert_eq!(id.as_ref().map(|id| id.cluster.as_str()), expect, "{text}");
            assert!(id.is_none_or(|id| id.to_string() == text), "{text}");
        };
        check("spiffe://fleet/cluster/eu-1", Some("eu-1"));
        check("spiffe:///cluster/eu-1", None);
        check("spiffe://fleet/cluster/", None);
        check("spiffe://fleet/cluster/a/b", None);
        check("https://fleet/cluster/eu-1", None);
    }
}
