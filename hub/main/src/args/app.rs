//! `flotilla app`.

use super::{Listing, Namespace, Printing, ToolOptions, duration, some_duration};
use crate::cli::app::Repo;
use clap::{Args as Group, Subcommand, ValueEnum, ValueHint};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum AppCommand {
    /// List Applications with cluster, sync, health and what they wait for
    #[command(visible_alias = "ls")]
    List(Listing),
    /// Show one Application: where it comes from and goes, its release, sync, health, and what it waits for
    Get {
        /// The Application
        name: String,
        #[command(flatten)]
        namespace: Namespace,
        #[command(flatten)]
        printing: Printing,
    },
    /// The releases that an Application had: by which rollout, when, and whether they were proven
    History {
        /// The Application
        name: String,
        #[command(flatten)]
        namespace: Namespace,
        #[command(flatten)]
        printing: Printing,
    },
    /// Wait until Applications are synced and healthy
    #[command(
        after_help = "Without --sync and --health it waits for both. A release that failed on its cluster ends it; so does an \
                      Application that is gone.\n\n\
                      Exit codes: 0 done, 1 failed, 2 wrong command line, 124 not in --timeout, 130 interrupted."
    )]
    Wait(Box<WaitOptions>),
    /// Print the manifests of Applications and ApplicationSets, with no hub
    Render(Box<RenderOptions>),
    /// Show what an apply would change in the clusters, or what two revisions differ in
    Diff(Box<DiffOptions>),
    /// Apply an Application's release now (manual sync)
    Sync {
        /// The Application
        name: String,
        #[command(flatten)]
        namespace: Namespace,
    },
    /// Delete an Application although its cluster cannot be reached
    ///
    /// What it put there stays. When the cluster returns, its agent is told to give the application up without
    /// its objects; an Application of the same name made until then takes them over.
    Forget {
        /// The Application
        name: String,
        #[command(flatten)]
        namespace: Namespace,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Leave Applications alone: nothing is released, applied, healed or pruned until they are resumed
    Pause {
        #[command(flatten)]
        applications: Applications,
        /// How long, e.g. 1h; until resumed when left out
        #[arg(long = "for", value_name = "TIME", value_parser = some_duration)]
        duration: Option<Duration>,
        /// Why, for the people who meet it, e.g. INC-7
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// End the pause of Applications
    Resume {
        #[command(flatten)]
        applications: Applications,
    },
}

/// Which Applications.
#[derive(Debug, Group)]
pub(crate) struct Applications {
    /// The Applications
    #[arg(required_unless_present = "selector", conflicts_with = "selector", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// All those with these labels instead, e.g. team=shop
    #[arg(long, short = 'l', value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
}

#[derive(Debug, Group)]
pub(crate) struct WaitOptions {
    #[command(flatten)]
    pub(crate) applications: Applications,
    #[command(flatten)]
    pub(crate) goals: Goals,
    /// How long at most, e.g. 30s; 0 for no end
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// What is waited for.
#[derive(Debug, Clone, Default, Group)]
pub(crate) struct Goals {
    /// Until its cluster runs the release that is to run there
    #[arg(long)]
    pub(crate) sync: bool,
    /// Until it is healthy
    #[arg(long)]
    pub(crate) health: bool,
    /// Until the release is one of this commit: its id, or the beginning of it
    #[arg(long, value_name = "COMMIT", value_parser = commit)]
    pub(crate) revision: Option<String>,
}

fn commit(text: &str) -> Result<String, String> {
    if text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write a commit's id or at least seven digits of it, e.g. $(git rev-parse HEAD)".to_owned())
    }
}

/// How to read sources without a hub.
#[derive(Debug, Clone, Group)]
pub(crate) struct Offline {
    /// Read this folder in place of a repository, as it is on disk (repeatable); a DIR alone stands for every repository
    #[arg(long = "repo", value_name = "URL=DIR", value_hint = ValueHint::DirPath)]
    pub(crate) repos: Vec<Repo>,
    /// The Clusters that ApplicationSets of files expand over
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) clusters: Option<String>,
    /// Render for this version of Kubernetes, e.g. 1.34; that of the destination's Cluster when left out
    #[arg(long, value_name = "V", value_parser = version)]
    pub(crate) kube_version: Option<String>,
    /// Render for a cluster that serves these, e.g. monitoring.coreos.com/v1 (repeatable, or with commas)
    #[arg(long, value_name = "GROUP/VERSION[/KIND]", value_delimiter = ',')]
    pub(crate) api_versions: Vec<String>,
    /// Further options of `kustomize build`, as `kustomize.buildOptions` of argocd-cm has them, e.g. --enable-helm
    #[arg(
        long,
        value_name = "OPTIONS",
        allow_hyphen_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) kustomize_build_options: String,
    #[command(flatten)]
    pub(crate) tools: ToolOptions,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Sources are read from the folders of --repo; what has none is fetched, without credentials. Values of Secrets \
                  are printed whole; what SOPS encrypted stays encrypted. Nothing is printed when an Application cannot be \
                  rendered.\n\n\
                  flotilla app render -f app.yaml --repo https://git.example.com/fleet.git=. | kubectl diff -f -"
)]
pub(crate) struct RenderOptions {
    /// Applications and ApplicationSets, YAML or JSON; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// How to print manifests
    #[arg(long, short = 'o', value_enum, default_value_t = Manifests::Yaml)]
    pub(crate) output: Manifests,
}

/// How manifests are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manifests {
    /// Documents, with a comment that says whose and from where
    Yaml,
    /// A List
    Json,
    /// A line each: deployment.apps/web
    Name,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Compares what the cluster has with the release that is to run there; with --repo, -f or --revision with what \
                  those come to. The agent reads, and writes nothing; defaults and admission of what is new are not foreseen. \
                  With --revisions nothing is asked of clusters: A..B compares two revisions, A.. the revision A with the folders \
                  of --repo. R, A and B are revisions of the repository of an Application's first source.\n\n\
                  Values of Secrets are masked always. What is equal for many Applications is shown once.\n\n\
                  flotilla app diff --set fleet --repo https://git.example.com/fleet.git=.\n\
                  flotilla app diff -f fleet.yaml --clusters clusters.yaml --repo . --revisions main..\n\n\
                  Exit codes: 0 no difference, 1 differences, 2 failed or wrong command line, 130 interrupted."
)]
pub(crate) struct DiffOptions {
    /// The Applications
    #[arg(value_name = "NAME", required_unless_present_any = ["set", "files"], conflicts_with_all = ["set", "files"])]
    pub(crate) names: Vec<String>,
    /// All Applications of this ApplicationSet
    #[arg(long, value_name = "SET", conflicts_with = "files")]
    pub(crate) set: Option<String>,
    /// Applications and ApplicationSets of files in place of the hub's; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
    #[command(flatten)]
    pub(crate) offline: Offline,
    /// Compare clusters with this revision
    #[arg(long, value_name = "R", value_parser = revision, conflicts_with = "revisions")]
    pub(crate) revision: Option<String>,
    /// Compare two revisions, A..B, or A.. with the folders of --repo; no cluster is asked
    #[arg(long, value_name = "A..B", value_parser = range)]
    pub(crate) revisions: Option<Range>,
    /// Lines around a difference
    #[arg(long, short = 'U', value_name = "N", default_value_t = 3)]
    pub(crate) unified: usize,
    /// How to print differences
    #[arg(long, short = 'o', value_enum, default_value_t = Differences::Text)]
    pub(crate) output: Differences,
}

/// How differences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Differences {
    /// Unified
    Text,
    /// The objects before and after, whole
    Json,
}

/// Two revisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: String,
    /// `None`: the local files.
    pub(crate) to: Option<String>,
}

pub(super) fn range(text: &str) -> Result<Range, String> {
    let wrong = || "write A..B, or A.. for the folders of --repo".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    if to.starts_with('.') {
        return Err("A...B is not read: write A..B".to_owned());
    }
    let to = Some(to).filter(|to| !to.is_empty());
    Ok(Range { from: revision(from)?, to: to.map(revision).transpose()? })
}

pub(super) fn revision(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it names no revision: write a branch, a tag or a commit".to_owned());
    }
    if text.contains(['~', '^', ' ']) || text.contains("@{") {
        return Err(format!(
            "`{text}` is read by git alone: write a branch, a tag or a commit, e.g. $(git rev-parse '{text}')"
        ));
    }
    Ok(text.to_owned())
}

fn version(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let parts: Vec<&str> = bare.split(['.', '-', '+']).collect();
    let number = |part: Option<&&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    if number(parts.first()) && number(parts.get(1)) {
        let whole = if bare.matches('.').count() == 1 { format!("{bare}.0") } else { bare.to_owned() };
        Ok(format!("v{whole}"))
    } else {
        Err(format!("`{text}` is no version such as 1.34 or v1.34.3"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let check = |text: &str, expect: Result<(&str, Option<&str>), &str>| match (range(text), expect) {
            (Ok(range), Ok((from, to))) => assert_eq!((range.from.as_str(), range.to.as_deref()), (from, to)),
            (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
            (said, expect) => panic!("{text}: {said:?} and not {expect:?}"),
        };
        check("main..next", Ok(("main", Some("next"))));
        check("v1.2.3..", Ok(("v1.2.3", None)));
        check("main", Err("write A..B"));
        check("..main", Err("names no revision"));
        check("a...b", Err("A...B is not read"));
        check("HEAD~1..", Err("git rev-parse 'HEAD~1'"));
    }

    #[test]
    fn versions() {
        for (text, expect) in [
            ("1.34", Some("v1.34.0")),
            ("v1.34.3", Some("v1.34.3")),
            ("1.30.1-gke.100", Some("v1.30.1-gke.100")),
            ("latest", None),
            ("1", None),
            ("1.x", None),
        ] {
            assert_eq!(version(text).ok().as_deref(), expect, "{text}");
        }
    }
}
