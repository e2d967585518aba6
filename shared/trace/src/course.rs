//! The spans of a rollout that have ended.

mod frozen;
mod members;

use crate::{
    ids::{Context, SpanId, TraceId},
    sampler::Sampler,
    seed::{Seed, Share},
    span::{Event, Link, Span},
    waits::Waited,
};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, FleetRolloutSpec};
use shared_rollout::{Decision, Head, MemberRecord, Phase, Rollout};
use std::collections::{BTreeMap, BTreeSet};

/// What a rollout's trace follows from.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// Its ids.
    pub seed: Seed,
    /// What it froze.
    pub spec: &'a FleetRolloutSpec,
    /// How far it is: its head, its members and their records.
    pub rollout: &'a Rollout,
    /// What it waited for.
    pub waits: &'a [Waited],
}

impl Course<'_> {
    /// When the rollout's present attempt ended; `None` while it is under way.
    pub fn ended(&self) -> Option<Timestamp> {
        ended(&self.rollout.head, self.rollout)
    }
}

/// What has ended and was not given out before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Closed {
    /// The spans, parents not always before children.
    pub spans: Vec<Span>,
    /// Members whose agents are to send what they would have left out.
    pub wanted: Vec<Wanted>,
}

/// A member that turned out to matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its cluster.
    pub cluster: ClusterName,
    /// The member.
    pub application: AppKey,
    /// Its span; sampled.
    pub context: Context,
}

/// The spans that have ended by now and were not sent before. The same every time, but for those.
pub fn closed(course: &Course<'_>, sampler: Sampler, is_sent: impl Fn(SpanId) -> bool) -> Closed {
    let mut closed = Closed::default();
    if sampler == Sampler::Never {
        return closed;
    }
    let times = Times::of(course);
    let mut add = |span: Span| {
        if !is_sent(span.id) {
            closed.spans.push(span);
        }
    };
    if course.rollout.head.attempt == 0 {
        frozen::spans(course, &times).into_iter().for_each(&mut add);
    }
    gates(course, &times).into_iter().for_each(&mut add);
    let waves: Vec<Wave> = waves(course, &times);
    for wave in &waves {
        wave.spans(course).into_iter().for_each(&mut add);
    }
    root(course, &times).into_iter().for_each(&mut add);
    members::spans(course, &times, &waves, sampler, &is_sent, &mut closed);
    closed
}

/// When the present attempt began and ended.
#[derive(Debug)]
struct Times {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Times {
    fn of(course: &Course<'_>) -> Self {
        let (rollout, head) = (course.rollout, &course.rollout.head);
        let mut start = head.started.map_or(rollout.created, |started| started.min(rollout.created));
        if head.attempt == 0 {
            start = frozen::first(course.spec).map_or(start, |first| first.min(start));
        } else {
            let again = head.decisions.iter().rfind(|decided| decided.what == Decision::Retry);
            start = again.map_or(start, |decided| decided.at);
        }
        // What waited for its turn ended when it got it, whatever the rollout came to.
        let begun = head.started.map_or(start, |started| started.max(start));
        Self { start, end: ended(head, rollout).map(|end| end.max(begun)) }
    }
}

/// When the present attempt ended: the same however long ago that was. A newer rollout that takes the place of one
/// that had halted, or had gone back, ends nothing.
fn ended(head: &Head, rollout: &Rollout) -> Option<Timestamp> {
    match head.phase {
        Phase::Queued | Phase::Progressing | Phase::RollingBack => None,
        Phase::Halted => head.halted.as_ref().map(|halted| halted.at),
        Phase::Done => head.finished,
        Phase::RolledBack | Phase::Superseded => match (&head.rollback, &head.halted) {
            (Some(rollback), _) => {
                let back =
                    rollout.members.values().filter_map(|member| members::returned(member.record.as_ref()?));
                Some(back.fold(rollback.at, Timestamp::max))
            }
            (None, Some(halted)) => Some(halted.at),
            (None, None) => head.finished,
        },
    }
}

fn root(course: &Course<'_>, times: &Times) -> Option<Span> {
    let Course { seed, spec, rollout, .. } = course;
    let (head, end) = (&rollout.head, times.end?);
    let again = head.attempt > 0;
    let name = if again {
        format!("rollout {} attempt {}", rollout.name, head.attempt + 1)
    } else {
        format!("rollout {}", rollout.name)
    };
    let parent = again.then(|| seed.root(0));
    let mut span = Span::new((seed.trace, seed.root(head.attempt)), parent, name, (times.start, end))
        .with("flotilla.rollout", rollout.name.as_str())
        .with("flotilla.owner", spec.owner.to_string())
        .with("flotilla.phase", head.phase.to_string())
        .with("flotilla.members", rollout.members.len());
    if let Some(parent) = &spec.parent {
        span = span.with("flotilla.rollout.before", parent.as_str());
    }
    for decided in head.decisions.iter().filter(|decided| (span.start..=end).contains(&decided.at)) {
        let name = format!("{} by {}", word(&decided.what), decided.by);
        let attributes = [("flotilla.reason", decided.reason.as_str().into())];
        let attributes = attributes.into_iter().filter(|_| !decided.reason.is_empty()).collect();
        span.events.push(Event { at: decided.at, name, attributes });
    }
    if let Some(halted) = &head.halted {
        let wave = rollout.plan.wave_name(halted.wave);
        let name = format!("halted in wave {wave}: {}", halted.reason);
        span.events.push(Event { at: halted.at.min(end), name: name.clone(), attributes: Vec::new() });
        span.failed = Some(name);
    }
    Some(span)
}

const fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Approve { .. } => "approved",
        Decision::Pause { .. } => "paused",
        Decision::Resume => "resumed",
        Decision::Abort => "aborted",
        Decision::Retry => "tried again",
        Decision::Undo { .. } => "taken back",
        Decision::Expedite { .. } => "expedited",
    }
}

/// What it waited for: its turn, and its gates.
fn gates(course: &Course<'_>, times: &Times) -> Vec<Span> {
    let Course { seed, rollout, waits, .. } = course;
    let head = &rollout.head;
    let parent = Some(seed.root(head.attempt));
    let mut spans = Vec::new();
    let frozen = frozen::last(course.spec).map_or(rollout.created, |last| last.max(rollout.created));
    if let Some(started) = head.started.filter(|started| head.attempt == 0 && *started > frozen) {
        let id = (seed.trace, seed.part("gate/queue", 0));
        let span = Span::new(id, parent, "gate queue", (frozen, started));
        spans.push(span.with("flotilla.gate", "queue").with("flotilla.waits_for", "its turn in its line"));
    }
    let earliest = if head.attempt == 0 { Timestamp::MIN } else { times.start };
    for waited in waits.iter().filter(|waited| waited.from >= earliest) {
        let Some(to) = waited.to.or(times.end) else { continue };
        let place = waited.wave.map_or_else(String::new, |wave| wave.to_string());
        let part = format!("gate/{}/{place}/{}", waited.what, waited.from.as_microsecond());
        let latest = times.end.unwrap_or(Timestamp::MAX);
        let time = (waited.from.clamp(times.start, latest), to.clamp(times.start, latest));
        let name = format!("gate {}", waited.what);
        let mut span = Span::new((seed.trace, seed.part(&part, head.attempt)), parent, name, time)
            .with("flotilla.gate", waited.what.as_str())
            .with("flotilla.waits_for", waited.text.as_str());
        if let Some(wave) = waited.wave {
            span = span.with("flotilla.wave", rollout.plan.wave_name(wave));
        }
        if waited.what == "approval" {
            let mut given = head.approvals.iter().filter(|given| waited.wave == Some(given.wave));
            if let Some(given) = given.rfind(|given| given.at >= waited.from && given.at <= to) {
                span = span
                    .with("flotilla.approved_by", given.by.as_str())
                    .with("flotilla.reason", given.reason.as_str());
            }
        }
        spans.push(span);
    }
    spans
}

/// A wave that has begun.
#[derive(Debug)]
struct Wave {
    index: usize,
    start: Timestamp,
    /// When it passed, or will not pass any more.
    end: Option<Timestamp>,
    /// The traces that have members of it.
    shares: BTreeSet<Share>,
}

/// The waves that have members released, or have opened.
fn waves(course: &Course<'_>, times: &Times) -> Vec<Wave> {
    let (rollout, head) = (course.rollout, &course.rollout.head);
    let mut begun: BTreeMap<usize, Wave> = BTreeMap::new();
    let over = head.rollback.as_ref().map(|rollback| rollback.at).or(times.end);
    let end = |index: usize| {
        let end = head.waves.get(index).and_then(|wave| wave.passed).or(over)?;
        Some(times.end.map_or(end, |last| end.min(last)))
    };
    for (index, wave) in head.waves.iter().enumerate() {
        if let Some(start) = wave.opened {
            let wave =
                Wave { index, start: start.max(times.start), end: end(index), shares: BTreeSet::new() };
            begun.insert(index, wave);
        }
    }
    for (app, record) in present(rollout) {
        let (Some(index), Some(released)) = (record.wave, record.released) else { continue };
        let released = released.max(times.start);
        let new = || Wave { index, start: released, end: end(index), shares: BTreeSet::new() };
        let wave = begun.entry(index).or_insert_with(new);
        wave.start = wave.start.min(released);
        wave.shares.insert(course.seed.share(app));
    }
    begun.into_values().collect()
}

/// The members that the present attempt placed.
fn present(rollout: &Rollout) -> impl Iterator<Item = (&AppKey, &MemberRecord)> {
    let records = rollout.members.iter().filter_map(|(app, member)| Some((app, member.record.as_ref()?)));
    records.filter(|(_, record)| record.attempt == rollout.head.attempt)
}

impl Wave {
    fn spans(&self, course: &Course<'_>) -> Vec<Span> {
        let Course { seed, rollout, .. } = course;
        let (head, Some(end)) = (&rollout.head, self.end) else { return Vec::new() };
        let (root, name) = (seed.root(head.attempt), rollout.plan.wave_name(self.index));
        let title = format!("wave {name}");
        let span = |id: (TraceId, SpanId), parent: Option<SpanId>, title: String| {
            let mut span = Span::new(id, parent, title, (self.start, end))
                .with("flotilla.rollout", rollout.name.as_str())
                .with("flotilla.wave", name.as_str());
            let known = head.waves.get(self.index);
            if let Some(evidence) = known.and_then(|wave| wave.evidence) {
                span = span
                    .with("flotilla.members", evidence.total)
                    .with("flotilla.members.proven", evidence.proven)
                    .with("flotilla.members.excused", evidence.excused)
                    .with("flotilla.members.failed", evidence.failed);
            }
            let halted = head.halted.as_ref().filter(|halted| halted.wave == self.index);
            if known.is_none_or(|wave| wave.passed.is_none()) {
                span.failed = halted.map(|halted| halted.reason.clone());
            }
            span
        };
        if !seed.is_linked() {
            return vec![span(seed.wave(self.index, 0, head.attempt), Some(root), title)];
        }
        let id = (seed.trace, seed.part(&format!("wave/{}", self.index), head.attempt));
        let mut stands_for = span(id, Some(root), title.clone());
        let mut spans = Vec::new();
        for share in &self.shares {
            let shown = match self.shares.len() {
                0 | 1 => title.clone(),
                _ => format!("{title}, part {} of {}", share + 1, seed.shares()),
            };
            let mut own = span(seed.wave(self.index, *share, head.attempt), None, shown);
            own.links.push(Link { trace: stands_for.trace, span: stands_for.id });
            stands_for.links.push(Link { trace: own.trace, span: own.id });
            spans.push(own);
        }
        spans.push(stands_for);
        spans
    }
}
