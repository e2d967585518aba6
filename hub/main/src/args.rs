//! The command line: the only reader of flags and environment.

mod app;
mod appset;
mod cluster;
mod connection;
mod decisions;
mod folder;
mod log;
mod login;
mod printing;
mod simulate;
mod timeline;
mod tools;

pub(crate) use app::{
    AppCommand, Applications, DiffOptions, Differences, Goals, Manifests, Offline, Range, RenderOptions,
    WaitOptions,
};
pub(crate) use appset::{Applications as SetOutput, GenerateOptions, LintOptions, SetDiffOptions, SetInputs};
use clap::{Args as Group, Parser, Subcommand};
pub(crate) use cluster::ClusterCommand;
pub(crate) use connection::Connection;
pub(crate) use decisions::{Approve, Expedite, Pause, Plain, RolloutCommand, Status, Undo, Which, Why};
pub(crate) use folder::{ResealOptions, RestoreOptions, SealOptions};
pub(crate) use log::{AUDIT_IN_LOG, Log};
pub(crate) use login::LoginOptions;
pub(crate) use printing::{Form, Listing, Printing};
use shared_model::parse_duration;
use shared_runtime::otlp;
pub(crate) use simulate::{Output, SimulateOptions};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
pub(crate) use timeline::{TimelineForm, TimelineOptions};
pub(crate) use tools::ToolOptions;

/// More would be a load on a large fleet's network.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(1);
/// An agent renews at most every few seconds.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(10);

/// Multi-cluster GitOps in waves: Argo CD's ApplicationSets, released over a fleet canary first.
#[derive(Debug, Parser)]
#[command(name = "flotilla", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) log: Log,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a hub: the API for people, the port for agents, Git, and the rollouts
    Hub(Box<HubArgs>),
    /// See it work: a hub, a Git repository and twelve simulated clusters in one process
    Demo(DemoOptions),
    /// Sign in to a hub: check a token and write a context for it into the kubeconfig
    Login(Box<LoginOptions>),
    /// Join, list, show, pause, resume, observe, revoke and retire clusters
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// See and replace the hub's certificate authority
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// List, show, sync, wait for, render, compare, pause, resume and forget Applications
    #[command(subcommand)]
    App(AppCommand),
    /// Expand, compare and check ApplicationSets; list them and approve the deletions that they hold
    #[command(subcommand)]
    Appset(AppsetCommand),
    /// Let nothing new go out for a while, or at certain times
    #[command(
        after_help = "A freeze holds new releases; what went out before it goes on, and so do rollbacks. Without --for and \
                      --schedule it lasts until it is lifted. Freezes are windows in the ConfigMap flotilla-cm, key windows.yaml."
    )]
    Freeze(Box<FreezeArgs>),
    /// See who is told what happens, and try it
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// What happened, the newest last: commits, rollouts, gates, pauses, drift, approvals, clusters
    #[command(
        after_help = "KINDS are commit, rollout, wave, gate, decision, pause, drift, health, cluster, freeze, change, removal \
                      and hub, with commas between them. Times are local; --cluster and --app show the rollouts and \
                      commits that concern them as well."
    )]
    Timeline(Box<TimelineOptions>),
    /// See rollouts and what they wait for; approve, pause, take back, and watch them
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Print a script that completes commands and flags in a shell
    #[command(after_help = COMPLETION)]
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed, the text says why and what to try next; of the `diff` and `lint` commands: differences, findings
  2    wrong command line; of the `diff` and `lint` commands: failed as well
  3    `rollout watch`: the rollout halted or was aborted
  4    `rollout watch`: it was rolled back
  5    `rollout watch`: a newer one took its place
  124  `app wait`: not in --timeout
  130  interrupted";

const COMPLETION: &str = "\
bash: flotilla completion bash > ~/.local/share/bash-completion/completions/flotilla
zsh: flotilla completion zsh > \"${fpath[1]}/_flotilla\"
fish: flotilla completion fish > ~/.config/fish/completions/flotilla.fish
powershell: flotilla completion powershell | Out-String | Invoke-Expression";

/// What the standard `OTEL_*` variables say of traces.
pub(crate) fn traces() -> Result<otlp::Choice, otlp::InvalidSetting> {
    otlp::Choice::read(|name| std::env::var(name).ok(), "flotilla-hub", env!("CARGO_PKG_VERSION"))
}

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct HubArgs {
    #[command(subcommand)]
    pub(crate) command: Option<HubCommand>,
    #[command(flatten)]
    pub(crate) options: Option<HubOptions>,
    // Not in `HubOptions`: clap takes optional arguments with a group inside for absent, and what an environment variable
    // sets in them would ask for the rest of them at every subcommand.
    #[command(flatten)]
    pub(crate) seal: SealOptions,
    #[command(flatten)]
    pub(crate) tools: ToolOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Go on after a backup of the hub was put back: list the clusters that it holds, or adopt what
    /// their agents hold
    #[command(
        after_help = "A hub that runs on a copy of its data, or that meets an agent ahead of its own store, tells the \
                      agents concerned nothing. --adopt takes what they hold as truth; agents that are away are \
                      adopted when they return."
    )]
    Restore(RestoreOptions),
    /// Give a stopped hub's data folder a new data key and seal everything in it anew
    #[command(
        after_help = "For when somebody may have had the data folder together with its key file. Change the key file first."
    )]
    Reseal(ResealOptions),
}

#[derive(Debug, Group)]
pub(crate) struct HubOptions {
    /// The folder for everything the hub keeps; made at the first start
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The address of the API, for kubectl and this command
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Serve metrics on this address too, by plain HTTP and without a token; the API has them at /metrics, with one
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// The address that agents dial
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8444")]
    pub(crate) agent_listen: SocketAddr,
    /// How agents reach that port from their clusters; printed by `cluster token`
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) agent_address: Option<String>,
    /// A further DNS name or address in the hub's certificates (repeatable)
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Read repositories on this machine too (file:// and absolute paths)
    #[arg(long)]
    pub(crate) allow_file_repositories: bool,
    /// How often each branch is asked for; 0 for never by time. `timeout.reconciliation` of argocd-cm counts over it
    #[arg(long, env = "FLOTILLA_POLL_INTERVAL", value_name = "TIME", default_value = "2m", value_parser = duration)]
    pub(crate) poll_interval: Duration,
    /// The most that this is longer, so that not all are asked for at once; a tenth of it when left out
    #[arg(long, env = "FLOTILLA_POLL_JITTER", value_name = "TIME", value_parser = duration)]
    pub(crate) poll_jitter: Option<Duration>,
    /// How long one Git operation may take
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) git_timeout: Duration,
    /// A PEM file of authorities that Git servers' certificates may come from (repeatable)
    #[arg(long = "git-ca", value_name = "FILE")]
    pub(crate) git_ca: Vec<PathBuf>,
    /// The trust domain of the agents' SPIFFE ids; fixed for the life of the fleet
    #[arg(long, value_name = "DOMAIN", default_value = "flotilla")]
    pub(crate) trust_domain: String,
    /// How often an idle agent is asked whether it is there; it is disconnected without an answer within two thirds of that
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = keepalive)]
    pub(crate) keepalive: Duration,
    /// How long an agent's certificate lasts; it is renewed at two thirds of that, and for 90 days after its end
    #[arg(long, value_name = "TIME", default_value = "720h", value_parser = lifetime)]
    pub(crate) agent_certificate_lifetime: Duration,
    /// How long an agent is away before its cluster is told to be lost, in the timeline and in notifications
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) cluster_lost_after: Duration,
    /// How long the timeline goes back
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = some_age)]
    pub(crate) history_age: Duration,
    /// How many entries the timeline has at most; the oldest go first
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub(crate) history_entries: usize,
    /// Where the API's audit lines go, one for each request: `log`, among the log's lines; `none`; `-`, standard output; or a file
    #[arg(long, env = "FLOTILLA_AUDIT_LOG", value_name = "FILE", default_value = AUDIT_IN_LOG)]
    pub(crate) audit_log: String,
    /// How many MiB an audit file has before it is put aside as FILE.1
    #[arg(long, value_name = "MIB", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) audit_log_size: u64,
    /// How many audit files are kept beside the newest
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) audit_log_files: usize,
}

#[derive(Debug, Group)]
pub(crate) struct DemoOptions {
    /// End after the second rollout, with a summary
    #[arg(long)]
    once: bool,
    /// How many clusters to simulate
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(3..=100_000))]
    clusters: u32,
    /// Push a commit that never becomes healthy, and see it halt at the canary
    #[arg(long)]
    bad_commit: bool,
    /// Keep the demo's data in this folder instead of a temporary one
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    tools: ToolOptions,
}

impl DemoOptions {
    pub(crate) fn config(self, traces: otlp::Choice) -> anyhow::Result<hub_demo::Config> {
        Ok(hub_demo::Config {
            traces,
            once: self.once,
            clusters: self.clusters as usize,
            bad_commit: self.bad_commit,
            data_dir: self.data_dir,
            tooling: Some(self.tools.tooling(Path::new(""))?),
        })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// List the sinks: what each is told, when a message arrived last, and what is wrong
    #[command(visible_alias = "ls")]
    List,
    /// Print what a sink is sent on an event; with --send, send it
    Test {
        /// The sink, by its name in the settings
        sink: String,
        /// On which event, e.g. halted; the first that it wants to hear when left out
        #[arg(long, value_name = "EVENT")]
        event: Option<String>,
        /// Send it too
        #[arg(long)]
        send: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Where a replacement of the authority is, and which clusters it waits for
    Status,
    /// Replace the authority by a new one, without any agent noticing
    ///
    /// First every agent learns to trust the new authority beside the old one, then every agent gets a
    /// certificate of the new one, then the old one is given up. A cluster that is away holds this up.
    Rotate {
        /// Go on with the next step without the clusters that it waits for; they have to join again
        #[arg(long)]
        without_waiting: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AppsetCommand {
    /// Print the Applications that ApplicationSets of files come to
    Generate(Box<GenerateOptions>),
    /// Show which Applications a change would add, change and remove, on which clusters and in which wave
    Diff(Box<SetDiffOptions>),
    /// Find what will not do what its author thinks
    Lint(Box<LintOptions>),
    /// List ApplicationSets with the deletions that they hold
    #[command(visible_alias = "ls")]
    List(Listing),
    /// Let the deletions happen that an ApplicationSet holds
    #[command(visible_alias = "approve-deletions")]
    Approve {
        /// The ApplicationSet
        name: String,
        #[command(flatten)]
        namespace: Namespace,
    },
}

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct FreezeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<FreezeCommand>,
    #[command(flatten)]
    pub(crate) options: Option<FreezeOptions>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FreezeCommand {
    /// List freezes: whether each is closed now, and until when
    #[command(visible_alias = "ls")]
    List,
    /// End a freeze
    Lift {
        /// Its name, or its place in the list, e.g. '#2'
        name: String,
    },
}

#[derive(Debug, Group)]
pub(crate) struct FreezeOptions {
    /// What to call it, e.g. black-friday; freeze-1 and so on when left out
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How long from now on, e.g. 48h
    #[arg(long = "for", value_name = "TIME", value_parser = freeze_duration, conflicts_with_all = ["schedule", "duration", "zone"])]
    pub(crate) length: Option<Duration>,
    /// When it begins, again and again, as cron writes it, e.g. '0 22 * * *'
    #[arg(long, value_name = "CRON", requires = "duration")]
    pub(crate) schedule: Option<String>,
    /// How long it lasts each time, e.g. 9h
    #[arg(long, value_name = "TIME", value_parser = freeze_duration, requires = "schedule")]
    pub(crate) duration: Option<Duration>,
    /// The zone of the schedule, e.g. Europe/Berlin; UTC when left out
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    pub(crate) zone: Option<String>,
    /// Only clusters with these labels, e.g. env=prod,region=eu
    #[arg(long, short = 'l', value_name = "K=V,...")]
    pub(crate) selector: Option<String>,
    /// Let what a person syncs through
    #[arg(long)]
    pub(crate) manual_sync: bool,
    /// Why, for the people who meet it, e.g. INC-7
    #[arg(long, value_name = "TEXT", required = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Group)]
pub(crate) struct Namespace {
    /// The namespace on the hub
    #[arg(long, short = 'n', default_value = shared_model::DEFAULT_NAMESPACE)]
    pub(crate) namespace: String,
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if lifetime < SHORTEST_LIFETIME { Err("shorter than ten seconds".to_owned()) } else { Ok(lifetime) }
}

fn keepalive(text: &str) -> Result<Duration, String> {
    let every = duration(text)?;
    if every < SHORTEST_KEEPALIVE { Err("shorter than a second".to_owned()) } else { Ok(every) }
}

fn some_age(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        some if some < Duration::from_secs(60) => Err("shorter than a minute".to_owned()),
        some => Ok(some),
    }
}

fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it would be over at once; `resume` lifts a pause".to_owned()),
        some => Ok(some),
    }
}

fn freeze_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        some if some < Duration::from_secs(1) => Err("it would be over at once".to_owned()),
        some => Ok(some),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}
