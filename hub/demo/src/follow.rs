//! Watching a rollout, and showing it.

use crate::mirror::Mirror;
use anyhow::bail;
use hub_show::{FEW, Rollout, Screen, changes, frame, short};
use shared_rollout::Phase;
use std::time::Duration;
use tokio::time::Instant;

const REDRAW: Duration = Duration::from_millis(150);
/// Between lines about a large fleet.
const REPORT: Duration = Duration::from_secs(1);

/// Shows the rollout of a commit until it is done or has halted.
///
/// # Errors
/// When that takes longer than `within`, with what the hub says meanwhile.
pub(crate) async fn to_the_end(
    mirror: &mut Mirror,
    screen: &mut Screen,
    commit: &str,
    title: &str,
    within: Duration,
) -> anyhow::Result<Rollout> {
    let deadline = Instant::now() + within;
    let mut view = View::new(title);
    loop {
        let rollout = mirror.rollout(Some(commit));
        if let Some(rollout) = &rollout {
            view.show(screen, rollout);
            if matches!(rollout.phase, Phase::Done | Phase::Halted | Phase::Superseded) {
                screen.keep();
                return Ok(rollout.clone());
            }
        }
        if let Ok(read) = tokio::time::timeout_at(deadline, next(mirror, view.pace(screen))).await {
            read?;
            continue;
        }
        screen.keep();
        let waits = rollout.map(|rollout| rollout.waits_for).filter(|waits| !waits.is_empty());
        let waits = waits.or_else(|| mirror.problems().first().cloned());
        let waits = waits.map(|waits| format!(": {waits}")).unwrap_or_default();
        bail!("the rollout of commit {} did not end within {} s{waits}", short(commit), within.as_secs());
    }
}

/// Shows the newest rollout for ever.
pub(crate) async fn for_ever(mirror: &mut Mirror, screen: &mut Screen) -> anyhow::Result<()> {
    let mut view = View::new("newest commit");
    loop {
        if let Some(rollout) = mirror.rollout(None) {
            view.show(screen, &rollout);
        }
        next(mirror, view.pace(screen)).await?;
    }
}

/// Takes in what changes for as long as `pace`, at least one change.
async fn next(mirror: &mut Mirror, pace: Duration) -> anyhow::Result<()> {
    mirror.changed().await?;
    let mut over = std::pin::pin!(tokio::time::sleep(pace));
    loop {
        tokio::select! {
            changed = mirror.changed() => changed?,
            () = &mut over => return Ok(()),
        }
    }
}

/// What is on the screen.
#[derive(Debug)]
struct View {
    title: String,
    since: Instant,
    shown: Option<Rollout>,
}

impl View {
    fn new(title: &str) -> Self {
        Self { title: title.to_owned(), since: Instant::now(), shown: None }
    }

    fn show(&mut self, screen: &mut Screen, rollout: &Rollout) {
        if self.shown.as_ref() == Some(rollout) {
            return;
        }
        if screen.is_live() {
            screen.block(&frame(rollout, &self.title, screen.style()));
        } else {
            let at = self.since.elapsed().as_secs_f64();
            for line in changes(self.shown.as_ref(), rollout) {
                screen.line(&format!("{at:7.1} s  {line}"));
            }
        }
        self.shown = Some(rollout.clone());
    }

    fn pace(&self, screen: &Screen) -> Duration {
        let many = self.shown.as_ref().is_some_and(|shown| shown.clusters.len() > FEW);
        if many && !screen.is_live() { REPORT } else { REDRAW }
    }
}
