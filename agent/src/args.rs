//! The command line: the only reader of flags and environment.

use agent::{Cluster, LinkConfig, LocalPause, Place, Protected, Proxies, Secrets};
use anyhow::{Context as _, bail};
use clap::{Args as Group, Parser, Subcommand, ValueEnum};
use shared_model::{JoinToken, parse_duration};
use shared_runtime::{otlp, telemetry};
use std::{env, fs, io, net::SocketAddr, path::PathBuf, time::Duration};

pub(crate) const FAILED: u8 = 1;
pub(crate) const WRONG_COMMAND: u8 = 2;
pub(crate) const NOT_JOINED: u8 = 3;
pub(crate) const DATA_FOLDER: u8 = 4;

/// Where Kubernetes tells a pod its namespace.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Its lines about answers that the agent handles and tells of itself; `--log kube_client=debug` brings them back.
const QUIET: &str = "kube_client=off";

/// More often would be a load on the hub.
const SHORTEST_KEEPALIVE: Duration = Duration::from_secs(1);

/// The agent of a Flotilla spoke cluster: dials the hub, pulls what the cluster is assigned, keeps it true
/// from its own durable copy.
#[derive(Debug, Parser)]
#[command(name = "flotilla-agent", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
#[command(
    override_usage = "flotilla-agent [OPTIONS]\n       flotilla-agent <COMMAND> [OPTIONS OF THE COMMAND]"
)]
#[command(after_help = "Exit codes: 0 asked to end, 1 failed (the text says why), 2 wrong command line, \
3 the hub did not let it join or it needs a token, 4 the data folder cannot be used.")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunOptions,
    #[command(flatten)]
    pub(crate) log: Log,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Leave the cluster alone from now on: no apply, heal or prune; observing and reporting go on
    Pause(PauseOptions),
    /// Lift the pause that was set here (the hub's own is lifted on the hub)
    Resume(Beside),
    /// Show how the cluster's applications stand; works without the hub and without the cluster
    Status(Beside),
    /// List the orders that applications can be taken back to; works without the hub and without Git
    History(HistoryOptions),
    /// Run an earlier order of an application until it is released; works without the hub and without Git
    Rollback(RollbackOptions),
    /// Release an application that was taken back: its newest order runs again
    Unpin(UnpinOptions),
    /// Say how healthy an object is, as `kubectl get -o yaml` prints it; works offline
    Health(HealthOptions),
}

#[derive(Debug, Group)]
pub(crate) struct HealthOptions {
    /// YAML or JSON of one object or several; `-` for standard input
    #[arg(short, long = "file", value_name = "OBJECT.yaml")]
    pub(crate) file: PathBuf,
}

/// How to run.
#[derive(Debug, Group)]
pub(crate) struct RunOptions {
    /// The cluster's kubeconfig, its current context; without it the cluster that this pod runs in
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The hub's agent port; several, with commas or by repeating it, are tried in turn
    #[arg(long, value_name = "HOST:PORT", env = "FLOTILLA_HUB", value_delimiter = ',')]
    hub: Vec<String>,
    /// More authorities (PEM) that may vouch for the hub's certificate, beside the one that the token names
    #[arg(long, env = "FLOTILLA_HUB_CA", value_name = "FILE")]
    hub_ca: Option<PathBuf>,
    /// The proxy to the hub, http[s]://[USER:PASSWORD@]HOST[:PORT]; NO_PROXY holds [default: HTTPS_PROXY or ALL_PROXY]
    #[arg(long, env = "FLOTILLA_PROXY", hide_env_values = true, value_name = "URL")]
    proxy: Option<String>,
    /// More authorities (PEM) for the certificate of an https:// proxy, beside the system's
    #[arg(long, env = "FLOTILLA_PROXY_CA", value_name = "FILE")]
    proxy_ca: Option<PathBuf>,
    /// What `flotilla cluster token` printed, or @FILE with it; not needed once the agent has joined. A file is
    /// waited for, and read again when the agent's identity is refused: a new token in it mends the agent while it runs
    #[arg(long, env = "FLOTILLA_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    token: Option<String>,
    /// How often an idle link to the hub is tested; it is lost without an answer within two thirds of that
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = keepalive)]
    keepalive: Duration,
    /// Objects that no order of the hub may change here: KIND[.GROUP][/NAMESPACE][/NAME], `*` for any; may be given again
    #[arg(long, value_name = "OBJECTS")]
    pub(crate) protect: Vec<Protected>,
    /// The age identities that open what SOPS encrypted, as `age-keygen` writes them; read again when it changes
    /// [default: those in the Secret flotilla-sops-age of the agent's namespace]
    #[arg(long, env = "FLOTILLA_SOPS_AGE_KEY_FILE", value_name = "FILE")]
    pub(crate) sops_age_key_file: Option<PathBuf>,
    /// Open what SOPS encrypted wherever it stands, and not only where it was encrypted and in Secrets: whoever may deploy
    /// here may then read every value that is encrypted for this cluster
    #[arg(long, env = "FLOTILLA_SOPS_ANYWHERE")]
    pub(crate) sops_anywhere: bool,
    /// Serve metrics on this address, by plain HTTP and without a token
    #[arg(long, env = "FLOTILLA_METRICS_LISTEN", value_name = "ADDR")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, Clone, Group)]
pub(crate) struct Folder {
    /// The folder for everything the agent keeps [default: ~/.local/share/flotilla-agent/CONTEXT]
    #[arg(long, env = "FLOTILLA_AGENT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Keep everything as Secrets of this namespace instead of a folder; in a pod without --data-dir that of the pod
    #[arg(long, env = "FLOTILLA_JOURNAL_NAMESPACE", value_name = "NAMESPACE", conflicts_with = "data_dir")]
    journal_namespace: Option<String>,
}

/// Where the agent that a command is for keeps everything.
#[derive(Debug, Clone, Group)]
pub(crate) struct Beside {
    #[command(flatten)]
    folder: Folder,
    /// The cluster's kubeconfig, for --journal-namespace; without it the cluster that this pod runs in
    #[arg(long, env = "KUBECONFIG", value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

#[derive(Debug, Group)]
struct PauseOptions {
    #[command(flatten)]
    folder: Beside,
    /// How long, e.g. 90m or 2h; until resumed when it is left out
    #[arg(long = "for", value_name = "DURATION", value_parser = some_length)]
    length: Option<Duration>,
    /// Why, for the people who meet it
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Group)]
pub(crate) struct HistoryOptions {
    /// The application, as NAMESPACE/NAME or NAME; all of them when it is left out
    #[arg(value_name = "APP")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) folder: Beside,
}

#[derive(Debug, Group)]
struct RollbackOptions {
    /// The application, as NAMESPACE/NAME or NAME
    #[arg(value_name = "APP")]
    app: String,
    /// The number of the order, as `flotilla-agent history` shows it; the last one of another release when it is left out
    #[arg(long, value_name = "N")]
    to: Option<u64>,
    /// Why, for the people who meet it
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    folder: Beside,
}

#[derive(Debug, Group)]
pub(crate) struct UnpinOptions {
    /// The application, as NAMESPACE/NAME or NAME
    #[arg(value_name = "APP")]
    pub(crate) app: String,
    #[command(flatten)]
    pub(crate) folder: Beside,
}

#[derive(Debug, Clone, Group)]
pub(crate) struct Log {
    /// What to log, e.g. info,agent=debug
    #[arg(long, global = true, env = "FLOTILLA_LOG", value_name = "FILTER", default_value = "")]
    log: String,
    /// How a log line looks
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

/// What the standard `OTEL_*` variables say of traces. No word about traces keeps an agent from its work.
pub(crate) fn traces() -> otlp::Choice {
    otlp::Choice::read_or_none(|name| env::var(name).ok(), "flotilla-agent", env!("CARGO_PKG_VERSION"))
}

impl Log {
    pub(crate) fn config(&self) -> telemetry::Config {
        let format = match self.log_format {
            LogFormat::Text => telemetry::Format::Text,
            LogFormat::Json => telemetry::Format::Json,
        };
        let said = if self.log.is_empty() { "info" } else { &self.log };
        telemetry::Config { filter: format!("{QUIET},{said}"), format }
    }
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    Run(RunOptions),
    Pause(Pause),
    Resume(Beside),
    Status(Beside),
    History(HistoryOptions),
    Rollback(Rollback),
    Unpin(UnpinOptions),
    Health(HealthOptions),
}

/// An application is to be taken back.
#[derive(Debug)]
pub(crate) struct Rollback {
    pub(crate) folder: Beside,
    pub(crate) app: String,
    pub(crate) to: Option<u64>,
    pub(crate) reason: String,
    pub(crate) by: String,
}

/// A pause of the cluster itself.
#[derive(Debug)]
pub(crate) struct Pause {
    pub(crate) folder: Beside,
    pub(crate) length: Option<Duration>,
    pub(crate) reason: String,
    pub(crate) by: String,
}

impl Args {
    pub(crate) fn action(self) -> Action {
        match self.command {
            None => Action::Run(self.run),
            Some(Command::Pause(PauseOptions { folder, length, reason })) => {
                Action::Pause(Pause { folder, length, reason, by: user() })
            }
            Some(Command::Resume(folder)) => Action::Resume(folder),
            Some(Command::Status(folder)) => Action::Status(folder),
            Some(Command::History(history)) => Action::History(history),
            Some(Command::Rollback(RollbackOptions { app, to, reason, folder })) => {
                Action::Rollback(Rollback { folder, app, to, reason, by: user() })
            }
            Some(Command::Unpin(unpin)) => Action::Unpin(unpin),
            Some(Command::Health(health)) => Action::Health(health),
        }
    }
}

fn user() -> String {
    env::var("USER").unwrap_or_default()
}

impl Pause {
    pub(crate) fn local(&self, now: jiff::Timestamp) -> LocalPause {
        let until = self.length.and_then(|length| now.checked_add(length).ok());
        LocalPause { reason: self.reason.clone(), by: self.by.clone(), until }
    }
}

impl RunOptions {
    /// How to reach the hub.
    pub(crate) fn link(&self) -> anyhow::Result<LinkConfig> {
        let mut hubs: Vec<String> = Vec::new();
        for hub in self.hub.iter().map(|hub| hub.trim()).filter(|hub| !hub.is_empty()) {
            if !hubs.iter().any(|known| known == hub) {
                hubs.push(hub.to_owned());
            }
        }
        if hubs.is_empty() {
            bail!(
                "--hub HOST:PORT is needed: the agent port of the hub, as `flotilla cluster token` prints it"
            );
        }
        let environment = |name: &str| env::var(name).ok();
        let proxies = Proxies::new(self.proxy.as_deref(), environment, self.proxy_ca.clone());
        let token_file = self.token.as_deref().and_then(|token| token.strip_prefix('@')).map(PathBuf::from);
        Ok(LinkConfig {
            hubs,
            proxies,
            hub_authorities: self.hub_ca.clone(),
            token_file,
            keepalive: Some(self.keepalive),
        })
    }

    /// The token, read from its file if need be. An agent that has joined needs none, and one that has not waits for a
    /// token in the file: so a file without one is no error here.
    pub(crate) fn token(&self) -> anyhow::Result<Option<JoinToken>> {
        let Some(given) = self.token.as_deref().filter(|token| !token.is_empty()) else { return Ok(None) };
        let Some(file) = given.strip_prefix('@') else { return Ok(Some(given.parse()?)) };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                tracing::info!(file, "the token file is not there");
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("the token file {file}")),
        };
        let token = text.parse::<JoinToken>();
        Ok(token.inspect_err(|error| tracing::warn!(file, %error, "the token file has no token")).ok())
    }

    /// The namespace of this pod; `None` outside a cluster.
    pub(crate) fn own_namespace(&self) -> Option<String> {
        pod_namespace().filter(|_| self.kubeconfig.is_none())
    }

    /// The namespace that the agent calls its own: it keeps its journal there, or its pod is there.
    pub(crate) fn namespace(&self) -> Option<String> {
        self.folder.journal_namespace.clone().or_else(|| self.own_namespace())
    }

    /// Where everything is kept for this cluster: where the operator says, else in a pod as Secrets of its namespace.
    pub(crate) fn place(&self, cluster: &Cluster) -> anyhow::Result<Place> {
        match self.namespace().filter(|_| self.folder.data_dir.is_none()) {
            Some(namespace) => Ok(Place::Secrets(Secrets::new(cluster.clone(), namespace))),
            None => Ok(Place::Folder(self.data_dir()?)),
        }
    }

    fn data_dir(&self) -> anyhow::Result<PathBuf> {
        match (&self.folder.data_dir, &self.kubeconfig) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, None) => bail!("this is no pod of a cluster: give --kubeconfig, or --data-dir"),
            (None, Some(kubeconfig)) => {
                let context = agent::context_of(kubeconfig)?;
                let name: String = context
                    .chars()
                    .map(|char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '-' })
                    .collect();
                let name = name.trim_start_matches('.');
                Ok(base()?.join(if name.is_empty() { "cluster" } else { name }))
            }
        }
    }
}

impl Beside {
    /// The journal of an agent that has run: in the namespace or folder given, in a pod in that of the pod, else in the
    /// only folder there is. Blocks: not on an async worker.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        let in_pod = || pod_namespace().filter(|_| self.folder.data_dir.is_none());
        let (namespace, kubeconfig) = match &self.folder.journal_namespace {
            Some(namespace) => (Some(namespace.clone()), self.kubeconfig.as_deref()),
            None => (in_pod(), None),
        };
        let Some(namespace) = namespace else { return Ok(Place::Folder(self.folder.find()?)) };
        let cluster = tokio::runtime::Handle::current().block_on(Cluster::connect(kubeconfig))?;
        Ok(Place::Secrets(Secrets::new(cluster, namespace)))
    }
}

/// The namespace of the pod that this runs in; `None` outside a cluster.
fn pod_namespace() -> Option<String> {
    Some(fs::read_to_string(OWN_NAMESPACE).ok()?.trim().to_owned())
}

impl Folder {
    /// The data folder of an agent that has run: the one given, or the only one there is.
    fn find(&self) -> anyhow::Result<PathBuf> {
        if let Some(folder) = &self.data_dir {
            return Ok(folder.clone());
        }
        let base = base()?;
        let entries = fs::read_dir(&base).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        folders.sort();
        match folders.as_slice() {
            [only] => Ok(only.clone()),
            [] => bail!(
                "no agent has run here ({} has no data folder): give --data-dir as that agent has it",
                base.display()
            ),
            [..] => {
                let names: Vec<String> = folders.iter().map(|path| path.display().to_string()).collect();
                bail!("several agents run here: give --data-dir, one of {}", names.join(", "))
            }
        }
    }
}

fn base() -> anyhow::Result<PathBuf> {
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".local/share"));
    let data = data.or_else(home).context("there is no HOME: give --data-dir")?;
    Ok(data.join("flotilla-agent"))
}

fn keepalive(text: &str) -> Result<Duration, String> {
    let every = length(text)?;
    if every < SHORTEST_KEEPALIVE { Err("shorter than a second".to_owned()) } else { Ok(every) }
}

fn some_length(text: &str) -> Result<Duration, String> {
    match length(text)? {
        Duration::ZERO => Err("it would be over at once; `flotilla-agent resume` lifts a pause".to_owned()),
        length => Ok(length),
    }
}

fn length(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    fn check(line: &str, expect: &str) {
        let args = Args::try_parse_from(line.split(' '));
        let found = match args.map(Args::action) {
            Ok(Action::Run(options)) => {
                let hubs = options.link().map(|link| link.hubs.join(" ")).map_err(|error| error.to_string());
                format!("run {hubs:?} {:?}", options.token().map_err(|error| error.to_string()))
            }
            Ok(Action::Pause(pause)) => format!("pause {:?} {}", pause.length, pause.reason),
            Ok(Action::Resume(_)) => "resume".to_owned(),
            Ok(Action::Status(folder)) => format!("status in {}", folder.place().unwrap()),
            Ok(Action::History(history)) => format!("history {:?}", history.app),
            Ok(Action::Rollback(Rollback { app, to, reason, .. })) => {
                format!("rollback {app} {to:?} {reason}")
            }
            Ok(Action::Unpin(unpin)) => format!("unpin {}", unpin.app),
            Ok(Action::Health(health)) => format!("health {}", health.file.display()),
            Err(error) => error.kind().to_string(),
        };
        assert_eq!(found, expect, "{line}");
    }

    #[test]
    fn commands() {
        let authority = "a".repeat(64);
        check(
            &format!("flotilla-agent --kubeconfig k --hub h:1 --token flt1.t.s.{authority}"),
            "run Ok(\"h:1\") Ok(Some(flt1.t.…))",
        );
        check("flotilla-agent --kubeconfig k --hub h:1", "run Ok(\"h:1\") Ok(None)");
        check("flotilla-agent --hub a:1,b:2 --hub a:1 --hub c:3", "run Ok(\"a:1 b:2 c:3\") Ok(None)");
        check(
            "flotilla-agent --kubeconfig k",
            "run Err(\"--hub HOST:PORT is needed: the agent port of the hub, as `flotilla cluster token` prints it\") Ok(None)",
        );
        check("flotilla-agent pause --for 2h --reason INC-7", "pause Some(7200s) INC-7");
        check("flotilla-agent resume --data-dir d", "resume");
        check("flotilla-agent status --data-dir d", "status in the data folder d");
        check("flotilla-agent history", "history None");
        check("flotilla-agent history web --data-dir d", "history Some(\"web\")");
        check("flotilla-agent rollback argocd/web", "rollback argocd/web None ");
        check("flotilla-agent rollback web --to 3 --reason INC-7", "rollback web Some(3) INC-7");
        check("flotilla-agent rollback", "one or more required arguments were not provided");
        check("flotilla-agent unpin web", "unpin web");
        check("flotilla-agent health -f web.yaml", "health web.yaml");
        check("flotilla-agent pause --for 0s", "invalid value for one of the arguments");
        check("flotilla-agent pause --for soon", "invalid value for one of the arguments");
    }
}
