//! The trace context of an order, and what becomes of the spans that agents send.
//!
//! A context is derived from the rollout and the member's record (shared/trace): any hub, and this one after a
//! restart, gives the same one. An order that is carried out and proven already belongs to no trace any more.

mod relay;

use hub_records::{Records, keys};
use parking_lot::Mutex;
use serde_json::Value;
use shared_model::{AppKey, Kind, RolloutName};
use shared_rollout::MemberRecord;
use shared_runtime::otlp::Tracing;
use shared_trace::{Context, Seed};
use std::{collections::BTreeMap, sync::Arc};

/// How many rollouts' ids are remembered.
const REMEMBERED: usize = 1000;

type RolloutKey = (String, RolloutName);

/// The contexts of orders. Clones share what is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    tracing: Tracing,
    seeds: Arc<Mutex<BTreeMap<RolloutKey, Option<Seed>>>>,
}

impl Traces {
    pub(crate) fn new(tracing: Tracing) -> Self {
        Self { tracing, seeds: Arc::default() }
    }

    /// The context that goes with a rollout's order. A hub that exports nothing names the rollout alone, for log
    /// lines: it has no span that the agent's could be below.
    pub(crate) async fn context(
        &self,
        records: &Records,
        application: &AppKey,
        rollout: &RolloutName,
    ) -> Option<Context> {
        let sampler = self.tracing.sampler;
        let seed = self.seed(records, &(application.namespace.to_string(), rollout.clone())).await?;
        if self.tracing.exporter.is_none() {
            let span = seed.root(0);
            return Some(Context { trace: seed.trace, span, sampled: sampler.keeps(span) });
        }
        let key = keys::member(&application.namespace, rollout, application);
        let (record, _) = records.read::<MemberRecord>(&key).await.ok().flatten()?;
        seed.context(application, &record, sampler)
    }

    /// What a rollout's ids are made of; frozen with it, so it is read once.
    async fn seed(&self, records: &Records, key: &RolloutKey) -> Option<Seed> {
        if let Some(known) = self.seeds.lock().get(key) {
            return *known;
        }
        let stored = records.get(Kind::FleetRollout, &key.0, key.1.as_str()).await.ok().flatten()?;
        let spec = &stored.value["spec"];
        let trace = spec["traceId"].as_str().and_then(|text| text.parse().ok());
        let members = spec.pointer("/timings/members").and_then(Value::as_u64);
        let members = members.and_then(|members| usize::try_from(members).ok()).unwrap_or(0);
        let seed = trace.map(|trace| Seed { trace, members });
        let mut seeds = self.seeds.lock();
        if seeds.len() >= REMEMBERED {
            seeds.clear();
        }
        seeds.insert(key.clone(), seed);
        seed
    }
}

#[cfg(test)]
mod tests;
