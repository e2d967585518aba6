//! A collector: OTLP by gRPC and HTTP, in this process.

use crate::spawn;
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use parking_lot::Mutex;
use prost::Message as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use std::{
    collections::VecDeque, convert::Infallible, io::Read as _, net::SocketAddr, sync::Arc, time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

/// gRPC's 8 with the word that it may be better later.
pub(super) const LATER: u16 = 98;
/// A `google.rpc.Status` with a `google.rpc.RetryInfo` of one second.
const RETRY_INFO: &[u8] =
    b"\x08\x08\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01";

/// What a collector was told, and what it answers.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) address: SocketAddr,
    pub(super) requests: Mutex<Vec<Told>>,
    /// Status codes of the next answers: HTTP's, or gRPC's below 100; then it takes everything.
    pub(super) refusals: Mutex<VecDeque<u16>>,
    /// Something happened: a request, or a connection that did not come about.
    pub(super) happened: Notify,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) path: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: ExportTraceServiceRequest,
}

impl Told {
    /// Whose spans, and their names.
    pub(super) fn spans(&self) -> Vec<(String, String)> {
        let mut spans = Vec::new();
        for of in &self.body.resource_spans {
            let resource = of.resource.as_ref().unwrap();
            let service = resource.attributes.iter().find(|pair| pair.key == "service.name").unwrap();
            let service = format!("{:?}", service.value.as_ref().unwrap().value.as_ref().unwrap());
            let service = service.split('"').nth(1).unwrap_or_default().to_owned();
            let names = of.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.extend(names.map(|span| (service.clone(), span.name.clone())));
        }
        spans
    }
}

impl Collector {
    /// Listens, with TLS if there is a key.
    pub(super) async fn start(tls: Option<TlsAcceptor>) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, tls)
    }

    pub(super) fn on(listener: TcpListener, tls: Option<TlsAcceptor>) -> Arc<Self> {
        let address = listener.local_addr().unwrap();
        let collector = Arc::new(Self {
            address,
            requests: Mutex::default(),
            refusals: Mutex::default(),
            happened: Notify::new(),
        });
        let serving = Arc::clone(&collector);
        spawn("collector", async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (collector, tls) = (Arc::clone(&serving), tls.clone());
                spawn("connection", async move {
                    match tls {
                        Some(tls) => match tls.accept(socket).await {
                            Ok(stream) => serve(collector, stream).await,
                            Err(_not_trusted) => collector.happened.notify_one(),
                        },
                        None => serve(collector, socket).await,
                    }
                });
            }
        });
        collector
    }

    /// All spans so far.
    pub(super) fn spans(&self) -> Vec<(String, String)> {
        self.requests.lock().iter().flat_map(Told::spans).collect()
    }

    /// Waits until there are so many spans.
    pub(super) async fn wait_for(&self, count: usize) {
        let enough = async {
            while self.spans().len() < count {
                self.happened.notified().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), enough).await;
        waited.unwrap_or_else(|_| panic!("only {:?}", self.spans()));
    }
}

async fn serve(collector: Arc<Collector>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
    let service = service_fn(move |request| {
        let collector = Arc::clone(&collector);
        async move { Ok::<_, Infallible>(answer(&collector, request).await) }
    });
    let _closed = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(collector: &Collector, request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    let (parts, body) = request.into_parts();
    let is_grpc = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/grpc");
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(code) = collector.refusals.lock().pop_front() {
        return respond(is_grpc, code);
    }
    let (zipped, message) = if is_grpc {
        assert_eq!(parts.headers[header::TE], "trailers");
        assert_eq!(u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize, body.len() - 5);
        (body[0] == 1 && parts.headers["grpc-encoding"] == "gzip", &body[5..])
    } else {
        (parts.headers.get(header::CONTENT_ENCODING).is_some_and(|name| name == "gzip"), &body[..])
    };
    let mut message = message.to_vec();
    if zipped {
        let mut plain = Vec::new();
        GzDecoder::new(&message[..]).read_to_end(&mut plain).unwrap();
        message = plain;
    }
    let body = ExportTraceServiceRequest::decode(&message[..]).unwrap();
    let told = Told { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    collector.requests.lock().push(told);
    collector.happened.notify_one();
    respond(is_grpc, if is_grpc { 0 } else { 200 })
}

fn respond(is_grpc: bool, code: u16) -> Response<BoxBody<Bytes, Infallible>> {
    let mut frames = Vec::new();
    let mut response = Response::builder();
    if is_grpc {
        let mut trailers = http::HeaderMap::new();
        let code = if code == LATER {
            trailers.insert("grpc-status-details-bin", STANDARD_NO_PAD.encode(RETRY_INFO).parse().unwrap());
            8
        } else {
            code
        };
        trailers.insert("grpc-status", code.to_string().parse().unwrap());
        if code == 0 {
            frames.push(Ok(Frame::data(Bytes::from_static(&[0; 5]))));
        }
        frames.push(Ok(Frame::trailers(trailers)));
        response = response.header(header::CONTENT_TYPE, "application/grpc");
    } else {
        response = response.status(StatusCode::from_u16(code).unwrap());
    }
    response.body(StreamBody::new(futures::stream::iter(frames)).boxed()).unwrap()
}

/// A certificate for this machine, in PEM, and what serves with it.
pub(super) fn certificate() -> (String, TlsAcceptor) {
    crate::install_crypto();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (cert.pem(), TlsAcceptor::from(Arc::new(config)))
}
