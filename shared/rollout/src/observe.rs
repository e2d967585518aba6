//! Keeping what agents report: times by the hub's clock at receipt, older positions refused.

use jiff::Timestamp;
use shared_model::{HealthStatus, Observation, SyncPhase};

/// What the hub keeps when `report` arrives at `now`: `report` with the times that decide set from
/// the receipt, or `previous` when the report is of an older position, another application or
/// another cluster than the one kept.
///
/// `healthy_since` lasts while reports of one position and release all say Succeeded and Healthy. What a
/// person chose in the cluster itself shows nothing.
pub fn observe(previous: Option<&Observation>, report: Observation, now: Timestamp) -> Observation {
    let Some(previous) = previous else { return received(report, now, now) };
    let stale = report.position < previous.position
        || report.application != previous.application
        || report.cluster != previous.cluster;
    if stale {
        return previous.clone();
    }
    // A clock that was set back neither shortens nor lengthens what was seen.
    let now = now.max(previous.received_at);
    let unbroken = report.position == previous.position && report.release == previous.release;
    let since = previous.healthy_since.filter(|_| unbroken).unwrap_or(now);
    received(report, since, now)
}

fn received(report: Observation, since: Timestamp, now: Timestamp) -> Observation {
    let healthy = report.phase == SyncPhase::Succeeded && report.health.status == HealthStatus::Healthy;
    let healthy = healthy && report.pin.is_none();
    Observation { received_at: now, healthy_since: healthy.then_some(since), ..report }
}
