//! What this machine can do at best of what a fleet needs: full TLS handshakes, durable writes, bytes over loopback.

use anyhow::{Context as _, Result};
use benches_agent::table::time;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection,
    server::WebPkiClientVerifier,
};
use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// For how long each is measured.
const FOR: Duration = Duration::from_secs(1);

/// How many a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floors {
    /// Both sides of a mutual TLS 1.3 handshake, on one core.
    pub(crate) handshakes: f64,
    /// 4 KiB written and durable, one after the other.
    pub(crate) durable: f64,
    /// Bytes over one loopback connection, both ends.
    pub(crate) loopback: f64,
}

/// What of a workload nothing can be faster than.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs {
    /// Things that have to be durable one after the other.
    pub(crate) turns: usize,
    pub(crate) handshakes: usize,
    /// Over loopback.
    pub(crate) bytes: u64,
}

impl Floors {
    /// Measures them; the disk is that of the folder.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        Ok(Self { handshakes: handshakes()?, durable: durable(folder)?, loopback: loopback()? })
    }

    /// How long the machine takes for what a workload needs at least, on both cores.
    pub(crate) fn of(&self, needs: Needs) -> String {
        let seconds = |count: f64, a_second: f64| time(Duration::from_secs_f64(count / a_second));
        let mut parts = Vec::new();
        if needs.turns > 0 {
            let took = seconds(needs.turns as f64, self.durable);
            parts.push(format!("{} durable writes in turn {took}", needs.turns));
        }
        if needs.handshakes > 0 {
            let took = seconds(needs.handshakes as f64, 2.0 * self.handshakes);
            parts.push(format!("{} handshakes {took}", needs.handshakes));
        }
        if needs.bytes > 0 {
            parts.push(format!("bytes {}", seconds(needs.bytes as f64, self.loopback)));
        }
        parts.join(", ")
    }
}

fn durable(folder: &Path) -> Result<f64> {
    let mut file = File::create(folder.join("floor")).context("make a file")?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < FOR {
        file.rewind()?;
        file.write_all(&[count as u8; 4096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

fn loopback() -> Result<f64> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let mut sender = std::net::TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let reading = std::thread::spawn(move || std::io::copy(&mut receiver, &mut std::io::sink()));
    let (began, part, mut sent) = (Instant::now(), [0_u8; 64 << 10], 0.0);
    while began.elapsed() < FOR {
        sender.write_all(&part)?;
        sent += part.len() as f64;
    }
    drop(sender);
    let _read = reading.join();
    Ok(sent / began.elapsed().as_secs_f64())
}

fn handshakes() -> Result<f64> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    let (chain, key) = (vec![certificate.der().clone()], key.serialize_der());
    let key = || rustls::pki_types::PrivateKeyDer::try_from(key.clone()).map_err(anyhow::Error::msg);
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone())?;
    let roots = Arc::new(roots);
    let verifier = WebPkiClientVerifier::builder(Arc::clone(&roots)).build()?;
    let server = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key()?)?;
    let mut client =
        ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key()?)?;
    // An agent that returns to another hub, or after a day, has no ticket.
    client.resumption = rustls::client::Resumption::disabled();
    let (server, client) = (Arc::new(server), Arc::new(client));
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < FOR {
        shake(
            &mut ClientConnection::new(Arc::clone(&client), "localhost".try_into()?)?,
            &mut ServerConnection::new(Arc::clone(&server))?,
        )?;
        count += 1;
    }
    Ok(f64::from(count) / began.elapsed().as_secs_f64())
}

fn shake(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<()> {
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut wire)?;
        }
        while !wire.is_empty() {
            let read = server.read_tls(&mut &wire[..])?;
            wire.drain(..read);
            server.process_new_packets()?;
        }
        while server.wants_write() {
            server.write_tls(&mut wire)?;
        }
        while !wire.is_empty() {
            let read = client.read_tls(&mut &wire[..])?;
            wire.drain(..read);
            client.process_new_packets()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_counted() {
        shared_runtime::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let floors = Floors::measure(folder.path()).unwrap();
        assert!(floors.handshakes > 1.0 && floors.durable > 1.0 && floors.loopback > 1e6, "{floors:?}");
        let floors = Floors { handshakes: 100.0, durable: 50.0, loopback: 1e6 };
        let said = floors.of(Needs { turns: 5, handshakes: 40, bytes: 500_000 });
        assert_eq!(said, "5 durable writes in turn 100 ms, 40 handshakes 200 ms, bytes 500 ms");
        assert_eq!(floors.of(Needs { turns: 0, handshakes: 0, bytes: 1_000_000 }), "bytes 1.00 s");
    }
}
