//! Which members' spans are kept: decided by the id alone, so that hub and agent, and any restart, agree.
//!
//! Source of the names: OpenTelemetry specification, `OTEL_TRACES_SAMPLER`. A trace here begins at the hub, so the
//! `parentbased_` ones are the same as those without it.

use crate::ids::SpanId;

/// Which members are kept for sure. The root, the waves and the gates of a rollout always are, unless nothing is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sampler {
    /// Every one.
    #[default]
    Always,
    /// Nothing, of anything.
    Never,
    /// Those whose id is below this share of all ids; those that failed, and the slowest, besides.
    Share(u64),
}

/// Settings that name no sampler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSampler {
    /// The name is unknown.
    #[error(
        "`{0}` is no sampler: expected always_on, always_off, traceidratio, or one of these after parentbased_"
    )]
    Name(String),
    /// The argument of traceidratio is no share.
    #[error("`{0}` is no share: expected a number from 0 to 1, e.g. 0.1")]
    Share(String),
}

impl Sampler {
    /// The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name; empty texts are absent.
    ///
    /// # Errors
    /// When the name is unknown or the share is none.
    pub fn named(name: &str, argument: &str) -> Result<Self, InvalidSampler> {
        match name.strip_prefix("parentbased_").unwrap_or(name) {
            "" if name.is_empty() => Ok(Self::Always),
            "always_on" => Ok(Self::Always),
            "always_off" => Ok(Self::Never),
            "traceidratio" => {
                let argument = if argument.is_empty() { "1" } else { argument };
                let share = argument.trim().parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
                let share = share.ok_or_else(|| InvalidSampler::Share(argument.to_owned()))?;
                // All 64 bits do not fit into a double: at 1 everything is kept, exactly.
                if share >= 1.0 { Ok(Self::Always) } else { Ok(Self::Share(scaled(share))) }
            }
            _ => Err(InvalidSampler::Name(name.to_owned())),
        }
    }

    /// Whether the member with this span is kept for sure.
    pub fn keeps(self, span: SpanId) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Share(below) => u64::from_be_bytes(span.bytes()) < below,
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of all ids, to the precision of a double"
)]
fn scaled(share: f64) -> u64 {
    (share * u64::MAX as f64) as u64
}
