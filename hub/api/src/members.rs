//! Every member of a rollout, page by page: `GET …/fleetrollouts/NAME/members` (design §4; a status lists at
//! most fifty).
//!
//! What a member waits for is what its Application's status says, as the planner found it last. A rollout
//! that has not started has placed nobody: it lists no member.

use crate::{
    options::failed,
    query::Query,
    read::{self, Continue},
};
use hub_records::{Records, keys, resource};
use hub_store::Page;
use serde_json::{Value, json};
use shared_model::{
    AppKey, FleetRollout, Kind, Observation, ReleaseId, ReleaseSpec, RolloutName, fleet_rollout::PlanSpec,
};
use shared_objects::Status;
use shared_rollout::{MemberRecord, MemberState};
use std::collections::BTreeMap;

/// How many members a page has at most.
const PAGE: usize = 500;

/// A page of the members of a rollout.
pub(crate) async fn list(records: &Records, ns: &str, name: &str, query: &Query) -> Result<Value, Status> {
    let stored = records.get(Kind::FleetRollout, ns, name).await.map_err(failed)?;
    let stored = stored.ok_or_else(|| Status::not_found(resource(Kind::FleetRollout), name))?;
    let plan = FleetRollout::from_value(&stored.value).map(|rollout| rollout.spec.plan).unwrap_or_default();
    let prefix = keys::members(ns, &RolloutName::new(name));
    let token = Continue::parse(query.get("continue"), &prefix)?;
    let limit = read::limit(query)?.map_or(PAGE, |limit| limit.min(PAGE));
    let page = Page { after: token.as_ref().map(|token| token.after.clone()), limit: Some(limit) };
    let listing = records.store().list(&prefix, page).await.map_err(|error| failed(error.into()))?;
    let revision = token.map_or(listing.revision, |token| hub_store::Revision(token.revision));
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(last) = listing.entries.last().filter(|_| listing.more) {
        metadata["continue"] = json!(Continue::encode(revision, &last.key, &prefix));
    }
    let mut before = query.is("before").then(Before::default);
    let mut items = Vec::with_capacity(listing.entries.len());
    for entry in &listing.entries {
        let Some((_, _, app)) = keys::parse_member(&entry.key) else { continue };
        let Ok(record) = serde_json::from_slice::<MemberRecord>(&entry.value) else { continue };
        let mut item = member(records, name, &plan, &app, &record).await?;
        if let (Some(before), Some(proof)) = (&mut before, record.before) {
            item["before"] = before.of(records, proof.release).await?;
        }
        items.push(item);
    }
    Ok(json!({
        "kind": "FleetRolloutMemberList", "apiVersion": "flotilla.dev/v1alpha1", "metadata": metadata, "items": items,
    }))
}

/// Where rollbacks lead, each release looked up once (`?before=true`).
#[derive(Debug, Default)]
struct Before(BTreeMap<ReleaseId, Value>);

impl Before {
    async fn of(&mut self, records: &Records, release: ReleaseId) -> Result<Value, Status> {
        if let Some(known) = self.0.get(&release) {
            return Ok(known.clone());
        }
        let spec = records.read::<ReleaseSpec>(&keys::release(&release)).await.map_err(failed)?;
        let revision = spec.and_then(|(spec, _)| spec.shown().into_iter().next());
        let found = json!({"release": release.0.short(), "revision": revision.unwrap_or_default()});
        self.0.insert(release, found.clone());
        Ok(found)
    }
}

async fn member(
    records: &Records,
    rollout: &str,
    plan: &PlanSpec,
    app: &AppKey,
    record: &MemberRecord,
) -> Result<Value, Status> {
    let status = records.status(Kind::Application, &app.namespace, &app.name).await.map_err(failed)?;
    let seen = records.read::<Observation>(&keys::observation(&record.cluster, app)).await.map_err(failed)?;
    let (state, since) = state(&record.state);
    let mut member = json!({"application": app, "cluster": record.cluster, "state": state});
    if let Some(wave) = record.wave {
        member["wave"] = json!(plan.wave_name(wave));
    }
    if let Some(since) = since {
        member["since"] = json!(since);
    }
    if let Some(excused) = record.excused {
        member["excused"] = json!(excused);
    }
    if record.may_run {
        member["mayRun"] = json!(true);
    }
    if let Some((seen, _)) = seen.filter(|(seen, _)| !seen.removed) {
        member["health"] = json!(seen.health.status);
        member["current"] = json!(seen.release == Some(record.release));
    }
    let of_rollout = status.as_ref().map(|(status, _)| &status["rollout"]);
    if let Some(message) = of_rollout.filter(|of| of["name"] == rollout).and_then(|of| of["message"].as_str())
        && !message.is_empty()
    {
        member["waitsFor"] = json!(message);
    }
    Ok(member)
}

fn state(state: &MemberState) -> (&'static str, Option<jiff::Timestamp>) {
    match state {
        MemberState::Waiting => ("Waiting", None),
        MemberState::Released { at, .. } => ("Released", Some(*at)),
        MemberState::Proven { at, .. } => ("Proven", Some(*at)),
        MemberState::Failed { at, .. } => ("Failed", Some(*at)),
        MemberState::Returning { at, .. } => ("Returning", Some(*at)),
        MemberState::Returned { at, .. } => ("Returned", Some(*at)),
    }
}
