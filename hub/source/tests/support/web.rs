//! A server of HTTP for tests, whose answers are a function of the request; with TLS if given a configuration. It
//! remembers what it was asked.

use parking_lot::Mutex;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// With its query.
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// What it answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Sends bytes for ever, after the body.
    pub(crate) endless: bool,
}

impl Said {
    pub(crate) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

type Answer = dyn Fn(&Asked) -> Said + Send + Sync;

/// A running server. It stops when dropped.
pub(crate) struct Web {
    address: SocketAddr,
    secure: bool,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<Answer>,
    tls: Option<Arc<ServerConfig>>,
    stopping: AtomicBool,
    asked: Mutex<Vec<Asked>>,
}

impl Web {
    pub(crate) fn start(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let secure = tls.is_some();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            tls,
            stopping: AtomicBool::new(false),
            asked: Mutex::default(),
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
        Self { address, secure, shared, accepting: Some(accepting) }
    }

    /// `localhost` and the port.
    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host())
    }

    /// The requests so far, which are forgotten.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.shared.asked.lock())
    }

    /// The paths of the requests so far, which are forgotten.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // Wakes the accept loop.
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn connection(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    match &shared.tls {
        None => requests(shared, stream),
        Some(tls) => {
            let session = ServerConnection::new(Arc::clone(tls)).map_err(std::io::Error::other)?;
            requests(shared, StreamOwned::new(session, stream))
        }
    }
}

fn requests(shared: &Shared, stream: impl Read + Write) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let asked = Asked { path, headers };
        let said = (shared.answer)(&asked);
        shared.asked.lock().push(asked);
        let mut head = format!("HTTP/1.1 {} As the test says\r\n", said.status);
        for (name, value) in &said.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !said.endless {
            head.push_str(&format!("Content-Length: {}\r\n", said.body.len()));
        }
        head.push_str("\r\n");
        let to = stream.get_mut();
        to.write_all(head.as_bytes())?;
        to.write_all(&said.body)?;
        to.flush()?;
        // Until the client has had enough.
        if said.endless {
            loop {
                to.write_all(&[b'#'; 4096])?;
                to.flush()?;
            }
        }
    }
}
