//! Pauses of single applications: what of them the agent must be told.
//!
//! As with the cluster's: what a lost store does not know of is not lifted or changed, a pause makes nobody act. One that
//! ended by itself is not told: the agent counts.

use super::{Session, pause_id, to_wire};
use jiff::Timestamp;
use proto::v1;
use shared_model::{AppKey, PauseRequest};
use std::collections::BTreeMap;

/// The pauses that an agent says it obeys, by id.
pub(super) fn acknowledged(
    said: Vec<v1::PausedApplication>,
) -> Result<BTreeMap<AppKey, String>, proto::Malformed> {
    let said = said.into_iter().map(|said| {
        let application = proto::application_from_wire(said.application, "PausedApplication")?;
        Ok((application, said.acknowledged))
    });
    said.collect()
}

impl Session {
    /// Tells a pause of one application, or its end, unless the agent knows.
    pub(super) fn pause_application(
        &mut self,
        application: &AppKey,
        asked: Option<&PauseRequest>,
        now: Timestamp,
    ) {
        let asked = asked.filter(|asked| asked.is_active(now));
        let id = asked.map(pause_id).unwrap_or_default();
        let known = self.paused.get(application).map(String::as_str).unwrap_or_default();
        if id == known || (self.hold.is_some() && !known.is_empty()) {
            return;
        }
        if id.is_empty() {
            self.paused.remove(application);
        } else {
            self.paused.insert(application.clone(), id.clone());
        }
        let pause = asked.map_or_else(v1::Pause::default, |asked| to_wire(asked, id, now));
        self.send(v1::hub_message::Message::PauseApplication(v1::PauseApplication {
            application: Some(proto::application_to_wire(application)),
            pause: Some(pause),
        }));
    }

    /// Lifts the pauses that the agent obeys and nobody asks for.
    pub(super) fn lift_others(&mut self, now: Timestamp) {
        let known = self.paused.keys().filter(|application| !self.standing.paused.contains_key(*application));
        let others: Vec<AppKey> = known.cloned().collect();
        for application in others {
            self.pause_application(&application, None, now);
        }
    }
}
