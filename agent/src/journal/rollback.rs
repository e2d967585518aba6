//! Back to an earlier order, decided in the cluster itself: needs neither hub nor Git, and where the journal is a
//! folder no network at all.
//!
//! A pin names an earlier order; the agent runs that one instead of the newest until a person releases it. Orders that
//! come meanwhile are kept and not run.

use super::{
    Error, Place, Records,
    apps::{App, What},
    bundles,
    local::Pin,
};
use jiff::Timestamp;
use shared_model::{AppKey, Position, ReleaseSpec};
use std::collections::BTreeSet;

/// An application and the orders that it can be taken back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The application.
    pub application: AppKey,
    /// The orders that are kept, newest first.
    pub orders: Vec<Ran>,
    /// The order that it was taken back to.
    pub pin: Option<Pin>,
    /// The hub ordered that it be removed.
    pub removal: bool,
}

/// An order that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its place in the history of (cluster, application).
    pub position: Position,
    /// What ran.
    pub spec: ReleaseSpec,
    /// Its bundle is here. Whether it is undamaged is seen when the application is taken back to it.
    pub here: bool,
}

/// Why an application is not taken back, or not released.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] Error),
    /// There is no such application.
    #[error("there is no application {app} here{}", list("; there are ", .there))]
    Unknown {
        /// What was asked for.
        app: String,
        /// The names of those that are here.
        there: Vec<String>,
    },
    /// Several applications have that name.
    #[error("several applications are named {app}: give one of {}", .there.join(", "))]
    Ambiguous {
        /// What was asked for.
        app: String,
        /// Their full names.
        there: Vec<String>,
    },
    /// Its removal was ordered.
    #[error("the hub ordered the removal of {0}: there is nothing to take it back to")]
    Removed(AppKey),
    /// The order is not kept.
    #[error("order {to} of {app} is not kept{}", list("; kept are ", .kept))]
    NotKept {
        /// The application.
        app: AppKey,
        /// What was asked for.
        to: u64,
        /// The orders that it can be taken back to.
        kept: Vec<String>,
    },
    /// There is no earlier order of another release.
    #[error("{0} has no earlier release here to take it back to")]
    NothingEarlier(AppKey),
    /// It is pinned there.
    #[error("{app} is taken back to {to} already{}; name another order with --to, or release it with `flotilla-agent unpin {app}`", because(.reason))]
    Already {
        /// The application.
        app: AppKey,
        /// The order.
        to: u64,
        /// Why it was.
        reason: String,
    },
    /// The newest order needs no pin.
    #[error(
        "order {to} is the newest of {app}: it runs without a pin; release a pin with `flotilla-agent unpin {app}`"
    )]
    Newest {
        /// The application.
        app: AppKey,
        /// The order.
        to: u64,
    },
    /// Its bundle is gone.
    #[error("the bundle of order {to} of {app} is not here any more, or damaged{}", list("; these can run: ", .kept))]
    NoBundle {
        /// The application.
        app: AppKey,
        /// The order.
        to: u64,
        /// The orders whose bundles are here.
        kept: Vec<String>,
    },
    /// It is not pinned.
    #[error("{0} is not taken back: it runs its newest order")]
    NotPinned(AppKey),
}

fn list(intro: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{intro}{}", names.join(", ")) }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// What may be asked for of one place.
#[derive(Debug)]
struct Held {
    records: Records,
    all: Vec<History>,
}

/// The applications and the orders that they can be taken back to; all, or the one that `app` names.
///
/// `app` is `namespace/name`, or the name alone where only one application has it.
///
/// # Errors
/// When the journal cannot be read, or has no such application.
pub fn history(place: &Place, app: Option<&str>) -> Result<Vec<History>, Refusal> {
    let held = Held::read(place)?;
    let Some(app) = app else { return Ok(held.all) };
    let one = held.find(app)?.clone();
    Ok(vec![one])
}

/// Takes an application back to the order `to`, or to the last one of another release; the answer says to which.
///
/// # Errors
/// When there is no such order to go back to; the text says what there is.
pub fn roll_back(
    place: &Place,
    app: &str,
    to: Option<u64>,
    reason: &str,
    by: &str,
    now: Timestamp,
) -> Result<(AppKey, Ran), Refusal> {
    let held = Held::read(place)?;
    let found = held.find(app)?;
    let ran = found.choose(to)?.clone();
    held.bundle(found, &ran)?;
    let pin = Pin { position: ran.position, reason: reason.to_owned(), by: by.to_owned(), at: now };
    held.records.set_pin(&found.application, Some(pin))?;
    // The agent may have let that order go while this was decided.
    if let Err(refusal @ Refusal::NoBundle { .. }) = held.bundle(found, &ran) {
        held.records.set_pin(&found.application, found.pin.clone())?;
        return Err(refusal);
    }
    Ok((found.application.clone(), ran))
}

/// Releases an application; the answer says what from, and the newest order, which runs now.
///
/// # Errors
/// When it is not pinned.
pub fn unpin(place: &Place, app: &str) -> Result<(AppKey, Pin, Option<Position>), Refusal> {
    let held = Held::read(place)?;
    let found = held.find(app)?;
    // Also one that cannot be read is released.
    let read = held.records.pin(&found.application);
    let pin = match read {
        Ok(Some(pin)) => pin,
        Ok(None) => return Err(Refusal::NotPinned(found.application.clone())),
        Err(Error::Damaged { problem, .. }) => Pin {
            position: Position::default(),
            reason: problem,
            by: String::new(),
            at: Timestamp::UNIX_EPOCH,
        },
        Err(error) => return Err(error.into()),
    };
    held.records.set_pin(&found.application, None)?;
    Ok((found.application.clone(), pin, found.orders.first().map(|newest| newest.position)))
}

impl Held {
    fn read(place: &Place) -> Result<Self, Refusal> {
        let records = Records(place.look()?);
        let (apps, damaged) = records.apps()?;
        for error in damaged {
            tracing::warn!(%error, "a record of the journal is lost");
        }
        let pins = records.pins()?;
        let here: BTreeSet<String> = records.0.bundles()?.into_iter().map(|(name, _)| name).collect();
        let all = apps.into_iter().filter(|app| !matches!(app.order.what, What::Remove { done: true, .. }));
        let mut all: Vec<History> = all
            .map(|app| {
                let pin = pins.get(&app.order.application).cloned();
                History::of(&app, pin, &here)
            })
            .collect();
        // The order may be lost while the pin is not: then it can be let go of all the same.
        let without = pins.iter().filter(|(key, _)| all.iter().all(|history| history.application != **key));
        let without: Vec<History> = without.map(|(key, pin)| History::lost(key, pin)).collect();
        all.extend(without);
        all.sort_by(|one, other| one.application.cmp(&other.application));
        Ok(Self { records, all })
    }

    /// Reads the bundle of an order, as the agent will.
    fn bundle(&self, found: &History, ran: &Ran) -> Result<(), Refusal> {
        match self.records.bundle(&ran.spec.bundle) {
            Ok(_) => Ok(()),
            Err(Error::NoBundle(_) | Error::Damaged { .. }) => Err(found.no_bundle(ran.position)),
            Err(error) => Err(error.into()),
        }
    }

    fn find(&self, app: &str) -> Result<&History, Refusal> {
        let named =
            |history: &&History| history.application.to_string() == app || history.application.name == app;
        let found: Vec<&History> = self.all.iter().filter(named).collect();
        let names = |histories: &[&History]| {
            histories.iter().map(|history| history.application.to_string()).collect::<Vec<_>>()
        };
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(Refusal::Unknown {
                app: app.to_owned(),
                there: names(&self.all.iter().collect::<Vec<_>>()),
            }),
            [..] => Err(Refusal::Ambiguous { app: app.to_owned(), there: names(&found) }),
        }
    }
}

impl History {
    fn of(app: &App, pin: Option<Pin>, here: &BTreeSet<String>) -> Self {
        let orders = app.order.ran().map(|(position, spec)| Ran {
            position,
            spec: spec.clone(),
            here: here.contains(&bundles::name(&spec.bundle)),
        });
        Self {
            application: app.order.application.clone(),
            orders: orders.collect(),
            pin,
            removal: matches!(app.order.what, What::Remove { .. }),
        }
    }

    /// Of an application whose order cannot be read any more.
    fn lost(application: &AppKey, pin: &Pin) -> Self {
        Self { application: application.clone(), orders: Vec::new(), pin: Some(pin.clone()), removal: false }
    }

    /// The order to go back to.
    fn choose(&self, to: Option<u64>) -> Result<&Ran, Refusal> {
        let app = || self.application.clone();
        if self.removal {
            return Err(Refusal::Removed(app()));
        }
        let Some((newest, earlier)) = self.orders.split_first() else {
            return Err(Refusal::NothingEarlier(app()));
        };
        let pinned = |position: Position| self.pin.as_ref().filter(|pin| pin.position == position);
        let chosen = match to {
            None => {
                if let Some(pin) = &self.pin {
                    let to = pin.position.generation;
                    return Err(Refusal::Already { app: app(), to, reason: pin.reason.clone() });
                }
                let other = earlier.iter().find(|ran| ran.spec.id() != newest.spec.id());
                other.ok_or_else(|| Refusal::NothingEarlier(app()))?
            }
            Some(to) if newest.position.generation == to => return Err(Refusal::Newest { app: app(), to }),
            Some(to) => {
                let kept = earlier.iter().find(|ran| ran.position.generation == to);
                kept.ok_or_else(|| Refusal::NotKept { app: app(), to, kept: numbers(earlier.iter()) })?
            }
        };
        if let Some(pin) = pinned(chosen.position) {
            let to = chosen.position.generation;
            return Err(Refusal::Already { app: app(), to, reason: pin.reason.clone() });
        }
        if !chosen.here {
            return Err(self.no_bundle(chosen.position));
        }
        Ok(chosen)
    }

    fn no_bundle(&self, position: Position) -> Refusal {
        let others = self.orders.iter().skip(1).filter(|ran| ran.here && ran.position != position);
        Refusal::NoBundle { app: self.application.clone(), to: position.generation, kept: numbers(others) }
    }
}

fn numbers<'a>(orders: impl Iterator<Item = &'a Ran>) -> Vec<String> {
    orders.map(|ran| ran.position.generation.to_string()).collect()
}
