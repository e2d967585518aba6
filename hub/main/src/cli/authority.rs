//! `flotilla authority`.

use crate::{
    args::{AuthorityCommand, Connection},
    cli::{client::Hub, output},
};
use serde_json::{Value, json};
use std::process::ExitCode;

const PATH: &str = "/flotilla/v1/authority";

pub(crate) async fn run(connection: Connection, command: AuthorityCommand) -> anyhow::Result<ExitCode> {
    let hub = Hub::connect(connection)?;
    let report = match command {
        AuthorityCommand::Status => hub.get(PATH).await?,
        AuthorityCommand::Rotate { without_waiting: false } => {
            hub.post(PATH, &json!({"action": "rotate"})).await?
        }
        AuthorityCommand::Rotate { without_waiting: true } => {
            hub.post(PATH, &json!({"action": "goOn"})).await?
        }
    };
    lines(&report).iter().for_each(|line| output::line(line));
    Ok(ExitCode::SUCCESS)
}

/// The report in sentences.
fn lines(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let strings = |value: &Value| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    let authorities = strings(&report["authorities"]);
    let name = |at: usize| authorities.get(at).map_or("?", |name| name.get(..12).unwrap_or(name)).to_owned();
    let mut lines =
        vec![format!("authority {} issues certificates; it ends at {}", name(0), text(&report["expiresAt"]))];
    // To the second: nobody reads more.
    let since = text(&report["since"]);
    let since =
        since.parse::<jiff::Timestamp>().map_or(since, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let asked = format!("asked for by {} at {since}", text(&report["by"]));
    match report["phase"].as_str() {
        Some("Introducing") => lines.push(format!(
            "it is being replaced by {} ({asked}), step 1 of 2: agents learn to trust the new one",
            name(1)
        )),
        Some("Replacing") => lines.push(format!(
            "it replaces {}, step 2 of 2: agents get certificates of the new one (since {since}, asked for by {})",
            name(1),
            text(&report["by"])
        )),
        _ => return lines,
    }
    let waits = strings(&report["waitsFor"]);
    let count = report["waitsForCount"].as_u64().unwrap_or_default();
    if waits.is_empty() {
        lines.push("it waits for nothing: the next step begins in a moment".to_owned());
    } else {
        lines.push(format!("it waits for {count}:"));
        lines.extend(waits.iter().map(|wait| format!("  {wait}")));
        let more = count.saturating_sub(waits.len() as u64);
        lines.extend((more > 0).then(|| format!("  and {more} more")));
        lines.push(
            "`flotilla authority rotate --without-waiting` goes on without them; those clusters have to join again"
                .to_owned(),
        );
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(report: &Value, expect: &[&str]) {
        assert_eq!(lines(report), expect);
    }

    #[test]
    fn a_report_says_where_it_is_and_what_it_waits_for() {
        let settled = json!({"phase": "Settled", "authorities": ["0123456789abcdef"], "expiresAt": "2036-01-01T00:00:00Z"});
        check(&settled, &["authority 0123456789ab issues certificates; it ends at 2036-01-01T00:00:00Z"]);
        let mut introducing = json!({
            "phase": "Introducing", "since": "2026-01-01T00:00:00Z", "by": "ada",
            "authorities": ["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"], "expiresAt": "2036-01-01T00:00:00Z",
            "waitsFor": ["eu-1: to confirm"], "waitsForCount": 3,
        });
        check(
            &introducing,
            &[
                "authority aaaaaaaaaaaa issues certificates; it ends at 2036-01-01T00:00:00Z",
                "it is being replaced by bbbbbbbbbbbb (asked for by ada at 2026-01-01T00:00:00Z), step 1 of 2: agents \
                 learn to trust the new one",
                "it waits for 3:",
                "  eu-1: to confirm",
                "  and 2 more",
                "`flotilla authority rotate --without-waiting` goes on without them; those clusters have to join again",
            ],
        );
        introducing["phase"] = json!("Replacing");
        introducing["waitsFor"] = json!([]);
        check(
            &introducing,
            &[
                "authority aaaaaaaaaaaa issues certificates; it ends at 2036-01-01T00:00:00Z",
                "it replaces bbbbbbbbbbbb, step 2 of 2: agents get certificates of the new one (since \
                 2026-01-01T00:00:00Z, asked for by ada)",
                "it waits for nothing: the next step begins in a moment",
            ],
        );
    }
}
