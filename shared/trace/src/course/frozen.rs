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
/// A commit that was known for longer before anything was made of it is not what the rollout came from: another owner
/// follows it already, and what this one waited for was a change of its own.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// When the first of it began.
pub(super) fn first(spec: &FleetRolloutSpec) -> Option<Timestamp> {
    let timings = spec.timings.as_ref()?;
    let commits = timings.commits.iter().filter(|seen| is_fresh(seen, timings)).map(committed);
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

/// When something was made of the commits first.
fn begun(timings: &Timings) -> Option<Timestamp> {
    took(timings).map(|(_, took)| took.from).min()
}

fn is_fresh(seen: &CommitSeen, timings: &Timings) -> bool {
    begun(timings).is_none_or(|begun| begun.duration_since(seen.answered) <= FRESH)
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
        let fresh = is_fresh(seen, timings);
        // Which commit it was is worth saying however old it is.
        let known = begun(timings).filter(|_| !fresh).map(|begun| (begun, begun));
        let time = within(known.unwrap_or_else(|| (committed(seen), seen.asked)));
        let commit = described(Span::new(id("commit"), parent, "commit", time))
            .with("flotilla.commit.author", seen.author.as_str())
            .with("flotilla.commit.title", seen.title.as_str())
            .with("flotilla.commit.at", seen.committed_at.map(|at| at.to_string()).unwrap_or_default());
        spans.push(commit);
        if !fresh {
            continue;
        }
        let time = within((seen.asked, seen.answered));
        let mut resolve = described(Span::new(id("resolve"), parent, "resolve", time));
        resolve.kind = Kind::Client;
        spans.push(resolve);
    }
    for (name, took) in took(timings) {
        let id = (seed.trace, seed.part(name, 0));
        let span = Span::new(id, parent, name, within((took.from, took.to)));
        spans.push(span.with("flotilla.members", timings.members));
    }
    spans
}
