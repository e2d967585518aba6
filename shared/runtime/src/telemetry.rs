//! Log lines: to standard error, for people on a terminal or as JSON for a collector.

use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// One line for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What to log, and how.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Directives such as `info,hub_source=debug`; `info` when empty.
    pub filter: String,
    /// The look of a line.
    pub format: Format,
}

/// A filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("log filter `{filter}` is not understood: expected directives such as info,hub_source=debug")]
pub struct InvalidFilter {
    filter: String,
    source: tracing_subscriber::filter::ParseError,
}

/// Starts logging for this process. A second call changes nothing, so tests may call it freely.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(config: &Config) -> Result<(), InvalidFilter> {
    let directives = if config.filter.is_empty() { "info" } else { &config.filter };
    let filter = EnvFilter::try_new(directives)
        .map_err(|source| InvalidFilter { filter: config.filter.clone(), source })?;
    let lines = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _already_started = match config.format {
        Format::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_target(true).try_init(),
        Format::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
