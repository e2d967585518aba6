//! `flotilla app history`: the rollouts that an Application was in, and which of their releases were proven on it.
//!
//! The rollouts of its owner tell what was shipped, the Application's `status.history` which releases were proven there
//! and when they were released to it. A rollout that the hub does not keep any more leaves its entry without a name.

use super::text;
use crate::{
    args::{Form, Printing},
    cli::{
        client::Hub,
        output,
        printing::{self, Layout, When},
    },
};
use serde_json::{Value, json};
use shared_model::Kind;

const COLUMNS: &[printing::Column] = &[
    ("ID", When::Always),
    ("ROLLOUT", When::Always),
    ("PHASE", When::Always),
    ("REVISION", When::Always),
    ("DEPLOYED AT", When::Always),
    ("PROVEN", When::Always),
    ("STARTED", When::Wide),
    ("COMMIT", When::Always),
];

pub(super) async fn show(hub: &Hub, ns: &str, name: &str, printing: Printing) -> anyhow::Result<()> {
    let app = hub.read(Kind::Application, ns, name).await?;
    let rollouts = hub.list(Kind::FleetRollout, ns, None).await?;
    let entries = entries(&app, &rollouts);
    if printing.output == Form::Name {
        let named = entries.iter().filter_map(|entry| entry["rollout"].as_str());
        named.for_each(|name| output::line(&format!("fleetrollout.flotilla.dev/{name}")));
        return Ok(());
    }
    let list =
        json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": entries});
    if let Some(lines) = printing::document(printing.output, &list) {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    if entries.is_empty() {
        output::note(&format!(
            "{name} had no release yet; `flotilla app get {name} -n {ns}` says what it waits for."
        ));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    let layout = Layout { printing, all_namespaces: false };
    layout.table(COLUMNS, &rows).iter().for_each(|line| output::line(line));
    Ok(())
}

/// What an Application was given, the oldest first.
fn entries(app: &Value, rollouts: &[Value]) -> Vec<Value> {
    let (kind, owner) = match super::owner(app) {
        Some(set) => ("ApplicationSet", set),
        None => ("Application", text(app, "/metadata/name")),
    };
    let of_owner = |rollout: &&Value| {
        text(rollout, "/spec/owner/kind") == kind && text(rollout, "/spec/owner/name") == owner
    };
    let proven = app.pointer("/status/history").and_then(Value::as_array);
    let mut entries: Vec<Value> = rollouts
        .iter()
        .filter(of_owner)
        .map(|rollout| {
            let id = rollout["spec"]["sequence"].clone();
            let title = rollout.pointer("/spec/timings/commits/0/title").cloned().unwrap_or_default();
            json!({
                "id": id, "rollout": rollout["metadata"]["name"], "phase": rollout["status"]["phase"],
                "started": rollout["status"]["started"], "title": title, "proven": false,
                "revisions": shipped(app, rollout),
            })
        })
        .collect();
    for past in proven.into_iter().flatten() {
        let at = entries.iter().position(|entry| entry["id"] == past["id"]).unwrap_or_else(|| {
            entries.push(json!({"id": past["id"]}));
            entries.len() - 1
        });
        entries[at]["proven"] = json!(true);
        entries[at]["deployedAt"] = past["deployedAt"].clone();
        let revisions = super::revisions(past);
        if !revisions.is_empty() {
            entries[at]["revisions"] = json!(revisions);
        }
    }
    entries.sort_by_key(|entry| entry["id"].as_u64());
    entries
}

/// The commits of a rollout that are of an Application's own repositories; all of them where none is.
fn shipped(app: &Value, rollout: &Value) -> Vec<String> {
    let spec = &app["spec"];
    let sources = spec["sources"].as_array().into_iter().flatten().chain([&spec["source"]]);
    let own: Vec<&str> = sources.map(|source| text(source, "/repoURL")).collect();
    let commits = rollout.pointer("/spec/commits").and_then(Value::as_array);
    let commits = commits.map(Vec::as_slice).unwrap_or_default();
    let of = |wanted: &dyn Fn(&Value) -> bool| {
        let mut found: Vec<String> =
            commits.iter().filter(|pin| wanted(pin)).map(|pin| text(pin, "/commit").to_owned()).collect();
        found.dedup();
        found
    };
    let found = of(&|pin| own.contains(&text(pin, "/repoURL")));
    if found.is_empty() { of(&|_| true) } else { found }
}

fn row(entry: &Value) -> Vec<String> {
    let get = |pointer: &str| text(entry, pointer).to_owned();
    let time = |pointer: &str| crate::cli::rollout::time(text(entry, pointer));
    let revisions = entry["revisions"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let revisions: Vec<String> = revisions.map(hub_show::short).collect();
    vec![
        entry["id"].to_string(),
        get("/rollout"),
        get("/phase"),
        revisions.join(","),
        time("/deployedAt"),
        if entry["proven"] == true { "yes" } else { "no" }.to_owned(),
        time("/started"),
        get("/title"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn rollouts_and_proofs_are_one_history() {
        let commit = |digit: &str| digit.repeat(40);
        let app = json!({
            "metadata": {"name": "web-eu-1", "ownerReferences": [{"kind": "ApplicationSet", "name": "web"}]},
            "spec": {"source": {"repoURL": "https://git/fleet"}},
            "status": {"history": [
                {"id": 1, "deployedAt": "2026-01-01T00:00:00.4Z", "revision": commit("1")},
                {"id": 2, "deployedAt": "2026-01-02T00:00:00Z", "revision": commit("2")},
            ]},
        });
        let rollout = |sequence: u64, owner: &str, phase: &str| {
            json!({
                "metadata": {"name": format!("{owner}-{sequence}")},
                "spec": {
                    "owner": {"kind": "ApplicationSet", "name": owner}, "sequence": sequence,
                    "commits": [
                        {"repoURL": "https://git/other", "commit": commit("9")},
                        {"repoURL": "https://git/fleet", "commit": commit(&sequence.to_string())},
                    ],
                    "timings": {"commits": [{"title": format!("the {sequence}th")}]},
                },
                "status": {"phase": phase, "started": "2026-01-01T00:00:00Z"},
            })
        };
        let rollouts = [rollout(3, "web", "Halted"), rollout(2, "web", "Done"), rollout(4, "api", "Done")];
        let entries = entries(&app, &rollouts);
        let layout = Layout { printing: Printing::default(), all_namespaces: false };
        let rows: Vec<_> = entries.iter().map(row).collect();
        expect![[r#"
            ID   ROLLOUT   PHASE    REVISION   DEPLOYED AT            PROVEN   COMMIT
            1                       1111111    2026-01-01T00:00:00Z   yes
            2    web-2     Done     2222222    2026-01-02T00:00:00Z   yes      the 2th
            3    web-3     Halted   3333333                           no       the 3th"#]]
        .assert_eq(&layout.table(COLUMNS, &rows).join("\n"));
        assert!(super::entries(&json!({"metadata": {"name": "web"}}), &rollouts).is_empty());
    }
}
