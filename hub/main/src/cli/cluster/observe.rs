//! `flotilla cluster observe`: whether a cluster's agent writes, or looks on.

use crate::cli::{client::Hub, confirm::confirm, output};
use serde_json::{Value, json};
use shared_model::Kind;

pub(super) async fn observe(hub: &Hub, name: &str, off: bool, yes: bool) -> anyhow::Result<()> {
    let cluster = hub.read(Kind::Cluster, "", name).await?;
    let wanted = if off { "Enforce" } else { "Observe" };
    if mode(&cluster) == wanted {
        output::line(&format!("cluster {name} is in mode {wanted} already"));
        return Ok(());
    }
    confirm(&question(name, off), name, yes)?;
    hub.merge(Kind::Cluster, "", name, &json!({"spec": {"mode": wanted}})).await?;
    output::line(&said(name, off));
    let next = if off {
        format!("`flotilla cluster get {name}` shows how it goes on.")
    } else {
        format!(
            "`flotilla app diff` shows what an apply would change; `flotilla cluster observe {name} --off` ends it."
        )
    };
    output::note(&next);
    Ok(())
}

fn mode(cluster: &Value) -> &str {
    cluster.pointer("/spec/mode").and_then(Value::as_str).unwrap_or("Enforce")
}

fn question(name: &str, off: bool) -> String {
    if off {
        format!(
            "The agent of {name} begins to write: it applies what the hub released to it meanwhile, takes edits back and prunes."
        )
    } else {
        format!(
            "The agent of {name} stops writing: nothing is applied, healed or pruned there, it reports only, and rollouts wait for it."
        )
    }
}

fn said(name: &str, off: bool) -> String {
    if off {
        format!("cluster {name} is enforced: its agent applies, heals and prunes again")
    } else {
        format!("cluster {name} is observed: its agent reports and writes nothing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_enforced_unless_it_says_otherwise() {
        assert_eq!(mode(&json!({"spec": {}})), "Enforce");
        assert_eq!(mode(&json!({"spec": {"mode": "Observe"}})), "Observe");
    }

    #[test]
    fn a_person_is_told_what_changes() {
        assert!(question("eu-1", false).contains("stops writing"));
        assert!(question("eu-1", true).contains("begins to write"));
    }
}
