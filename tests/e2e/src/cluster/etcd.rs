//! One etcd for all clusters of a test process: each has its own prefix in it.

use std::{
    process::Command,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;

use crate::{
    binaries::{ControlPlane, Program},
    eventually::poll,
    port::free_port,
    process::Process,
};

/// It is ready in a tenth of a second; a busy machine may take much longer.
const READY: Duration = Duration::from_secs(60);
/// Starts on other ports before giving up.
const ATTEMPTS: usize = 5;

/// A running etcd that forgets everything when the last cluster is gone.
#[derive(Debug)]
pub(super) struct Etcd {
    // Fields are dropped in this order: the process goes before its folder.
    process: Process,
    port: u16,
    _dir: TempDir,
}

impl Etcd {
    /// The one that runs, or a new one. It ends when nobody holds it any more.
    pub(super) async fn shared(control_plane: ControlPlane) -> Result<Arc<Self>> {
        static RUNNING: tokio::sync::Mutex<Weak<Etcd>> = tokio::sync::Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(etcd) = running.upgrade()
            && etcd.process.exited().is_none()
        {
            return Ok(etcd);
        }
        let etcd = Arc::new(Self::start(control_plane).await?);
        *running = Arc::downgrade(&etcd);
        Ok(etcd)
    }

    /// Where API servers find it.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// An error with the end of its log when it has ended.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(self.process.exited().is_none(), "etcd has ended\n{}", self.process.tail());
        Ok(())
    }

    async fn start(control_plane: ControlPlane) -> Result<Self> {
        let mut failures = Vec::new();
        for _ in 0..ATTEMPTS {
            let etcd = Self::spawn(control_plane)?;
            match etcd.ready().await {
                Ok(()) => return Ok(etcd),
                Err(error) if !super::port_was_taken(&etcd.process) => return Err(error),
                Err(error) => failures.push(format!("{error:#}")),
            }
        }
        bail!("etcd found no free port in {ATTEMPTS} attempts\n{}", failures.join("\n"))
    }

    fn spawn(control_plane: ControlPlane) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("flotilla-e2e-etcd-").tempdir()?;
        let (port, peers) = (free_port(), format!("http://127.0.0.1:{}", free_port()));
        let clients = format!("http://127.0.0.1:{port}");
        let mut command = Command::new(control_plane.binaries().path(Program::Etcd));
        command.arg("--data-dir").arg(dir.path().join("data")).args([
            "--name=default",
            "--unsafe-no-fsync",
            "--log-level=warn",
            &format!("--listen-client-urls={clients}"),
            &format!("--advertise-client-urls={clients}"),
            &format!("--listen-peer-urls={peers}"),
            &format!("--initial-advertise-peer-urls={peers}"),
            &format!("--initial-cluster=default={peers}"),
        ]);
        let process = Process::start("etcd", &mut command, dir.path())?;
        Ok(Self { process, port, _dir: dir })
    }

    async fn ready(&self) -> Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let url = format!("{}/readyz", self.url());
        let ended = poll(READY, async || {
            if let Err(ended) = self.check() {
                return Ok(Err(ended));
            }
            http.get(&url).send().await?.error_for_status()?;
            Ok(Ok(()))
        });
        match ended.await {
            Ok(outcome) => outcome,
            Err(seen) => bail!("etcd is not ready after {READY:?}: {seen}\n{}", self.process.tail()),
        }
    }
}
