//! What a rollout waited for, and how long: the one thing that nothing else in the store remembers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_rollout::{Rollout, RolloutReport, Wait};
use std::collections::BTreeMap;

/// How much waiting of one rollout is remembered.
pub const MOST_WAITS: usize = 200;
/// How long a sentence is kept.
const LONGEST: usize = 300;

/// Something that a rollout, or members of one of its waves, waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waited {
    /// In which wave, from 0; absent where it held the whole rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<usize>,
    /// For what, in a word: `approval`.
    pub what: String,
    /// The sentence that people were told at first: it names the cluster, gate or person.
    pub text: String,
    /// Since when.
    pub from: Timestamp,
    /// Until when; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
}

/// Notes what the rollout waits for now; answers whether that is news.
pub fn note(
    known: &mut Vec<Waited>,
    rollout: &Rollout,
    report: Option<&RolloutReport>,
    now: Timestamp,
) -> bool {
    let mut present = report.map(|report| gates(rollout, report)).unwrap_or_default();
    let mut news = false;
    for waited in known.iter_mut().filter(|waited| waited.to.is_none()) {
        let before = present.len();
        present.retain(|(wave, what), _| *wave != waited.wave || *what != waited.what);
        if present.len() == before {
            waited.to = Some(now.max(waited.from));
            news = true;
        }
    }
    for ((wave, what), wait) in present {
        if known.len() >= MOST_WAITS {
            break;
        }
        let text = cut(wait.to_string());
        known.push(Waited { wave, what: what.to_owned(), text, from: now, to: None });
        news = true;
    }
    news
}

fn cut(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

type Gates<'a> = BTreeMap<(Option<usize>, &'static str), &'a Wait>;

/// The gates that something waits at.
fn gates<'a>(rollout: &Rollout, report: &'a RolloutReport) -> Gates<'a> {
    let named = |name: &str| report.waves.iter().position(|wave| wave.name == name);
    let mut gates = Gates::new();
    if let Some((what, wait)) = report.waits_for.as_ref().and_then(gate) {
        gates.insert((wave_of(wait).and_then(named), what), wait);
    }
    for (app, wait) in &report.waits {
        // Of a wave that is not open it is the rollout's wait that counts.
        if let Some((what, wait)) = gate(wait).filter(|_| !matches!(**wait, Wait::WaveNotOpen { .. })) {
            let record = rollout.members.get(app).and_then(|member| member.record.as_ref());
            let wave = record.and_then(|record| record.wave);
            gates.entry((wave, what)).or_insert(wait);
        }
    }
    gates
}

/// The wave that a wait of a whole rollout is about.
const fn wave_of(wait: &Wait) -> Option<&str> {
    if let Wait::Approval { wave, .. } | Wait::Soak { wave, .. } | Wait::NothingProven { wave, .. } = wait {
        Some(wave.as_str())
    } else {
        None
    }
}

/// The word for a wait that is one for a gate: for something outside the member itself.
fn gate(wait: &Wait) -> Option<(&'static str, &Wait)> {
    let what = match wait {
        Wait::WaveNotOpen { waits_for, .. } | Wait::NoBaseline { waits_for, .. } => return gate(waits_for),
        Wait::GoesBack { waits_for, .. } => return gate(waits_for.as_deref()?),
        Wait::Approval { .. } => "approval",
        Wait::Window { .. } => "window",
        Wait::Soak { .. } => "soak",
        Wait::Budget { .. } => "budget",
        Wait::ClusterLimit { .. } => "cluster limit",
        Wait::DependsOn { .. } => "dependsOn",
        Wait::NothingProven { .. } => "nothing proven",
        Wait::Paused { .. } | Wait::ApplicationPaused { .. } | Wait::RolloutPaused { .. } => "pause",
        Wait::Unreachable { .. } => "unreachable",
        Wait::Held { .. } | Wait::Adopted { .. } => "held",
        Wait::Observing { .. } => "observing",
        Wait::Pinned { .. } => "pinned",
        Wait::AwaitingSync { .. } => "sync",
        Wait::Queued { .. }
        | Wait::Halted { .. }
        | Wait::NoWave { .. }
        | Wait::RollingBack { .. }
        | Wait::RolledBack { .. }
        | Wait::BackOn { .. }
        | Wait::NothingBefore { .. }
        | Wait::UnknownCluster { .. }
        | Wait::Unproven { .. }
        | Wait::Settle { .. }
        | Wait::Unreported { .. }
        | Wait::Syncing { .. }
        | Wait::Progressing { .. }
        | Wait::Failed { .. } => return None,
    };
    Some((what, wait))
}
