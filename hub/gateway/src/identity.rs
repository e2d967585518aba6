//! Who a certificate says its holder is: a SPIFFE id in the URI SAN (SPIFFE X.509-SVID, §2).

use rustls_pki_types::CertificateDer;
use shared_model::ClusterName;
use std::fmt;
use x509_parser::{extensions::GeneralName, prelude::FromDer as _};

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
    ///
    /// # Errors
    /// When there is none, more than one, or it is of another trust domain.
    pub fn of_certificate(
        certificate: &CertificateDer<'_>,
        trust_domain: &str,
    ) -> Result<Self, InvalidIdentity> {
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate)
            .map_err(|error| InvalidIdentity(error.to_string()))?;
        let names = parsed.subject_alternative_name().map_err(|error| InvalidIdentity(error.to_string()))?;
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
