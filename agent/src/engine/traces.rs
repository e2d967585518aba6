//! How long the parts of an order take: `fetch`, `hook`, `apply`, `wait-healthy`, below the member's span of the hub.
//!
//! The context comes with the order; ids follow from it and the part, so an agent that is told the same order again
//! makes the same ones. Times are those of the hub's clock as far as it is known. What is not sampled is kept for a
//! while: the hub asks for it when the member failed, or was among the slowest of its wave.
//!
//! Spans go the shortest way: straight to a collector where this agent has one ([`Way::Straight`]), else to the hub
//! if that takes them. The queue is bounded; what finds no room is counted. Nothing waits for it, and an agent that
//! starts again leaves out what it was at: the trace says then how long the member took, not why.

use super::{Engine, Work, orders::Wish};
use jiff::{SignedDuration, Timestamp};
use proto::v1;
use shared_model::{AppKey, HealthStatus, Position, SyncPhase};
use shared_sync::{HookRun, Report};
use shared_trace::{Context, Kind, Span, SpanId};
use std::collections::{BTreeMap, VecDeque};

/// Spans that wait for the hub.
const QUEUE: usize = 2000;
/// Members whose spans are kept in case the hub asks for them.
const KEPT: usize = 300;
/// Spans of one order: a release of many hooks must not fill the queue.
const MOST: usize = 64;

/// How spans leave the agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the hub, if it takes them.
    #[default]
    Relayed,
    /// By an exporter of this agent's own.
    Straight,
}

/// What an order has come to.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) context: Context,
    position: Position,
    ordered: Timestamp,
    prepared: Option<Timestamp>,
    synced: Option<Timestamp>,
    /// The parts that have ended; numbered for their ids.
    hooks: usize,
}

impl Course {
    pub(super) const fn new(context: Context, position: Position, now: Timestamp) -> Self {
        Self { context, position, ordered: now, prepared: None, synced: None, hooks: 0 }
    }
}

/// Spans on their way.
#[derive(Debug, Default)]
pub(super) struct Traces {
    way: Way,
    /// The hub said that it takes spans.
    taken: bool,
    queue: VecDeque<Span>,
    dropped: u64,
    kept: BTreeMap<SpanId, Vec<Span>>,
    /// The members of `kept`, oldest first.
    order: VecDeque<SpanId>,
    resource: Vec<(String, String)>,
}

impl Traces {
    pub(super) fn new(way: Way, resource: Vec<(String, String)>) -> Self {
        Self { way, resource, ..Self::default() }
    }

    /// The hub's answer to the hello. One that takes none gets none, later either.
    pub(super) fn welcome(&mut self, takes: bool) {
        self.taken = takes;
        if !takes {
            self.queue.clear();
            self.dropped = 0;
        }
    }

    pub(super) fn has_spans(&self) -> bool {
        self.taken && !self.queue.is_empty()
    }

    /// What goes to the hub next.
    pub(super) fn take(&mut self, most: usize) -> Option<v1::Spans> {
        if !self.has_spans() {
            return None;
        }
        let spans = self.queue.drain(..self.queue.len().min(most)).map(|span| to_wire(&span)).collect();
        let attribute = |(name, value): &(String, String)| v1::Attribute {
            name: name.clone(),
            value: Some(v1::attribute::Value::Text(value.clone())),
        };
        let resource = self.resource.iter().map(attribute).collect();
        Some(v1::Spans { spans, resource, dropped: std::mem::take(&mut self.dropped) })
    }

    /// A part has ended.
    fn ended(&mut self, context: Context, span: Span) -> Option<Span> {
        if context.sampled {
            return self.send(span);
        }
        let kept = self.kept.entry(context.span).or_insert_with(|| {
            self.order.push_back(context.span);
            Vec::new()
        });
        if kept.len() < MOST {
            kept.push(span);
        }
        while self.order.len() > KEPT {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.kept.remove(&oldest));
        }
        None
    }

    /// Into the queue; given back when it goes out straight.
    fn send(&mut self, span: Span) -> Option<Span> {
        if self.way == Way::Straight {
            return Some(span);
        }
        if self.queue.len() >= QUEUE {
            self.queue.pop_front();
            self.dropped += 1;
        }
        self.queue.push_back(span);
        None
    }
}

fn to_wire(span: &Span) -> v1::Span {
    let attribute = |(name, value): &(&'static str, shared_trace::Value)| v1::Attribute {
        name: (*name).to_owned(),
        value: Some(match value {
            shared_trace::Value::Text(text) => v1::attribute::Value::Text(text.clone()),
            shared_trace::Value::Number(number) => v1::attribute::Value::Number(*number),
            shared_trace::Value::Truth(truth) => v1::attribute::Value::Truth(*truth),
        }),
    };
    v1::Span {
        trace_id: span.trace.bytes().to_vec().into(),
        span_id: span.id.bytes().to_vec().into(),
        parent_span_id: span.parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default().into(),
        name: span.name.clone(),
        start_us: span.start.as_microsecond(),
        end_us: span.end.as_microsecond(),
        attributes: span.attributes.iter().map(attribute).collect(),
        failed: span.failed.clone().unwrap_or_default(),
        client: span.kind == Kind::Client,
    }
}

impl Engine {
    /// An order came with a context, or without one: whatever was going on before it is over.
    pub(super) fn trace_ordered(
        &mut self,
        application: &AppKey,
        position: Position,
        context: Option<Context>,
        now: Timestamp,
    ) {
        self.trace_given_up(application, now);
        if let Some(app) = self.apps.get_mut(application) {
            app.course = context.map(|context| Course::new(context, position, now));
        }
    }

    /// The order is durable and ready.
    pub(super) fn trace_prepared(&mut self, application: &AppKey, fetched: Option<usize>, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let held = app.held;
        let bundle = match &app.current {
            Some(Wish::Run { spec, .. }) => spec.bundle.to_string(),
            Some(Wish::Remove { .. }) | None => String::new(),
        };
        let Some(course) = app.course.as_mut().filter(|course| course.position == held) else { return };
        course.prepared = Some(now);
        let course = course.clone();
        let mut span = self.part(&course, "fetch", (course.ordered, now)).with("flotilla.bundle", bundle);
        span.kind = Kind::Client;
        let span = span.with("flotilla.bundle.fetched", fetched.is_some());
        let span = match fetched {
            Some(bytes) => span.with("flotilla.bundle.bytes", bytes),
            None => span,
        };
        self.emit(course.context, span);
    }

    /// The report of an application is new.
    pub(super) fn trace_report(&mut self, application: &AppKey, report: &Report, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let runs = app.with_machine(application, shared_sync::Machine::take_hook_runs).unwrap_or_default();
        let Some(mut course) = app.course.clone().filter(|course| course.position == report.position) else {
            return;
        };
        let Some(prepared) = course.prepared else { return };
        for run in runs {
            self.hook(&mut course, run);
        }
        match report.phase {
            SyncPhase::Succeeded if course.synced.is_none() => {
                course.synced = Some(now);
                let span = self.part(&course, "apply", (prepared, now));
                let span = span.with("flotilla.objects", report.inventory);
                self.emit(course.context, span);
            }
            SyncPhase::Failed if course.synced.is_none() => {
                let mut span = self.part(&course, "apply", (prepared, now));
                span.failed = Some(report.message.clone());
                self.emit(course.context, span);
                return self.set_course(application, None);
            }
            SyncPhase::Pending | SyncPhase::Running | SyncPhase::Succeeded | SyncPhase::Failed => {}
        }
        if let Some(synced) = course.synced
            && report.health.status == HealthStatus::Healthy
        {
            let span = self.part(&course, "wait-healthy", (synced, now));
            self.emit(course.context, span);
            return self.set_course(application, None);
        }
        self.set_course(application, Some(course));
    }

    /// A newer order takes the place of this one: what it was at ends here.
    fn trace_given_up(&mut self, application: &AppKey, now: Timestamp) {
        let Some(app) = self.apps.get_mut(application) else { return };
        let health = app.last.as_ref().map(|report| report.health.clone());
        let Some(course) = app.course.take() else { return };
        let (part, from) = match (course.prepared, course.synced) {
            (_, Some(synced)) => ("wait-healthy", synced),
            (Some(prepared), None) => ("apply", prepared),
            (None, None) => ("fetch", course.ordered),
        };
        let mut span = self.part(&course, part, (from, now)).with("flotilla.replaced", true);
        if part == "wait-healthy" {
            span.failed =
                health.map(|health| format!("{} {}", health.status, health.message).trim().to_owned());
        }
        self.emit(course.context, span);
    }

    /// The hub wants the spans of these members after all.
    pub(super) fn trace_keep(&mut self, contexts: &[String]) {
        for context in contexts.iter().filter_map(|text| text.parse::<Context>().ok()) {
            let mut courses = self.apps.values_mut().filter_map(|app| app.course.as_mut());
            if let Some(course) = courses.find(|course| course.context.span == context.span) {
                course.context.sampled = true;
            }
            let kept = self.traces.kept.remove(&context.span).unwrap_or_default();
            self.traces.order.retain(|span| *span != context.span);
            for span in kept {
                if let Some(span) = self.traces.send(span) {
                    self.work.push_back(Work::Export(vec![span]));
                }
            }
        }
    }

    fn set_course(&mut self, application: &AppKey, course: Option<Course>) {
        if let Some(app) = self.apps.get_mut(application) {
            app.course = course;
        }
    }

    fn hook(&mut self, course: &mut Course, run: HookRun) {
        if course.hooks >= MOST {
            return;
        }
        let number = course.hooks;
        course.hooks += 1;
        let mut span = self.part(course, "hook", (run.from, run.to));
        span.id = SpanId::of(course.context.trace, &format!("{}/hook/{number}", course.context.span));
        let mut span = span.with("flotilla.object", run.id.to_string());
        span.failed = run.failed;
        self.emit(course.context, span);
    }

    /// A part of an order, on the hub's clock.
    fn part(&self, course: &Course, name: &'static str, (from, to): (Timestamp, Timestamp)) -> Span {
        let Context { trace, span, .. } = course.context;
        let skew = SignedDuration::from_millis(self.standing.clock_skew_ms.unwrap_or(0));
        let time = |at: Timestamp| at.checked_add(skew).unwrap_or(at);
        let id = SpanId::of(trace, &format!("{span}/{name}"));
        Span::new((trace, id), Some(span), name, (time(from), time(to)))
            .with("k8s.cluster.name", self.known.name.as_str())
            .with("flotilla.position", course.position.to_string())
    }

    fn emit(&mut self, context: Context, span: Span) {
        if let Some(span) = self.traces.ended(context, span) {
            self.work.push_back(Work::Export(vec![span]));
        }
    }
}
