//! A way for `ssh` through a proxy: HTTP's CONNECT (RFC 9110) or SOCKS 5 (RFC 1928), ended by a port of
//! the loopback interface that takes one connection.
//!
//! Texts of errors name the proxy's host and never what it is logged in to with.

use super::Deadline;
use base64::Engine as _;
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

const CONNECT: Duration = Duration::from_secs(10);
/// Of the head of the proxy's answer.
const MOST_HEAD: usize = 16 << 10;

/// A local port that leads to a server, for one connection.
#[derive(Debug)]
pub(super) struct Way(pub(super) u16);

impl Drop for Way {
    fn drop(&mut self) {
        // Who still waits for a connection goes home with this one.
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.0)).ok();
    }
}

/// Opens the way to `host` and `port`.
pub(super) fn open(proxy: &str, host: &str, port: u16, deadline: &Deadline) -> Result<Way, String> {
    let parsed = Proxy::parse(proxy)?;
    let failed = |err: &dyn std::fmt::Display| format!("the proxy {}: {err}", parsed.server);
    let wait = CONNECT.min(deadline.left());
    let mut way = parsed.connect(wait).map_err(|err| failed(&err))?;
    match parsed.kind {
        Kind::Http => connect(&mut way, &parsed, host, port)?,
        Kind::Socks => socks(&mut way, &parsed, host, port)?,
    }
    way.set_read_timeout(None).and_then(|()| way.set_write_timeout(None)).map_err(|err| failed(&err))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|err| failed(&err))?;
    let local = listener.local_addr().map_err(|err| failed(&err))?.port();
    std::thread::spawn(move || relay(listener, way));
    Ok(Way(local))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks,
}

struct Proxy {
    kind: Kind,
    /// Host and port.
    server: String,
    login: Option<(String, String)>,
}

impl Proxy {
    fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "`proxy` is none for SSH: write http://HOST:PORT or socks5://HOST:PORT";
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" | "socks5h" => Kind::Socks,
            _ => return Err(FORM.to_owned()),
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (login, server) = match authority.rsplit_once('@') {
            Some((login, server)) => (Some(login), server),
            None => (None, authority),
        };
        let default = if kind == Kind::Http { 80 } else { 1080 };
        let server = match server.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => server.to_owned(),
            Some(_) | None => format!("{server}:{default}"),
        };
        let login = login.map(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            (crate::address::percent_decoded(user), crate::address::percent_decoded(password))
        });
        Ok(Self { kind, server, login })
    }

    fn connect(&self, wait: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::other("it has no address");
        for address in self.server.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, wait) {
                Ok(way) => {
                    way.set_read_timeout(Some(wait))?;
                    way.set_write_timeout(Some(wait))?;
                    return Ok(way);
                }
                Err(err) => last = err,
            }
        }
        Err(last)
    }
}

fn connect(way: &mut TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<(), String> {
    let failed = |err: io::Error| format!("the proxy {}: {err}", proxy.server);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some((user, password)) = &proxy.login {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        request.push_str(&format!("Proxy-Authorization: Basic {pair}\r\n"));
    }
    request.push_str("\r\n");
    way.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = Vec::new();
    let mut byte = [0];
    // Byte by byte: what follows the head is the server's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > MOST_HEAD || way.read(&mut byte).map_err(failed)? == 0 {
            return Err(format!("the proxy {} does not answer as a proxy does", proxy.server));
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.lines().next().unwrap_or_default();
    match status.split_whitespace().nth(1) {
        Some(code) if code.starts_with('2') => Ok(()),
        Some(_) | None => Err(format!("the proxy {} refuses: {status}", proxy.server)),
    }
}

fn socks(way: &mut TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<(), String> {
    let failed = |err: io::Error| format!("the proxy {}: {err}", proxy.server);
    let refuses = |what: &str| format!("the proxy {} refuses: {what}", proxy.server);
    let method = if proxy.login.is_some() { 2 } else { 0 };
    way.write_all(&[5, 1, method]).map_err(failed)?;
    let mut chosen = [0; 2];
    way.read_exact(&mut chosen).map_err(failed)?;
    if chosen != [5, method] {
        return Err(refuses("it wants another login"));
    }
    let short = |text: &str| u8::try_from(text.len()).map_err(|_| refuses("a name is over 255 bytes"));
    if let Some((user, password)) = &proxy.login {
        let login = [&[1, short(user)?], user.as_bytes(), &[short(password)?], password.as_bytes()].concat();
        way.write_all(&login).map_err(failed)?;
        way.read_exact(&mut chosen).map_err(failed)?;
        if chosen[1] != 0 {
            return Err(refuses("it does not take the login"));
        }
    }
    let request = [&[5, 1, 0, 3, short(host)?], host.as_bytes(), &port.to_be_bytes()].concat();
    way.write_all(&request).map_err(failed)?;
    let mut answer = [0; 4];
    way.read_exact(&mut answer).map_err(failed)?;
    if answer[1] != 0 {
        return Err(refuses(&format!("code {}", answer[1])));
    }
    let rest = match answer[3] {
        1 => 4,
        4 => 16,
        _ => {
            let mut length = [0];
            way.read_exact(&mut length).map_err(failed)?;
            usize::from(length[0])
        }
    };
    let mut bound = vec![0; rest + 2];
    way.read_exact(&mut bound).map_err(failed)
}

/// Carries bytes both ways, for the first who comes, until either side is done.
fn relay(listener: TcpListener, way: TcpStream) {
    let Ok((local, _)) = listener.accept() else { return };
    drop(listener);
    let (Ok(from_local), Ok(to_way)) = (local.try_clone(), way.try_clone()) else { return };
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        io::copy(&mut from, &mut to).ok();
        to.shutdown(Shutdown::Write).ok();
    };
    let up = std::thread::spawn(move || carry(from_local, to_way));
    carry(way, local);
    up.join().ok();
}
