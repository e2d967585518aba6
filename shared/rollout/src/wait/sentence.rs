//! A wait as one sentence that names the cluster, gate or person.

use super::Wait;
use crate::record::Side;
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, ReleaseId, RolloutName};
use std::fmt;

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queued { behind } => write!(f, "waits for its turn behind {behind}"),
            Self::NoWave { cluster } => write!(f, "no wave takes {cluster}: add a wave that matches it"),
            Self::WaveNotOpen { wave, waits_for } => write!(f, "wave {wave} has not opened: {waits_for}"),
            Self::NoBaseline { cluster, wave, waits_for } => write!(
                f,
                "{cluster} joined before wave {wave} was reached and no earlier rollout got that far: {waits_for}"
            ),
            Self::Budget { max_update: 0, wave, .. } => {
                write!(f, "wave {wave} has maxUpdate 0: a person must raise it")
            }
            Self::Budget { wave, max_update, holding, held } => write!(
                f,
                "wave {wave} updates at most {max_update} at once: waits for {}",
                names(holding, *held)
            ),
            Self::ClusterLimit { cluster, limit } => {
                write!(f, "{cluster} updates at most {limit} applications at once")
            }
            Self::UnknownCluster { cluster } => write!(f, "there is no Cluster {cluster}"),
            Self::Held { cluster, hold } => write!(f, "{cluster} is held: {hold}"),
            Self::Observing { cluster } => {
                write!(f, "{cluster} only observes (spec.mode: Observe), so nothing can be proven there")
            }
            Self::Unreachable { cluster, since, seen: true } => {
                write!(f, "{cluster} is away since {}", second(*since))
            }
            Self::Unreachable { cluster, since, seen: false } => {
                write!(f, "{cluster} has not connected since {}", second(*since))
            }
            Self::AwaitingSync { app, release } => {
                write!(f, "a person must sync {app} to {}", release.0.short())
            }
            Self::NothingProven { wave, proven, needed, excused } => write!(
                f,
                "wave {wave} has {proven} of {needed} proven members that it needs ({excused} excused), and no other that can be"
            ),
            Self::Unproven { wave, clusters, count } => {
                write!(f, "wave {wave} waits for {}", names(clusters, *count))
            }
            Self::Soak { wave, until } => write!(f, "wave {wave} must stay proven until {}", second(*until)),
            Self::Settle { cluster, until } => {
                write!(f, "{cluster} must stay Healthy until {}", second(*until))
            }
            Self::Unreported { cluster } => write!(f, "{cluster} has not reported on this release yet"),
            Self::Paused { cluster, reason, by, until, acknowledged, local } => {
                let place = if *local { " in the cluster itself" } else { "" };
                let (by, silent) = (By(by), silent(*acknowledged || *local));
                write!(f, "{cluster} is paused{place} by {by}{}{}{silent}", Until(*until), Reason(reason))
            }
            Self::ApplicationPaused { app, cluster, reason, by, until, acknowledged } => {
                let (by, silent) = (By(by), silent(*acknowledged));
                write!(f, "{app} is paused on {cluster} by {by}{}{}{silent}", Until(*until), Reason(reason))
            }
            Self::RolloutPaused { rollout, reason, by, until } => {
                write!(f, "{rollout} is paused by {by}{}{}", Until(*until), Reason(reason))
            }
            Self::Pinned { cluster, app, reason, by, since } => write!(
                f,
                "{app} is pinned in {cluster} itself by {} since {}{}; `flotilla-agent unpin {app}` there lifts it",
                By(by),
                second(*since),
                Reason(reason)
            ),
            Self::Adopted { cluster, app, running, at } => adopted(f, cluster, app, *running, *at),
            Self::Approval { rollout, wave, side } => approval(f, rollout, wave, *side),
            Self::Window { cluster, why, until } => window(f, cluster, why, *until),
            Self::DependsOn { cluster, set, because } => {
                write!(f, "{cluster} waits for ApplicationSet {set}, {because}")
            }
            Self::RollingBack { wave, clusters, count, reason } => {
                let clusters = names(clusters, *count);
                write!(f, "wave {wave} goes back: waits for {clusters}{}", Reason(reason))
            }
            Self::RolledBack { by, reason, pins } => rolled_back(f, by.as_deref(), reason, *pins),
            Self::GoesBack { cluster, release, waits_for } => {
                goes_back(f, cluster, *release, waits_for.as_deref())
            }
            Self::BackOn { cluster, release } => {
                write!(f, "{cluster} is back on {}, which was proven there before", release.0.short())
            }
            Self::NothingBefore { cluster } => {
                write!(f, "{cluster} keeps what was rejected: nothing was proven there before")
            }
            Self::Halted { wave, member, cluster, reason } => {
                let member = member.as_ref().map(|member| format!(": {member}")).unwrap_or_default();
                let cluster = cluster.as_ref().map(|cluster| format!(" on {cluster}")).unwrap_or_default();
                let reason = Reason(reason);
                write!(
                    f,
                    "halted in wave {wave}{member}{cluster}{reason}; a person or a newer commit must decide"
                )
            }
            Self::Syncing { cluster, message } => write!(f, "{cluster} is syncing{}", Reason(message)),
            Self::Progressing { cluster, health, message, deadline } => {
                let deadline = deadline.map(|at| format!(" (fails at {})", second(at))).unwrap_or_default();
                write!(f, "{cluster} is {health}{}{deadline}", Reason(message))
            }
            Self::Failed { cluster, reason } => write!(f, "{cluster} failed{}", Reason(reason)),
        }
    }
}

fn adopted(
    f: &mut fmt::Formatter<'_>,
    cluster: &ClusterName,
    app: &AppKey,
    running: Option<ReleaseId>,
    at: Timestamp,
) -> fmt::Result {
    let at = second(at);
    match running {
        Some(release) => write!(
            f,
            "{cluster} runs {} of {app}, adopted {at}, which no rollout here ships: the next commit moves it, or a person's `flotilla app sync`",
            release.0.short()
        ),
        None => write!(
            f,
            "{app} was removed from {cluster} before the hub was restored (adopted {at}): delete the Application, or have it back with `flotilla app sync`"
        ),
    }
}

fn approval(f: &mut fmt::Formatter<'_>, rollout: &RolloutName, wave: &str, side: Side) -> fmt::Result {
    let state = match side {
        Side::Before => "waits for approval before it begins",
        Side::After => "is proven and waits for approval",
    };
    write!(f, "wave {wave} {state}: `flotilla rollout approve {rollout} --wave {wave}`")
}

fn window(
    f: &mut fmt::Formatter<'_>,
    cluster: &ClusterName,
    why: &str,
    until: Option<Timestamp>,
) -> fmt::Result {
    write!(f, "{cluster} is outside its sync windows ({why}): ")?;
    match until {
        Some(until) => write!(f, "next open {}", second(until)),
        None => f.write_str("it does not open within the next years"),
    }
}

fn rolled_back(f: &mut fmt::Formatter<'_>, by: Option<&str>, reason: &str, pins: bool) -> fmt::Result {
    let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
    let next = if pins {
        "newer commits wait until `flotilla rollout resume`"
    } else {
        "a newer commit or `flotilla rollout retry` goes on"
    };
    write!(f, "taken back{by}{}; {next}", Reason(reason))
}

fn goes_back(
    f: &mut fmt::Formatter<'_>,
    cluster: &ClusterName,
    release: ReleaseId,
    waits_for: Option<&Wait>,
) -> fmt::Result {
    let release = release.0.short();
    match waits_for {
        Some(wait) => write!(f, "{cluster} goes back to {release}: {wait}"),
        None => write!(f, "{cluster} goes back to {release} when the newer waves are back"),
    }
}

/// What is said of a pause that its agent does not know of yet.
const fn silent(acknowledged: bool) -> &'static str {
    if acknowledged { "" } else { " (not acknowledged yet)" }
}

/// Who decided.
struct By<'a>(&'a str);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "a person" } else { self.0 })
    }
}

/// When something ends by itself, if it does.
struct Until(Option<Timestamp>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |until| write!(f, " until {}", second(until)))
    }
}

/// Somebody's own words after a sentence, if there are any.
struct Reason<'a>(&'a str);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

/// A time as people read it: to the second, rounded up where something only then holds.
pub(crate) fn second(at: Timestamp) -> impl fmt::Display {
    let up = at.subsec_nanosecond() > 0;
    let whole = Timestamp::from_second(at.as_second() + i64::from(up)).unwrap_or(at);
    whole.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn names(clusters: &[ClusterName], count: usize) -> String {
    let shown: Vec<_> = clusters.iter().map(ClusterName::as_str).collect();
    let more = count.saturating_sub(shown.len());
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
