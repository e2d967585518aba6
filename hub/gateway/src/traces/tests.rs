use super::{
    Traces,
    relay::{read, resource},
};
use hub_records::{Records, keys};
use hub_store::Memory;
use jiff::Timestamp;
use proto::v1::{self, attribute::Value};
use serde_json::json;
use shared_model::{AppKey, ClusterName, Digest, Kind, ReleaseId, RolloutName};
use shared_rollout::MemberRecord;
use shared_runtime::{
    Tasks,
    otlp::{Choice, Metrics, Tracing},
};
use std::sync::Arc;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn tracing(collector: bool, tasks: &Tasks) -> Tracing {
    shared_runtime::install_crypto();
    let endpoint = |name: &str| {
        (collector && name == "OTEL_EXPORTER_OTLP_ENDPOINT").then(|| "http://127.0.0.1:1".to_owned())
    };
    Choice::read(endpoint, "hub", "1").unwrap().start(Metrics::default(), tasks)
}

async fn rollout(members: usize) -> Records {
    let records = Records::new(Arc::new(Memory::default()));
    let object = json!({
        "metadata": {"name": "web-1", "namespace": "argocd"},
        "spec": {"traceId": TRACE, "timings": {"members": members}},
    });
    records.create(Kind::FleetRollout, object, Timestamp::UNIX_EPOCH).await.unwrap();
    records
}

async fn member(records: &Records, state: serde_json::Value) {
    let record = json!({
        "cluster": "eu-1", "release": ReleaseId(Digest::of(b"release")), "wave": 0, "state": state,
        "released": Timestamp::UNIX_EPOCH,
    });
    let record: MemberRecord = serde_json::from_value(record).unwrap();
    let key = keys::member("argocd", &RolloutName::new("web-1"), &AppKey::new("argocd", "web"));
    records.write(&key, &record).await.unwrap();
}

async fn context(traces: &Traces, records: &Records) -> Option<shared_trace::Context> {
    traces.context(records, &AppKey::new("argocd", "web"), &RolloutName::new("web-1")).await
}

#[tokio::test]
async fn an_order_names_its_members_span_and_any_hub_says_the_same() {
    let tasks = Tasks::new();
    let records = rollout(3).await;
    let traces = Traces::new(tracing(true, &tasks));
    assert_eq!(context(&traces, &records).await, None, "no record, no member");
    let position = json!({"incarnation": 1, "generation": 1});
    member(&records, json!({"Released": {"position": position, "at": Timestamp::UNIX_EPOCH}})).await;
    let first = context(&traces, &records).await.unwrap();
    assert_eq!((first.trace.to_string(), first.sampled), (TRACE.to_owned(), true));
    let other = Traces::new(tracing(true, &tasks));
    assert_eq!(context(&other, &records).await, Some(first));
    member(&records, json!({"Proven": {"position": position, "at": Timestamp::UNIX_EPOCH}})).await;
    assert_eq!(context(&traces, &records).await, None, "it is over");
}

#[tokio::test]
async fn in_a_large_rollout_it_is_the_waves_trace() {
    let tasks = Tasks::new();
    let records = rollout(201).await;
    let position = json!({"incarnation": 1, "generation": 1});
    member(&records, json!({"Released": {"position": position, "at": Timestamp::UNIX_EPOCH}})).await;
    let context = context(&Traces::new(tracing(true, &tasks)), &records).await.unwrap();
    assert_ne!(context.trace.to_string(), TRACE);
}

#[tokio::test]
async fn a_hub_that_exports_nothing_names_the_rollout() {
    let records = rollout(3).await;
    let context = context(&Traces::new(tracing(false, &Tasks::new())), &records).await.unwrap();
    assert_eq!(context.trace.to_string(), TRACE);
}

fn wire() -> v1::Span {
    let attribute = |name: &str, value: Value| v1::Attribute { name: name.to_owned(), value: Some(value) };
    v1::Span {
        trace_id: vec![7; 16].into(),
        span_id: vec![8; 8].into(),
        parent_span_id: vec![9; 8].into(),
        name: "apply".into(),
        start_us: 1_000_000,
        end_us: 2_000_000,
        attributes: vec![
            attribute("flotilla.objects", Value::Number(3)),
            attribute("k8s.cluster.name", Value::Text("another".into())),
            attribute("something", Value::Truth(true)),
        ],
        failed: "no".into(),
        client: true,
    }
}

#[test]
fn an_agents_spans_are_of_its_own_cluster() {
    let span = read(&ClusterName::new("eu-1"), wire()).unwrap();
    let expect: Vec<(&str, shared_trace::Value)> =
        vec![("k8s.cluster.name", "eu-1".into()), ("flotilla.objects", 3_i64.into())];
    assert_eq!(span.attributes, expect);
    assert_eq!((span.name.as_str(), span.failed.as_deref()), ("apply", Some("no")));
    assert_eq!(span.end.duration_since(span.start).as_secs(), 1);
}

#[test]
fn what_is_no_span_is_left_out() {
    let check = |change: fn(&mut v1::Span)| {
        let mut span = wire();
        change(&mut span);
        assert_eq!(read(&ClusterName::new("eu-1"), span), None);
    };
    check(|span| span.trace_id = vec![0; 16].into());
    check(|span| span.span_id = vec![1; 9].into());
    check(|span| span.parent_span_id = Vec::new().into());
    check(|span| span.end_us = i64::MAX);
    let mut long = wire();
    long.name = "ä".repeat(10_000);
    assert!(read(&ClusterName::new("eu-1"), long).unwrap().name.len() <= 1024);
}

#[test]
fn whatever_an_agent_says_a_batch_is_not_too_large_for_a_collector() {
    let cluster = ClusterName::new("eu-1");
    let long = |name: String| v1::Attribute { name, value: Some(Value::Text("x".repeat(100_000))) };
    let known = ["position", "bundle", "bundle.bytes", "bundle.fetched", "object", "objects", "replaced"];
    // Each four times: only the first counts.
    let attributes = (0..28).map(|number| long(format!("flotilla.{}", known[number % 7]))).collect();
    let text = "x".repeat(100_000);
    let span = v1::Span { name: text.clone(), failed: text, attributes, ..wire() };
    let span = read(&cluster, span).unwrap();
    assert_eq!(span.attributes.len(), 8);
    let size = |text: &shared_trace::Value| match text {
        shared_trace::Value::Text(text) => text.len(),
        shared_trace::Value::Number(_) | shared_trace::Value::Truth(_) => 8,
    };
    let own: usize = span.attributes.iter().map(|(name, value)| name.len() + size(value)).sum();
    let own = own + span.name.len() + span.failed.map_or(0, |why| why.len());
    let resource = resource(&cluster, (0..40).map(|number| long(format!("{number}"))).collect());
    let shared: usize = resource.0.iter().map(|(name, value)| name.len() + value.len()).sum();
    // A collector takes 4 MiB; 512 spans are a batch, each in the worst case of a resource of its own. Frames of fields
    // and ids are small beside the texts.
    assert!(shared <= 2100 && (own + shared + 512) * 512 <= 4 << 20, "{own} and {shared} bytes");
}
