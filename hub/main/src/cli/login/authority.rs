//! The authority of a hub: from a file, or as the hub shows it, confirmed by its fingerprint.

use super::ask;
use crate::{args::LoginOptions, cli::output};
use anyhow::{Context as _, bail};
use base64::Engine as _;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest as _, Sha256};
use std::{
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

/// How long the hub may take to show itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The authority to believe, as PEM.
pub(super) async fn of(options: &LoginOptions) -> anyhow::Result<String> {
    if let Some(path) = &options.ca {
        return std::fs::read_to_string(path).with_context(|| format!("--ca {}", path.display()));
    }
    let server = options.server.clone();
    let shown = tokio::task::spawn_blocking(move || shown(&server)).await??;
    let Some(authority) = issuer(&shown, &options.server)? else {
        bail!(
            "{} shows no authority of its own certificate: give --ca FILE (the hub's data folder has it as ca/ca.crt)",
            options.server
        );
    };
    let fingerprint = hex::encode(Sha256::digest(authority));
    match &options.ca_fingerprint {
        Some(expected) if *expected == fingerprint => {}
        Some(expected) => bail!(
            "the authority of {} is another one: its fingerprint is {fingerprint} and not {expected}. Somebody may answer in \
             the hub's place; nothing was sent",
            options.server
        ),
        None => confirm(&options.server, &fingerprint).await?,
    }
    Ok(pem(authority))
}

async fn confirm(server: &str, fingerprint: &str) -> anyhow::Result<()> {
    output::note(&format!("The authority of {server} has the SHA-256 fingerprint"));
    output::note(&format!("  {fingerprint}"));
    output::note("On the hub: openssl x509 -noout -fingerprint -sha256 -in DATA-FOLDER/ca/ca.crt");
    match ask::line("Is it the right one? (yes/no) ").await? {
        None => bail!(
            "nobody can be asked here: give --ca FILE, or --ca-fingerprint {fingerprint} if that is the right one"
        ),
        Some(answer) if ["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()) => Ok(()),
        Some(_) => bail!("nothing was sent and nothing was written"),
    }
}

/// The certificates that a server shows, its own first.
fn shown(server: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let (host, port) = place(server)?;
    let unreachable = || {
        format!(
            "{server} cannot be reached; is `flotilla hub` running there? `curl -k {server}/readyz` tries the address"
        )
    };
    let addresses: Vec<_> =
        (host.trim_matches(['[', ']']), port).to_socket_addrs().with_context(unreachable)?.collect();
    let mut last = None;
    let stream = addresses.iter().find_map(|address| {
        TcpStream::connect_timeout(address, PATIENCE).map_err(|error| last = Some(error)).ok()
    });
    let mut stream = match (stream, last) {
        (Some(stream), _) => stream,
        (None, Some(error)) => return Err(error).with_context(unreachable),
        (None, None) => bail!("{}", unreachable()),
    };
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Look(provider)))
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), name(&host)?)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).with_context(|| format!("{server} speaks no TLS"))?;
    }
    let shown = connection.peer_certificates().unwrap_or_default();
    Ok(shown.iter().map(|certificate| certificate.clone().into_owned()).collect())
}

/// Host and port of a URL.
fn place(server: &str) -> anyhow::Result<(String, u16)> {
    let url: reqwest::Url = server.parse().context("--server")?;
    let host = url.host_str().context("--server names no host")?.to_owned();
    Ok((host, url.port_or_known_default().unwrap_or(443)))
}

fn name(host: &str) -> anyhow::Result<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .with_context(|| format!("--server: {host} is no name"))
}

/// The certificate behind the server's own that vouches for it under its name.
fn issuer<'a>(
    shown: &'a [CertificateDer<'static>],
    server: &str,
) -> anyhow::Result<Option<&'a CertificateDer<'static>>> {
    let Some((own, others)) = shown.split_first() else { return Ok(None) };
    let name = name(&place(server)?.0)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut wrong = None;
    for candidate in others {
        let mut roots = RootCertStore::empty();
        if roots.add(candidate.clone()).is_err() {
            continue;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .context("the server's certificates")?;
        match verifier.verify_server_cert(own, others, &name, &[], UnixTime::now()) {
            Ok(_) => return Ok(Some(candidate)),
            Err(rustls::Error::InvalidCertificate(
                error @ (CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
                | CertificateError::Expired
                | CertificateError::ExpiredContext { .. }),
            )) => wrong = Some(error),
            Err(_) => {}
        }
    }
    match wrong {
        Some(error) => bail!(
            "the certificate of {server} does not do: {}; `flotilla hub --name NAME` adds names to it",
            rustls::Error::InvalidCertificate(error)
        ),
        None => Ok(None),
    }
}

fn pem(certificate: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem + "\n-----END CERTIFICATE-----\n"
}

/// Lets the handshake end whoever answers: nothing is sent over this connection, only its certificates are looked at.
#[derive(Debug)]
struct Look(Arc<CryptoProvider>);

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
