//! Which rollout a name means.

use super::text;
use crate::{args::Which, cli::client::Hub};
use anyhow::bail;
use serde_json::Value;
use shared_model::{Kind, nearest};

/// The FleetRollout that is meant: the one of this name, or the one that decides now for the ApplicationSet or
/// Application of this name.
pub(super) async fn find(hub: &Hub, which: &Which) -> anyhow::Result<Value> {
    let (ns, name) = (which.namespace.namespace.as_str(), which.name.as_str());
    if let Some(rollout) = hub.find(Kind::FleetRollout, ns, name).await? {
        return Ok(rollout);
    }
    for kind in [Kind::ApplicationSet, Kind::Application] {
        let Some(owner) = hub.find(kind, ns, name).await? else { continue };
        let current = text(&owner, "/status/rollout/name");
        let found =
            if current.is_empty() { None } else { hub.find(Kind::FleetRollout, ns, &current).await? };
        match found {
            Some(rollout) => return Ok(rollout),
            None => bail!(
                "{kind:?} {name} has no rollout yet; `kubectl describe {} {name} -n {ns}` says why",
                shared_model::gvk(kind).plural
            ),
        }
    }
    let mut known = Vec::new();
    for kind in [Kind::FleetRollout, Kind::ApplicationSet, Kind::Application] {
        known.extend(hub.list(kind, ns, None).await?.iter().map(|object| text(object, "/metadata/name")));
    }
    bail!("{}", unknown(name, ns, &known))
}

/// What to say of a name that nothing has.
pub(super) fn unknown(name: &str, ns: &str, known: &[String]) -> String {
    let meant = nearest(name, known.iter().map(String::as_str));
    let meant = meant.map(|meant| format!(" (did you mean `{meant}`?)")).unwrap_or_default();
    format!(
        "there is no rollout, ApplicationSet or Application `{name}` in namespace {ns}{meant}; `flotilla rollout list -n {ns}` shows the rollouts"
    )
}
