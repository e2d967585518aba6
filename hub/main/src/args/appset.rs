//! `flotilla appset generate`, `flotilla appset diff` and `flotilla appset lint`.

use super::{Namespace, Range, app};
use crate::cli::app::Repo;
use clap::{Args as Group, ValueEnum};
use shared_generate::lint::Rule;

/// What ApplicationSets are expanded from.
#[derive(Debug, Clone, Group)]
pub(crate) struct SetInputs {
    /// The clusters: Clusters, Argo CD's cluster Secrets, or a list of {name, server, labels, annotations, project}
    #[arg(long, value_name = "FILE")]
    pub(crate) clusters: Option<String>,
    /// Read this folder in place of a repository, as it is on disk (repeatable); a DIR alone stands for every repository
    #[arg(long = "repo", value_name = "URL=DIR")]
    pub(crate) repos: Vec<Repo>,
}

#[derive(Debug, Group)]
#[command(
    after_help = "No hub is asked. Generators read the folders of --repo, whatever revision they name; what has no folder is \
                  fetched, without credentials. Objects of other kinds in the files are passed over, with a note. Nothing is \
                  printed when a set or an Application is wrong.\n\n\
                  flotilla appset generate -f fleet.yaml --clusters clusters.yaml --repo https://git.example.com/fleet.git=.\n\n\
                  Exit codes: 0 done, 1 something is wrong (the text says where), 2 wrong command line."
)]
pub(crate) struct GenerateOptions {
    /// ApplicationSets, YAML or JSON; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", required = true, num_args = 1..)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) inputs: SetInputs,
    /// Read this revision of the folders of --repo, which are repositories then
    #[arg(long, value_name = "R", value_parser = app::revision, requires = "repos")]
    pub(crate) revision: Option<String>,
    /// How to print the Applications
    #[arg(long, short = 'o', value_enum, default_value_t = Applications::Yaml)]
    pub(crate) output: Applications,
}

/// How Applications are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Applications {
    /// Documents, with a comment that says which generator each is from
    Yaml,
    /// One array
    Json,
    /// A line each: application.argoproj.io/web-eu-1
    Name,
}

#[derive(Debug, Group)]
#[command(
    after_help = "Compares what ApplicationSets come to with what the hub has of them, or, with --against, --against-clusters or \
                  --revisions, two inputs with no hub. What is left out is equal on both sides. RolloutPolicies of the files \
                  count as the hub's do. Nothing moves.\n\n\
                  flotilla appset diff -f fleet.yaml --repo https://git.example.com/fleet.git=.\n\
                  flotilla appset diff -f fleet.yaml --clusters clusters.yaml --repo . --revisions main..\n\
                  flotilla appset diff -f fleet.yaml --clusters new.yaml --against-clusters old.yaml --repo .\n\
                  git show main:fleet.yaml | flotilla appset diff -f fleet.yaml --against - --clusters clusters.yaml --repo .\n\n\
                  Exit codes: 0 no difference, 1 differences, 2 failed or wrong command line, 130 interrupted."
)]
pub(crate) struct SetDiffOptions {
    /// ApplicationSets of the hub, as they are there: what other clusters or folders make of them
    #[arg(value_name = "NAME", required_unless_present = "files", conflicts_with_all = ["files", "against", "against_clusters", "revisions"])]
    pub(crate) names: Vec<String>,
    /// ApplicationSets as they are to be, with RolloutPolicies if need be; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", num_args = 1..)]
    pub(crate) files: Vec<String>,
    /// ApplicationSets as they were; `hub` for those of the hub, which is meant when nothing else is said (repeatable)
    #[arg(long, value_name = "FILE|hub")]
    pub(crate) against: Vec<String>,
    #[command(flatten)]
    pub(crate) inputs: SetInputs,
    /// The clusters as they were
    #[arg(long, value_name = "FILE", requires = "clusters")]
    pub(crate) against_clusters: Option<String>,
    /// Compare two revisions of the folders of --repo, A..B, or A.. with what is on disk
    #[arg(long, value_name = "A..B", value_parser = app::range, requires = "repos")]
    pub(crate) revisions: Option<Range>,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
    /// Lines around a difference
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) context: usize,
    /// How to print it
    #[arg(long, short = 'o', value_enum, default_value_t = super::Output::Text)]
    pub(crate) output: super::Output,
}

#[derive(Debug, Group)]
#[command(
    after_help = "No hub is asked. Without --clusters nothing is said of what depends on them. RolloutPolicies of the files count \
                  for the sets that name them. `--rules` lists what is looked for.\n\n\
                  flotilla appset lint -f fleet.yaml --clusters clusters.yaml --repo https://git.example.com/fleet.git=.\n\n\
                  Exit codes: 0 no errors (with --strict, no warnings either), 1 findings, 2 failed or wrong command line."
)]
pub(crate) struct LintOptions {
    /// ApplicationSets, with RolloutPolicies if need be; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", required_unless_present = "rules", num_args = 1..)]
    pub(crate) files: Vec<String>,
    #[command(flatten)]
    pub(crate) inputs: SetInputs,
    /// Read this revision of the folders of --repo, which are repositories then
    #[arg(long, value_name = "R", value_parser = app::revision, requires = "repos")]
    pub(crate) revision: Option<String>,
    /// Say nothing of this rule (repeatable, or with commas)
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub(crate) allow: Vec<Rule>,
    /// Let warnings count as errors do
    #[arg(long)]
    pub(crate) strict: bool,
    /// List the rules
    #[arg(long, conflicts_with = "files")]
    pub(crate) rules: bool,
    /// How to print findings
    #[arg(long, short = 'o', value_enum, default_value_t = super::Output::Text)]
    pub(crate) output: super::Output,
}
