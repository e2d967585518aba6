//! Which way a connection to the hub takes: straight, or through an HTTP proxy with CONNECT.
//!
//! Decided from `--proxy`, else `HTTPS_PROXY`, `https_proxy`, `ALL_PROXY`, `all_proxy` (the first that is not
//! empty), and from `NO_PROXY` or `no_proxy`, as Go's `httpproxy` and curl do it. TLS to the hub runs end to end
//! inside the tunnel: the proxy sees a name and a port. A proxy given by the environment is not used for
//! `localhost` and loopback addresses (Go's rule); one given by `--proxy` is.
//!
//! Invariant: what stands in a proxy's URL as user and password is in no log, error or `Debug` output.
//!
//! What it refuses to know: hubs, TLS to them.

mod no_proxy;
mod tunnel;

pub(super) use tunnel::{Stream, open};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use no_proxy::NoProxy;
use std::{fmt, net::IpAddr, path::PathBuf};

/// The variables that name a proxy, the first that is not empty counts.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy's URL that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{origin} is not the URL of a proxy ({problem}): expected http://[USER:PASSWORD@]HOST[:PORT] or https://…"
)]
pub struct InvalidProxy {
    /// The flag or variable. Its value is not shown: it may hold a password.
    origin: String,
    problem: &'static str,
}

/// One proxy.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`.
    authorization: Option<String>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracket = self.host.contains(':');
        let (open, close) = if bracket { ("[", "]") } else { ("", "") };
        write!(f, "http{}://{open}{}{close}:{}", if self.tls { "s" } else { "" }, self.host, self.port)
    }
}

/// The proxies of this process.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    proxy: Option<Result<Proxy, InvalidProxy>>,
    /// By `--proxy`: it is meant, whatever the address.
    by_flag: bool,
    not: NoProxy,
    /// More authorities for an `https://` proxy's certificate, PEM.
    pub(super) authorities: Option<PathBuf>,
}

impl Proxies {
    /// By the flag, if it is given, or by the environment. A URL that cannot be used is told when an address
    /// needs it.
    ///
    /// `authorities` is a file with more authorities (PEM) for the certificate of an `https://` proxy.
    pub fn new(
        flag: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
        authorities: Option<PathBuf>,
    ) -> Self {
        let variable = |name: &&'static str| environment(name).filter(|value| !value.trim().is_empty());
        let flag = flag.filter(|url| !url.trim().is_empty());
        let found = match flag {
            Some(url) => Some(("--proxy", url.to_owned())),
            None => VARIABLES.iter().find_map(|name| Some((*name, variable(name)?))),
        };
        let not = ["NO_PROXY", "no_proxy"].iter().find_map(variable).unwrap_or_default();
        let parse = |(origin, url): (&str, String)| {
            Proxy::parse(url.trim()).map_err(|problem| InvalidProxy { origin: origin.to_owned(), problem })
        };
        Self { proxy: found.map(parse), by_flag: flag.is_some(), not: NoProxy::parse(&not), authorities }
    }

    /// The proxy on the way to an address.
    pub(super) fn of(&self, host: &str, port: u16) -> Result<Option<&Proxy>, &InvalidProxy> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        let local = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if (local && !self.by_flag) || self.not.matches(host, port) {
            return Ok(None);
        }
        proxy.as_ref().map(Some)
    }
}

impl Proxy {
    /// `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT][/]`; without a scheme `http`, as curl has it.
    fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            "socks4" | "socks4a" | "socks5" | "socks5h" => return Err("SOCKS is not spoken here"),
            _ => return Err("its scheme is unknown"),
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, rest),
        };
        let (host, port) = split_address(address).ok_or("its host or port cannot be read")?;
        if host.is_empty() {
            return Err("it has no host");
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        let authorization = match user {
            Some(user) => {
                let (name, password) = user.split_once(':').unwrap_or((user, ""));
                let plain = [decode(name)?, b":".to_vec(), decode(password)?].concat();
                Some(format!("Basic {}", STANDARD.encode(plain)))
            }
            None => None,
        };
        Ok(Self { tls, host: host.to_owned(), port, authorization })
    }
}

/// `HOST`, `HOST:PORT`, `[V6]`, `[V6]:PORT` or a bare IPv6 address; the port when there is one.
pub(super) fn split_address(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        return match after {
            "" => Some((host, None)),
            _ => Some((host, Some(after.strip_prefix(':')?.parse().ok()?))),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((_, more)) if more.contains(':') => text.parse::<IpAddr>().ok().map(|_| (text, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
    }
}

/// Percent-decoding (RFC 3986).
fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let pair = bytes.get(at + 1..at + 3).ok_or("a % in its user or password starts no code")?;
            let mut byte = [0];
            hex::decode_to_slice(pair, &mut byte)
                .map_err(|_| "a % in its user or password starts no code")?;
            decoded.extend(byte);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests;
