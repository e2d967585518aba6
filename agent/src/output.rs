//! What the subcommands print.

use crate::args::{Beside, HistoryOptions, Pause, Rollback, UnpinOptions};
use agent::{
    History, LocalPause,
    status::{self, Status},
};
use anyhow::Context as _;
use jiff::Timestamp;
use std::io::{self, Write as _};

const NOT_RUNNING: &str = "; no agent runs there now";

/// Without what people do not read of a time.
fn time(at: Timestamp) -> Timestamp {
    at.round(jiff::Unit::Second).unwrap_or(at)
}

fn is_over(pause: &LocalPause) -> bool {
    pause.until.is_some_and(|until| until <= shared_runtime::now())
}

pub(crate) fn error(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _closed = writeln!(io::stderr(), "flotilla-agent: {text}");
}

fn line(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        // `| head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output"),
    }
}

pub(crate) fn pause(pause: &Pause) -> anyhow::Result<()> {
    let place = pause.folder.place()?;
    let local = pause.local(shared_runtime::now());
    agent::set_local_pause(&place, Some(&local))?;
    let until = local
        .until
        .map_or_else(|| "until `flotilla-agent resume`".to_owned(), |until| format!("until {}", time(until)));
    let by_hand = if status::runs(&place) == Some(false) { NOT_RUNNING } else { "" };
    line(&format!(
        "paused {until}; the agent of {place} obeys within two seconds, and after a restart{by_hand}"
    ))
}

pub(crate) fn resume(beside: &Beside) -> anyhow::Result<()> {
    let place = beside.place()?;
    let was = agent::local_pause(&place).is_ok_and(|pause| pause.is_none());
    agent::set_local_pause(&place, None)?;
    line(if was {
        "there was no pause set by `flotilla-agent pause`"
    } else {
        "resumed; a pause of the hub or by annotation, if there is one, still holds"
    })?;
    if let Some(pause) = agent::annotated_pause(&place)?.filter(|pause| !is_over(pause)) {
        line(&format!(
            "it is paused by {} too ({}): remove flotilla.dev/pause there",
            pause.by, pause.reason
        ))?;
    }
    Ok(())
}

pub(crate) fn status(beside: &Beside) -> anyhow::Result<()> {
    let place = beside.place()?;
    match status::read(&place)? {
        Some(status) => {
            if status::runs(&place) == Some(false) {
                line("no agent runs here now: this is what the last one wrote, and nothing is healed")?;
            }
            line(text(&status).trim_end())
        }
        None => line(&format!("no agent has written its status to {place} yet")),
    }
}

pub(crate) fn history(options: &HistoryOptions) -> anyhow::Result<()> {
    let place = options.folder.place()?;
    let histories = agent::history(&place, options.app.as_deref())?;
    if histories.is_empty() {
        return line(&format!("no application was ordered yet, as far as {place} tells"));
    }
    line(orders(&histories).trim_end())
}

pub(crate) fn roll_back(options: &Rollback) -> anyhow::Result<()> {
    let place = options.folder.place()?;
    let Rollback { app, to, reason, by, .. } = options;
    let (app, ran) = agent::roll_back(&place, app, *to, reason, by, shared_runtime::now())?;
    line(&format!(
        "{app} is taken back to {}{}; the agent obeys within two seconds, and after a restart, until `flotilla-agent unpin {app}`",
        ran.position.generation,
        commits(&ran).map_or_else(String::new, |commits| format!(" (commit {commits})")),
    ))
}

pub(crate) fn unpin(options: &UnpinOptions) -> anyhow::Result<()> {
    let place = options.folder.place()?;
    let (app, _, newest) = agent::unpin(&place, &options.app)?;
    let newest = newest.map_or_else(|| "its newest order".to_owned(), |newest| newest.generation.to_string());
    line(&format!("{app} is released: it goes to {newest}"))
}

fn commits(ran: &agent::Ran) -> Option<String> {
    let shown = ran.spec.shown();
    let short: Vec<&str> = shown.iter().map(|revision| revision.get(..10).unwrap_or(revision)).collect();
    (!short.is_empty()).then(|| short.join(","))
}

fn orders(histories: &[History]) -> String {
    let mut rows = vec![["APPLICATION", "N", "COMMIT", ""].map(str::to_owned)];
    for history in histories {
        for (index, ran) in history.orders.iter().enumerate() {
            let application = if index == 0 { history.application.to_string() } else { String::new() };
            let commits = commits(ran).unwrap_or_else(|| "-".to_owned());
            rows.push([application, ran.position.generation.to_string(), commits, notes(history, index)]);
        }
    }
    table(&rows).join("\n")
}

/// What is to be said of an order.
fn notes(history: &History, index: usize) -> String {
    let ran = &history.orders[index];
    let mut notes = Vec::new();
    match &history.pin {
        Some(pin) if pin.position == ran.position => {
            let by = if pin.by.is_empty() { String::new() } else { format!(" by {}", pin.by) };
            let reason = if pin.reason.is_empty() { String::new() } else { format!(": {}", pin.reason) };
            notes.push(format!("runs, taken back{by} at {}{reason}", time(pin.at)));
        }
        Some(_) if index == 0 => notes.push("newest".to_owned()),
        None if index == 0 && history.removal => notes.push("is being removed".to_owned()),
        None if index == 0 => notes.push("runs".to_owned()),
        Some(_) | None => {}
    }
    if !ran.here {
        notes.push("its bundle is not here".to_owned());
    }
    notes.join("; ")
}

/// Lines with aligned columns.
fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// What the link has to say beside the hub's name; nothing while all is well.
fn link_lines(status: &Status) -> Vec<String> {
    let mut lines = status.problems.clone();
    if let Some(skew) = status.clock_skew_ms.filter(|skew| skew.unsigned_abs() >= 1000) {
        let side = if skew > 0 { "behind" } else { "ahead of" };
        lines.push(format!("this machine's clock is {} s {side} the hub's", skew.unsigned_abs() / 1000));
    }
    if let Some(until) = status.certificate_until {
        let word = if until < status.at { "ended" } else { "ends" };
        lines.push(format!("the agent's certificate {word} {}", time(until)));
    }
    lines
}

fn text(status: &Status) -> String {
    let link = if status.connected { "connected to" } else { "not connected to" };
    let mut text =
        format!("cluster {}, {link} hub {} (written {})\n", status.cluster, status.hub, time(status.at));
    for line in link_lines(status) {
        text.push_str(&format!("{line}\n"));
    }
    for pause in &status.pauses {
        text.push_str(&format!("{pause}\n"));
    }
    let rows = status.applications.iter().map(|app| {
        [
            app.name.to_string(),
            app.position.to_string(),
            format!("{:?}", app.phase),
            app.sync.to_string(),
            app.health.to_string(),
            app.healed.to_string(),
        ]
    });
    let head = ["APPLICATION", "POSITION", "PHASE", "SYNC", "HEALTH", "HEALED"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    for (index, row) in table(&rows).iter().enumerate() {
        text.push_str(row);
        text.push('\n');
        let Some(app) = index.checked_sub(1).map(|index| &status.applications[index]) else { continue };
        let message = Some(&app.message).filter(|message| !message.is_empty());
        for detail in app.paused.iter().chain(message).chain(&app.drift) {
            text.push_str(&format!("  {detail}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::status::Application;
    use shared_model::{AppKey, HealthStatus, Position, SyncPhase, SyncState};

    #[test]
    fn a_status_reads() {
        let status = Status {
            cluster: "eu-1".into(),
            hub: "hub:8443".into(),
            connected: false,
            clock_skew_ms: Some(-42_500),
            certificate_until: Some(Timestamp::UNIX_EPOCH),
            problems: vec!["hub:8443: Revoked: it is".into()],
            at: Timestamp::UNIX_EPOCH,
            pauses: vec!["paused here by ada: INC-7".into()],
            applications: vec![Application {
                name: AppKey::new("argocd", "orders"),
                position: Position { incarnation: 1, generation: 4 },
                phase: SyncPhase::Succeeded,
                message: String::new(),
                sync: SyncState::OutOfSync,
                health: HealthStatus::Healthy,
                drift: vec!["Deployment/orders-api: spec.replicas live=5 desired=3".into()],
                healed: 2,
                paused: Some("paused on the hub by ann: INC-8".into()),
            }],
        };
        let expect = "\
cluster eu-1, not connected to hub hub:8443 (written 1970-01-01T00:00:00Z)
hub:8443: Revoked: it is
this machine's clock is 42 s ahead of the hub's
the agent's certificate ends 1970-01-01T00:00:00Z
paused here by ada: INC-7
APPLICATION    POSITION  PHASE      SYNC       HEALTH   HEALED
argocd/orders  1.4       Succeeded  OutOfSync  Healthy  2
  paused on the hub by ann: INC-8
  Deployment/orders-api: spec.replicas live=5 desired=3
";
        assert_eq!(text(&status), expect);
    }
}
