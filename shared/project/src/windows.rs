//! Sync windows: whether changes may go out to an Application now, and when that changes.
//!
//! Decides from windows of AppProjects, RolloutPolicies and the hub's settings, all written as Argo CD's `SyncWindow`
//! (`pkg/apis/application/v1alpha1/types.go`: `Active`, `InactiveAllows`, `CanSync`, `Matches`).
//!
//! Invariants:
//! - an open `deny` window closes, whatever else is open; where there are `allow` windows, one of them must be open;
//! - what cannot be read closes: a `deny` window counts as open, an `allow` window as never open, and a pattern takes
//!   everything; [`problems`] names it;
//! - the zones are data in this program; no file is read;
//! - asking ends, however windows are written: after [`ROUNDS`] changes, `until` is when to ask again.
//!
//! Refuses to know: what waits, and what a person may force.
//!
//! # Why
//! A window opens and closes by what clocks show in its zone, as in Argo CD: one from 22:00 for 9h closes at 07:00 in the night of a
//! clock change too, although 8 or 10 hours have passed. One that opens in the hour that is skipped in spring is open from the jump on; one that
//! opens in the hour that comes twice in autumn is open twice. Counting elapsed time instead would drop a freeze that begins in
//! the skipped hour. Differences from Argo CD, all on the side of staying closed: it takes an unknown zone as UTC, an unreadable pattern as one
//! that holds for nothing, and keeps a window shut in the very instant in which it opens.

mod concern;
mod cron;
mod window;

use crate::list;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shared_model::SyncWindow;
use std::collections::BTreeMap;
use window::{Look, Window};

/// After how many changes of windows that leave the answer as it is `until` is given all the same.
const ROUNDS: usize = 256;

/// The windows that concern one Application on one cluster, ready to be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Windows {
    /// By where they come from: each group for itself must be open, so that an `allow` window of one does not open what another
    /// keeps shut.
    groups: Vec<Vec<Window>>,
}

/// Whether changes may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open {
        /// When that changes; `None` when no time in the next five years is known.
        until: Option<Timestamp>,
    },
    /// They may not.
    Closed {
        /// When they may again; `None` when no time in the next five years is known.
        until: Option<Timestamp>,
        /// Which window says so, in words: "deny window `0 22 * * *` for 9h (Europe/Berlin)".
        why: String,
        /// Whether a person's sync goes through all the same.
        manual: bool,
        /// Whether what began while they might may be ended.
        overrun: bool,
    },
}

/// Where windows are written, which decides what they may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In an AppProject.
    Project,
    /// In a RolloutPolicy.
    Policy,
    /// In the hub's settings.
    Fleet,
}

impl Windows {
    /// Reads windows that all concern the Application. What cannot be read counts as closed for
    /// `deny` and as never open for `allow`, and is named by [`problems`].
    pub fn new<'a>(windows: impl IntoIterator<Item = &'a SyncWindow>) -> Self {
        let group: Vec<_> = windows.into_iter().map(Window::new).collect();
        Self { groups: if group.is_empty() { Vec::new() } else { vec![group] } }
    }

    /// Windows of several places, of which each must be open for itself.
    pub fn join(places: impl IntoIterator<Item = Self>) -> Self {
        Self { groups: places.into_iter().flat_map(|windows| windows.groups).collect() }
    }

    /// Whether a window concerns an Application. Of the lists `applications`, `namespaces` and `clusters` that are given, one must hold, or all
    /// with `andOperator`; patterns are globs without separator, and a cluster goes by its name and its address. `clusterSelector`, on the
    /// cluster's labels, must hold besides. A window of a RolloutPolicy or of the hub's settings that names nothing concerns everything; those of an
    /// AppProject concern nothing then, as in Argo CD, and [`of_project`] leaves them out.
    pub fn applies(
        window: &SyncWindow,
        application: &str,
        namespace: &str,
        cluster: &str,
        server: &str,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        concern::applies(window, application, namespace, cluster, server, labels)
    }

    /// Whether changes may go out at `now`.
    pub fn gate(&self, now: Timestamp) -> Gate {
        let mut looks: Vec<Vec<Look>> =
            self.groups.iter().map(|group| group.iter().map(|window| window.look(now)).collect()).collect();
        let verdicts = self.verdicts(&looks);
        let open = verdicts.iter().all(|verdict| verdict.open);
        let why = (!open).then(|| self.why(&looks));
        let until = self.until(&mut looks, open);
        match why {
            None => Gate::Open { until },
            Some(Why { why, manual, overrun }) => Gate::Closed { until, why, manual, overrun },
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// When the answer is no more `open`, from what the windows say now.
    fn until(&self, looks: &mut [Vec<Look>], open: bool) -> Option<Timestamp> {
        let mut at = None;
        for _ in 0..ROUNDS {
            let verdicts = self.verdicts(looks);
            if verdicts.iter().all(|verdict| verdict.open) != open {
                return at;
            }
            // Open ends with the first group that closes; closed, not before the last of those that are closed.
            let changes = verdicts.iter().filter(|verdict| verdict.open == open).map(|verdict| verdict.until);
            let next = if open { changes.flatten().min() } else { latest(changes) }?;
            for (group, looks) in self.groups.iter().zip(looks.iter_mut()) {
                for (window, look) in group.iter().zip(looks) {
                    if look.until.is_some_and(|until| until <= next) {
                        *look = window.look(next);
                    }
                }
            }
            at = Some(next);
        }
        at
    }

    /// What each group says, and until when at least.
    fn verdicts(&self, looks: &[Vec<Look>]) -> Vec<Look> {
        self.groups.iter().zip(looks).map(|(group, looks)| verdict(group, looks)).collect()
    }

    /// Of the windows that close, the one that does so longest, and whether all of them let something through.
    fn why(&self, looks: &[Vec<Look>]) -> Why {
        let mut closing: Vec<(&Window, Look)> = Vec::new();
        for (group, looks) in self.groups.iter().zip(looks) {
            if verdict(group, looks).open {
                continue;
            }
            let all = || group.iter().zip(looks.iter().copied());
            let denied = all().any(|(window, look)| window.deny && look.open);
            closing.extend(all().filter(|(window, look)| window.deny == denied && look.open == denied));
        }
        let known = |look: &Look| look.until.unwrap_or(Timestamp::MAX);
        let denying = closing.iter().filter(|(window, _)| window.deny).max_by_key(|(_, look)| known(look));
        let allowing = || closing.iter().min_by_key(|(_, look)| known(look));
        let why = match (denying, allowing()) {
            (Some((window, _)), _) => window.shown.clone(),
            (None, Some((window, _))) => format!("outside of {}", window.shown),
            (None, None) => String::new(),
        };
        let more = closing.len().saturating_sub(1);
        Why {
            why: if more == 0 { why } else { format!("{why}, and {more} more") },
            manual: closing.iter().all(|(window, _)| window.manual),
            overrun: closing.iter().all(|(window, _)| window.overrun),
        }
    }
}

/// What a closed gate says besides the time.
struct Why {
    why: String,
    manual: bool,
    overrun: bool,
}

/// Whether a group is open, and until when at least it stays so.
fn verdict(group: &[Window], looks: &[Look]) -> Look {
    let of = |deny: bool, open: bool| {
        let all = group.iter().zip(looks);
        all.filter(move |(window, look)| window.deny == deny && look.open == open).map(|(_, look)| look.until)
    };
    if of(true, true).next().is_some() {
        return Look { open: false, until: latest(of(true, true)) };
    }
    let allowed = of(false, true).next().is_some();
    if !allowed && of(false, false).next().is_some() {
        return Look { open: false, until: of(false, false).flatten().min() };
    }
    let denied = of(true, false).flatten().min();
    let shut = if allowed { latest(of(false, true)) } else { None };
    Look { open: true, until: denied.into_iter().chain(shut).min() }
}

/// The last of the times; `None`, which is never, is later than all.
fn latest(times: impl Iterator<Item = Option<Timestamp>>) -> Option<Timestamp> {
    times.max_by_key(|time| time.unwrap_or(Timestamp::MAX)).flatten()
}

/// What is wrong with windows written at `path`: each with field path and remedy. None means that all can be read.
pub fn problems(windows: &[SyncWindow], scope: Scope, path: &str) -> Vec<String> {
    let of = |(index, window)| problems_of(window, scope, &format!("{path}[{index}]"));
    windows.iter().enumerate().flat_map(of).collect()
}

/// The windows of an AppProject that concern anything, and what is wrong with them as [`problems`] says it.
pub fn of_project(project: &Value) -> (Vec<SyncWindow>, Vec<String>) {
    let entries = list(project, "syncWindows");
    let (mut windows, problems) = from_values(entries, Scope::Project, "spec.syncWindows");
    windows.retain(|window| !concern::is_silent(window));
    (windows, problems)
}

/// Windows from the entries of a list written at `path`, and what is wrong with them as [`problems`] says it. An entry that is
/// no window at all is a `deny` window for everything that cannot be read.
pub fn from_values(entries: &[Value], scope: Scope, path: &str) -> (Vec<SyncWindow>, Vec<String>) {
    let mut problems = Vec::new();
    let mut windows = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = format!("{path}[{index}]");
        match SyncWindow::deserialize(entry) {
            Ok(window) => {
                problems.extend(problems_of(&window, scope, &at));
                problems
                    .extend(unknown(entry).map(|field| format!("{at}.{field}: a window has no such field")));
                windows.push(window);
            }
            Err(error) => {
                problems.push(format!("{at}: {error}; write a window with kind, schedule and duration"));
                let description = format!("{at} is no window");
                let applications = vec!["*".to_owned()];
                windows.push(SyncWindow { applications, description, ..SyncWindow::default() });
            }
        }
    }
    (windows, problems)
}

fn problems_of(window: &SyncWindow, scope: Scope, at: &str) -> Vec<String> {
    let all = window::problems(window).into_iter().chain(concern::problems(window, scope));
    all.map(|problem| format!("{at}.{problem}")).collect()
}

/// The fields of an entry that a window does not have.
fn unknown(entry: &Value) -> impl Iterator<Item = &String> {
    const FIELDS: [&str; 15] = [
        "kind",
        "schedule",
        "duration",
        "applications",
        "namespaces",
        "clusters",
        "manualSync",
        "timeZone",
        "andOperator",
        "description",
        "syncOverrun",
        "clusterSelector",
        "name",
        "from",
        "until",
    ];
    entry
        .as_object()
        .into_iter()
        .flatten()
        .map(|(field, _)| field)
        .filter(|field| !FIELDS.contains(&field.as_str()))
}

#[cfg(test)]
mod tests;
