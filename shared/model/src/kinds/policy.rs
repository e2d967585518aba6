//! RolloutPolicy (flotilla.dev/v1alpha1): how a change reaches a fleet.

use crate::{LabelSelector, Object, SyncWindow, meta::nullable};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr, time::Duration};

/// A RolloutPolicy.
pub type RolloutPolicy = Object<RolloutPolicySpec>;

/// Waves, and what to do when one goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutPolicySpec {
    /// The waves, first to last. A cluster belongs to the first that takes it.
    #[serde(deserialize_with = "nullable")]
    pub waves: Vec<Wave>,
    /// What happens when a wave fails.
    pub on_failure: OnFailure,
    /// What becomes of members whose cluster cannot be reached.
    pub unreachable: Unreachable,
    /// What becomes of members whose cluster is paused.
    pub paused: WaitOrSkip,
    /// What a new commit does to a rollout that is under way.
    pub supersede: Supersede,
    /// Whether each release waits for a person's sync.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual: bool,
    /// When changes may go out, beside the windows of the AppProject and of the hub's settings.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<SyncWindow>,
    /// ApplicationSets of the same namespace that go first on each cluster: a cluster's members wait until what
    /// these sets have there is proven.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
}

/// One wave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wave {
    /// Shown to people; unique in the policy.
    pub name: String,
    /// The clusters it takes, by label; absent takes every cluster that no earlier wave took.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Takes only so many clusters, in name order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub take: Option<u32>,
    /// How many members may be released and not proven at once; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_update: Option<Amount>,
    /// How many members must be proven, whatever is excused: a count, or a share of the wave (a quorum,
    /// rounded up); 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_proven: Option<Amount>,
    /// How long a member must be Healthy without a break to be proven; 5 s when absent.
    #[serde(with = "crate::text::optional", skip_serializing_if = "Option::is_none")]
    pub settle: Option<Duration>,
    /// How long every member must stay proven before the next wave opens.
    #[serde(with = "crate::text::optional", skip_serializing_if = "Option::is_none")]
    pub soak: Option<Duration>,
    /// How long a released member may take until it is proven.
    #[serde(with = "crate::text::optional", skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// How many members may fail before the rollout halts; 0 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failures: Option<u32>,
    /// Whether a person must approve the wave before its first release, after it is proven, or both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// Analyses that must succeed. Not run yet, and refused: a gate that is not kept is worse than none.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub analysis: Vec<serde_json::Value>,
}

/// When a wave needs a person's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Approval {
    /// Before its first release.
    Before,
    /// When everything else that it waits for is there, before the next wave opens.
    After,
    /// Both.
    Both,
}

impl Approval {
    /// Whether the wave needs one before its first release.
    pub const fn before(self) -> bool {
        matches!(self, Self::Before | Self::Both)
    }

    /// Whether the wave needs one after it is proven.
    pub const fn after(self) -> bool {
        matches!(self, Self::After | Self::Both)
    }
}

/// What happens when a wave fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnFailure {
    /// Nothing more is released until a person decides.
    #[default]
    Halt,
    /// As Halt, then every member goes back to what it ran before.
    Rollback,
}

/// What becomes of members that cannot take part now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitOrSkip {
    /// The wave waits for them.
    #[default]
    Wait,
    /// The wave goes on without them; they catch up when they can.
    Skip,
}

/// What becomes of members whose cluster cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Unreachable {
    /// How long a silent cluster still counts as reachable; 2 min when absent.
    #[serde(with = "crate::text::exact")]
    pub after: Duration,
    /// Wait for them or go on.
    pub action: WaitOrSkip,
    /// At most so many members of a wave are skipped; 10 % when absent.
    pub at_most: Amount,
}

impl Default for Unreachable {
    fn default() -> Self {
        Self { after: Duration::from_secs(120), action: WaitOrSkip::Wait, at_most: Amount::Percent(10) }
    }
}

/// What a new commit does to a rollout that is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Supersede {
    /// The latest waiting commit follows; it takes over at once only while wave one is unproven.
    #[default]
    Queue,
    /// It takes over at once.
    Restart,
}

/// A count, or a share of the members concerned, as Kubernetes' IntOrString.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// That many.
    Count(u32),
    /// That share, in percent.
    Percent(u32),
    /// A text that is neither. Argo CD takes it as 1 (`progressive_sync.go`); a policy refuses it.
    Unparsable,
}

impl Amount {
    /// How many of `total` a quorum is: percentages round up, so that 50 % of 3 are 2.
    pub fn quorum_of(self, total: usize) -> usize {
        match self {
            Self::Percent(percent) => (total * percent as usize).div_ceil(100),
            Self::Count(_) | Self::Unparsable => self.of(total),
        }
    }

    /// How many of `total`: percentages round down, but a share above 0 is at least 1
    /// (Argo CD `progressive_sync.go`); 0 and 0 % are none.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count as usize,
            Self::Percent(0) => 0,
            Self::Percent(percent) => (total * percent as usize / 100).max(1),
            Self::Unparsable => 1,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Unparsable => f.write_str("invalid"),
        }
    }
}

impl FromStr for Amount {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let percent = text.strip_suffix('%').and_then(|number| number.parse().ok()).map(Self::Percent);
        Ok(percent.or_else(|| text.parse().ok().map(Self::Count)).unwrap_or(Self::Unparsable))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(_) | Self::Unparsable => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(u32),
            Text(String),
        }
        match Raw::deserialize(deserializer) {
            Ok(Raw::Number(count)) => Ok(Self::Count(count)),
            Ok(Raw::Text(text)) => Ok(text.parse().unwrap_or(Self::Unparsable)),
            Err(_) => Err(de::Error::custom("expected a count such as 3 or a share such as 20%")),
        }
    }
}

impl RolloutPolicySpec {
    /// What is wrong with the policy: each with its field path and remedy. None means it can be used.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.waves.is_empty() {
            problems.push("spec.waves: at least one wave is needed, e.g. - {name: all}".to_owned());
        }
        for (index, wave) in self.waves.iter().enumerate() {
            let at = format!("spec.waves[{index}]");
            if wave.name.is_empty() {
                problems.push(format!("{at}.name: a wave needs a name, e.g. canary"));
            }
            if self.waves[..index].iter().any(|other| other.name == wave.name) {
                problems.push(format!("{at}.name: `{}` names an earlier wave too", wave.name));
            }
            if let Some(problem) = wave.selector.as_ref().and_then(LabelSelector::problem) {
                problems.push(format!("{at}.match.{problem}"));
            }
            if wave.max_update == Some(Amount::Unparsable) {
                problems.push(format!("{at}.maxUpdate: expected a count such as 3 or a share such as 20%"));
            }
            if wave.min_proven == Some(Amount::Unparsable) {
                problems.push(format!("{at}.minProven: expected a count such as 1 or a share such as 80%"));
            }
            if !wave.analysis.is_empty() {
                problems.push(format!(
                    "{at}.analysis: analyses are not run yet: remove them, and guard the wave with soak, deadline and approval: After"
                ));
            }
            if wave.take == Some(0) {
                problems.push(format!("{at}.take: a wave that takes no cluster can never be proven"));
            }
        }
        if self.unreachable.at_most == Amount::Unparsable {
            problems.push(
                "spec.unreachable.atMost: expected a count such as 3 or a share such as 10%".to_owned(),
            );
        }
        for (index, set) in self.depends_on.iter().enumerate() {
            if set.is_empty() {
                problems.push(format!("spec.dependsOn[{index}]: expected the name of an ApplicationSet"));
            }
        }
        problems
    }
}
