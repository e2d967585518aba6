//! `flotilla-agent`: joins a cluster to a hub and keeps what it is assigned true.

mod args;
mod health;
mod output;

use agent::{Agent, Ceiling, Cluster, Config, Error, Keys, Metrics, Reach};
use args::{Action, Args, RunOptions};
use clap::{Parser as _, error::ErrorKind};
use shared_runtime::{
    Tasks,
    metrics::{Exposed, listen, serve},
    telemetry,
};
use std::{process::ExitCode, time::Duration};

const DRAIN_WITHIN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(said) => {
            // A closed standard output or error leaves nobody to tell.
            let _closed = said.print();
            if said.kind() == ErrorKind::ArgumentConflict {
                output::error(
                    "options of a command go after it, e.g. `flotilla-agent status --data-dir DIR`",
                );
            }
            return ExitCode::from(if said.use_stderr() { args::WRONG_COMMAND } else { 0 });
        }
    };
    shared_runtime::install_crypto();
    forbid_dumps();
    if let Err(error) = telemetry::init(&args.log.config()) {
        output::error(&error.to_string());
        return ExitCode::from(args::WRONG_COMMAND);
    }
    let done = match args.action() {
        Action::Run(options) => run(&options),
        Action::Pause(pause) => beside(move || output::pause(&pause)),
        Action::Resume(place) => beside(move || output::resume(&place)),
        Action::Status(place) => beside(move || output::status(&place)),
        Action::History(history) => beside(move || output::history(&history)),
        Action::Rollback(rollback) => beside(move || output::roll_back(&rollback)),
        Action::Unpin(unpin) => beside(move || output::unpin(&unpin)),
        Action::Health(options) => health::print(&options.file),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&told_once(&error));
            ExitCode::from(code(&error))
        }
    }
}

/// Its memory holds keys and, for moments, what they open: a crash leaves no copy of it behind. The limit is for dumps to a
/// file, the flag for those that a program of the system takes.
fn forbid_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    let forbidden = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let forbidden = forbidden.and_then(|()| nix::sys::prctl::set_dumpable(false));
    if let Err(error) = forbidden {
        tracing::warn!(%error, "core dumps of this process cannot be switched off");
    }
}

/// A command that works on the journal of an agent, whether that runs or not. Its calls block.
#[tokio::main(flavor = "current_thread")]
async fn beside(command: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(command).await?
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: &RunOptions) -> anyhow::Result<()> {
    let cluster = Cluster::connect(options.kubeconfig.as_deref()).await?;
    let ceiling = Ceiling { own_namespace: options.namespace(), protected: options.protect.clone() };
    let (link, token, place) = (options.link()?, options.token()?, options.place(&cluster)?);
    let metrics = Metrics::of(&cluster);
    let tasks = Tasks::new();
    if let Some(address) = options.metrics_listen {
        let exposed = Exposed::new("agent", env!("CARGO_PKG_VERSION"), |registry| metrics.register(registry));
        let listener = listen(address).await?;
        tracing::info!(address = %listener.local_addr()?, "metrics are at /metrics");
        serve(listener, exposed, &tasks);
    }
    let sops_keys = options.sops_age_key_file.clone().map(Keys::File);
    let sops_reach = if options.sops_anywhere { Reach::Anywhere } else { Reach::Bound };
    let traces = args::traces();
    let config = Config { link, token, place, ceiling, metrics, traces, sops_keys, sops_reach };
    let interrupted = async {
        shared_runtime::interrupted().await;
        tasks.stop();
    };
    let built = tokio::select! {
        built = Agent::build(config, cluster, &tasks) => built,
        () = interrupted => Err(Error::Stopped),
    };
    match built {
        Ok(_agent) => {}
        Err(Error::Stopped) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    tokio::select! {
        () = shared_runtime::interrupted() => tracing::info!("asked to end"),
        () = tasks.stopped() => {}
    }
    if !tasks.drain(DRAIN_WITHIN).await {
        tracing::warn!("not everything ended in time");
    }
    Ok(())
}

/// An error with its causes, but those that its text has already.
fn told_once(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Exit codes are decided here alone; `--help` lists them.
fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Error>() {
        Some(Error::Link(_) | Error::NoToken) => args::NOT_JOINED,
        Some(Error::OtherCluster { .. } | Error::Journal(_)) => args::DATA_FOLDER,
        Some(Error::Cluster(_) | Error::Stopped) | None => {
            if error.is::<agent::JournalError>()
                || matches!(error.downcast_ref(), Some(agent::Refusal::Journal(_)))
            {
                args::DATA_FOLDER
            } else {
                args::FAILED
            }
        }
    }
}
