//! The spans of orders: where they go, and which are kept.

use super::*;
use shared_trace::{Context, SpanId, TraceId};

const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const UNSAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

/// An engine whose hub takes spans, or not.
fn bench(takes_spans: bool, way: Way) -> Bench {
    let mut bench = Bench::new();
    let resource = vec![("service.name".to_owned(), "flotilla-agent".to_owned())];
    let restored = Restored {
        apps: Vec::new(),
        damaged: Vec::new(),
        control: bench.journal.control(),
        local: Local::default(),
    };
    bench.engine = Engine::new(known(), restored, bench.now).with_traces(way, resource);
    bench.tell(Event::Up);
    bench.tell(Event::Said(Message::Welcome(v1::Welcome { takes_spans, ..v1::Welcome::default() })));
    bench
}

/// The spans that the hub was told.
fn told(bench: &Bench) -> Vec<v1::Span> {
    let spans = bench.said.iter().filter_map(|message| {
        let v1::agent_message::Message::Spans(spans) = message else { return None };
        assert_eq!(spans.resource[0].name, "service.name");
        Some(spans.spans.clone())
    });
    spans.flatten().collect()
}

fn names(spans: &[v1::Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

#[test]
fn an_orders_parts_are_told_below_the_members_span() {
    let mut bench = bench(true, Way::Relayed);
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    bench.pass(1);
    let spans = told(&bench);
    assert_eq!(names(&spans), ["fetch", "apply", "wait-healthy"]);
    for span in &spans {
        assert_eq!(hex::encode(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(hex::encode(&span.parent_span_id), "b7ad6b7169203331");
        assert!(span.start_us <= span.end_us && span.failed.is_empty(), "{span:?}");
    }
    // The same order again, after the journal was lost: the same ids.
    let ids = |spans: &[v1::Span]| spans.iter().map(|span| span.span_id.clone()).collect::<Vec<_>>();
    let mut again = self::bench(true, Way::Relayed);
    again.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    again.pass(1);
    assert_eq!(ids(&spans), ids(&told(&again)));
}

#[test]
fn an_order_without_a_context_is_traced_nowhere() {
    let mut bench = bench(true, Way::Relayed);
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], "");
    bench.assign_traced(&app(), 2, &[config_map("a", "two")], "00-no-context-01");
    bench.pass(1);
    assert_eq!(told(&bench), Vec::new());
    assert_eq!(bench.runs(), ["two"]);
}

#[test]
fn a_hub_that_takes_no_spans_is_told_none() {
    let mut bench = bench(false, Way::Relayed);
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    bench.pass(1);
    assert_eq!(told(&bench), Vec::new());
}

#[test]
fn an_exporter_of_its_own_gets_them_whatever_the_hub_takes() {
    let mut bench = bench(true, Way::Straight);
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    bench.pass(1);
    assert_eq!(told(&bench), Vec::new());
    let exported: Vec<&str> = bench.exported.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(exported, ["fetch", "apply", "wait-healthy"]);
}

#[test]
fn what_was_not_sampled_is_sent_when_the_hub_asks_for_it() {
    let mut bench = bench(true, Way::Relayed);
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], UNSAMPLED);
    bench.pass(1);
    assert_eq!(told(&bench), Vec::new());
    let keep = v1::KeepSpans { traceparents: vec![SAMPLED.to_owned()] };
    bench.tell(Event::Said(Message::KeepSpans(keep.clone())));
    assert_eq!(names(&told(&bench)), ["fetch", "apply", "wait-healthy"]);
    bench.tell(Event::Said(Message::KeepSpans(keep)));
    assert_eq!(told(&bench).len(), 3, "once");
}

#[test]
fn what_the_hub_never_asks_for_is_forgotten_in_the_end() {
    let mut bench = bench(true, Way::Relayed);
    let trace = TraceId::of("rollout");
    let context = |number: u64| {
        let span = SpanId::of(trace, &number.to_string());
        Context { trace, span, sampled: false }.to_string()
    };
    for number in 1..=400 {
        bench.assign_traced(&app(), number, &[config_map("a", &number.to_string())], &context(number));
        bench.pass(1);
    }
    let keep = v1::KeepSpans { traceparents: vec![context(50), context(399)] };
    bench.tell(Event::Said(Message::KeepSpans(keep)));
    assert_eq!(names(&told(&bench)), ["fetch", "apply", "wait-healthy"]);
}

#[test]
fn what_waits_for_the_hub_is_bounded_and_losses_are_counted() {
    let mut bench = bench(true, Way::Relayed);
    bench.tell(Event::Down);
    for number in 1..=1000 {
        bench.assign_traced(&app(), number, &[config_map("a", &number.to_string())], SAMPLED);
        bench.pass(1);
    }
    bench.tell(Event::Up);
    bench.tell(Event::Said(Message::Welcome(v1::Welcome { takes_spans: true, ..v1::Welcome::default() })));
    let dropped: u64 = bench
        .said
        .iter()
        .filter_map(|message| {
            if let v1::agent_message::Message::Spans(spans) = message { Some(spans.dropped) } else { None }
        })
        .sum();
    assert_eq!((told(&bench).len(), dropped), (2000, 1000));
}

#[test]
fn times_are_by_the_hubs_clock() {
    let mut bench = bench(true, Way::Relayed);
    let standing = Standing { clock_skew_ms: Some(5000), ..Standing::default() };
    bench.tell(Event::Standing(standing));
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    bench.pass(1);
    assert_eq!(told(&bench)[0].start_us, bench.now.as_microsecond() - 1_000_000 + 5_000_000);
}

#[test]
fn an_order_that_is_replaced_ends_where_it_was() {
    let mut bench = bench(true, Way::Relayed);
    bench.linked = false;
    bench.assign_traced(&app(), 1, &[config_map("a", "one")], SAMPLED);
    bench.pass(1);
    bench.linked = true;
    bench.assign(2, "two");
    bench.pass(1);
    let spans = told(&bench);
    assert_eq!(names(&spans), ["fetch"]);
    assert!(spans[0].attributes.iter().any(|attribute| attribute.name == "flotilla.replaced"));
}
