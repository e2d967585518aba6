//! What a process does with spans, as its environment says.

use super::{
    export::{Exporter, Metrics},
    settings::{InvalidSetting, Resource, Settings},
};
use crate::Tasks;
use shared_trace::Sampler;
use std::sync::Arc;

/// What the environment says of traces.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    settings: Option<Settings>,
    sampler: Sampler,
    resource: Resource,
}

/// Where spans go in this process; nowhere by default. Clones share the exporter.
#[derive(Debug, Clone, Default)]
pub struct Tracing {
    /// The way to a collector, if there is one.
    pub exporter: Option<Exporter>,
    /// Which members' spans are kept for sure.
    pub sampler: Sampler,
    /// Whose spans they are.
    pub resource: Arc<Resource>,
}

impl Choice {
    /// Reads the standard variables; see [`Settings::read`].
    ///
    /// # Errors
    /// Which variable cannot be used, and what is expected of it.
    pub fn read(
        get: impl Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
    ) -> Result<Self, InvalidSetting> {
        Ok(Self {
            settings: Settings::read(&get, service, version)?,
            sampler: Settings::read_sampler(&get)?,
            resource: Settings::read_resource(&get, service, version)?,
        })
    }

    /// Adds to what is known of whose spans they are; what is set stays.
    pub fn describe(&mut self, name: &str, value: &str) {
        self.resource.describe(name, value);
        if let Some(settings) = &mut self.settings {
            settings.describe(name, value);
        }
    }

    /// Starts to export, if a collector is named, until the tasks stop.
    pub fn start(self, metrics: Metrics, tasks: &Tasks) -> Tracing {
        let Self { settings, sampler, resource } = self;
        let settings = settings.filter(|_| sampler != Sampler::Never);
        let exporter = settings.map(|settings| Exporter::start(settings, metrics, tasks));
        Tracing { exporter, sampler, resource: Arc::new(resource) }
    }
}
