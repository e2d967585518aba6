//! A small HTTP proxy that speaks CONNECT only.

use super::scripted::{Anybody, Ca};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) address: String,
    /// The heads of the requests that came.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// A proxy that lets through who shows `authorization`, if there is one; with TLS if there is an authority.
    pub(super) async fn start(authorization: Option<&'static str>, tls: Option<&Ca>) -> Self {
        shared_runtime::install_crypto();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let acceptor = tls.map(|ca| TlsAcceptor::from(Arc::new(ca.server(Arc::new(Anybody)))));
        let this = Self { address, requests };
        let proxy = this.clone();
        shared_runtime::spawn("proxy", async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (proxy, acceptor) = (proxy.clone(), acceptor.clone());
                shared_runtime::spawn("tunnel", async move {
                    match acceptor {
                        None => proxy.serve(socket, authorization).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(socket).await {
                                proxy.serve(stream, authorization).await;
                            }
                        }
                    }
                });
            }
        });
        this
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin, authorization: Option<&str>) {
        let (mut stream, mut head) = (BufReader::new(stream), String::new());
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        self.requests.lock().push(head.clone());
        let shown = head.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
        let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let hub = match target {
            Some(target) if shown == authorization => {
                TcpStream::connect(target).await.map_err(|_| "502 Bad Gateway")
            }
            Some(_) => Err("407 Proxy Authentication Required"),
            None => Err("405 Method Not Allowed"),
        };
        match hub {
            Ok(mut hub) => {
                stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n").await.unwrap();
                // One side hung up.
                let _ended = tokio::io::copy_bidirectional(&mut stream, &mut hub).await;
            }
            Err(code) => {
                // Whoever asked may be gone.
                let _gone = stream.write_all(format!("HTTP/1.1 {code}\r\n\r\n").as_bytes()).await;
            }
        }
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().clone()
    }
}
