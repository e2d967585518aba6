//! A real Git server over HTTP for tests: `git http-backend`, run once per request as the CGI program
//! that it is. Serves every repository in a folder (also with a work tree), for reading and pushing;
//! protocol versions 0 to 2; with a password if wanted; with TLS if given a configuration.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

/// What the server does besides serving.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The folder whose repositories are served: `ROOT/app` is at `/app`.
    pub(crate) root: PathBuf,
    /// The `Authorization` header that every request must have, such as `Basic dTpw`.
    pub(crate) authorization: Option<String>,
    /// Answers this status to requests that are allowed, instead of serving them.
    pub(crate) status: Option<u16>,
    /// Says with that how many seconds to stay away.
    pub(crate) after: Option<u32>,
    /// Sends those who ask below the first path to the second, as GitLab does without `.git`.
    pub(crate) moved: Option<(String, String)>,
    /// Speaks version 0 of the protocol only, as servers before 2018 do.
    pub(crate) old: bool,
    /// Makes it an https server.
    pub(crate) tls: Option<Arc<ServerConfig>>,
}

/// A running server. It stops when dropped.
#[derive(Debug)]
pub(crate) struct GitServer {
    address: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    stopping: AtomicBool,
    lists: AtomicUsize,
    fetches: AtomicUsize,
}

impl GitServer {
    /// Serves on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be bound.
    pub(crate) fn start(options: Options) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let secure = options.tls.is_some();
        let shared = Arc::new(Shared {
            options,
            stopping: AtomicBool::new(false),
            lists: AtomicUsize::new(0),
            fetches: AtomicUsize::new(0),
        });
        let serving = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stopping.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&serving);
                // A client that goes away is no failure of the server.
                std::thread::spawn(move || connection(&serving, stream).ok());
            }
        });
        Ok(Self { address, secure, shared, accepting: Some(accepting) })
    }

    /// The address of the repository in the folder `name`.
    pub(crate) fn url(&self, name: &str) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://localhost:{}/{name}", self.address.port())
    }

    /// The `ls-refs` commands served.
    pub(crate) fn lists(&self) -> usize {
        self.shared.lists.load(Ordering::Acquire)
    }

    /// The `fetch` commands served.
    pub(crate) fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::Acquire)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the accept loop.
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

fn connection(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    match &shared.options.tls {
        None => requests(shared, stream),
        Some(tls) => {
            let session = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
            requests(shared, StreamOwned::new(session, stream))
        }
    }
}

fn requests(shared: &Shared, stream: impl Read + Write) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream)? {
        let response = respond(shared, &request)?;
        stream.get_mut().write_all(&response)?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

fn read_request(stream: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, query, headers, body: Vec::new() };
    if request.header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        request.body = chunks(stream)?;
    } else {
        let length: usize = request.header("content-length").parse().unwrap_or(0);
        request.body = vec![0; length];
        stream.read_exact(&mut request.body)?;
    }
    Ok(Some(request))
}

fn chunks(stream: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk)?;
        if length == 0 {
            return Ok(body);
        }
        body.extend_from_slice(&chunk[..length]);
    }
}

fn respond(shared: &Shared, request: &Request) -> std::io::Result<Vec<u8>> {
    let options = &shared.options;
    if let Some((from, to)) = &options.moved
        && let Some(rest) = request.path.strip_prefix(from)
    {
        let location = format!("Location: {to}{rest}?{}\r\n", request.query);
        return Ok(response("301 Moved Permanently", &location, b""));
    }
    if options.authorization.as_ref().is_some_and(|expected| request.header("authorization") != expected) {
        return Ok(response(
            "401 Unauthorized",
            "WWW-Authenticate: Basic realm=\"git\"\r\n",
            b"who are you?\n",
        ));
    }
    if let Some(status) = options.status {
        let after = options.after.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
        return Ok(response(&format!("{status} As the test asks"), &after, b"no\n"));
    }
    let says = |command: &[u8]| request.body.windows(command.len()).any(|window| window == command);
    if says(b"command=ls-refs") {
        shared.lists.fetch_add(1, Ordering::AcqRel);
    }
    if says(b"command=fetch") {
        shared.fetches.fetch_add(1, Ordering::AcqRel);
    }
    backend(options, request)
}

/// Runs the CGI program (RFC 3875).
fn backend(options: &Options, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut child = Command::new("git")
        .args(["-c", "http.receivepack=true", "-c", "safe.directory=*", "http-backend"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", &options.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", &request.path)
        .env("QUERY_STRING", &request.query)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", if options.old { "" } else { request.header("git-protocol") })
        .env("REMOTE_USER", "test")
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().expect("asked for");
    let body = request.body.clone();
    let feeding = std::thread::spawn(move || input.write_all(&body).ok());
    let output = child.wait_with_output()?.stdout;
    feeding.join().ok();
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(output.len());
    let (head, body) = (String::from_utf8_lossy(&output[..end]), output.get(end + 4..).unwrap_or_default());
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let headers: String =
        head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    Ok(response(status, &headers, body))
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(body);
    response
}
