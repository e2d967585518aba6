//! The seam of rendering: a source, the trees and what else it may read, and the cluster's capabilities go in; a
//! [`Job`](crate::Job) comes out, and of that the bundle. Who renders behind it (a directory, the official tools,
//! one day a renderer of our own) is not to be seen from outside.

use crate::{Tree, environment::Environment};
use async_trait::async_trait;
use bytes::Bytes;
use shared_manifest::Problem;
use shared_model::Source;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// The Application as sources may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct App {
    /// Its name: the release's name of a chart, unless that says another.
    pub name: String,
    /// Its namespace on the hub.
    pub namespace: String,
    /// Its AppProject.
    pub project: String,
    /// `spec.destination.namespace`.
    pub destination: String,
}

impl App {
    /// As `$ARGOCD_APP_NAME` and the names of files for one Application have it: with its namespace, unless that is the one
    /// of all that are not said to be elsewhere (Argo CD's `InstanceName`).
    pub fn instance_name(&self) -> String {
        match self.namespace.as_str() {
            "" | shared_model::DEFAULT_NAMESPACE => self.name.clone(),
            elsewhere => format!("{elsewhere}_{}", self.name),
        }
    }

    /// Which Application it is, and of which project.
    pub(crate) fn identity(&self) -> String {
        let Self { name, namespace, project, .. } = self;
        format!("{project}/{namespace}/{name}")
    }
}

/// What the cluster can do that it is rendered for.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capabilities {
    /// The Kubernetes version, `v1.34.3`; empty when it is not known: then the tool's own default holds.
    pub kube_version: String,
    /// `group/version` and `group/version/Kind`, sorted.
    pub api_versions: Arc<[String]>,
    /// How much of it the cluster told.
    pub told: Told,
}

/// How much a cluster told of what it can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// All that is to be known.
    #[default]
    All,
    /// Its version alone, by an agent that tells no more.
    Version,
    /// Nothing yet.
    Nothing {
        /// The cluster's name.
        cluster: String,
    },
}

impl Capabilities {
    /// Whether this is enough for something that can see the cluster's version, or which APIs it serves. Where the tool's
    /// defaults stand for what was not told, a sentence for people.
    ///
    /// # Errors
    /// What is waited for: rendered by defaults now, it would be another thing when the cluster has told.
    pub(crate) fn suffice(&self, version: bool, apis: bool) -> Result<Option<String>, Failure> {
        match &self.told {
            Told::Nothing { cluster } if version || apis => Err(Failure::inputs(
                "",
                format!(
                    "waits for the first report of {cluster}: what the chart comes to depends on what that cluster can do"
                ),
                "start its agent, or say it with `kubeVersion` and `apiVersions` in spec.source.helm",
            )),
            Told::Version if apis => Ok(Some(
                "the cluster's agent is old: it does not tell which APIs the cluster serves, so helm's defaults stand for \
                 them; upgrade the agent, or say them with `apiVersions` in spec.source.helm"
                    .to_owned(),
            )),
            Told::All | Told::Version | Told::Nothing { .. } => Ok(None),
        }
    }
}

/// What is rendered, and from what.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The source, with the overrides of `.argocd-source.yaml` already in it.
    pub source: &'a Source,
    /// For whom.
    pub app: &'a App,
    /// The commit, or a chart's version.
    pub revision: &'a str,
    /// The repository's tree from its root; of a chart from a repository, the unpacked chart.
    pub tree: &'a Arc<dyn Tree>,
    /// The source's folder in the tree; empty for the root.
    pub folder: &'a str,
    /// The trees of sources with a `ref`, by that name (without `$`), from their repositories' roots.
    pub references: &'a BTreeMap<String, Arc<dyn Tree>>,
    /// Of the destination.
    pub capabilities: &'a Capabilities,
    /// Fetches what is elsewhere.
    pub fetch: &'a dyn Fetch,
    /// What people set for the whole fleet.
    pub settings: &'a Settings,
}

impl Request<'_> {
    /// The build environment, as in Argo CD's `docs/user-guide/build-environment.md`.
    pub fn environment(&self) -> Environment {
        Environment::of(self)
    }
}

/// What people set about rendering, for the whole fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Further options of `kustomize build` (`kustomize.buildOptions` of argocd-cm), one word each.
    pub kustomize_options: Vec<String>,
    /// Whether overlays may name bases and resources in other repositories and at web addresses.
    pub remote_bases: bool,
    /// The schemes of value files that are fetched from the web (`helm.valuesFileSchemes` of argocd-cm); none by default.
    pub values_schemes: Vec<String>,
}

/// Fetches what a source names and its trees do not hold. Who implements it sees to credentials, to what the
/// AppProject permits, to pinning and to caching: two calls during one rendering give the same.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The packed chart (`.tgz`) that a dependency names: `repository` is `https://…`, `oci://…`, `@name` or
    /// `alias:name` as in `Chart.yaml`; `version` a version or a range.
    ///
    /// # Errors
    /// Why not, for people.
    async fn chart(&self, repository: &str, name: &str, version: &str) -> Result<Chart, Unfetched>;

    /// The tree of another Git repository from its root. An empty revision is its default branch.
    ///
    /// # Errors
    /// Why not, for people.
    async fn repository(&self, url: &str, revision: &str) -> Result<Arc<dyn Tree>, Unfetched>;

    /// A file on the web.
    ///
    /// # Errors
    /// Why not, for people.
    async fn file(&self, url: &str) -> Result<Bytes, Unfetched>;
}

/// A packed chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Its exact version.
    pub version: String,
    /// The archive.
    pub archive: Bytes,
    /// Equal ids are equal archives, as in [`Entry`](crate::tree::Entry): nobody looks at all of it again to tell.
    pub id: String,
}

impl Chart {
    /// A chart whose archive is looked at for its id.
    pub fn new(version: impl Into<String>, archive: Bytes) -> Self {
        let id = crate::tree::content_id(&archive);
        Self { version: version.into(), archive, id }
    }
}

/// Why something could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfetched {
    /// It may not be, or there is no such thing: the same until somebody changes something.
    #[error("{0}")]
    Never(String),
    /// It may work later.
    #[error("{0}")]
    Now(String),
}

/// The most problems of one failure.
const MOST_PROBLEMS: usize = 20;
/// The most of a text that is kept, in bytes.
const LONGEST: usize = 2_048;

fn cut(text: &mut String) {
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
        text.shrink_to_fit();
    }
}

/// Why there is no bundle.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The inputs are wrong: it will fail again until one of them changes.
    Inputs(Vec<Problem>),
    /// It may work later with the same inputs: something was not there, too slow, or failed by itself.
    Circumstance(String),
}

impl Failure {
    /// One problem of the inputs.
    pub fn inputs(path: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Inputs(vec![Problem::new(path, message, remedy)])
    }

    /// As it is kept: many of them are, for as long as the inputs stay as they are.
    #[must_use]
    pub(crate) fn bounded(self) -> Self {
        match self {
            Self::Circumstance(mut cause) => {
                cut(&mut cause);
                Self::Circumstance(cause)
            }
            Self::Inputs(mut problems) => {
                let count = problems.len();
                if count > MOST_PROBLEMS {
                    problems.truncate(MOST_PROBLEMS - 1);
                    let left = count - problems.len();
                    problems.push(Problem::new("", format!("{left} more problems are not shown"), ""));
                }
                problems.shrink_to_fit();
                for Problem { place, object, field, message, remedy } in &mut problems {
                    [place, object, field, message, remedy].into_iter().for_each(cut);
                }
                Self::Inputs(problems)
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        match self {
            Self::Circumstance(cause) => f.write_str(cause),
            Self::Inputs(problems) => {
                for (at, problem) in problems.iter().take(SHOWN).enumerate() {
                    let between = if at == 0 { "" } else { "; " };
                    write!(f, "{between}{problem}")?;
                }
                match problems.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
        }
    }
}

impl std::error::Error for Failure {}

impl From<Unfetched> for Failure {
    fn from(unfetched: Unfetched) -> Self {
        match unfetched {
            Unfetched::Never(why) => Self::inputs("", why, ""),
            Unfetched::Now(why) => Self::Circumstance(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_are_kept_are_small() {
        let problem = |at: usize| Problem::new(format!("values.{at}"), "é".repeat(40_000), "correct it");
        let Failure::Inputs(kept) = Failure::Inputs((0..500).map(problem).collect()).bounded() else {
            panic!("of the inputs")
        };
        assert_eq!(kept.len(), MOST_PROBLEMS);
        assert!(kept.iter().all(|problem| problem.message.len() <= LONGEST + '…'.len_utf8()));
        assert_eq!(kept.last().map(|last| last.message.as_str()), Some("481 more problems are not shown"));
        let few = Failure::Inputs(vec![Problem::new("a", "b", "c"); MOST_PROBLEMS]);
        assert_eq!(few.clone().bounded(), few);
    }
}
