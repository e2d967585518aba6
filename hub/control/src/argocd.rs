//! How often Git is asked, and how large a webhook may be: what people set in Argo CD's own ConfigMap, `argocd/argocd-cm`, over what the hub was
//! started with, and in `argocd/flotilla-cm` for what Argo CD does not have.
//!
//! Invariants:
//! - what is set counts at once, and no longer when it is taken away;
//! - a value that cannot be read changes nothing: the last good one stays, and it is said which one it is and how to mend it.

use crate::index::{Index, Object};
use hub_source::poll;
use serde_json::Value;
use shared_model::{DEFAULT_NAMESPACE, Kind, parse_duration};
use shared_project::{Settings, settings};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The ConfigMap's name.
pub(crate) const NAME: &str = "argocd-cm";
/// The key of the largest body of a webhook, in MiB.
const MAX_PAYLOAD: &str = "webhook.maxPayloadSizeMB";
/// The key of how often Git is asked; zero for never by time, as in Argo CD.
const PERIOD: &str = "timeout.reconciliation";
/// The key of the most that this is longer.
const JITTER: &str = "timeout.reconciliation.jitter";
/// GitHub sends no payload above this. Argo CD's own default is 50.
const PAYLOAD_MIB: usize = 25;
const MIB: usize = 1 << 20;
/// Asked more often, a server would do little else.
const SHORTEST: Duration = Duration::from_secs(1);

/// The settings in force.
#[derive(Debug)]
pub(crate) struct ArgoCd {
    read: [Option<Arc<Object>>; 2],
    /// What the hub was started with.
    base: poll::Settings,
    poll: poll::Settings,
    /// The most MiB that can be set.
    most: usize,
    limit: watch::Sender<usize>,
    problems: Vec<String>,
}

impl ArgoCd {
    pub(crate) fn new(base: poll::Settings, most: usize) -> Self {
        let limit = watch::Sender::new(PAYLOAD_MIB.min(most) * MIB);
        Self { read: [None, None], base, poll: base, most, limit, problems: Vec::new() }
    }

    /// The most bytes of a webhook's body.
    pub(crate) fn limit(&self) -> watch::Receiver<usize> {
        self.limit.subscribe()
    }

    /// What cannot be read in [`NAME`], each with its key and remedy.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Takes what is set now; gives back how often Git is asked, when that is new.
    pub(crate) fn refresh(&mut self, index: &Index) -> Option<poll::Settings> {
        let object = |name| index.object(Kind::ConfigMap, DEFAULT_NAMESPACE, name).cloned();
        let found = [object(NAME), object(settings::NAME)];
        let same = |found: &Option<Arc<Object>>, read: &Option<Arc<Object>>| match (found, read) {
            (Some(found), Some(read)) => Arc::ptr_eq(found, read),
            (found, read) => found.is_none() && read.is_none(),
        };
        if found.iter().zip(&self.read).all(|(found, read)| same(found, read)) {
            return None;
        }
        let before = self.poll;
        let data = found[0].as_ref().map(|object| object.value()["data"].clone()).unwrap_or_default();
        self.take(&data);
        let settings = found[1].as_ref().map(|stored| Settings::read(&stored.value())).unwrap_or_default();
        self.poll.period_with_webhooks = settings.webhook_poll.or(self.base.period_with_webhooks);
        self.read = found;
        (self.poll != before).then_some(self.poll)
    }

    fn take(&mut self, data: &Value) {
        self.problems.clear();
        let most = self.most;
        let default = PAYLOAD_MIB.min(most);
        let mib = |text: &str| text.parse().ok().filter(|mib| (1..=most).contains(mib));
        let remedy = format!("write a number of MiB from 1 to {most}");
        if let Some(mib) = self.read(data, MAX_PAYLOAD, &remedy, default, mib) {
            self.limit.send_replace(mib * MIB);
        }
        let remedy = "write a time such as 180s or 3m, or 0 for never by time";
        let period =
            |text: &str| parse_duration(text).ok().filter(|time| time.is_zero() || *time >= SHORTEST);
        let period = self.read(data, PERIOD, remedy, self.base.period, period);
        self.poll.period = period.unwrap_or(self.poll.period);
        // A tenth, where only the period is set.
        let jitter = if data[PERIOD].is_null() { self.base.jitter } else { self.poll.period / 10 };
        let given =
            self.read(data, JITTER, "write a time such as 60s", jitter, |text| parse_duration(text).ok());
        self.poll.jitter = given.unwrap_or(self.poll.jitter);
    }

    /// The value of a key; the default without one, nothing when it cannot be read.
    fn read<T>(
        &mut self,
        data: &Value,
        key: &str,
        remedy: &str,
        default: T,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let Some(text) = data[key].as_str().map(str::trim).filter(|text| !text.is_empty()) else {
            return Some(default);
        };
        let value = parse(text);
        if value.is_none() {
            self.problems.push(format!("data[{key}]: `{text}` is not understood; {remedy}"));
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_set_counts_and_what_cannot_be_read_changes_nothing() {
        let base = poll::Settings::default();
        let mut argocd = ArgoCd::new(base, 32);
        let limit = argocd.limit();
        let mut check = |data: Value, period: u64, jitter: u64, mib: usize, problems: &[&str]| {
            argocd.take(&data);
            let seconds = (argocd.poll.period.as_secs(), argocd.poll.jitter.as_secs());
            assert_eq!(seconds, (period, jitter), "{data}");
            assert_eq!(*limit.borrow(), mib << 20, "{data}");
            assert_eq!(argocd.problems(), problems);
        };
        check(Value::Null, 120, 12, 25, &[]);
        check(json!({"timeout.reconciliation": "180s", "webhook.maxPayloadSizeMB": "5"}), 180, 18, 5, &[]);
        check(
            json!({"timeout.reconciliation": "5m", "timeout.reconciliation.jitter": "60s"}),
            300,
            60,
            25,
            &[],
        );
        check(
            json!({"timeout.reconciliation": "soon", "timeout.reconciliation.jitter": "60s", "webhook.maxPayloadSizeMB": "50"}),
            300,
            60,
            25,
            &[
                "data[webhook.maxPayloadSizeMB]: `50` is not understood; write a number of MiB from 1 to 32",
                "data[timeout.reconciliation]: `soon` is not understood; write a time such as 180s or 3m, or 0 for never by time",
            ],
        );
        check(json!({"timeout.reconciliation": "0"}), 0, 0, 25, &[]);
        check(
            json!({"timeout.reconciliation": "10ms"}),
            0,
            0,
            25,
            &[
                "data[timeout.reconciliation]: `10ms` is not understood; write a time such as 180s or 3m, or 0 for never by time",
            ],
        );
        check(json!({}), 120, 12, 25, &[]);
    }
}
