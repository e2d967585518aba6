//! What agents hold becomes what the hub assigns: `flotilla hub restore --adopt`, after the gateway has
//! collected an agent's word.
//!
//! Each assignment that differs is written with the agent's own position and release, so the agent has
//! nothing to do; the incarnation is raised above all that any agent holds, so that whatever is released
//! next is newer than anything the lost store ever said (invariant 6, *Never backwards by accident*).
//! Batches are fenced by the planning lease and safe alone; a restart goes on where it was.
//!
//! A rollout takes over an adopted assignment when it ships that release; see `shared_rollout::Adopted` for
//! what may move it otherwise.

use crate::{git::chain, index::Index};
use hub_gateway::Links;
use hub_records::{Adoption, AdoptionState, Records, Truth, keys};
use hub_store::{Compare, Op, Outcome, Revision, Txn, lease::Lease};
use jiff::Timestamp;
use serde::Serialize;
use shared_model::{ClusterName, Kind, RolloutName};
use shared_rollout::{Adopted, Assigned, Order, Seat};

const BATCH: usize = 90;

/// Adopts every cluster whose agent has told what it holds. One that fails is found again at the next pass.
pub(crate) async fn perform(
    records: &Records,
    links: &Links,
    lease: &Lease,
    index: &Index,
    started: Timestamp,
    now: Timestamp,
) {
    for (cluster, (adoption, revision)) in &index.adoptions {
        let AdoptionState::Told(truths) = &adoption.state else { continue };
        if !index.clusters.contains_key(cluster) {
            continue;
        }
        match one(records, lease, index, (cluster, adoption, *revision), truths, (started, now)).await {
            Ok(Some(changed)) => {
                tracing::info!(
                    %cluster, changed, by = adoption.request.by, request = adoption.request.request,
                    "what the agent holds was adopted"
                );
                links.adopted(cluster);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%cluster, error = chain(&error), "adopting failed and is tried again");
            }
        }
    }
}

/// Adopts one cluster; answers how many assignments changed, `None` when somebody else came in between.
async fn one(
    records: &Records,
    lease: &Lease,
    index: &Index,
    (cluster, adoption, revision): (&ClusterName, &Adoption, Revision),
    truths: &[Truth],
    (started, now): (Timestamp, Timestamp),
) -> Result<Option<usize>, hub_store::Error> {
    let above = truths.iter().map(|truth| truth.position.incarnation.saturating_add(1)).max().unwrap_or(0);
    if above > index.incarnation() {
        let ops = vec![put(keys::INCARNATION.to_owned(), &above)];
        let raised = records.store().commit(Txn { compares: vec![lease.fence()], ops }).await?;
        if !matches!(raised, Outcome::Committed(_)) {
            return Ok(None);
        }
    }
    let since = index.restored.as_ref().map_or(started, |restored| restored.at);
    let changes: Vec<(Seat, Option<Revision>, Assigned)> = truths
        .iter()
        .filter_map(|truth| {
            let seat = (cluster.clone(), truth.application.clone());
            let known = index.assigned.get(&seat);
            let new = assigned(index, cluster, truth, (since, now));
            let differs = known.is_none_or(|(told, _)| {
                told.position < new.position
                    || (told.position == new.position
                        && told.running().map(|(_, release)| release) != truth.release)
            });
            differs.then(|| (seat, known.map(|(_, revision)| *revision), new))
        })
        .collect();
    for part in changes.chunks(BATCH) {
        let mut txn = Txn { compares: vec![lease.fence()], ops: Vec::new() };
        for (seat, known, new) in part {
            let key = keys::assignment(&seat.0, &seat.1);
            txn.compares.push(match known {
                Some(revision) => Compare::ModRevision { key: key.clone(), revision: *revision },
                None => Compare::Absent { key: key.clone() },
            });
            txn.ops.push(put(key, new));
        }
        if !matches!(records.store().commit(txn).await?, Outcome::Committed(_)) {
            return Ok(None);
        }
    }
    let key = keys::adoption(cluster);
    let changed = changes.len();
    let done =
        Adoption { request: adoption.request.clone(), state: AdoptionState::Done { at: now, changed } };
    let compares = vec![lease.fence(), Compare::ModRevision { key: key.clone(), revision }];
    let told = crate::chronicle::adopted(cluster, &adoption.request.by, changed, now);
    let ops = vec![put(key, &done), hub_records::history::put(told)];
    let committed = records.store().commit(Txn { compares, ops }).await?;
    Ok(matches!(committed, Outcome::Committed(_)).then_some(changed))
}

/// The assignment that says what the agent holds.
fn assigned(
    index: &Index,
    cluster: &ClusterName,
    truth: &Truth,
    (since, at): (Timestamp, Timestamp),
) -> Assigned {
    let app = &truth.application;
    let ships = |member: &shared_rollout::MemberRecord| {
        member.cluster == *cluster && Some(member.release) == truth.release
    };
    let shipped = index.records.iter().rev().find(|((ns, _), members)| {
        *ns == app.namespace && members.get(app).is_some_and(|(member, _)| ships(member))
    });
    let order = match truth.release {
        Some(release) => {
            let rollout = shipped.map_or_else(|| RolloutName::new("adopted"), |((_, name), _)| name.clone());
            Order::Run { release, rollout, at }
        }
        None => Order::Remove { cascade: false, at },
    };
    let orphan = index.object(Kind::Application, &app.namespace, &app.name).is_none();
    Assigned { position: truth.position, order, proof: None, adopted: Some(Adopted { at, since, orphan }) }
}

fn put<T: Serialize>(key: String, record: &T) -> Op {
    let value = serde_json::to_vec(record).expect("records have string keys only").into();
    Op::Put { key, value }
}
