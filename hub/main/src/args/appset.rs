//! `flotilla appset generate`, `flotilla appset diff` and `flotilla appset lint`.

use super::{Namespace, Range, app};
use crate::cli::app::Repo;
use clap::{Args as Group, ValueEnum, ValueHint};
use shared_generate::lint::Rule;

/// What ApplicationSets are expanded from.
#[derive(Debug, Clone, Group)]
pub(crate) struct SetInputs {
    /// The clusters: Clusters, Argo CD's cluster Secrets, or a list of {name, server, labels, annotations, project}
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) clusters: Option<String>,
    /// Read this folder in place of a repository, as it is on disk (repeatable); a DIR alone stands for every repository
    #[arg(long = "repo", value_name = "URL=DIR", value_hint = ValueHint::DirPath)]
    pub(crate) repos: Vec<Repo>,
}

#[derive(Debug, Group)]
#[command(
    after_help = "No hub is asked. Generators read the folders of --repo, whatever revision they name; what has no folder is \
                  fetched, without credentials. Objects of other kinds in the files are passed over, with a note. Nothing is \
                  printed when a set or an Application is wrong.\n\n\
                  flotilla appset generate -f fleet.yaml --clusters clusters.yaml --repo .\n\
                  flotilla appset generate -f *.yaml --repo https://git.example.com/fleet.git=../fleet -o name\n\n\
                  Exit codes: 0 done, 1 something is wrong (the text says where), 2 wrong command line, 130 interrupted."
)]
pub(crate) struct GenerateOptions {
    /// ApplicationSets, YAML or JSON; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath, required = true, num_args = 1..)]
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
                  --revisions, two inputs with no hub. What is left out is equal on both sides. Against the \
                  hub, it is the hub that reads repositories without a --repo, with its credentials. RolloutPolicies of the files \
                  count as the hub's do. Nothing moves.\n\n\
                  flotilla appset diff -f fleet.yaml --repo https://git.example.com/fleet.git=.\n\
                  flotilla appset diff -f fleet.yaml --clusters clusters.yaml --repo . --revisions main..\n\
                  flotilla appset diff -f fleet.yaml --clusters new.yaml --against-clusters old.yaml --repo .\n\
                  git show main:fleet.yaml | flotilla appset diff -f fleet.yaml --against - --repo .\n\n\
                  Exit codes: 0 no difference, 1 differences, 2 failed or wrong command line, 130 interrupted."
)]
pub(crate) struct SetDiffOptions {
    /// ApplicationSets of the hub, as they are there: what other clusters or folders make of them
    #[arg(value_name = "NAME", required_unless_present = "files", conflicts_with_all = ["files", "against", "against_clusters", "revisions"])]
    pub(crate) names: Vec<String>,
    /// ApplicationSets as they are to be, with RolloutPolicies if need be; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath, num_args = 1..)]
    pub(crate) files: Vec<String>,
    /// ApplicationSets as they were; `hub` for those of the hub, which is meant when nothing else is said (repeatable)
    #[arg(long, value_name = "FILE|hub", value_hint = ValueHint::FilePath)]
    pub(crate) against: Vec<String>,
    #[command(flatten)]
    pub(crate) inputs: SetInputs,
    /// The clusters as they were
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "clusters")]
    pub(crate) against_clusters: Option<String>,
    /// Compare two revisions of the folders of --repo, A..B, or A.. with what is on disk
    #[arg(long, value_name = "A..B", value_parser = app::range, requires = "repos")]
    pub(crate) revisions: Option<Range>,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
    /// Lines around a difference
    #[arg(long, short = 'U', value_name = "N", default_value_t = 3)]
    pub(crate) unified: usize,
    /// How to print it
    #[arg(long, short = 'o', value_enum, default_value_t = super::Output::Text)]
    pub(crate) output: super::Output,
}

#[derive(Debug, Group)]
#[command(
    after_help = "No hub is asked. Without --clusters nothing is said of what depends on them. RolloutPolicies of the files count \
                  for the sets that name them. `--rules` lists what is looked for.\n\n\
                  A comment `# flotilla:allow RULE, RULE -- why` on a line, or alone on the line above, says that its findings are meant.\n\n\
                  flotilla appset lint -f fleet.yaml policy.yaml --clusters clusters.yaml --repo .\n\
                  flotilla appset lint -f *.yaml --repo . --strict -o json\n\n\
                  Exit codes: 0 no errors (with --strict, no warnings either), 1 findings, 2 failed or wrong command line, \
                  130 interrupted."
)]
pub(crate) struct LintOptions {
    /// ApplicationSets, with RolloutPolicies if need be; - for the standard input (repeatable)
    #[arg(long = "file", short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "rules", num_args = 1..)]
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
    /// Print what is merely worth knowing, too (-o json always has it)
    #[arg(long)]
    pub(crate) info: bool,
    /// List the rules
    #[arg(long, conflicts_with = "files")]
    pub(crate) rules: bool,
    /// How to print findings
    #[arg(long, short = 'o', value_enum, default_value_t = super::Output::Text)]
    pub(crate) output: super::Output,
}
