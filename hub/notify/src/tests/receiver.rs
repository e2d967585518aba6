//! A receiver: a real HTTP server, with TLS or without, that answers what a test wants.

use super::WITHIN;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::Value;
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
    /// What it was answered.
    pub(super) status: u16,
}

/// What to answer a request, by how many came before.
type Answers = dyn Fn(usize) -> Answer + Send + Sync;

/// What to answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// This.
    Say(u16, &'static str),
    /// Nothing, ever.
    Hang,
}

/// A receiver. Clones share one.
#[derive(Debug, Clone)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) authority: String,
    got: watch::Receiver<Vec<Got>>,
}

impl Receiver {
    /// Without TLS.
    pub(super) async fn plain(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Self::start(None, String::new(), Arc::new(answers)).await
    }

    /// With a certificate of its own authority.
    pub(super) async fn tls(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        shared_runtime::install_crypto();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        Self::start(Some(TlsAcceptor::from(Arc::new(config))), made.cert.pem(), Arc::new(answers)).await
    }

    async fn start(tls: Option<TlsAcceptor>, authority: String, answers: Arc<Answers>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, got) = watch::channel(Vec::new());
        let (told, before) = (Arc::new(told), Arc::new(Mutex::new(0)));
        shared_runtime::spawn("receiver", async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (tls, answers) = (tls.clone(), Arc::clone(&answers));
                let (told, before) = (Arc::clone(&told), Arc::clone(&before));
                shared_runtime::spawn("request", async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(socket).await {
                                serve(stream, &*answers, &told, &before).await;
                            }
                        }
                        None => serve(socket, &*answers, &told, &before).await,
                    }
                });
            }
        });
        Self { address, authority, got }
    }

    pub(super) fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_empty() { "http" } else { "https" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Everything that came so far.
    pub(super) fn all(&self) -> Vec<Got> {
        self.got.borrow().clone()
    }

    /// The bodies that were taken.
    pub(super) fn taken(&self) -> Vec<Value> {
        let all = self.all().into_iter().filter(|got| got.status < 300);
        all.map(|got| got.body).collect()
    }

    /// Waits until so many were taken.
    pub(super) async fn takes(&self, count: usize) -> Vec<Value> {
        let mut got = self.got.clone();
        let enough = got.wait_for(|got| got.iter().filter(|got| got.status < 300).count() >= count);
        let waited = tokio::time::timeout(WITHIN, enough).await.map(drop);
        assert!(waited.is_ok(), "{:?}", self.all());
        self.taken()
    }

    /// Waits until so many requests came, whatever they were answered.
    pub(super) async fn asked(&self, count: usize) -> Vec<Got> {
        let mut got = self.got.clone();
        let waited = tokio::time::timeout(WITHIN, got.wait_for(|got| got.len() >= count)).await.map(drop);
        assert!(waited.is_ok(), "{:?}", self.all());
        self.all()
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answers: &Answers,
    told: &watch::Sender<Vec<Got>>,
    before: &Mutex<usize>,
) {
    let mut read = Vec::new();
    while let Some((path, headers, body, length)) = request(&mut stream, &mut read).await {
        read.drain(..length);
        let number = {
            let mut before = before.lock();
            *before += 1;
            *before - 1
        };
        let answer = answers(number);
        let status = if let Answer::Say(status, _) = &answer { *status } else { 999 };
        told.send_modify(|got| got.push(Got { path, headers, body, status }));
        let Answer::Say(status, said) = answer else { return std::future::pending().await };
        let text = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{said}", said.len());
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The next request: path, headers, body, and how many bytes it was.
async fn request<S: AsyncRead + Unpin>(
    stream: &mut S,
    read: &mut Vec<u8>,
) -> Option<(String, BTreeMap<String, String>, Value, usize)> {
    loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).into_owned();
            let mut lines = head.lines();
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
            if read.len() >= end + 4 + length {
                let body = serde_json::from_slice(&read[end + 4..end + 4 + length]).unwrap_or_default();
                return Some((path, headers, body, end + 4 + length));
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
