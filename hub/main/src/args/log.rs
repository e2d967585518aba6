//! What is logged, and how.

use super::Command;
use clap::{Args as Group, ValueEnum};
use shared_runtime::telemetry;

/// The value of `--audit-log` that means the log.
pub(crate) const AUDIT_IN_LOG: &str = "log";

#[derive(Debug, Clone, Group)]
pub(crate) struct Log {
    /// What to log, e.g. info,hub_control=debug
    #[arg(long, global = true, env = "FLOTILLA_LOG", value_name = "FILTER", default_value = "")]
    log: String,
    /// How a log line looks
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

impl Log {
    /// The demo and the command line show their own lines; a hub logs.
    pub(crate) fn config(&self, command: &Command) -> telemetry::Config {
        let quiet = !matches!(command, Command::Hub(hub) if hub.command.is_none());
        let filter = match (self.log.as_str(), quiet) {
            ("", true) => "off".to_owned(),
            (filter, true) => filter.to_owned(),
            (filter, false) => with_audit(filter),
        };
        let format = match self.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        };
        telemetry::Config { filter, format }
    }
}

/// A filter that lets audit lines through, unless it names them: nobody silences them by asking for fewer lines.
fn with_audit(filter: &str) -> String {
    let names =
        |directive: &str| directive.split(['=', '[']).next().is_some_and(|target| target.trim() == "audit");
    match filter {
        "" => String::new(),
        filter if filter.split(',').any(names) => filter.to_owned(),
        filter => format!("{filter},audit=info"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_audit;

    #[test]
    fn only_a_filter_that_names_audit_lines_silences_them() {
        let check = |filter: &str, expect: &str| assert_eq!(with_audit(filter), expect);
        check("", "");
        check("warn", "warn,audit=info");
        check("off", "off,audit=info");
        check("hub_control=debug", "hub_control=debug,audit=info");
        check("info,audit=off", "info,audit=off");
        check("audit", "audit");
    }
}
