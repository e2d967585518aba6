//! Waits for what the hub says of its rollouts; who waits in vain is told how all of them stand.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::{Fleet, SOON};
use crate::{Kubectl, eventually::poll};

impl Fleet {
    /// Waits until the FleetRollout says that it is in this phase, and gives its status.
    pub async fn rollout(&self, name: &str, phase: &str) -> Value {
        waited(&self.hub.kubectl, SOON, &format!("{name} is {phase}"), async || {
            let status = self.object("fleetrollout", name).await?["status"].clone();
            ensure!(status["phase"] == phase, "{status:#}");
            Ok(status)
        })
        .await
    }

    /// Waits until a condition of that type on an object of the hub says all of `parts`.
    pub async fn condition(&self, kind: &str, name: &str, condition: &str, parts: &[&str]) -> String {
        let what = format!("{kind} {name} says {condition} with {parts:?}");
        waited(&self.hub.kubectl, SOON, &what, async || {
            let status = self.object(kind, name).await?["status"].clone();
            let all = status["conditions"].as_array().cloned().unwrap_or_default();
            let found = all.iter().find(|one| one["type"] == condition && one["status"] != "False");
            let message = found.and_then(|one| one["message"].as_str()).unwrap_or_default();
            ensure!(found.is_some() && parts.iter().all(|part| message.contains(part)), "{status:#}");
            Ok(message.to_owned())
        })
        .await
    }
}

/// [`crate::eventually`], with how the rollouts stand in the message.
pub(crate) async fn waited<T>(
    hub: &Kubectl,
    within: Duration,
    what: &str,
    check: impl AsyncFnMut() -> Result<T>,
) -> T {
    match poll(within, check).await {
        Ok(value) => value,
        Err(seen) => {
            let asked =
                ["get", "fleetrollouts,applicationsets,clusters", "--all-namespaces", "--output=json"];
            let stand = match hub.run(&asked).await {
                Ok(list) => said(&serde_json::from_str(&list).unwrap_or_default()),
                Err(error) => format!("how the rollouts stand cannot be had: {error:#}"),
            };
            panic!("{what}: not within {within:?}; last seen: {seen}\n{stand}");
        }
    }
}

/// For each object its phase, what it waits for, and its conditions.
fn said(list: &Value) -> String {
    let mut text = String::new();
    for object in list["items"].as_array().into_iter().flatten() {
        let (kind, name, status) = (&object["kind"], &object["metadata"]["name"], &object["status"]);
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let _written = write!(text, "{} {}: {}", word(kind), word(name), word(&status["phase"]));
        if !status["waitsFor"].is_null() {
            let _written = write!(text, ", waits for: {}", word(&status["waitsFor"]));
        }
        text.push('\n');
        for one in status["conditions"].as_array().into_iter().flatten() {
            let [condition, is, reason, message] =
                ["type", "status", "reason", "message"].map(|field| word(&one[field]));
            let _written = writeln!(text, "    {condition}={is} {reason}: {message}");
        }
    }
    text
}

#[cfg(test)]
mod tests;
