//! What a process does with spans, as its environment says.

use super::{
    export::{Exporter, Metrics},
    settings::{InvalidSetting, Resource, Settings, Variables},
};
use crate::Tasks;
use shared_trace::Sampler;
use std::sync::Arc;

/// What the environment says of traces.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    pub(super) settings: Option<Settings>,
    pub(super) sampler: Sampler,
    pub(super) resource: Resource,
    /// What was passed over.
    pub(super) ignored: Vec<InvalidSetting>,
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
    /// Reads the standard variables through `get`, and the files that they name. Values that are unknown are passed
    /// over, and told when it starts. `service` is the service's name where none is set.
    ///
    /// # Errors
    /// Which variable cannot be used where spans are to be exported, and what is expected of it: an address, headers, a
    /// certificate.
    pub fn read(
        get: impl Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
    ) -> Result<Self, InvalidSetting> {
        let (choice, error) = Self::of(&get, service, version);
        error.map_or(Ok(choice), Err)
    }

    /// The same for who has better things to do than to end by it: with a collector that cannot be used there is none.
    pub fn read_or_none(get: impl Fn(&str) -> Option<String>, service: &str, version: &str) -> Self {
        let (mut choice, error) = Self::of(&get, service, version);
        choice.ignored.extend(error);
        choice
    }

    fn of(
        get: &dyn Fn(&str) -> Option<String>,
        service: &str,
        version: &str,
    ) -> (Self, Option<InvalidSetting>) {
        let read = Variables::new(get);
        let (sampler, resource) = (read.sampler(), read.resource(service, version));
        let (settings, error) = match Settings::read(&read, resource.clone(), sampler) {
            Ok(settings) => (settings, None),
            Err(error) => (None, Some(error)),
        };
        (Self { settings, sampler, resource, ignored: read.ignored() }, error)
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
        let Self { settings, sampler, resource, ignored } = self;
        for setting in ignored {
            tracing::warn!(%setting, "a setting for traces is passed over");
        }
        let settings = settings.filter(|_| sampler != Sampler::Never);
        let exporter = settings.map(|settings| Exporter::start(settings, metrics, tasks));
        Tracing { exporter, sampler, resource: Arc::new(resource) }
    }
}
