//! One connection: TCP, TLS, HTTP/2.

use super::{Error, trust::Verdict};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use std::{io, sync::Arc, time::Duration};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_WITHIN: Duration = Duration::from_secs(20);

/// Connects to a hub. The channel is this one connection: when it breaks, calls on it fail.
pub(super) async fn dial(hub: &str, config: ClientConfig, verdict: &Verdict) -> Result<Channel, Error> {
    let unreachable = |problem: String| Error::Unreachable { hub: hub.to_owned(), problem };
    let connected = tokio::time::timeout(CONNECT_WITHIN, connect(hub, config, verdict)).await;
    let stream =
        connected.map_err(|_| unreachable(format!("no answer within {} s", CONNECT_WITHIN.as_secs())))??;
    let endpoint = Endpoint::from_shared(format!("http://{hub}"))
        .map_err(|_| Error::Address(hub.to_owned()))?
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_WITHIN)
        .keep_alive_while_idle(true);
    let stream = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
    let once = tower::service_fn(move |_uri| {
        let stream = stream.lock().take();
        async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
    });
    endpoint.connect_with_connector(once).await.map_err(|error| unreachable(chain(&error)))
}

async fn connect(hub: &str, config: ClientConfig, verdict: &Verdict) -> Result<TlsStream<TcpStream>, Error> {
    let address = || Error::Address(hub.to_owned());
    let (host, port) = hub.rsplit_once(':').ok_or_else(address)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port: u16 = port.parse().map_err(|_| address())?;
    let name = ServerName::try_from(host.clone()).map_err(|_| address())?;
    let failed = |error: io::Error| Error::Unreachable { hub: hub.to_owned(), problem: error.to_string() };
    let socket = TcpStream::connect((host.as_str(), port)).await.map_err(failed)?;
    let _unsupported = socket.set_nodelay(true);
    let connected = TlsConnector::from(Arc::new(config)).connect(name, socket).await;
    connected.map_err(|error| match verdict.take() {
        Some(verdict) => of_verdict(hub, &verdict),
        None => failed(error),
    })
}

fn of_verdict(hub: &str, verdict: &rustls::Error) -> Error {
    let untrusted = || Error::Untrusted { hub: hub.to_owned(), problem: verdict.to_string() };
    let rustls::Error::InvalidCertificate(problem) = verdict else { return untrusted() };
    let wrong_name = matches!(
        problem,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    );
    if *problem == CertificateError::UnknownIssuer {
        Error::WrongAuthority(hub.to_owned())
    } else if wrong_name {
        Error::WrongName(hub.to_owned(), verdict.to_string())
    } else {
        untrusted()
    }
}

/// An error with its causes, once each.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
