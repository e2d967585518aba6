//! The real kubectl, on whatever a kubeconfig points to: a cluster of the tests, or the hub.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::binaries::{ControlPlane, Program};

/// A kubectl that hangs fails the test, and does not hold it up for ever.
const DEADLINE: Duration = Duration::from_secs(60);

/// kubectl with its kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

impl Kubectl {
    /// kubectl for that kubeconfig, with its caches in `home`: of the developer's own setup it sees nothing.
    pub fn new(control_plane: ControlPlane, kubeconfig: &Path, home: &Path) -> Self {
        let program = control_plane.binaries().path(Program::Kubectl).to_owned();
        Self { program, kubeconfig: kubeconfig.to_owned(), home: home.to_owned() }
    }

    /// Runs it and gives what it printed to standard output.
    ///
    /// # Errors
    /// When it exits with an error, with its standard error; when it runs for longer than a minute.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_with_input(arguments, "").await
    }

    /// `kubectl apply` of these YAML documents.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.run_with_input(&["apply", "-f", "-"], yaml).await
    }

    /// Runs it with `input` as its standard input.
    ///
    /// # Errors
    /// As [`Kubectl::run`].
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Result<String> {
        let shown = format!("kubectl {}", arguments.join(" "));
        let run = async {
            let mut kubectl = self.command(arguments).spawn().context("start kubectl")?;
            let mut stdin = kubectl.stdin.take().expect("it was asked for a pipe");
            // A kubectl that fails before it has read all closes the pipe; its exit status tells why.
            let write = async move { drop(stdin.write_all(input.as_bytes()).await) };
            let ((), output) = tokio::join!(write, kubectl.wait_with_output());
            let output = output.context("wait for kubectl")?;
            if !output.status.success() {
                bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
            }
            Ok(String::from_utf8(output.stdout)?)
        };
        match tokio::time::timeout(DEADLINE, run).await {
            Ok(done) => done.with_context(|| shown),
            Err(_) => bail!("{shown}: it still runs after {DEADLINE:?}"),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.home)
            .env("KUBECACHEDIR", self.home.join("kubectl-cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}
