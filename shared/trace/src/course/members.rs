//! The spans of members: from the release to the proof, and the way back.

use super::{Closed, Course, Times, Wanted, Wave, present};
use crate::{
    SLOWEST,
    ids::{Context, SpanId},
    sampler::Sampler,
    span::{Kind, Span},
};
use jiff::{SignedDuration, Timestamp};
use shared_model::AppKey;
use shared_rollout::{MemberRecord, MemberState};
use std::collections::{BTreeMap, BTreeSet};

/// When a member was back.
pub(super) const fn returned(record: &MemberRecord) -> Option<Timestamp> {
    match record.state {
        MemberState::Returned { at, .. } => Some(at),
        MemberState::Waiting
        | MemberState::Released { .. }
        | MemberState::Proven { .. }
        | MemberState::Failed { .. }
        | MemberState::Returning { .. } => None,
    }
}

/// How a member's span ended.
#[derive(Debug)]
struct End {
    at: Timestamp,
    word: &'static str,
    failed: Option<String>,
}

pub(super) fn spans(
    course: &Course<'_>,
    times: &Times,
    waves: &[Wave],
    sampler: Sampler,
    is_sent: &impl Fn(SpanId) -> bool,
    closed: &mut Closed,
) {
    let ends: BTreeMap<usize, Option<Timestamp>> = waves.iter().map(|wave| (wave.index, wave.end)).collect();
    let slowest = if matches!(sampler, Sampler::Share(_)) { slowest(course, waves) } else { BTreeSet::new() };
    for (app, record) in present(course.rollout) {
        let Some(released) = record.released.map(|at| at.max(times.start)) else { continue };
        let over = record.wave.map_or(times.end, |wave| ends.get(&wave).copied().flatten());
        if let Some(end) = end(course, times, record, over) {
            let (trace, id, above) = course.seed.member(app, record, false);
            let sampled = sampler.keeps(id);
            let matters = end.failed.is_some() || record.failures > 0 || slowest.contains(app);
            if (sampled || (over.is_some() && matters)) && !is_sent(id) {
                // Who came late, or was proven after the wave had passed, is not cut off.
                let at = over
                    .filter(|over| released < *over && !record.late)
                    .map_or(end.at, |over| end.at.min(over));
                let span = Span::new((trace, id), Some(above), title(app, record), (released, at));
                let mut span = described(course, span, app, record).with("flotilla.state", end.word);
                span.failed = end.failed;
                closed.spans.push(span);
                if !sampled {
                    let context = Context { trace, span: id, sampled: true };
                    let (cluster, application) = (record.cluster.clone(), app.clone());
                    closed.wanted.push(Wanted { cluster, application, context });
                }
            }
        }
        if let (Some(rollback), Some(at)) = (&course.rollout.head.rollback, returned(record)) {
            let (trace, id, _) = course.seed.member(app, record, true);
            // Its wave is over: it is the rollout that goes back.
            let above = (trace == course.seed.trace).then(|| course.seed.root(record.attempt));
            if sampler.keeps(id) && !is_sent(id) {
                let name = format!("{} goes back", title(app, record));
                let span = Span::new((trace, id), above, name, (rollback.at.max(times.start), at));
                closed.spans.push(described(course, span, app, record));
            }
        }
    }
}

fn title(app: &AppKey, record: &MemberRecord) -> String {
    format!("member {}/{}", record.cluster, app.name)
}

fn described(course: &Course<'_>, mut span: Span, app: &AppKey, record: &MemberRecord) -> Span {
    span.kind = Kind::Client;
    let mut span = span
        .with("flotilla.rollout", course.rollout.name.as_str())
        .with("flotilla.application", app.to_string())
        .with("k8s.cluster.name", record.cluster.as_str())
        .with("flotilla.release", record.release.to_string());
    if let Some(wave) = record.wave {
        span = span.with("flotilla.wave", course.rollout.plan.wave_name(wave));
    }
    if let Some(position) = record.state.position() {
        span = span.with("flotilla.position", position.to_string());
    }
    if record.failures > 0 {
        span = span.with("flotilla.failures", i64::from(record.failures));
    }
    if let Some(excuse) = record.excused {
        span = span.with("flotilla.excused", format!("{excuse:?}"));
    }
    if record.late {
        span = span.with("flotilla.late", true);
    }
    span
}

/// How the member's span ended; `None` while that is open. A failure is one when it is too late to recover from it.
fn end(course: &Course<'_>, times: &Times, record: &MemberRecord, over: Option<Timestamp>) -> Option<End> {
    let rollback = course.rollout.head.rollback.as_ref();
    match &record.state {
        MemberState::Waiting => None,
        MemberState::Proven { at, .. } => Some(End { at: *at, word: "Proven", failed: None }),
        MemberState::Failed { at, reason, .. } => {
            over?;
            Some(End { at: *at, word: "Failed", failed: Some(reason.clone()) })
        }
        MemberState::Released { .. } => Some(End { at: times.end?, word: "Unproven", failed: None }),
        MemberState::Returning { .. } | MemberState::Returned { .. } => {
            Some(End { at: rollback?.at, word: "TakenBack", failed: None })
        }
    }
}

/// The slowest of each wave that has ended.
fn slowest<'a>(course: &Course<'a>, waves: &[Wave]) -> BTreeSet<&'a AppKey> {
    let ended: BTreeSet<usize> =
        waves.iter().filter(|wave| wave.end.is_some()).map(|wave| wave.index).collect();
    let mut by_wave: BTreeMap<usize, Vec<(SignedDuration, &AppKey)>> = BTreeMap::new();
    for (app, record) in present(course.rollout) {
        let (Some(wave), Some(released)) = (record.wave, record.released) else { continue };
        if let (true, MemberState::Proven { at, .. }) = (ended.contains(&wave), &record.state) {
            by_wave.entry(wave).or_default().push((at.duration_since(released), app));
        }
    }
    let mut slowest = BTreeSet::new();
    for mut members in by_wave.into_values() {
        members.sort_by(|one, other| other.cmp(one));
        slowest.extend(members.into_iter().take(SLOWEST).map(|(_, app)| app));
    }
    slowest
}
