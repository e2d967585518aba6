//! The hub: the real program, its data on disk.

use crate::{args::Args, client::Admin};
use anyhow::{Context as _, Result, ensure};
use benches_agent::usage::Watched;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tests_e2e::{Process, free_port, programs};

/// Longer than any start.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running hub.
#[derive(Debug)]
pub(crate) struct Hub {
    process: Option<Process>,
    folder: PathBuf,
    program: PathBuf,
    ports: (u16, u16),
    log: String,
    options: Vec<String>,
    pub(crate) admin: Option<Admin>,
}

impl Hub {
    /// Starts one with further options.
    pub(crate) async fn start(folder: &Path, args: &Args, options: &[String]) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let ports = (free_port(), free_port());
        let program = args.flotilla.clone().unwrap_or_else(|| programs().flotilla.clone());
        let (folder, log) = (folder.to_owned(), args.log.clone());
        let options = options.to_vec();
        let mut hub = Self { process: None, folder, program, ports, log, options, admin: None };
        hub.restart().await?;
        Ok(hub)
    }

    /// Starts it, also again after [`Hub::kill`]; how long until it answers.
    pub(crate) async fn restart(&mut self) -> Result<Duration> {
        let (began, mut last) = (Instant::now(), None);
        let mut command = Command::new(&self.program);
        command
            .arg("hub")
            .arg("--data-dir")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.ports.0)])
            .args(["--agent-listen", &self.agents()])
            .args(["--log", &self.log])
            .args(&self.options)
            // As the container file has it.
            .env("MALLOC_ARENA_MAX", "2");
        let process = Process::start("hub", &mut command, &self.folder)?;
        while began.elapsed() < STARTS_WITHIN {
            ensure!(process.exited().is_none(), "the hub has ended\n{}", process.tail());
            match self.reach().await {
                Ok(admin) => {
                    self.admin = Some(admin);
                    self.process = Some(process);
                    return Ok(began.elapsed());
                }
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("the hub does not answer: {last:?}\n{}", process.tail())
    }

    async fn reach(&self) -> Result<Admin> {
        let admin = Admin::of(&self.data().join("admin.kubeconfig"))?;
        admin.get("/flotilla/v1/info").await?;
        Ok(admin)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    pub(crate) fn admin(&self) -> Result<&Admin> {
        self.admin.as_ref().context("the hub was started")
    }

    pub(crate) fn watched(&self) -> Result<Watched> {
        Ok(Watched(self.process.as_ref().context("the hub runs")?.id()))
    }

    pub(crate) fn agents(&self) -> String {
        format!("127.0.0.1:{}", self.ports.1)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The lines of its log that tell of something wrong.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.process.as_ref().map(Process::log).unwrap_or_default();
        let wrong = |line: &&str| line.contains("ERROR") || line.contains("WARN");
        log.lines().filter(wrong).map(str::to_owned).collect()
    }
}
