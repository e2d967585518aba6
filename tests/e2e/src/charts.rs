//! Servers of charts over TLS, for tests: a Helm repository (a folder that is served, as Helm has it), and a real OCI
//! registry. Both take one login.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tempfile::TempDir;

use crate::{Process, eventually::poll, free_port};

/// Who may read and push.
pub const USERNAME: &str = "me";
/// The password of that user.
pub const PASSWORD: &str = "s3cret";
/// The password as the registry keeps it (bcrypt).
const HASHED: &str = "$2a$05$54c7NBtth0811xI8io5pu.DaqTFzzuTQf1g4JRwZcaSP7ZdfDVuMm";
const READY: Duration = Duration::from_secs(60);

/// A certificate for `localhost`, and the authority that vouches for it.
#[derive(Debug)]
pub struct Identity {
    authority: String,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;
        Ok(Self {
            authority: issuer.pem(),
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key,
        })
    }

    /// The authority's certificate, PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    fn server(&self) -> Result<Arc<ServerConfig>> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)?;
        Ok(Arc::new(config))
    }
}

/// A real registry, for the life of this value.
#[derive(Debug)]
pub struct Registry {
    port: u16,
    dir: TempDir,
    _process: Process,
}

impl Registry {
    /// Starts the registry program ([`crate::Tool::Registry`]).
    ///
    /// # Errors
    /// When it does not start, with what it says.
    pub async fn start(program: &Path, identity: &Identity) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = free_port();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("authority.pem"), &identity.authority)?;
        std::fs::write(at("certificate.pem"), &identity.certificate_pem)?;
        std::fs::write(at("key.pem"), identity.key.serialize_pem())?;
        std::fs::write(at("htpasswd"), format!("{USERNAME}:{HASHED}\n"))?;
        let config = serde_json::json!({
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": at("data")}},
            "http": {
                "addr": format!("127.0.0.1:{port}"),
                "tls": {"certificate": at("certificate.pem"), "key": at("key.pem")},
            },
            "auth": {"htpasswd": {"realm": "test", "path": at("htpasswd")}},
        });
        std::fs::write(at("config.yaml"), config.to_string())?;
        let mut command = Command::new(program);
        command.arg("serve").arg(at("config.yaml")).env("OTEL_TRACES_EXPORTER", "none");
        let process = Process::start("registry", &mut command, dir.path())?;
        let listening = poll(READY, async || {
            if let Some(status) = process.exited() {
                return Ok(Err(status));
            }
            TcpStream::connect(("127.0.0.1", port))?;
            Ok(Ok(()))
        });
        match listening.await {
            Ok(Ok(())) => Ok(Self { port, dir, _process: process }),
            Ok(Err(status)) => anyhow::bail!("the registry ended ({status}): {}", process.tail()),
            Err(seen) => anyhow::bail!("the registry does not listen: {seen}"),
        }
    }

    /// Its host and port.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// Pushes a packed chart below `path` with Helm.
    ///
    /// # Errors
    /// What Helm says.
    pub fn push(&self, helm: &Path, archive: &Path, path: &str) -> Result<()> {
        let to = format!("oci://{}/{path}", self.host());
        let login = ["--username", USERNAME, "--password", PASSWORD, "--ca-file"];
        let mut command = helm_command(helm, self.dir.path());
        command.arg("push").arg(archive).arg(to).args(login).arg(self.dir.path().join("authority.pem"));
        run(&mut command).map(drop)
    }
}

/// A folder served as a Helm repository, for the life of this value.
#[derive(Debug)]
pub struct ChartRepository {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl ChartRepository {
    /// Serves the files of `folder`, whatever is in it by then, to who logs in.
    ///
    /// # Errors
    /// When there is no port.
    pub fn serve(folder: &Path, identity: &Identity) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stopping = Arc::<AtomicBool>::default();
        let (stop, folder, tls) = (Arc::clone(&stopping), folder.to_owned(), identity.server()?);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                let (folder, tls) = (folder.clone(), Arc::clone(&tls));
                // A client that goes away is no failure of the server.
                std::thread::spawn(move || answer(&folder, tls, stream).ok());
            }
        });
        Ok(Self { address, stopping, accepting: Some(accepting) })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for ChartRepository {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the accept loop.
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

/// One request to a connection.
fn answer(folder: &Path, tls: Arc<ServerConfig>, stream: TcpStream) -> Result<()> {
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
    let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(tls)?, stream));
    let mut request = String::new();
    stream.read_line(&mut request)?;
    let mut known = false;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        known |= name.eq_ignore_ascii_case("authorization") && value.trim() == format!("Basic {login}");
    }
    let path = request.split_whitespace().nth(1).unwrap_or_default().trim_start_matches('/');
    let file = (!path.contains("..")).then(|| std::fs::read(folder.join(path)).ok()).flatten();
    let (status, body) = match (known, file) {
        (false, _) => ("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"charts\"", Vec::new()),
        (true, None) => ("404 Not Found", Vec::new()),
        (true, Some(body)) => ("200 OK", body),
    };
    let to = stream.get_mut();
    let length = body.len();
    write!(to, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    to.write_all(&body)?;
    to.conn.send_close_notify();
    to.flush()?;
    Ok(())
}

/// Packs the chart in `folder` into the folder `to`. Gives back the archive's path.
///
/// # Errors
/// What Helm says.
pub fn package(helm: &Path, folder: &Path, to: &Path) -> Result<PathBuf> {
    let mut command = helm_command(helm, to);
    command.arg("package").arg(folder).arg("--destination").arg(to);
    let said = run(&mut command)?;
    let path = said.trim().rsplit(": ").next().unwrap_or_default();
    ensure!(Path::new(path).is_file(), "helm package said: {said}");
    Ok(path.into())
}

/// Writes the index of the packed charts in `folder`.
///
/// # Errors
/// What Helm says.
pub fn index(helm: &Path, folder: &Path) -> Result<()> {
    run(helm_command(helm, folder).args(["repo", "index"]).arg(folder)).map(drop)
}

/// Helm without the developer's own setup.
fn helm_command(helm: &Path, home: &Path) -> Command {
    let mut command = Command::new(helm);
    command.env_clear().env("HOME", home.join(".helm"));
    command
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("start {}", command.get_program().display()))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{command:?}: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(said)
}
