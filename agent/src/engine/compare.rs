//! The hub asks what an apply would change: of the release that is to run here, or of one that it brings along.
//!
//! Nothing is written and nothing is dry-run, so no pause, no Observe and no protection stands against it. An object that is
//! protected here is not read either.

use super::{Engine, Work, orders::Wish};
use proto::v1;
use shared_manifest::ObjectId;
use shared_model::{AppKey, Position, ReleaseSpec};
use std::fmt;

/// What is to be compared with what is in the cluster.
pub struct Comparison {
    /// The command that asks.
    pub command: String,
    /// The release, with the position of what is held.
    pub position: Position,
    pub spec: Box<ReleaseSpec>,
    /// The release's bundle as it came, compressed; `None` when it is in the journal.
    pub bundle: Option<bytes::Bytes>,
    /// What is, or may be, in the cluster because of the application.
    pub inventory: Vec<ObjectId>,
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.command, self.spec.application)
    }
}

impl Engine {
    pub(super) fn comparison(
        &mut self,
        command: String,
        application: &AppKey,
        asked: &v1::Compare,
    ) -> Result<(), String> {
        let app = self.apps.get(application);
        let (spec, bundle) = if asked.spec.is_empty() {
            let Some(Wish::Run { spec, .. }) = app.and_then(|app| app.current.as_ref()) else {
                return Err(format!("{application} does not run here"));
            };
            (spec.clone(), None)
        } else {
            let spec: ReleaseSpec = serde_json::from_slice(&asked.spec)
                .map_err(|error| format!("the release to compare with cannot be read: {error}"))?;
            if spec.application != *application {
                return Err("the release to compare with is another application's".to_owned());
            }
            (Box::new(spec), Some(asked.bundle.clone()))
        };
        let position = app.map(|app| app.held).unwrap_or_default();
        let inventory = app.and_then(|app| app.inventory.clone()).unwrap_or_default();
        self.work.push_back(Work::Compare(Comparison { command, position, spec, bundle, inventory }));
        Ok(())
    }

    pub(super) fn compared(&mut self, id: String, application: &AppKey, result: Result<Vec<u8>, String>) {
        match result {
            Ok(changes) => self.outbox.compared(v1::Compared {
                id,
                application: Some(proto::application_to_wire(application)),
                changes: changes.into(),
            }),
            Err(error) => self.outbox.result(v1::CommandResult { id, error }),
        }
    }
}
