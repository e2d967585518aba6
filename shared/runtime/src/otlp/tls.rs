//! Whom the exporter trusts, and who it is.

use super::settings::{InvalidSetting, Variables};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{fs, sync::Arc};

/// TLS by `…_CERTIFICATE`, `…_CLIENT_CERTIFICATE` and `…_CLIENT_KEY`, files in PEM. Without the first it trusts the
/// authorities of the system.
pub(super) fn config(read: &Variables<'_>) -> Result<ClientConfig, InvalidSetting> {
    let mut roots = RootCertStore::empty();
    match read.setting("CERTIFICATE") {
        (variable, Some(file)) => {
            for certificate in certificates(&variable, &file)? {
                roots.add(certificate).map_err(|error| invalid(&variable, &file, &error.to_string()))?;
            }
        }
        (_, None) => {
            // None at all shows when a server is to be trusted.
            let _unreadable = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trusting = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default versions of TLS")
        .with_root_certificates(roots);
    match (read.setting("CLIENT_CERTIFICATE"), read.setting("CLIENT_KEY")) {
        ((_, None), (_, None)) => Ok(trusting.with_no_client_auth()),
        ((variable, Some(file)), (key_variable, Some(key_file))) => {
            let chain = certificates(&variable, &file)?;
            let key = contents(&key_variable, &key_file)?;
            let key = PrivateKeyDer::from_pem_slice(&key)
                .map_err(|_| invalid(&key_variable, &key_file, "it holds no private key"))?;
            let with_key = trusting.with_client_auth_cert(chain, key);
            with_key.map_err(|error| invalid(&variable, &file, &error.to_string()))
        }
        ((set, Some(_)), (missing, None)) | ((missing, None), (set, Some(_))) => Err(InvalidSetting {
            variable: missing,
            problem: format!("it is not set, and {set} is"),
            expected: "set both or neither".to_owned(),
        }),
    }
}

fn invalid(variable: &str, file: &str, problem: &str) -> InvalidSetting {
    InvalidSetting {
        variable: variable.to_owned(),
        problem: format!("{file}: {problem}"),
        expected: "expected a file in PEM".to_owned(),
    }
}

fn contents(variable: &str, file: &str) -> Result<Vec<u8>, InvalidSetting> {
    fs::read(file).map_err(|error| invalid(variable, file, &error.to_string()))
}

fn certificates(variable: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, InvalidSetting> {
    let text = contents(variable, file)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(invalid(variable, file, "it holds no certificate")),
    }
}
