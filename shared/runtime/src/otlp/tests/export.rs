use super::collector::{Collector, LATER, certificate};
use crate::{
    Tasks,
    otlp::{Choice, Exporter, Metrics, Resource},
};
use jiff::Timestamp;
use shared_trace::{Span, SpanId, TraceId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::net::TcpListener;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

fn span(name: &str) -> Span {
    let trace = TraceId::of("rollout");
    let (start, end) = (Timestamp::from_second(1).unwrap(), Timestamp::from_second(2).unwrap());
    Span::new((trace, SpanId::of(trace, name)), None, name, (start, end)).with("flotilla.rollout", "web-7")
}

/// An exporter with these settings, and quick.
fn exporter(variables: &[(&str, &str)], tasks: &Tasks) -> (Exporter, Metrics) {
    crate::install_crypto();
    let mut all: BTreeMap<&str, &str> = variables.iter().copied().collect();
    all.entry("OTEL_BSP_SCHEDULE_DELAY").or_insert("10");
    let get = |name: &str| all.get(name).map(|value| (*value).to_owned());
    let settings = Choice::read(get, "flotilla-hub", "1.2.3").unwrap().settings.unwrap();
    let metrics = Metrics::default();
    (Exporter::start(settings, metrics.clone(), tasks), metrics)
}

/// Sends one span to a collector, and answers what that was told.
async fn sent(collector: &Collector, variables: &[(&str, &str)]) -> super::collector::Told {
    let tasks = Tasks::new();
    let (exporter, metrics) = exporter(variables, &tasks);
    assert_eq!(exporter.send(vec![span("rollout web-7")]), 1);
    collector.wait_for(1).await;
    assert!(tasks.drain(Duration::from_secs(10)).await);
    assert_eq!((metrics.sent(), metrics.lost()), (1, 0));
    let told = collector.requests.lock()[0].clone();
    assert_eq!(told.spans(), [("flotilla-hub".to_owned(), "rollout web-7".to_owned())]);
    told
}

#[tokio::test]
async fn spans_go_out_by_http() {
    let collector = Collector::start(None).await;
    let endpoint = format!("http://{}", collector.address);
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=a%20b");
    let told = sent(&collector, &[(ENDPOINT, &endpoint), headers]).await;
    assert_eq!(told.path, "/v1/traces");
    assert_eq!(told.headers["x-tenant"], "a b");
    let span = &told.body.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(hex(&span.trace_id), TraceId::of("rollout").to_string());
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1_000_000_000, 2_000_000_000));
    assert_eq!(span.attributes[0].key, "flotilla.rollout");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn spans_go_out_by_grpc() {
    let collector = Collector::start(None).await;
    let endpoint = format!("http://{}", collector.address);
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let told = sent(&collector, &[(ENDPOINT, &endpoint), grpc]).await;
    assert_eq!(told.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
}

#[tokio::test]
async fn spans_go_out_compressed_both_ways() {
    for protocol in ["grpc", "http/protobuf"] {
        let collector = Collector::start(None).await;
        let endpoint = format!("http://{}", collector.address);
        let zipped = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
        sent(&collector, &[(ENDPOINT, &endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), zipped]).await;
    }
}

#[tokio::test]
async fn spans_go_out_over_tls_to_whom_is_trusted_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    for protocol in ["grpc", "http/protobuf"] {
        let (pem, tls) = certificate();
        std::fs::write(&file, pem).unwrap();
        let collector = Collector::start(Some(tls)).await;
        let endpoint = format!("https://{}", collector.address);
        let settings = [(ENDPOINT, &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)];

        let tasks = Tasks::new();
        let (stranger, _) = exporter(&settings, &tasks);
        stranger.send_once(vec![span("secret")]);
        tokio::time::timeout(Duration::from_secs(30), collector.happened.notified()).await.unwrap();
        assert!(collector.spans().is_empty());
        tasks.stop();

        let trusted = ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap());
        sent(&collector, &[settings[0], settings[1], trusted]).await;
    }
}

#[tokio::test]
async fn what_a_collector_may_take_later_is_tried_again_and_what_it_refuses_is_not() {
    // 8 is what a message that is too large gets: the same one is not offered for ever.
    for (protocol, later, never) in [("grpc", 14, 3), ("grpc", LATER, 8), ("http/protobuf", 503, 400)] {
        let collector = Collector::start(None).await;
        collector.refusals.lock().extend([later, never]);
        let endpoint = format!("http://{}", collector.address);
        let tasks = Tasks::new();
        let one = ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1");
        let settings = [(ENDPOINT, &*endpoint), ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol), one];
        let (exporter, metrics) = exporter(&settings, &tasks);
        exporter.send_once(vec![span("first")]);
        exporter.send_once(vec![span("second")]);
        collector.wait_for(1).await;
        assert_eq!(collector.spans()[0].1, "second");
        assert_eq!((metrics.lost(), metrics.failures()), (1, 2));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_stops_nobody_and_gets_what_there_was_room_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let room = [("OTEL_BSP_MAX_QUEUE_SIZE", "5"), ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")];
    let tasks = Tasks::new();
    let (exporter, metrics) = exporter(&[(ENDPOINT, &endpoint), room[0], room[1]], &tasks);
    let first: Vec<Span> = (0..9).map(|number| span(&format!("{number}"))).collect();
    let taken = exporter.send(first);
    assert_eq!((taken, metrics.lost()), (5, 0), "who has them offers them again");
    // Whoever is there hangs up, and is gone.
    drop(tokio::time::timeout(Duration::from_secs(30), listener.accept()).await.unwrap().unwrap());
    drop(listener);
    // Two are on their way; there is room for as many.
    let mut resource = Resource::default();
    resource.describe("service.name", "flotilla-agent");
    exporter.relay(&Arc::new(resource), (5..9).map(|number| span(&format!("{number}"))).collect());
    assert_eq!(metrics.lost(), 2);

    let collector = Collector::on(TcpListener::bind(address).await.unwrap(), None);
    collector.wait_for(7).await;
    let mut names: Vec<String> = collector.spans().into_iter().map(|(_, name)| name).collect();
    names.sort();
    assert_eq!(names, ["0", "1", "2", "3", "4", "5", "6"]);
    let services: Vec<String> = collector.spans().into_iter().map(|(service, _)| service).collect();
    assert_eq!(services.iter().filter(|service| *service == "flotilla-agent").count(), 2);
}

#[tokio::test]
async fn what_is_left_goes_out_when_the_process_ends() {
    let collector = Collector::start(None).await;
    let endpoint = format!("http://{}", collector.address);
    let tasks = Tasks::new();
    let (exporter, _) = exporter(&[(ENDPOINT, &endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")], &tasks);
    exporter.send_once(vec![span("last")]);
    assert!(tasks.drain(Duration::from_secs(10)).await);
    assert_eq!(collector.spans().len(), 1);
}
