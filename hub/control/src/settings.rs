//! Tells of settings that cannot be read: a warning in the log, and a Warning Event on the ConfigMap.
//!
//! The API refuses such contents when they are written; these were written before this version of the hub, or put into its store.

use hub_records::{Records, Stored};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{Digest, Kind, gvk};
use shared_project::{Settings, settings};

/// The reason of the Event.
const REASON: &str = "SettingsInvalid";

/// What was told last, so that nothing is told twice.
#[derive(Debug, Default)]
pub(crate) struct Told {
    problems: Vec<String>,
}

impl Told {
    /// Tells what is wrong with the settings, once for each set of problems.
    pub(crate) async fn tell(
        &mut self,
        records: &Records,
        settings: &Settings,
        source: Option<&Stored>,
        now: Timestamp,
    ) {
        if settings.problems == self.problems {
            return;
        }
        self.problems.clone_from(&settings.problems);
        let Some(source) = source.filter(|_| !settings.problems.is_empty()) else { return };
        let said = said(&settings.problems);
        tracing::warn!(config_map = %format!("{}/{}", settings::NAMESPACE, settings::NAME), "{said}");
        match records.create(Kind::Event, event(source, &said, now), now).await {
            Ok(_) | Err(hub_records::Error::AlreadyExists { .. }) => {}
            Err(error) => {
                tracing::warn!(%error, "the event about the hub's settings could not be stored");
                self.problems.clear();
            }
        }
    }
}

fn said(problems: &[String]) -> String {
    format!(
        "settings that cannot be read count as closed and as the smallest limit until they are mended: {}",
        problems.join("; ")
    )
}

fn event(source: &Stored, said: &str, now: Timestamp) -> Value {
    let name = Digest::of(format!("{}{said}", source.uid()).as_bytes()).to_string();
    let name: String = name.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": format!("{}.{name}", settings::NAME), "namespace": settings::NAMESPACE},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": gvk(Kind::ConfigMap).kind,
            "namespace": settings::NAMESPACE,
            "name": settings::NAME,
            "uid": source.uid(),
        },
        "type": "Warning",
        "reason": REASON,
        "message": said,
        "source": {"component": "flotilla-hub"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    })
}
