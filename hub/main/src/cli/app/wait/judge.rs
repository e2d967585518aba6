//! What an Application's state comes to for somebody who waits for it.
//!
//! A release that failed on its cluster is final: its rollout releases nothing more there until a person or a newer commit
//! decides. Everything else may still become what is wanted, Degraded health included: the rollout's deadline tells when
//! it does not.

use crate::{
    args::Goals,
    cli::app::{revisions, text, waits_for},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How one stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is where it is wanted.
    Done,
    /// Not yet: what it has, and what it waits for.
    Waits(String),
    /// It does not get there.
    Failed(String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    Done,
    Failed(String),
}

/// What there is to say of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Line(String),
    End(Word),
}

/// How an Application stands.
pub(super) fn judge(app: &Value, goals: &Goals) -> Stand {
    let (sync, health) = (text(app, "/status/sync/status"), text(app, "/status/health/status"));
    let of_release = match &goals.revision {
        Some(wanted) => revisions(&app["status"]["sync"]).iter().any(|one| one.starts_with(wanted.as_str())),
        None => true,
    };
    // Neither is both; a revision alone is one that runs.
    let both = !goals.sync && !goals.health;
    let synced = sync == "Synced" || !(goals.sync || both || goals.revision.is_some());
    let healthy = health == "Healthy" || !(goals.health || both);
    let state = text(app, "/status/rollout/state");
    // Synced with what was wanted before is no success while the present release has yet to be applied.
    let settled = !["Released", "Returning"].contains(&state) || sync == "Synced";
    if of_release && state == "Failed" {
        let why = match waits_for(app) {
            why if why.is_empty() => format!("{sync}, {health}"),
            why => why,
        };
        return Stand::Failed(format!("its release failed: {why}"));
    }
    if app.pointer("/metadata/deletionTimestamp").is_some() {
        return Stand::Failed("it is being deleted".to_owned());
    }
    if of_release && synced && healthy && settled {
        return Stand::Done;
    }
    let mut words = vec![sync.to_owned(), health.to_owned()];
    if !of_release {
        let runs: Vec<String> =
            revisions(&app["status"]["sync"]).iter().map(|one| hub_show::short(one)).collect();
        let runs = if runs.is_empty() { "no release".to_owned() } else { runs.join(", ") };
        words.push(format!("for {runs}"));
    }
    words.retain(|word| !word.is_empty());
    Stand::Waits(match waits_for(app) {
        why if why.is_empty() => words.join(", "),
        why => format!("{}: {why}", words.join(", ")),
    })
}

/// All that are waited for.
#[derive(Debug)]
pub(super) struct Waits {
    goals: Goals,
    stands: BTreeMap<String, Stand>,
}

impl Waits {
    pub(super) fn new(names: &[String], goals: &Goals) -> Self {
        let unknown = || Stand::Waits("nothing is known of it yet".to_owned());
        Self { goals: goals.clone(), stands: names.iter().map(|name| (name.clone(), unknown())).collect() }
    }

    /// Takes in what becomes of one; `None` when it is gone. All of them are where they are wanted at one time, or it is
    /// no end: one that is lost again while others are waited for is waited for again.
    pub(super) fn handle(&mut self, name: &str, app: Option<&Value>) -> Said {
        let stand = app.map_or_else(|| Stand::Failed("it is gone".to_owned()), |app| judge(app, &self.goals));
        let Some(before) = self.stands.get_mut(name) else { return Said::Nothing };
        if let Stand::Failed(why) = stand {
            return Said::End(Word::Failed(format!("application {name}: {why}")));
        }
        if *before == stand && stand != Stand::Done {
            return Said::Nothing;
        }
        let line = match &stand {
            Stand::Waits(what) => format!("{name}: {what}"),
            Stand::Done | Stand::Failed(_) => format!("{name}: done"),
        };
        let is_news = *before != stand;
        *before = stand;
        if self.left().is_empty() {
            return Said::End(Word::Done);
        }
        if is_news { Said::Line(line) } else { Said::Nothing }
    }

    /// Those that are not there yet, each with what it waits for.
    pub(super) fn left(&self) -> Vec<String> {
        let line = |(name, stand): (&String, &Stand)| match stand {
            Stand::Done => None,
            Stand::Waits(what) | Stand::Failed(what) => Some(format!("{name}: {what}")),
        };
        self.stands.iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn goals(words: &str) -> Goals {
        let revision = words.split(' ').find_map(|word| word.strip_prefix("revision="));
        Goals {
            sync: words.contains("sync"),
            health: words.contains("health"),
            revision: revision.map(str::to_owned),
        }
    }

    fn app(sync: &str, health: &str, state: &str) -> Value {
        json!({
            "metadata": {"name": "web"},
            "status": {
                "sync": {"status": sync, "revision": "3f2a1bc".repeat(5)}, "health": {"status": health},
                "rollout": {"state": state, "message": if state == "Proven" { "" } else { "wave canary waits for eu-1" }},
            },
        })
    }

    #[allow(clippy::needless_pass_by_value, reason = "cases read better with values")]
    fn check(goals_: &str, app: Value, expect: &str) {
        let said = match judge(&app, &goals(goals_)) {
            Stand::Done => "done".to_owned(),
            Stand::Waits(what) => format!("waits {what}"),
            Stand::Failed(why) => format!("failed {why}"),
        };
        assert_eq!(said, expect, "{goals_}: {app}");
    }

    #[test]
    fn what_is_wanted_decides() {
        check("", app("Synced", "Healthy", "Proven"), "done");
        check("", app("Synced", "Degraded", "Proven"), "waits Synced, Degraded");
        check("sync", app("Synced", "Degraded", "Proven"), "done");
        check("health", app("OutOfSync", "Healthy", "Proven"), "done");
        check(
            "health",
            app("OutOfSync", "Healthy", "Released"),
            "waits OutOfSync, Healthy: wave canary waits for eu-1",
        );
        check("", app("Synced", "Healthy", "Waiting"), "done");
        check("revision=3f2a1bc", app("Synced", "Degraded", "Proven"), "waits Synced, Degraded");
        check("sync revision=3f2a1bc", app("Synced", "Degraded", "Proven"), "done");
        check("revision=0000000", app("Synced", "Healthy", "Proven"), "waits Synced, Healthy, for 3f2a1bc");
        check("", json!({"metadata": {"name": "new"}}), "waits ");
    }

    #[test]
    fn what_failed_for_good_is_no_reason_to_wait() {
        check(
            "",
            app("Synced", "Degraded", "Failed"),
            "failed its release failed: wave canary waits for eu-1",
        );
        // A release that is not the one that is waited for.
        check(
            "revision=0000000",
            app("Synced", "Degraded", "Failed"),
            "waits Synced, Degraded, for 3f2a1bc: wave canary waits for eu-1",
        );
        let mut going = app("Synced", "Healthy", "Proven");
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        check("", going, "failed it is being deleted");
    }

    #[test]
    fn all_of_them_are_there_at_one_time() {
        let mut waits = Waits::new(&["api".to_owned(), "web".to_owned()], &Goals::default());
        let line = |text: &str| Said::Line(text.to_owned());
        let (good, bad) = (app("Synced", "Healthy", "Proven"), app("Synced", "Degraded", "Proven"));
        assert_eq!(waits.handle("api", Some(&good)), line("api: done"));
        assert_eq!(waits.handle("api", Some(&good)), Said::Nothing);
        assert_eq!(waits.handle("api", Some(&bad)), line("api: Synced, Degraded"));
        assert_eq!(waits.handle("web", Some(&good)), line("web: done"));
        assert_eq!(waits.left(), ["api: Synced, Degraded"]);
        assert_eq!(waits.handle("other", Some(&good)), Said::Nothing);
        assert_eq!(waits.handle("api", Some(&good)), Said::End(Word::Done));
        let gone = Said::End(Word::Failed("application web: it is gone".to_owned()));
        assert_eq!(waits.handle("web", None), gone);
    }
}
