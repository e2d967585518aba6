//! A port for scrapers: plain HTTP/1.1, without a token, and nothing on it but metrics.
//!
//! For a network in which only the monitoring reaches it; it is off unless it is asked for.

use super::Exposed;
use crate::Tasks;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// The most connections at once; more wait to be accepted.
const CONNECTIONS: usize = 16;
/// How long a scraper may take to ask, for the first time and again.
const HEAD: Duration = Duration::from_secs(90);
/// How long a scraper may keep a connection: one that stops reading must not hold its place for ever.
const LASTS: Duration = Duration::from_secs(3600);

/// Binds the port.
///
/// # Errors
/// When the address is in use or not ours; the text names the address and the flag.
pub async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let text = format!("cannot listen on {address} for metrics (--metrics-listen): {error}");
        io::Error::new(error.kind(), text)
    })
}

/// Serves `/metrics` on the port until the tasks stop.
pub fn serve(listener: TcpListener, exposed: Exposed, tasks: &Tasks) {
    let (places, connections) = (Arc::new(Semaphore::new(CONNECTIONS)), tasks.clone());
    tasks.spawn_until_stopped("metrics", async move {
        loop {
            let place = Arc::clone(&places).acquire_owned().await;
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a scraper's connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let exposed = exposed.clone();
            connections.spawn_until_stopped("scrape", async move {
                let _place = place;
                let _too_long = tokio::time::timeout(LASTS, connection(stream, exposed)).await;
            });
        }
    });
}

async fn connection(stream: TcpStream, exposed: Exposed) {
    let answer = service_fn(|request| {
        let answered = answer(&exposed, &request);
        async move { Ok::<_, Infallible>(answered) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
        tracing::debug!(%error, "a scraper's connection ended early");
    }
}

fn answer(exposed: &Exposed, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let text = |code: StatusCode, text: &'static str| {
        let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
        *answer.status_mut() = code;
        answer
    };
    if request.uri().path() != "/metrics" {
        return text(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "metrics are read with GET\n");
    }
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let scrape = exposed.scrape(accept.unwrap_or_default());
    let mut answer = Response::new(Full::new(Bytes::from(scrape.text)));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(scrape.media_type));
    answer
}
