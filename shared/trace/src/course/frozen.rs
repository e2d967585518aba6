//! What happened before the rollout began: the commit, and what was made of it.

use super::{Course, Times};
use crate::span::{Kind, Span};
use jiff::{SignedDuration, Timestamp};
use shared_model::{
    FleetRolloutSpec,
    fleet_rollout::{CommitSeen, Timings, Took},
};

/// A commit that waited longer for its push says nothing of how long the rollout took.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// When the first of it began.
pub(super) fn first(spec: &FleetRolloutSpec) -> Option<Timestamp> {
    let timings = spec.timings.as_ref()?;
    let commits = timings.commits.iter().map(committed);
    commits.chain(took(timings).map(|(_, took)| took.from)).min()
}

/// When the last of it ended.
pub(super) fn last(spec: &FleetRolloutSpec) -> Option<Timestamp> {
    let timings = spec.timings.as_ref()?;
    took(timings).map(|(_, took)| took.to).max()
}

fn took(timings: &Timings) -> impl Iterator<Item = (&'static str, Took)> {
    [("generate", timings.generate), ("render", timings.render)]
        .into_iter()
        .filter_map(|(name, took)| Some((name, took?)))
}

/// When a commit was made, as far as that is of use: clocks of people's machines differ.
fn committed(seen: &CommitSeen) -> Timestamp {
    let earliest = seen.asked.checked_sub(LONGEST).unwrap_or(Timestamp::MIN);
    seen.committed_at.filter(|at| (earliest..=seen.asked).contains(at)).unwrap_or(seen.asked)
}

pub(super) fn spans(course: &Course<'_>, times: &Times) -> Vec<Span> {
    let Course { seed, spec, .. } = course;
    let Some(timings) = &spec.timings else { return Vec::new() };
    let parent = Some(seed.root(0));
    let latest = times.end.unwrap_or(Timestamp::MAX);
    let within = |(from, to): (Timestamp, Timestamp)| (from.min(latest), to.min(latest));
    let mut spans = Vec::new();
    for (index, seen) in timings.commits.iter().enumerate() {
        let id = |part: &str| (seed.trace, seed.part(&format!("{part}/{index}"), 0));
        let described = |span: Span| {
            span.with("vcs.repository.url.full", seen.repo_url.as_str())
                .with("vcs.ref.head.name", seen.revision.as_str())
                .with("vcs.ref.head.revision", seen.commit.as_str())
        };
        let time = within((committed(seen), seen.asked));
        let commit = described(Span::new(id("commit"), parent, "commit", time))
            .with("flotilla.commit.author", seen.author.as_str())
            .with("flotilla.commit.title", seen.title.as_str())
            .with("flotilla.commit.at", seen.committed_at.map(|at| at.to_string()).unwrap_or_default());
        let time = within((seen.asked, seen.answered));
        let mut resolve = described(Span::new(id("resolve"), parent, "resolve", time));
        resolve.kind = Kind::Client;
        spans.extend([commit, resolve]);
    }
    for (name, took) in took(timings) {
        let id = (seed.trace, seed.part(name, 0));
        let span = Span::new(id, parent, name, within((took.from, took.to)));
        spans.push(span.with("flotilla.members", timings.members));
    }
    spans
}
