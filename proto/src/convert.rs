//! `to_wire` and `from_wire`: the only place where protocol and model types meet.

use crate::v1;
use jiff::Timestamp;
use shared_model::{
    AppKey, ClusterName, Health, HealthStatus, LocalPin, Observation, Position, ReleaseId, ResourceState,
    SyncPhase, SyncState,
};
use std::fmt::Display;

/// A message that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed {message}: {field} {problem}")]
pub struct Malformed {
    /// The message's type.
    pub message: &'static str,
    /// The field in it.
    pub field: &'static str,
    /// What is wrong with the field.
    pub problem: String,
}

impl Malformed {
    fn new(message: &'static str, field: &'static str, problem: impl Display) -> Self {
        Self { message, field, problem: problem.to_string() }
    }
}

/// The wire form of an application's key.
pub fn application_to_wire(key: &AppKey) -> v1::Application {
    v1::Application { namespace: key.namespace.to_string(), name: key.name.to_string() }
}

/// The key of an application.
///
/// # Errors
/// When it is absent or lacks its name or namespace.
pub fn application_from_wire(
    wire: Option<v1::Application>,
    message: &'static str,
) -> Result<AppKey, Malformed> {
    let wire = wire.ok_or_else(|| Malformed::new(message, "application", "is missing"))?;
    if wire.name.is_empty()
        || wire.namespace.is_empty()
        || wire.name.contains('/')
        || wire.namespace.contains('/')
    {
        return Err(Malformed::new(message, "application", "needs a namespace and a name"));
    }
    Ok(AppKey::new(wire.namespace, wire.name))
}

/// The wire form of a position.
pub fn position_to_wire(position: Position) -> v1::Position {
    v1::Position { incarnation: position.incarnation, generation: position.generation }
}

/// A position; an absent one is the first.
pub fn position_from_wire(wire: Option<v1::Position>) -> Position {
    let wire = wire.unwrap_or_default();
    Position { incarnation: wire.incarnation, generation: wire.generation }
}

impl v1::Observation {
    /// The wire form of an observation; the hub's own times are not part of it.
    pub fn to_wire(observation: &Observation) -> Self {
        Self {
            application: Some(application_to_wire(&observation.application)),
            position: Some(position_to_wire(observation.position)),
            release: observation.release.map(|release| release.to_string()).unwrap_or_default(),
            phase: format!("{:?}", observation.phase),
            message: observation.message.clone(),
            sync: observation.sync.to_string(),
            health: observation.health.status.to_string(),
            health_message: observation.health.message.clone(),
            drift: observation.drift.clone(),
            resources: observation.resources.iter().map(resource_to_wire).collect(),
            healed: observation.healed,
            removed: observation.removed,
            pin: observation.pin.as_ref().map(|pin| v1::Pin {
                reason: pin.reason.clone(),
                by: pin.by.clone(),
                at_ms: pin.at.as_millisecond(),
            }),
            unsupported: observation.unsupported.clone(),
        }
    }

    /// The observation that `cluster` reports, received at `now`; `healthy_since` is left to the hub.
    ///
    /// # Errors
    /// When a required field is absent or a word is unknown.
    pub fn from_wire(self, cluster: &ClusterName, now: Timestamp) -> Result<Observation, Malformed> {
        let release = match self.release.as_str() {
            "" => None,
            text => Some(release_from_wire(text, "Observation")?),
        };
        Ok(Observation {
            application: application_from_wire(self.application, "Observation")?,
            cluster: cluster.clone(),
            position: position_from_wire(self.position),
            release,
            phase: phase_from_wire(&self.phase)?,
            message: self.message,
            sync: sync_from_wire(&self.sync)?,
            health: Health { status: health_from_wire(&self.health)?, message: self.health_message },
            drift: self.drift,
            resources: self.resources.into_iter().map(resource_from_wire).collect::<Result<_, _>>()?,
            healed: self.healed,
            removed: self.removed,
            pin: self.pin.map(|pin| LocalPin {
                reason: pin.reason,
                by: pin.by,
                at: Timestamp::from_millisecond(pin.at_ms).unwrap_or(now),
            }),
            unsupported: self.unsupported,
            received_at: now,
            healthy_since: None,
        })
    }
}

/// A release's id.
///
/// # Errors
/// When the text is no digest.
pub fn release_from_wire(text: &str, message: &'static str) -> Result<ReleaseId, Malformed> {
    text.parse().map(ReleaseId).map_err(|error| Malformed::new(message, "release", error))
}

fn resource_to_wire(resource: &ResourceState) -> v1::Resource {
    let health = resource.health.clone();
    v1::Resource {
        group: resource.group.clone(),
        version: resource.version.clone(),
        kind: resource.kind.clone(),
        namespace: resource.namespace.clone(),
        name: resource.name.clone(),
        sync: resource.sync.to_string(),
        health: health.as_ref().map(|health| health.status.to_string()).unwrap_or_default(),
        health_message: health.map(|health| health.message).unwrap_or_default(),
    }
}

fn resource_from_wire(wire: v1::Resource) -> Result<ResourceState, Malformed> {
    let health = match wire.health.as_str() {
        "" => None,
        word => Some(Health { status: health_from_wire(word)?, message: wire.health_message }),
    };
    Ok(ResourceState {
        group: wire.group,
        version: wire.version,
        kind: wire.kind,
        namespace: wire.namespace,
        name: wire.name,
        sync: sync_from_wire(&wire.sync)?,
        health,
    })
}

fn phase_from_wire(word: &str) -> Result<SyncPhase, Malformed> {
    match word {
        "" | "Pending" => Ok(SyncPhase::Pending),
        "Running" => Ok(SyncPhase::Running),
        "Succeeded" => Ok(SyncPhase::Succeeded),
        "Failed" => Ok(SyncPhase::Failed),
        other => Err(Malformed::new("Observation", "phase", format!("`{other}` is unknown"))),
    }
}

fn sync_from_wire(word: &str) -> Result<SyncState, Malformed> {
    match word {
        "Synced" => Ok(SyncState::Synced),
        "OutOfSync" => Ok(SyncState::OutOfSync),
        "" | "Unknown" => Ok(SyncState::Unknown),
        other => Err(Malformed::new("Observation", "sync", format!("`{other}` is unknown"))),
    }
}

fn health_from_wire(word: &str) -> Result<HealthStatus, Malformed> {
    match word {
        "Healthy" => Ok(HealthStatus::Healthy),
        "Suspended" => Ok(HealthStatus::Suspended),
        "Progressing" => Ok(HealthStatus::Progressing),
        "Missing" => Ok(HealthStatus::Missing),
        "Degraded" => Ok(HealthStatus::Degraded),
        "" | "Unknown" => Ok(HealthStatus::Unknown),
        other => Err(Malformed::new("Observation", "health", format!("`{other}` is unknown"))),
    }
}
