//! The workloads, in numbers.

use crate::args::Args;
use clap::ValueEnum;

/// A workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// 100 rollouts at once in three stages, over 100 of 1,000 clusters each
    Staged,
    /// One of these rollouts alone
    Alone,
    /// The hub killed and started again in the middle of all of them
    Restart,
    /// 50 applications on 50 clusters, without waves
    Fifty,
    /// 50,000 applications of one ConfigMap on 500 clusters
    Many,
    /// One application on 1,000 clusters, without waves
    Wide,
    /// 10,000 agents with nothing to do
    Idle,
    /// A chart on 1,000 clusters that share its values
    Charts,
    /// A chart on 1,000 clusters with values of their own
    Values,
    /// 500 charts in one repository, and a commit that touches one of them
    Monorepo,
}

/// What an application consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Files {
    /// A Namespace, a ConfigMap of 1 KB, and a Deployment without replicas.
    Stack,
    /// A ConfigMap of 2 KB.
    Map,
    /// A chart of a ConfigMap of 2 KB and a Deployment without replicas.
    Chart {
        /// Whether each cluster has a value file of its own.
        own: bool,
    },
}

/// A workload in numbers.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: Name,
    pub(crate) clusters: usize,
    /// How many clusters each set goes to; sets take groups in turn.
    pub(crate) group: usize,
    pub(crate) sets: usize,
    pub(crate) staged: bool,
    pub(crate) files: Files,
    /// What others publish.
    pub(crate) published: &'static str,
    /// What we want.
    pub(crate) aim: &'static str,
}

impl Name {
    pub(crate) const ALL: [Self; 10] = [
        Self::Staged,
        Self::Alone,
        Self::Restart,
        Self::Fifty,
        Self::Many,
        Self::Wide,
        Self::Idle,
        Self::Charts,
        Self::Values,
        Self::Monorepo,
    ];

    /// Its numbers at the scale asked for.
    pub(crate) fn workload(self, args: &Args) -> Workload {
        let staged = Workload {
            name: self,
            clusters: args.scaled(100) * 10,
            group: args.scaled(100),
            sets: args.scaled(100),
            staged: true,
            files: Files::Stack,
            published: "",
            aim: "",
        };
        let plain = |clusters: usize, sets: usize| {
            let clusters = args.scaled(clusters);
            Workload {
                clusters,
                group: clusters,
                sets: args.scaled(sets),
                staged: false,
                files: Files::Map,
                ..staged.clone()
            }
        };
        match self {
            Self::Staged => Workload {
                published: "KubeFleet, April 2026: p90 135 s; hub 13 cores and 58 GB",
                aim: "under 15 s, hub under 500 MB",
                ..staged
            },
            Self::Alone => {
                Workload { published: "KubeFleet, April 2026: p90 96 s", aim: "under 1 s", ..staged }
            }
            Self::Restart => Workload {
                published: "KubeFleet, April 2026: 11 min of slow answers",
                aim: "full speed in 5 s, no decision changed",
                ..staged
            },
            Self::Fifty => Workload { published: "Rancher Fleet: 51 s", aim: "under 3 s", ..plain(50, 50) },
            Self::Many => Workload {
                published: "Argo CD (CNOE, 2023): 22 min on 3 machines of 8 cores",
                aim: "under 60 s",
                ..plain(500, 100)
            },
            Self::Wide => Workload { aim: "under 5 s", ..plain(1000, 1).one_set() },
            Self::Idle => Workload {
                published: "none",
                aim: "under 50 KB of hub memory each, under 5 % of a core",
                ..plain(10_000, 1).one_set()
            },
            Self::Charts => Workload {
                published: "Argo CD renders 1,000 times (its cache key has the name of the application in it)",
                aim: "one rendering, hub under 500 MB",
                files: Files::Chart { own: false },
                ..plain(1000, 1).one_set()
            },
            Self::Values => Workload {
                published: "Argo CD's repo servers: 18 to 56 GB (#4583, #11198)",
                aim: "cores x the tool's time, hub under 500 MB",
                files: Files::Chart { own: true },
                ..plain(1000, 1).one_set()
            },
            Self::Monorepo => Workload {
                published: "none",
                aim: "one rendering, hub under 500 MB",
                files: Files::Chart { own: false },
                group: 2,
                ..plain(1000, 500)
            },
        }
    }
}

impl Workload {
    fn one_set(self) -> Self {
        Self { sets: 1, ..self }
    }

    /// In words.
    pub(crate) fn told(&self) -> String {
        let Self { clusters, group, sets, .. } = self;
        match self.name {
            Name::Staged => format!(
                "{sets} rollouts at once, in 3 stages over {group} of {clusters} clusters each, half a stage at a time"
            ),
            Name::Alone => "one of these rollouts alone".to_owned(),
            Name::Restart => "the hub killed and started again in the middle of all of them".to_owned(),
            Name::Fifty => format!("{sets} applications on {clusters} clusters, no waves"),
            Name::Many => {
                format!("{} applications of one 2 KB ConfigMap on {clusters} clusters", sets * clusters)
            }
            Name::Wide => format!("one application on {clusters} clusters, no waves"),
            Name::Idle => format!("{clusters} idle agents"),
            Name::Charts => format!("a chart on {clusters} clusters that share its values"),
            Name::Values => format!("a chart on {clusters} clusters with values of their own"),
            Name::Monorepo => format!(
                "a commit to one of {sets} charts of a repository, each on {group} of {clusters} clusters"
            ),
        }
    }

    /// How many sets a push changes.
    pub(crate) const fn touched(&self) -> usize {
        match self.name {
            Name::Alone | Name::Monorepo => 1,
            Name::Staged
            | Name::Restart
            | Name::Fifty
            | Name::Many
            | Name::Wide
            | Name::Idle
            | Name::Charts
            | Name::Values => self.sets,
        }
    }

    /// Whether official tools render it.
    pub(crate) const fn has_charts(&self) -> bool {
        matches!(self.files, Files::Chart { .. })
    }

    /// What has to be durable in turn: each half of a stage is ordered and proven, on the hub; the agents' journals are
    /// memory here.
    pub(crate) const fn turns(&self) -> usize {
        if self.staged { 2 * 6 } else { 2 }
    }

    /// How many ConfigMaps hold a revision once every set is there.
    pub(crate) fn members(&self, sets: usize) -> usize {
        sets * self.group
    }
}
