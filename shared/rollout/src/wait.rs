//! What something waits for, as one sentence (invariant 10, *Explained*).

use crate::{fleet::Hold, record::Side};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, HealthStatus, LocalPin, ReleaseId, RolloutName};
use std::fmt;

/// What a member or a rollout waits for. `Display` is one sentence that names the cluster, gate or person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Its rollout has not started.
    Queued {
        /// The rollout that has its turn.
        behind: RolloutName,
    },
    /// Its rollout halted.
    Halted {
        /// The wave in which it went wrong.
        wave: String,
        /// The member that failed.
        member: Option<AppKey>,
        /// That member's cluster.
        cluster: Option<ClusterName>,
        /// Why.
        reason: String,
    },
    /// No wave takes its cluster.
    NoWave {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Its wave has not opened.
    WaveNotOpen {
        /// Its wave.
        wave: String,
        /// What the wave waits for.
        waits_for: Box<Self>,
    },
    /// Its wave's `maxUpdate` is used up.
    Budget {
        /// The wave.
        wave: String,
        /// How many may be released and not proven.
        max_update: usize,
        /// Who is, at most eight.
        holding: Vec<ClusterName>,
        /// How many are.
        held: usize,
    },
    /// Too much on its cluster is released and not proven, across all rollouts.
    ClusterLimit {
        /// The cluster.
        cluster: ClusterName,
        /// How much may be.
        limit: usize,
    },
    /// Its cluster is paused.
    Paused {
        /// The cluster.
        cluster: ClusterName,
        /// Why it is paused.
        reason: String,
        /// Who paused it.
        by: String,
        /// When the pause ends by itself.
        until: Option<Timestamp>,
        /// Whether the agent said that it stopped.
        acknowledged: bool,
        /// Whether it was paused in the cluster itself.
        local: bool,
    },
    /// The application is paused there.
    ApplicationPaused {
        /// The application.
        app: AppKey,
        /// Its cluster.
        cluster: ClusterName,
        /// Why it is paused.
        reason: String,
        /// Who paused it.
        by: String,
        /// When the pause ends by itself.
        until: Option<Timestamp>,
        /// Whether the agent said that it stopped.
        acknowledged: bool,
    },
    /// A person holds the rollout.
    RolloutPaused {
        /// The rollout.
        rollout: RolloutName,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// When the hold ends by itself.
        until: Option<Timestamp>,
    },
    /// A person must approve a wave.
    Approval {
        /// The rollout.
        rollout: RolloutName,
        /// The wave.
        wave: String,
        /// Before its first release, or after it is proven.
        side: Side,
    },
    /// A sync window is closed.
    Window {
        /// The cluster.
        cluster: ClusterName,
        /// Which, in words.
        why: String,
        /// When releases may go out again.
        until: Option<Timestamp>,
    },
    /// A set that goes first is not proven on the cluster.
    DependsOn {
        /// The cluster.
        cluster: ClusterName,
        /// The set.
        set: String,
        /// What is missing, as a clause.
        because: String,
    },
    /// The rollout is taken back, newest wave first.
    RollingBack {
        /// The wave that goes back.
        wave: String,
        /// Whose clusters it waits for, at most eight.
        clusters: Vec<ClusterName>,
        /// How many.
        count: usize,
        /// Why it is taken back.
        reason: String,
    },
    /// The rollout was taken back.
    RolledBack {
        /// Who did; `None` when the policy did.
        by: Option<String>,
        /// Why.
        reason: String,
        /// Whether newer commits wait until somebody resumes.
        pins: bool,
    },
    /// It goes back to what was proven there before.
    GoesBack {
        /// Its cluster.
        cluster: ClusterName,
        /// What it goes back to.
        release: ReleaseId,
        /// What that waits for.
        waits_for: Option<Box<Self>>,
    },
    /// It is back on what was proven there before.
    BackOn {
        /// Its cluster.
        cluster: ClusterName,
        /// What it runs.
        release: ReleaseId,
    },
    /// It runs what was rejected, and nothing was proven there before.
    NothingBefore {
        /// Its cluster.
        cluster: ClusterName,
    },
    /// A person chose another release for it in the cluster itself.
    Pinned {
        /// The cluster.
        cluster: ClusterName,
        /// The member.
        app: AppKey,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// Since when, by the agent's clock.
        since: Timestamp,
    },
    /// What it runs was adopted from its agent after the hub lost its own word of it, and may be newer.
    Adopted {
        /// The cluster.
        cluster: ClusterName,
        /// The member.
        app: AppKey,
        /// What runs there; `None` when the agent had removed it.
        running: Option<ReleaseId>,
        /// When it was adopted.
        at: Timestamp,
    },
    /// Its cluster must not be told anything.
    Held {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        hold: Hold,
    },
    /// Its agent is not there.
    Unreachable {
        /// The cluster.
        cluster: ClusterName,
        /// Since when.
        since: Timestamp,
        /// Whether it was ever there.
        seen: bool,
    },
    /// There is no such Cluster.
    UnknownCluster {
        /// The name.
        cluster: ClusterName,
    },
    /// Its agent only looks, so that it cannot be proven.
    Observing {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A person must sync it.
    AwaitingSync {
        /// The member.
        app: AppKey,
        /// The release that a sync applies.
        release: ReleaseId,
    },
    /// It joined while an earlier wave is under way, and no earlier rollout can stand in.
    NoBaseline {
        /// Its cluster.
        cluster: ClusterName,
        /// Its wave.
        wave: String,
        /// What the wave waits for.
        waits_for: Box<Self>,
    },
    /// Too few members of a wave are proven, and no other can be.
    NothingProven {
        /// The wave.
        wave: String,
        /// How many are.
        proven: usize,
        /// How many must be.
        needed: usize,
        /// How many are excused.
        excused: usize,
    },
    /// Members of a wave are not proven yet.
    Unproven {
        /// The wave.
        wave: String,
        /// Whose clusters, at most eight.
        clusters: Vec<ClusterName>,
        /// How many.
        count: usize,
    },
    /// A wave must stay proven for a while.
    Soak {
        /// The wave.
        wave: String,
        /// Until when.
        until: Timestamp,
    },
    /// It must stay Healthy for a while.
    Settle {
        /// The cluster.
        cluster: ClusterName,
        /// Until when, if nothing breaks.
        until: Timestamp,
    },
    /// Its agent has not said anything of this release yet.
    Unreported {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Its sync is under way.
    Syncing {
        /// The cluster.
        cluster: ClusterName,
        /// What the agent says of it.
        message: String,
    },
    /// It is not Healthy.
    Progressing {
        /// The cluster.
        cluster: ClusterName,
        /// What it is.
        health: HealthStatus,
        /// Why.
        message: String,
        /// When it counts as failed.
        deadline: Option<Timestamp>,
    },
    /// It failed.
    Failed {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        reason: String,
    },
}

impl Wait {
    /// That of a pinned member.
    pub(crate) fn pinned(cluster: &ClusterName, app: &AppKey, pin: &LocalPin) -> Self {
        let LocalPin { reason, by, at } = pin.clone();
        Self::Pinned { cluster: cluster.clone(), app: app.clone(), reason, by, since: at }
    }
}

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
                let by = if by.is_empty() { "a person" } else { by };
                let place = if *local { " in the cluster itself" } else { "" };
                let until = until.map(|until| format!(" until {}", second(until))).unwrap_or_default();
                let silent = if *acknowledged || *local { "" } else { " (not acknowledged yet)" };
                write!(f, "{cluster} is paused{place} by {by}{until}{}{silent}", Reason(reason))
            }
            Self::Pinned { cluster, app, reason, by, since } => {
                let by = if by.is_empty() { "a person" } else { by };
                write!(
                    f,
                    "{app} is pinned in {cluster} itself by {by} since {}{}; `flotilla-agent unpin {app}` there lifts it",
                    second(*since),
                    Reason(reason)
                )
            }
            Self::Adopted { cluster, app, running: Some(release), at } => write!(
                f,
                "{cluster} runs {} of {app}, adopted {}, which no rollout here ships: the next commit moves it, or a person's `flotilla app sync`",
                release.0.short(),
                second(*at)
            ),
            Self::Adopted { cluster, app, running: None, at } => write!(
                f,
                "{app} was removed from {cluster} before the hub was restored (adopted {}): delete the Application, or have it back with `flotilla app sync`",
                second(*at)
            ),
            Self::ApplicationPaused { app, cluster, reason, by, until, acknowledged } => {
                let by = if by.is_empty() { "a person" } else { by };
                let until = until.map(|until| format!(" until {}", second(until))).unwrap_or_default();
                let silent = if *acknowledged { "" } else { " (not acknowledged yet)" };
                write!(f, "{app} is paused on {cluster} by {by}{until}{}{silent}", Reason(reason))
            }
            Self::RolloutPaused { rollout, reason, by, until } => {
                let until = until.map(|until| format!(" until {}", second(until))).unwrap_or_default();
                write!(f, "{rollout} is paused by {by}{until}{}", Reason(reason))
            }
            Self::Approval { rollout, wave, side: Side::Before } => write!(
                f,
                "wave {wave} waits for approval before it begins: `flotilla rollout approve {rollout} --wave {wave}`"
            ),
            Self::Approval { rollout, wave, side: Side::After } => write!(
                f,
                "wave {wave} is proven and waits for approval: `flotilla rollout approve {rollout} --wave {wave}`"
            ),
            Self::Window { cluster, why, until } => {
                let next = until.map_or_else(
                    || "it does not open within the next year".to_owned(),
                    |until| format!("next open {}", second(until)),
                );
                write!(f, "{cluster} is outside its sync windows ({why}): {next}")
            }
            Self::DependsOn { cluster, set, because } => {
                write!(f, "{cluster} waits for ApplicationSet {set}, {because}")
            }
            Self::RollingBack { wave, clusters, count, reason } => {
                let clusters = names(clusters, *count);
                write!(f, "wave {wave} goes back: waits for {clusters}{}", Reason(reason))
            }
            Self::RolledBack { by, reason, pins } => {
                let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let next = if *pins {
                    "newer commits wait until `flotilla rollout resume`"
                } else {
                    "a newer commit or `flotilla rollout retry` goes on"
                };
                write!(f, "taken back{by}{}; {next}", Reason(reason))
            }
            Self::GoesBack { cluster, release, waits_for } => {
                let release = release.0.short();
                match waits_for {
                    Some(wait) => write!(f, "{cluster} goes back to {release}: {wait}"),
                    None => write!(f, "{cluster} goes back to {release} when the newer waves are back"),
                }
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
                write!(
                    f,
                    "halted in wave {wave}{member}{cluster}{}; a person or a newer commit must decide",
                    Reason(reason)
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
