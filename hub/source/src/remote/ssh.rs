//! SSH: the system's `ssh` program runs `git-upload-pack` on the server, and we speak through its pipes.
//!
//! # Guarantees
//! - A host whose key is not known is never spoken to, unless the repository is `insecure`.
//! - Nothing of the user's or the machine's SSH configuration counts, no agent, no other key, no questions.
//! - The key is in no argument and no environment; it lies in a file of mode 0600 in a folder of mode 0700
//!   for as long as the program runs, in memory where the system has that. What a crash left is removed at the next start.
//! - The program ends with the conversation, and at its deadline.
//!
//! # Why
//! *`-v`*: only so does `ssh` say which key a host has shown, and the person who is to add it needs to
//! compare it.

mod secrets;
mod words;

use super::{
    Bounded, Deadline, Most, Stop, Target,
    tunnel::{self, Way},
};
use crate::{Error, address::Server, credentials::Login};
use gix::protocol::transport::{
    Protocol,
    client::{blocking_io::Transport, git::ConnectMode, git::blocking_io::Connection},
};
use parking_lot::Mutex;
use secrets::Secrets;
pub(crate) use secrets::clean;
use std::{
    io::{self, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::Duration,
};
pub(super) use words::failure;

/// A server that takes longer to accept a connection counts as not there.
const CONNECT: Duration = Duration::from_secs(10);
/// Of what the program says.
const MOST_WORDS: u64 = 64 << 10;

/// Connects. No answer may bring more than `most` bytes.
pub(super) fn open(
    target: &Target<'_>,
    server: Server<'_>,
    most: &Most,
) -> Result<Box<dyn Transport + Send>, Stop> {
    let credentials = target.credentials;
    let key = match credentials.and_then(|c| c.login.as_ref()) {
        Some(Login::SshKey { pem }) => Some(usable(target, pem)?),
        Some(Login::Basic { .. } | Login::Bearer { .. } | Login::App(_)) => {
            return Err(unusable(target, "an address of SSH needs `sshPrivateKey`").into());
        }
        None => None,
    };
    let known = credentials.and_then(|c| c.known_hosts.as_deref()).unwrap_or_default();
    let secrets = Secrets::write(target.secrets, key, known)
        .map_err(|err| Error::disk("cannot write the files that ssh reads", &err))?;
    let proxy = credentials.and_then(|c| c.proxy.as_ref()).filter(|proxy| !proxy.spares(server.host));
    let through = match proxy {
        Some(proxy) => Some(
            tunnel::open(&proxy.url, server.host, server.port.unwrap_or(22), target.deadline)
                .map_err(|cause| Error::Unreachable { url: target.address.url.clone(), cause })?,
        ),
        None => None,
    };
    let insecure = credentials.is_some_and(|c| c.insecure);
    let mut command =
        command(server, through.as_ref().map(|way| way.0), key.is_some(), insecure, secrets.folder());
    let mut child = command.spawn().map_err(|err| {
        let what = "cannot run the program `ssh`: is OpenSSH's client installed here?";
        Error::disk(what, &err)
    })?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (input, output) = (input.expect("asked for"), output.expect("asked for"));
    target.said.listen(child.stderr.take().expect("asked for"));
    let input = Input { pipe: input, _process: Process::new(child, target.deadline, secrets, through) };
    let output = Bounded::new(BufReader::new(output), target.deadline.clone(), most.clone());
    let place = None::<(&str, Option<u16>)>;
    Ok(Box::new(Connection::new(
        output,
        input,
        Protocol::V2,
        server.path,
        place,
        ConnectMode::Process,
        false,
    )))
}

fn command(server: Server<'_>, through: Option<u16>, key: bool, insecure: bool, folder: &Path) -> Command {
    let mut command = Command::new("ssh");
    command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_clear().env("LC_ALL", "C").env("GIT_PROTOCOL", "version=2");
    for name in ["PATH", "HOME", "TMPDIR"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.args(["-v", "-T", "-x", "-a", "-F", "none"]);
    let known = match insecure {
        true => ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"],
        false => ["StrictHostKeyChecking=yes", "UserKnownHostsFile=known_hosts"],
    };
    let connect = format!("ConnectTimeout={}", CONNECT.as_secs());
    let alias = format!("HostKeyAlias={}", server.known_as());
    let options = [
        "BatchMode=yes",
        "SendEnv=GIT_PROTOCOL",
        "GlobalKnownHostsFile=none",
        "UpdateHostKeys=no",
        "CheckHostIP=no",
        "IdentityAgent=none",
        "IdentitiesOnly=yes",
        "ControlMaster=no",
        "ControlPath=none",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ServerAliveInterval=15",
        "PreferredAuthentications=publickey,none",
        if key { "IdentityFile=key" } else { "IdentityFile=none" },
        &connect,
        &alias,
    ];
    for option in known.iter().chain(&options) {
        command.args(["-o", option]);
    }
    let (host, port) = match through {
        Some(port) => ("127.0.0.1", Some(port)),
        None => (server.host, server.port),
    };
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    let path = server.path.replace('\'', r"'\''");
    command.args(["-l", server.user, "--", host]).arg(format!("git-upload-pack '{path}'"));
    command
}

fn unusable(target: &Target<'_>, cause: &str) -> Error {
    Error::Credentials { url: target.address.url.clone(), cause: cause.to_owned() }
}

/// A key that nobody has to be asked for a passphrase for.
fn usable<'k>(target: &Target<'_>, pem: &'k str) -> Result<&'k str, Error> {
    use base64::Engine as _;
    if !pem.trim_start().starts_with("-----BEGIN ") {
        return Err(unusable(target, "`sshPrivateKey` is no private key: it begins with `-----BEGIN`"));
    }
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let body = base64::engine::general_purpose::STANDARD.decode(body.trim()).unwrap_or_default();
    // OpenSSH's PROTOCOL.key: the magic, then the cipher's name with its length.
    let cipher = body.strip_prefix(b"openssh-key-v1\0");
    let locked = cipher.is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"));
    if locked || pem.contains("ENCRYPTED") {
        return Err(unusable(
            target,
            "`sshPrivateKey` has a passphrase: make a key of the hub's own, without one (ssh-keygen -N '')",
        ));
    }
    Ok(pem)
}

/// What the program prints besides the conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Option<JoinHandle<String>>>>);

impl Said {
    fn listen(&self, from: ChildStderr) {
        let listening = std::thread::spawn(move || {
            let mut words = Vec::new();
            let mut from = from;
            from.by_ref().take(MOST_WORDS).read_to_end(&mut words).ok();
            // It must not wait for somebody to read the rest.
            io::copy(&mut from, &mut io::sink()).ok();
            String::from_utf8_lossy(&words).into_owned()
        });
        *self.0.lock() = Some(listening);
    }

    /// All of it, once the program has ended; empty when there was none.
    pub(super) fn words(&self) -> String {
        let listening = self.0.lock().take();
        listening.and_then(|listening| listening.join().ok()).unwrap_or_default()
    }
}

/// A program that is ended when this goes, or at the deadline.
struct Process {
    child: Arc<Mutex<Child>>,
    /// Its going away wakes the one who waits for the deadline.
    _running: mpsc::Sender<()>,
    _secrets: Secrets,
    _way: Option<Way>,
}

impl Process {
    fn new(child: Child, deadline: &Deadline, secrets: Secrets, way: Option<Way>) -> Self {
        let child = Arc::new(Mutex::new(child));
        let (running, ended) = mpsc::channel::<()>();
        let (late, left) = (Arc::clone(&child), deadline.left());
        std::thread::spawn(move || {
            if ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                late.lock().kill().ok();
            }
        });
        Self { child, _running: running, _secrets: secrets, _way: way }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock();
        child.kill().ok();
        child.wait().ok();
    }
}

struct Input {
    pipe: ChildStdin,
    _process: Process,
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}
