//! `flotilla timeline`.

use clap::{Args as Group, ValueEnum};
use jiff::Timestamp;
use shared_model::parse_duration;

#[derive(Debug, Clone, Group)]
pub(crate) struct TimelineOptions {
    /// Only what concerns this cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// Only what concerns this Application
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Only this ApplicationSet
    #[arg(long, value_name = "NAME")]
    pub(crate) set: Option<String>,
    /// Only this rollout
    #[arg(long, value_name = "NAME")]
    pub(crate) rollout: Option<String>,
    /// Only these kinds of entries, e.g. commit,gate
    #[arg(long, value_name = "KINDS", default_value = "", hide_default_value = true)]
    pub(crate) kind: String,
    /// From when on: a time before now, or a moment, e.g. 12h, 2026-11-21T03:00:00Z
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    pub(crate) since: Moment,
    /// Until when, in the same forms
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Moment>,
    /// At most so many, the newest
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
    /// Go on telling what happens, until interrupted
    #[arg(long, short = 'w', conflicts_with_all = ["until"])]
    pub(crate) watch: bool,
    /// How entries are printed
    #[arg(long, short = 'o', value_enum, default_value_t = TimelineForm::Text, hide_default_value = true)]
    pub(crate) output: TimelineForm,
}

/// How entries are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineForm {
    /// A line each
    Text,
    /// A line each, with the date, who did it, the rollout, and the trace id
    Wide,
    /// The entries as the hub keeps them
    Json,
    /// The same as YAML
    Yaml,
}

/// A moment, or so long before now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Ago(std::time::Duration),
    At(Timestamp),
}

impl Moment {
    /// As a time.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH),
            Self::At(at) => at,
        }
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time; write e.g. 12h, 7d or 2026-11-21T03:00:00Z");
        match (parse_duration(text), text.parse::<Timestamp>()) {
            (Ok(ago), _) => Ok(Self::Ago(ago)),
            (_, Ok(at)) => Ok(Self::At(at)),
            (Err(_), Err(_)) => Err(wrong()),
        }
    }
}
