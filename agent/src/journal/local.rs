//! What is decided in the cluster itself: a pause, and applications taken back to an earlier order.
//!
//! People write it by command, whether the agent runs or not, and with no network where the journal is a folder; each
//! pin is a record of its own, so that two commands never undo each other. What cannot be read holds: the agent leaves
//! the cluster alone until a person has mended it.

use super::{Error, Journal, Place, Records, annotation, apps::hash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, Position};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::mpsc;

/// All that is decided in the cluster itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    /// The pause in force, or over since its time has come.
    pub pause: Option<LocalPause>,
    /// The earlier orders that applications were taken back to.
    pub pins: BTreeMap<AppKey, Pin>,
}

/// A pause set in the cluster itself. Independent of the hub's: one suffices, each is lifted where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPause {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// An application that was taken back to an earlier order, until a person releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The position of the earlier order.
    pub position: Position,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When, by the clock of the machine that it was asked on.
    pub at: Timestamp,
}

/// A pin's record: its name has only a hash of the application.
#[derive(Debug, Serialize, Deserialize)]
struct Pinned {
    application: AppKey,
    #[serde(flatten)]
    pin: Pin,
}

const PAUSE: &str = "local/pause";
const PAUSE_REMEDY: &str =
    "the agent does nothing to the cluster until it is resumed: run `flotilla-agent resume`";
const PIN_REMEDY: &str = "the agent does nothing to the cluster until it is known what is pinned: run `flotilla-agent unpin APP` or \
`flotilla-agent rollback APP` for each application that was taken back, or remove that record";

fn pin_name(application: &AppKey) -> String {
    format!("local/pin-{}", hash(application))
}

/// Two pauses as one: it ends when both have.
fn both(one: Option<LocalPause>, other: Option<LocalPause>) -> Option<LocalPause> {
    match (one, other) {
        (Some(one), Some(other)) => Some(LocalPause {
            reason: format!("{}; {} ({})", one.reason, other.reason, other.by),
            by: one.by,
            until: one.until.zip(other.until).map(|(one, other)| one.max(other)),
        }),
        (one, other) => one.or(other),
    }
}

impl Records {
    /// What is decided in the cluster itself. What is damaged becomes a pause that says so.
    pub(super) fn local(&self) -> Result<Local, Error> {
        let mut local = Local::default();
        let (mut problem, mut annotated) = (None, None);
        self.0.each("local", &mut |name, bytes| {
            let read = bytes.and_then(|bytes| {
                if name == PAUSE {
                    local.pause = Some(self.parsed(name, bytes, PAUSE_REMEDY)?);
                } else if name == annotation::NAME {
                    annotated = Some(annotation::pause(&self.opened(name, bytes, annotation::REMEDY)?));
                } else if name.starts_with("local/pin-") {
                    let Pinned { application, pin } = self.parsed(name, bytes, PIN_REMEDY)?;
                    local.pins.insert(application, pin);
                }
                Ok(())
            });
            if let Err(error) = read {
                problem = Some(error);
            }
        })?;
        local.pause = both(local.pause, annotated);
        if let Some(error) = problem {
            local.pause = Some(LocalPause { reason: error.to_string(), by: String::new(), until: None });
        }
        Ok(local)
    }

    /// What an application is pinned to.
    pub(super) fn pin(&self, application: &AppKey) -> Result<Option<Pin>, Error> {
        Ok(self.get::<Pinned>(&pin_name(application), PIN_REMEDY)?.map(|pinned| pinned.pin))
    }

    /// What applications are pinned to.
    pub(super) fn pins(&self) -> Result<BTreeMap<AppKey, Pin>, Error> {
        Ok(self.local()?.pins)
    }

    /// Pins an application, or releases it.
    pub(super) fn set_pin(&self, application: &AppKey, pin: Option<Pin>) -> Result<(), Error> {
        let name = pin_name(application);
        match pin {
            Some(pin) => self.put(&name, &Pinned { application: application.clone(), pin }),
            None => self.0.remove(&name),
        }
    }
}

impl Local {
    /// What holds when it cannot be read: nothing is done, and nothing is released.
    fn unknown(error: &Error, pins: BTreeMap<AppKey, Pin>) -> Self {
        let reason = format!("it is not known what was decided in the cluster: {error}");
        tracing::error!(reason, "nothing is written to the cluster");
        Self { pause: Some(LocalPause { reason, by: String::new(), until: None }), pins }
    }
}

impl Journal {
    /// What is decided in the cluster itself. What cannot be read holds: it is a pause that says so.
    pub fn local(&self) -> Local {
        self.decided().unwrap_or_else(|error| Local::unknown(&error, BTreeMap::new()))
    }

    fn decided(&self) -> Result<Local, Error> {
        let mut local = self.records.local()?;
        let unkept = self.unkept.lock().as_ref().map(annotation::Seen::pause);
        local.pause = both(local.pause, unkept);
        Ok(local)
    }

    /// Tells what is decided in the cluster itself: now, and whenever it has changed. Ends when nobody listens.
    pub(crate) async fn follow_local(self: Arc<Self>, told: mpsc::Sender<Local>) {
        let mut last = None;
        loop {
            let reading = Arc::clone(&self);
            let read = tokio::task::spawn_blocking(move || reading.decided()).await;
            let local = match (read.expect("the journal does not panic"), &last) {
                (Ok(local), _) => local,
                // What was read last holds while the API server is away.
                (Err(error), Some(last)) if error.is_transient() => Local::clone(last),
                (Err(error), last) => {
                    let pins = last.as_ref().map(|last: &Local| last.pins.clone());
                    Local::unknown(&error, pins.unwrap_or_default())
                }
            };
            if last.as_ref() != Some(&local) {
                if told.send(local.clone()).await.is_err() {
                    return;
                }
                last = Some(local);
            }
            tokio::select! {
                () = self.records.0.changed() => {}
                () = told.closed() => return,
            }
        }
    }
}

/// Sets or lifts the local pause of the agent with that journal, whether it runs or not.
///
/// # Errors
/// When the place cannot be written.
pub fn set_local_pause(place: &Place, pause: Option<&LocalPause>) -> Result<(), Error> {
    let records = Records(place.look()?);
    match pause {
        Some(pause) => records.put(PAUSE, pause),
        None => records.0.remove(PAUSE),
    }
}

/// The pause by annotation that the agent with that journal saw last.
///
/// # Errors
/// When it cannot be read.
pub fn annotated_pause(place: &Place) -> Result<Option<LocalPause>, Error> {
    let content = Records(place.look()?).content(annotation::NAME, annotation::REMEDY)?;
    Ok(content.map(|content| annotation::pause(&content)))
}

/// The local pause of the agent with that journal.
///
/// # Errors
/// When it cannot be read.
pub fn local_pause(place: &Place) -> Result<Option<LocalPause>, Error> {
    Records(place.look()?).get(PAUSE, PAUSE_REMEDY)
}
