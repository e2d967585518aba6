//! Taking what an agent holds as truth: what of it the hub must still be told before it can.
//!
//! Of each application that differs, the hub needs the release's spec (asked for with `Describe` where its
//! store lost it) and the bundle (asked for with `Give` where its folder lost it, or where nothing but the
//! agent's word ties the release to this cluster: an agent must not get to read what it cannot show). Only
//! when all of it is here are the agent's positions and releases handed on, as one record.

use super::Held;
use hub_records::{Adoption as Record, AdoptionState, Truth};
use proto::v1;
use shared_model::{AdoptRequest, AppKey, Digest, ReleaseId, ReleaseSpec};
use std::collections::BTreeMap;

/// One adoption under way.
#[derive(Debug)]
pub(super) struct Adoption {
    pub(super) request: AdoptRequest,
    truths: BTreeMap<AppKey, Held>,
    waits: BTreeMap<AppKey, Waits>,
    handed_on: bool,
}

/// What is missing of one application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Look,
    Describe,
    Bundle(Digest),
}

/// What the hub has of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub bundle: Digest,
    pub bytes: u64,
    /// Whether the agent must upload the bundle.
    pub upload: bool,
}

/// What to do next for one application.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Ask(v1::Command),
    Want(Digest, u64, v1::Command),
    Look(ReleaseId),
    Keep(Box<ReleaseSpec>),
}

impl Adoption {
    pub(super) fn new(request: AdoptRequest, differs: &BTreeMap<AppKey, Held>) -> Self {
        let running = differs.iter().filter(|(_, held)| held.release.is_some());
        Self {
            request,
            truths: differs.clone(),
            waits: running.map(|(app, _)| (app.clone(), Waits::Look)).collect(),
            handed_on: false,
        }
    }

    /// The releases to look up first.
    pub(super) fn looks(&self) -> Vec<(AppKey, ReleaseId)> {
        let release = |app: &AppKey| self.truths.get(app)?.release;
        self.waits.keys().filter_map(|app| Some((app.clone(), release(app)?))).collect()
    }

    /// The store and the folder were looked into.
    pub(super) fn looked(&mut self, app: &AppKey, known: Option<Known>) -> Option<Step> {
        let waits = self.waits.get_mut(app).filter(|waits| **waits == Waits::Look)?;
        match known {
            None => {
                *waits = Waits::Describe;
                let describe = v1::command::Command::Describe(v1::Describe {});
                Some(Step::Ask(command(format!("describe/{app}"), app, describe)))
            }
            Some(Known { bundle, bytes, upload: true }) => {
                *waits = Waits::Bundle(bundle);
                let give = v1::command::Command::Give(v1::Give { digest: bundle.to_string() });
                Some(Step::Want(bundle, bytes, command(format!("give/{app}"), app, give)))
            }
            Some(Known { upload: false, .. }) => {
                self.waits.remove(app);
                None
            }
        }
    }

    /// The agent described what it holds: kept if it is what the hello named.
    ///
    /// # Errors
    /// When it is not, as a sentence.
    pub(super) fn described(&mut self, holding: v1::Holding) -> Result<Vec<Step>, String> {
        let app = proto::application_from_wire(holding.application, "Holding")
            .map_err(|error| error.to_string())?;
        let Some(waits) = self.waits.get_mut(&app).filter(|waits| **waits == Waits::Describe) else {
            return Ok(Vec::new());
        };
        let held = self.truths.get(&app).and_then(|held| held.release);
        let spec: ReleaseSpec = serde_json::from_slice(&holding.spec)
            .map_err(|error| format!("what the agent holds of {app} cannot be read: {error}"))?;
        if Some(spec.id()) != held || spec.application != app {
            return Err(format!("what the agent describes of {app} is not the release that its hello named"));
        }
        *waits = Waits::Look;
        let look = Step::Look(spec.id());
        Ok(vec![Step::Keep(Box::new(spec)), look])
    }

    /// The application that a `Look` of [`Adoption::described`] is about.
    pub(super) fn of(&self, release: ReleaseId) -> Option<AppKey> {
        self.truths.iter().find(|(_, held)| held.release == Some(release)).map(|(app, _)| app.clone())
    }

    /// A bundle was uploaded.
    pub(super) fn given(&mut self, digest: Digest) {
        self.waits.retain(|_, waits| *waits != Waits::Bundle(digest));
    }

    /// The record, once nothing is missing; given out once.
    pub(super) fn whole(&mut self) -> Option<Record> {
        if self.handed_on || !self.waits.is_empty() {
            return None;
        }
        self.handed_on = true;
        let truth = |(application, held): (&AppKey, &Held)| Truth {
            application: application.clone(),
            position: held.position,
            release: held.release,
        };
        let truths = self.truths.iter().map(truth).collect();
        Some(Record { request: self.request.clone(), state: AdoptionState::Told(truths) })
    }
}

fn command(id: String, app: &AppKey, command: v1::command::Command) -> v1::Command {
    v1::Command { id, application: Some(proto::application_to_wire(app)), command: Some(command) }
}
