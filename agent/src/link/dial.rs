//! One connection: TCP or a proxy's tunnel, TLS, HTTP/2.

use super::{
    Config, Error,
    proxy::{self, Proxies},
    roots,
    trust::{Proof, Trust, Verdict},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::{CertificateDer, ServerName};
use shared_runtime::metrics::{Counted, Traffic};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How hubs are reached.
#[derive(Debug)]
pub(crate) struct Dialer {
    proxies: Proxies,
    /// The file of `--hub-ca`, and what it said when it could be read last.
    extra: Option<(PathBuf, Mutex<Vec<CertificateDer<'static>>>)>,
    keepalive: Duration,
    traffic: Traffic,
}

impl Dialer {
    /// Checks everything that can be checked without a connection.
    ///
    /// # Errors
    /// When an address, the proxy for it or the file of authorities cannot be used.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        for hub in &config.hubs {
            let (host, port) = address(hub)?;
            config.proxies.of(host, port).map_err(|invalid| Error::InvalidProxy(invalid.clone()))?;
        }
        if let Some(path) = &config.proxies.authorities {
            roots::read(path)?;
        }
        let extra = match &config.hub_authorities {
            Some(path) => Some((path.clone(), Mutex::new(roots::read(path)?))),
            None => None,
        };
        let keepalive = config.keepalive.unwrap_or(KEEPALIVE);
        Ok(Self { proxies: config.proxies.clone(), extra, keepalive, traffic: Traffic::default() })
    }

    /// Counts the bytes of its connections there.
    pub(crate) fn counted(self, traffic: Traffic) -> Self {
        Self { traffic, ..self }
    }

    /// The authorities of `--hub-ca`, as the file says now.
    pub(super) fn extra(&self) -> Vec<CertificateDer<'static>> {
        let Some((path, known)) = &self.extra else { return Vec::new() };
        match roots::read(path) {
            Ok(fresh) => known.lock().clone_from(&fresh),
            Err(error) => tracing::warn!(%error, "what it said before is used"),
        }
        known.lock().clone()
    }

    /// Connects to a hub. The channel is this one connection: when it breaks, calls on it fail.
    pub(super) async fn dial(&self, hub: &str, trust: Trust<'_>) -> Result<(Channel, Proof), Error> {
        let unreachable = |problem: String| Error::Unreachable { hub: hub.to_owned(), problem };
        let (config, verdict) = trust.config(self.extra())?;
        let connected = tokio::time::timeout(CONNECT_WITHIN, self.connect(hub, config, &verdict)).await;
        let (stream, proof) = connected
            .map_err(|_| unreachable(format!("no answer within {} s", CONNECT_WITHIN.as_secs())))??;
        let endpoint = Endpoint::from_shared(format!("http://{hub}"))
            .map_err(|_| Error::Address(hub.to_owned()))?
            .http2_keep_alive_interval(self.keepalive)
            .keep_alive_timeout(self.keepalive * 2 / 3)
            .keep_alive_while_idle(true);
        let stream = Arc::new(Mutex::new(Some(TokioIo::new(stream))));
        let once = tower::service_fn(move |_uri| {
            let stream = stream.lock().take();
            async move { stream.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let channel =
            endpoint.connect_with_connector(once).await.map_err(|error| unreachable(chain(&error)))?;
        Ok((channel, proof))
    }

    async fn connect(
        &self,
        hub: &str,
        config: ClientConfig,
        verdict: &Verdict,
    ) -> Result<(TlsStream<Counted<proxy::Stream>>, Proof), Error> {
        let (host, port) = address(hub)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Address(hub.to_owned()))?;
        let socket = proxy::open(&self.proxies, hub, host, port).await?;
        let socket = self.traffic.clone().counted(socket);
        let connected = TlsConnector::from(Arc::new(config)).connect(name.clone(), socket).await;
        let stream = connected.map_err(|error| match verdict.take() {
            Some(verdict) => of_verdict(hub, &verdict),
            None => Error::Unreachable { hub: hub.to_owned(), problem: error.to_string() },
        })?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let proof = Proof { chain: chain.iter().map(|der| der.clone().into_owned()).collect(), name };
        Ok((stream, proof))
    }
}

/// `HOST:PORT` in its parts.
fn address(hub: &str) -> Result<(&str, u16), Error> {
    let invalid = || Error::Address(hub.to_owned());
    let (host, port) = proxy::split_address(hub).ok_or_else(invalid)?;
    let usable = ServerName::try_from(host).is_ok();
    port.filter(|_| usable).map(|port| (host, port)).ok_or_else(invalid)
}

fn of_verdict(hub: &str, verdict: &rustls::Error) -> Error {
    let untrusted =
        |hint: &str| Error::Untrusted { hub: hub.to_owned(), problem: format!("{verdict}{hint}") };
    let rustls::Error::InvalidCertificate(problem) = verdict else { return untrusted("") };
    let wrong_name = matches!(
        problem,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    );
    let wrong_time = matches!(
        problem,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    );
    if *problem == CertificateError::UnknownIssuer {
        Error::WrongAuthority(hub.to_owned())
    } else if wrong_name {
        Error::WrongName(hub.to_owned(), verdict.to_string())
    } else if wrong_time {
        untrusted("; is this machine's clock right?")
    } else {
        untrusted("")
    }
}

/// An error with its causes, once each.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    causes(error.to_string(), error.source())
}

/// A text, and what of its causes it does not say yet.
pub(super) fn causes(mut text: String, mut source: Option<&dyn std::error::Error>) -> String {
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}
