//! TCP to the hub, through the proxy if there is one (RFC 9110 §9.3.6).

use super::{Proxies, Proxy};
use crate::link::{Error, roots};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::{io, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// More than any proxy says before the tunnel.
const LONGEST_ANSWER: usize = 16 * 1024;

/// A connection, whatever it runs through.
pub(in crate::link) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub(in crate::link) type Stream = Box<dyn Io>;

/// Connects to `host`, named `hub` in errors.
pub(in crate::link) async fn open(
    proxies: &Proxies,
    hub: &str,
    host: &str,
    port: u16,
) -> Result<Stream, Error> {
    let proxy = proxies.of(host, port).map_err(|invalid| Error::InvalidProxy(invalid.clone()))?;
    let Some(proxy) = proxy else {
        let failed =
            |error: io::Error| Error::Unreachable { hub: hub.to_owned(), problem: error.to_string() };
        return Ok(Box::new(connect(host, port).await.map_err(failed)?));
    };
    let failed = |problem: String| Error::Proxy { hub: hub.to_owned(), proxy: proxy.to_string(), problem };
    let socket = connect(&proxy.host, proxy.port)
        .await
        .map_err(|error| failed(format!("cannot be reached: {error}")))?;
    if !proxy.tls {
        return Ok(Box::new(tunnel(proxy, host, port, socket).await.map_err(failed)?));
    }
    let config = Arc::new(config(proxies)?);
    let name =
        ServerName::try_from(proxy.host.clone()).map_err(|_| failed("has no usable name".to_owned()))?;
    let stream = TlsConnector::from(config)
        .connect(name, socket)
        .await
        .map_err(|error| failed(format!("its TLS failed: {error}; --proxy-ca names a private authority")))?;
    Ok(Box::new(tunnel(proxy, host, port, stream).await.map_err(failed)?))
}

async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((host, port)).await?;
    let _unsupported = socket.set_nodelay(true);
    Ok(socket)
}

/// TLS to a proxy: the system's authorities and those of `--proxy-ca`.
fn config(proxies: &Proxies) -> Result<ClientConfig, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &proxies.authorities {
        for authority in roots::read(path)? {
            store
                .add(authority)
                .map_err(|error| Error::Roots { path: path.clone(), problem: error.to_string() })?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Identity(error.to_string()))?;
    Ok(builder.with_root_certificates(store).with_no_client_auth())
}

/// Asks for the tunnel; what the proxy says against it.
async fn tunnel<S: Io>(proxy: &Proxy, host: &str, port: u16, mut stream: S) -> Result<S, String> {
    let bracket = host.contains(':');
    let target = if bracket { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(authorization) = &proxy.authorization {
        request.push_str(&format!("Proxy-Authorization: {authorization}\r\n"));
    }
    request.push_str("\r\n");
    let broke = |error: io::Error| format!("broke off: {error}");
    stream.write_all(request.as_bytes()).await.map_err(broke)?;
    stream.flush().await.map_err(broke)?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the answer is the hub's.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == LONGEST_ANSWER {
            return Err("does not speak HTTP".to_owned());
        }
        answer.push(stream.read_u8().await.map_err(broke)?);
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)).unwrap_or_default();
    match code {
        "200" => Ok(stream),
        "407" if proxy.authorization.is_some() => {
            Err("does not take the user and password of its URL (407)".to_owned())
        }
        "407" => {
            Err("asks for a user and a password (407): put them in its URL, http://USER:PASSWORD@HOST"
                .to_owned())
        }
        "" => Err("does not speak HTTP".to_owned()),
        _ => Err(format!(
            "refused the tunnel: {}",
            line.chars().filter(|char| !char.is_control()).take(100).collect::<String>()
        )),
    }
}
