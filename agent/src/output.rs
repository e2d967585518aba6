//! What the subcommands print.

use crate::args::{Folder, Pause};
use agent::status::{self, Status};
use anyhow::Context as _;
use std::io::{self, Write as _};

pub(crate) fn error(text: &str) {
    // A closed standard error leaves nobody to tell.
    let _closed = writeln!(io::stderr(), "flotilla-agent: {text}");
}

fn line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("standard output")
}

pub(crate) fn pause(pause: &Pause) -> anyhow::Result<()> {
    let folder = pause.folder.find()?;
    let local = pause.local(shared_runtime::now());
    agent::set_local_pause(&folder, Some(&local))?;
    let until = local
        .until
        .map_or_else(|| "until `flotilla-agent resume`".to_owned(), |until| format!("until {until}"));
    line(&format!(
        "paused {until}; the agent of {} obeys within two seconds, and after a restart",
        folder.display()
    ))
}

pub(crate) fn resume(folder: &Folder) -> anyhow::Result<()> {
    let folder = folder.find()?;
    let was = agent::local_pause(&folder).is_ok_and(|pause| pause.is_none());
    agent::set_local_pause(&folder, None)?;
    line(if was {
        "there was no pause set here"
    } else {
        "resumed; a pause of the hub, if there is one, still holds"
    })
}

pub(crate) fn status(folder: &Folder) -> anyhow::Result<()> {
    let folder = folder.find()?;
    match status::read(&folder)? {
        Some(status) => line(text(&status).trim_end()),
        None => line(&format!("no agent has written its status to {} yet", folder.display())),
    }
}

fn text(status: &Status) -> String {
    let link = if status.connected { "connected to" } else { "not connected to" };
    let mut text = format!("cluster {}, {link} hub {} (written {})\n", status.cluster, status.hub, status.at);
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
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
        let Some(app) = index.checked_sub(1).map(|index| &status.applications[index]) else { continue };
        let message = Some(&app.message).filter(|message| !message.is_empty());
        for detail in message.into_iter().chain(&app.drift) {
            text.push_str(&format!("  {detail}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::status::Application;
    use jiff::Timestamp;
    use shared_model::{AppKey, HealthStatus, Position, SyncPhase, SyncState};

    #[test]
    fn a_status_reads() {
        let status = Status {
            cluster: "eu-1".into(),
            hub: "hub:8443".into(),
            connected: false,
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
            }],
        };
        let expect = "\
cluster eu-1, not connected to hub hub:8443 (written 1970-01-01T00:00:00Z)
paused here by ada: INC-7
APPLICATION    POSITION  PHASE      SYNC       HEALTH   HEALED
argocd/orders  1.4       Succeeded  OutOfSync  Healthy  2
  Deployment/orders-api: spec.replicas live=5 desired=3
";
        assert_eq!(text(&status), expect);
    }
}
