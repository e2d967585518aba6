//! Whatever somebody does to what is assigned, it ends healed, or reported with its cause and tried again politely: on a
//! real control plane, with the real hub and the real agent, whose every request is counted on its way.
//!
//! One cluster for all: first the agent may only look (Observe, with a role that can write nothing), then many kinds of
//! tampering at the same time, each with an application of its own, then those that trouble the whole cluster.

#![allow(clippy::print_stdout, reason = "the tests print their timings")]

mod finalizers;
mod ground;
mod kinds;
mod namespaces;
mod objects;
mod observe;
mod outages;
mod refusals;
mod shared;
mod waves;

use anyhow::Result;
use futures::future::{LocalBoxFuture, try_join_all};
use ground::Ground;
use std::time::Instant;
use tests_e2e::control_plane;

#[tokio::test]
async fn every_tampering_ends_healed_or_reported() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let began = Instant::now();
    let mut ground = Ground::start(control_plane).await?;
    timed("observe", began, observe::an_observing_agent_writes_nothing(&ground)).await?;
    ground.deploy().await?;
    println!("everything was deployed after {:?}", began.elapsed());

    let ground_now = &ground;
    let all: Vec<LocalBoxFuture<'_, Result<()>>> = vec![
        Box::pin(timed("objects", began, objects::tampered_objects_are_put_right(ground_now))),
        Box::pin(timed("others", began, objects::what_is_not_ours_is_left_alone(ground_now))),
        Box::pin(timed("immutable", began, objects::what_cannot_be_changed_is_told(ground_now))),
        Box::pin(timed("kinds", began, kinds::a_deleted_definition_comes_back_with_its_objects(ground_now))),
        Box::pin(timed("namespace", began, namespaces::a_deleted_namespace_comes_back(ground_now))),
        Box::pin(timed(
            "brought",
            began,
            namespaces::a_deleted_namespace_of_the_release_comes_back(ground_now),
        )),
        Box::pin(timed("finalizers", began, finalizers::a_finalizer_that_holds_is_named(ground_now))),
        Box::pin(timed("policy", began, refusals::a_refusing_policy_is_quoted(ground_now))),
        Box::pin(timed("shared", began, shared::two_applications_that_claim_one_object_are_told(ground_now))),
        Box::pin(timed("waves", began, waves::a_waiting_member_heals_to_its_released_release(ground_now))),
    ];
    try_join_all(all).await?;

    timed("rights", began, refusals::lost_rights_are_told(&ground)).await?;
    timed("outage", began, outages::a_server_in_trouble_is_spared(&mut ground)).await?;
    timed("agent", began, outages::what_happened_while_the_agent_was_away_is_healed(&mut ground)).await?;
    ground.agent_never_restarted()
}

async fn timed(what: &str, began: Instant, case: impl Future<Output = Result<()>>) -> Result<()> {
    let from = Instant::now();
    let result = case.await;
    println!("{what}: took {:?}, ended {:?} after the start", from.elapsed(), began.elapsed());
    result
}
