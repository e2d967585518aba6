//! A pause set by annotation on the agent's Namespace: `flotilla.dev/pause: "<reason>"`, and for how long
//! `flotilla.dev/pause-for: 1h`; until the annotation is removed when that is left out.
//!
//! Its time counts from when the agent first saw these values. That is kept, so that a restart does not start it anew;
//! other values are another pause. While the Namespace cannot be read, what was seen last holds.

use super::{Error, Journal, LocalPause, packed};
use crate::cluster::Cluster;
use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_runtime::Backoff;
use shared_sync::Failure;
use std::{sync::Arc, time::Duration};

pub(super) const NAME: &str = "local/annotation";
pub(super) const REMEDY: &str = "the agent does nothing to the cluster until the annotation flotilla.dev/pause of its Namespace is changed or removed";
const PAUSE: &str = "flotilla.dev/pause";
const PAUSE_FOR: &str = "flotilla.dev/pause-for";

/// The annotations as they were first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    namespace: String,
    reason: String,
    /// `1h`, as it was written.
    length: Option<String>,
    at: Timestamp,
}

impl Seen {
    fn of(namespace: &str, object: &Value, now: Timestamp) -> Option<Self> {
        let annotations = &object["metadata"]["annotations"];
        let reason = annotations[PAUSE].as_str()?.to_owned();
        let length = annotations[PAUSE_FOR].as_str().map(str::to_owned);
        Some(Self { namespace: namespace.to_owned(), reason, length, at: now })
    }

    pub(super) fn pause(&self) -> LocalPause {
        let by = format!("annotation on Namespace {}", self.namespace);
        let reason = self.reason.clone();
        match self.length.as_deref().map(shared_model::parse_duration) {
            None => LocalPause { reason, by, until: None },
            Some(Ok(length)) => LocalPause { reason, by, until: self.at.checked_add(length).ok() },
            Some(Err(error)) => LocalPause {
                reason: format!(
                    "{reason} (until the annotation is removed: {PAUSE_FOR} cannot be read: {error})"
                ),
                by,
                until: None,
            },
        }
    }
}

/// The pause that a record keeps; one that cannot be read holds.
pub(super) fn pause(content: &[u8]) -> LocalPause {
    match serde_json::from_slice::<Seen>(content) {
        Ok(seen) => seen.pause(),
        Err(error) => LocalPause { reason: format!("{error}; {REMEDY}"), by: String::new(), until: None },
    }
}

impl Journal {
    /// Keeps what the Namespace says; its time is not counted anew. It holds also where there is no room for it.
    fn note_annotation(&self, namespace: &str, object: &Value, now: Timestamp) -> Result<(), Error> {
        let Some(seen) = Seen::of(namespace, object, now) else {
            *self.unkept.lock() = None;
            return match self.records.0.read(NAME)? {
                Some(_) => self.records.0.remove(NAME),
                None => Ok(()),
            };
        };
        let kept = self.records.get::<Seen>(NAME, REMEDY).ok().flatten();
        if kept.is_some_and(|kept| Seen { at: now, ..kept } == seen) {
            *self.unkept.lock() = None;
            return Ok(());
        }
        let mut unkept = self.unkept.lock();
        let before = unkept.take().filter(|before| Seen { at: now, ..before.clone() } == seen);
        let seen = before.unwrap_or(seen);
        let written = self.records.0.write(NAME, &packed(&seen));
        *unkept = written.is_err().then_some(seen);
        written
    }

    /// Follows the annotations of a Namespace, for ever. One that does not exist says nothing.
    pub(crate) async fn follow_annotation(self: Arc<Self>, cluster: Cluster, namespace: String) {
        const NAMESPACES: &str = "/api/v1/namespaces";
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            let uri = format!("{NAMESPACES}?fieldSelector=metadata.name%3D{namespace}");
            let done = match cluster.own(Method::GET, &uri, None).await {
                Ok(list) => {
                    let object = list["items"].get(0).cloned().unwrap_or_default();
                    let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
                    let (journal, of, now) = (Arc::clone(&self), namespace.clone(), shared_runtime::now());
                    let noted =
                        tokio::task::spawn_blocking(move || journal.note_annotation(&of, &object, now));
                    match noted.await.expect("the journal does not panic") {
                        Ok(()) => cluster.own_change(NAMESPACES, &namespace, &version).await,
                        Err(error) => {
                            tracing::warn!(%error, "the pause by annotation cannot be kept; it is tried again");
                            Err(Failure::Unreachable(String::new()))
                        }
                    }
                }
                Err(failure) => Err(failure),
            };
            match done {
                Ok(()) => backoff.reset(),
                Err(failure) => {
                    tracing::debug!(%failure, namespace, "the agent's Namespace cannot be followed; it is tried again");
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Memory, Place};
    use serde_json::json;

    #[test]
    fn its_time_counts_from_when_it_was_first_seen() {
        let place = Place::Memory(Memory::new());
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let check = |annotations: Value, now: i64, expect: Option<(&str, Option<i64>)>| {
            // A restart each time.
            let journal = Journal::open(&place).unwrap();
            let object = json!({"metadata": {"annotations": annotations}});
            journal.note_annotation("flotilla-agent", &object, at(now)).unwrap();
            let pause = journal.local().pause;
            if let Some(pause) = &pause {
                assert_eq!(pause.by, "annotation on Namespace flotilla-agent");
            }
            let found = pause.map(|pause| (pause.reason, pause.until));
            assert_eq!(found, expect.map(|(reason, until)| (reason.to_owned(), until.map(at))));
        };
        check(json!({}), 0, None);
        check(json!({PAUSE: "INC-7", PAUSE_FOR: "1h"}), 100, Some(("INC-7", Some(3700))));
        check(json!({PAUSE: "INC-7", PAUSE_FOR: "1h"}), 2000, Some(("INC-7", Some(3700))));
        check(json!({PAUSE: "INC-7", PAUSE_FOR: "2h"}), 2000, Some(("INC-7", Some(9200))));
        check(json!({PAUSE: "INC-8"}), 3000, Some(("INC-8", None)));
        check(Value::Null, 4000, None);
        check(json!({PAUSE: "INC-8"}), 5000, Some(("INC-8", None)));
        let journal = Journal::open(&place).unwrap();
        let object = json!({"metadata": {"annotations": {PAUSE: "INC-9", PAUSE_FOR: "soon"}}});
        journal.note_annotation("flotilla-agent", &object, at(0)).unwrap();
        let pause = journal.local().pause.unwrap();
        assert!(
            pause.until.is_none() && pause.reason.contains("flotilla.dev/pause-for cannot be read"),
            "{pause:?}"
        );
        // With a pause by command it ends when both have.
        let command = LocalPause { reason: "mine".into(), by: "ada".into(), until: Some(at(50)) };
        crate::set_local_pause(&place, Some(&command)).unwrap();
        let both = journal.local().pause.unwrap();
        assert!(both.until.is_none() && both.reason.starts_with("mine; INC-9"), "{both:?}");
    }

    #[test]
    fn it_holds_where_there_is_no_room_for_it() {
        let memory = Memory::new();
        let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let object = json!({"metadata": {"annotations": {PAUSE: "INC-7", PAUSE_FOR: "1h"}}});
        memory.set_full(true);
        for now in [100, 200] {
            assert!(journal.note_annotation("flotilla-agent", &object, at(now)).is_err());
            assert_eq!(journal.local().pause.unwrap().until, Some(at(3700)));
        }
        memory.set_full(false);
        journal.note_annotation("flotilla-agent", &object, at(300)).unwrap();
        assert_eq!(journal.local().pause.unwrap().until, Some(at(3700)));
        memory.set_full(true);
        journal.note_annotation("flotilla-agent", &Value::Null, at(400)).unwrap();
        assert_eq!(journal.local().pause, None);
    }
}
