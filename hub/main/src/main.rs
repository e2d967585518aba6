//! The `flotilla` command: a hub, a demo, and the command line for both.
//!
//! Exit codes: 0 done; 1 it failed, the text says why and what to do; 2 the command line is wrong; others are in `--help`.

mod args;
mod cli;
mod hub;

use anyhow::Context as _;
use args::{Args, Command, HubArgs, HubCommand};
use clap::Parser as _;
use std::{io, process::ExitCode, time::Duration};
use tokio::runtime::{Builder, Handle, Runtime};

/// How long work that nobody waits for any more may take to end.
const LEAVING: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    if let Some(ended) = hub_render::confine::enter(std::env::args_os()) {
        return ended;
    }
    shared_runtime::install_crypto();
    let args = Args::parse();
    // What these leave behind may be dropped: a tool that still runs ends with the process.
    let brief = matches!(args.command, Command::App(_) | Command::Appset(_) | Command::Login(_));
    let serves = matches!(args.command, Command::Hub(_));
    let runtime = Builder::new_multi_thread().enable_all().build();
    let api = if serves { api_runtime().map(Some) } else { Ok(None) };
    let ended = match runtime.and_then(|runtime| Ok((runtime, api?))) {
        Ok((runtime, api)) => {
            let ended = runtime.block_on(run(args, api.as_ref().map(Runtime::handle)));
            if let Some(api) = api {
                api.shutdown_timeout(LEAVING);
            }
            if brief {
                runtime.shutdown_timeout(LEAVING);
            }
            ended
        }
        Err(error) => Err(anyhow::Error::new(error).context("the machine refused threads")),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            cli::output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// The threads of the API's requests: fewer than the machine has cores, where it has more than one. However many clients
/// ask for however much, the loops have threads of their own and a core to run them on.
fn api_runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.saturating_sub(1).max(1);
    // The store is read on the others.
    let blocking = threads + 1;
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("api").worker_threads(threads).max_blocking_threads(blocking).enable_all().build()
}

async fn run(args: Args, api: Option<&Handle>) -> anyhow::Result<ExitCode> {
    shared_runtime::telemetry::init(&args.log.config(&args.command))?;
    match args.command {
        Command::Hub(hub) => match *hub {
            HubArgs { command: Some(HubCommand::Restore(options)), .. } => {
                cli::restore::run(args.connection, options).await
            }
            HubArgs { command: Some(HubCommand::Reseal(options)), .. } => {
                hub::reseal(options).await.map(|()| ExitCode::SUCCESS)
            }
            HubArgs { command: None, options, seal, tools } => {
                let options = options.context("`flotilla hub` needs --data-dir DIR")?;
                hub::run(options, seal, tools, api.cloned()).await.map(|()| ExitCode::SUCCESS)
            }
        },
        Command::Demo(options) => hub_demo::run(options.config(args::traces()?)?).await,
        Command::Login(options) => cli::login::run(args.connection, *options).await,
        Command::Cluster(command) => cli::cluster::run(args.connection, command).await,
        Command::Authority(command) => cli::authority::run(args.connection, command).await,
        Command::App(command) => cli::app::run(args.connection, command).await,
        Command::Appset(command) => cli::appset::run(args.connection, command).await,
        Command::Freeze(freeze) => cli::freeze::run(args.connection, *freeze).await,
        Command::Notify(command) => cli::notify::run(args.connection, command).await,
        Command::Timeline(options) => cli::timeline::run(args.connection, *options).await,
        Command::Rollout(command) => cli::rollout::run(args.connection, command).await,
        Command::Completion { shell } => Ok(cli::completion::run(shell)),
    }
}
