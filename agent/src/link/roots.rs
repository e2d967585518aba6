//! Authorities from a PEM file, read anew for every connection: a file that changes needs no restart.

use super::Error;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use std::path::Path;

/// The certificates in a file.
///
/// # Errors
/// When it cannot be read or has none.
pub(super) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |problem: String| Error::Roots { path: path.to_owned(), problem };
    // A few KiB: not worth a thread.
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| failed(format!("it is not PEM: {error}")))?;
    let mut store = rustls::RootCertStore::empty();
    for authority in &found {
        store.add(authority.clone()).map_err(|error| failed(error.to_string()))?;
    }
    if found.is_empty() {
        return Err(failed("it has no certificate".to_owned()));
    }
    Ok(found)
}
