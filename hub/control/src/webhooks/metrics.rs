//! What is counted of webhooks.

use hub_source::webhook::{Forge, Refusal};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family},
};
use shared_runtime::metrics::{Registry, from_the_start};
use std::fmt::{self, Write as _};

/// Webhooks by forge and by what came of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookMetrics {
    webhooks: Family<Labels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    forge: &'static str,
    result: Outcome,
}

/// What came of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// Somebody follows what it names.
    Refreshed,
    /// Nobody does.
    Unfollowed,
    /// The forge only tried.
    Ping,
    /// It says nothing about references.
    Ignored,
    /// It proves nothing.
    Unproven,
    /// Its forge has no secret.
    Closed,
    /// It cannot be understood.
    Malformed,
    /// It was taken before.
    Repeated,
    /// There are too many.
    Limited,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Refreshed,
        Self::Unfollowed,
        Self::Ping,
        Self::Ignored,
        Self::Unproven,
        Self::Closed,
        Self::Malformed,
    ];

    pub(super) const fn of(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::UnknownForge | Refusal::Malformed { .. } => Self::Malformed,
            Refusal::NoSecret { .. } => Self::Closed,
            Refusal::NotSigned { .. } | Refusal::WrongSecret { .. } | Refusal::Stale { .. } => Self::Unproven,
        }
    }

    /// What it is called in answers and metrics.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Refreshed => "refreshed",
            Self::Unfollowed => "unfollowed",
            Self::Ping => "ping",
            Self::Ignored => "ignored",
            Self::Unproven => "unproven",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
            Self::Repeated => "repeated",
            Self::Limited => "limited",
        }
    }
}

impl EncodeLabelValue for Outcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.write_str(self.label())
    }
}

impl WebhookMetrics {
    /// Shows them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let forges = Forge::ALL.map(Forge::label).into_iter().chain(["unknown"]);
        from_the_start(
            &self.webhooks,
            forges.flat_map(|forge| Outcome::ALL.map(|result| Labels { forge, result })),
        );
        registry.register(
            "flotilla_git_webhooks",
            "Webhooks by forge and by what came of them",
            self.webhooks.clone(),
        );
    }

    pub(super) fn count(&self, forge: Option<Forge>, result: Outcome) {
        let forge = forge.map_or("unknown", Forge::label);
        self.webhooks.get_or_create(&Labels { forge, result }).inc();
    }
}
