//! A real SSH server for tests, in Go: `support/sshd`. Built once per version of its sources.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

/// A running server. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Sshd {
    child: Child,
    /// Host and port.
    pub(crate) address: String,
    /// The line for `known_hosts`.
    pub(crate) known: String,
}

impl Sshd {
    /// Serves the repositories in `root` to whom has the private key beside `authorized`, a public key's
    /// file.
    pub(crate) fn start(root: &Path, authorized: Option<&Path>, more: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.arg("-root").arg(root).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(path) = authorized {
            command.arg("-authorized").arg(path);
        }
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("asked for")).lines();
        let mut line = || lines.next().expect("a line of the server").expect("text");
        let (address, known) = (line(), line());
        Self { child, address, known }
    }

    /// The address of the repository in the folder `name`.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("ssh://git@{}/{name}", self.address)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A new private key at `path`, its public key beside it; gives back the private one.
pub(crate) fn key(path: &Path, passphrase: &str) -> String {
    let done = Command::new(program()).arg("-generate").arg(path).args(["-passphrase", passphrase]).status();
    assert!(done.expect("it starts").success());
    fs::read_to_string(path).expect("the key")
}

/// A new RSA key of GitHub's form at `path`, its public key beside it; gives back the private one.
pub(crate) fn rsa_key(path: &Path) -> String {
    let done = Command::new(program()).arg("-generate-rsa").arg(path).status();
    assert!(done.expect("it starts").success());
    fs::read_to_string(path).expect("the key")
}

fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/sshd");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sshd");
        fs::create_dir_all(&target).expect("a folder for the server");
        // Tests of several processes may be first.
        let lock = File::create(target.join("lock")).expect("a lock");
        lock.lock().expect("the lock");
        let program = target.join("sshd");
        let built = Command::new("go")
            .args(["build", "-o"])
            .args([program.as_os_str(), ".".as_ref()])
            .current_dir(sources)
            .env("GOWORK", "off")
            .output()
            .expect("go is installed");
        assert!(built.status.success(), "go build: {}", String::from_utf8_lossy(&built.stderr));
        program
    })
}
