//! sprig's URLs, taken apart and put together as Go's `net/url` does.

use std::collections::BTreeMap;

use super::dicts::text_at;
use super::text::{map, text};
use super::{Answer, Fail, Row};
use crate::go::Scope;
use crate::quote::quote;
use crate::{Element, Map, Value};

pub(super) const TABLE: &[Row] = &[("urlJoin", "m", join), ("urlParse", "s", parse)];

#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: String,
    userinfo: Option<String>,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

fn parse(_: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    let url = Url::parse(&source).map_err(|reason| {
        Fail::from(format!("unable to parse url: parse {}: {reason}", quote(source.as_bytes())))
    })?;
    let hostname = match url.host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((inside, _)) => inside.to_owned(),
        None => url.host.rsplit_once(':').map_or(url.host.as_str(), |(host, _)| host).to_owned(),
    };
    let entries: [(&str, String); 8] = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", url.userinfo.unwrap_or_default()),
    ];
    let entries: BTreeMap<_, _> =
        entries.into_iter().map(|(key, value)| (key.into(), Value::from(value))).collect();
    Ok(Map::new(Element::Any, entries).into())
}

fn join(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let empty = Map::new(Element::Any, BTreeMap::new());
    let parts = map(arguments, 0).unwrap_or(&empty);
    let userinfo = text_at(parts, "userinfo")?;
    let url = Url {
        scheme: text_at(parts, "scheme")?,
        host: text_at(parts, "host")?,
        path: text_at(parts, "path")?,
        query: text_at(parts, "query")?,
        opaque: text_at(parts, "opaque")?,
        fragment: text_at(parts, "fragment")?,
        userinfo: (!userinfo.is_empty()).then_some(userinfo),
    };
    scope.charge(url.path.len().saturating_mul(4))?;
    Ok(url.join().into())
}

impl Url {
    fn parse(source: &str) -> Result<Self, String> {
        if source.chars().any(|character| character.is_ascii_control()) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        let (rest, fragment) = source.split_once('#').unwrap_or((source, ""));
        let mut url = Self { fragment: decode(fragment)?, ..Self::default() };
        let rest = url.take_scheme(rest)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.to_owned();
        if !rest.starts_with('/') && !url.scheme.is_empty() {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        let mut path = rest;
        if let Some(authority) =
            rest.strip_prefix("//").filter(|_| !url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let (authority, after) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
            url.take_authority(authority)?;
            path = after;
        } else if url.scheme.is_empty() && rest.split('/').next().is_some_and(|first| first.contains(':')) {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
        url.path = decode(path)?;
        Ok(url)
    }

    fn take_scheme<'t>(&mut self, source: &'t str) -> Result<&'t str, String> {
        let Some(end) =
            source.find(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character)))
        else {
            return Ok(source);
        };
        if !source[end..].starts_with(':') {
            return Ok(source);
        }
        if end == 0 {
            return Err("missing protocol scheme".to_owned());
        }
        if !source.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Ok(source);
        }
        self.scheme = source[..end].to_ascii_lowercase();
        Ok(&source[end + 1..])
    }

    fn take_authority(&mut self, authority: &str) -> Result<(), String> {
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let port = match host.rsplit_once(']') {
            Some((_, port)) => port,
            None => host.find(':').map_or("", |colon| &host[colon..]),
        };
        if !port.is_empty()
            && !port
                .strip_prefix(':')
                .is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        {
            return Err(format!("invalid port {} after host", quote(port.as_bytes())));
        }
        if host.contains(' ') {
            return Err("invalid character \" \" in host name".to_owned());
        }
        self.host = decode(host)?;
        self.userinfo = userinfo.map(str::to_owned);
        Ok(())
    }

    fn join(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.userinfo.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.userinfo.is_some() {
                    out.push_str("//");
                }
                if let Some(userinfo) = &self.userinfo {
                    out.push_str(userinfo);
                    out.push('@');
                }
                out.push_str(&self.host);
            }
            if !self.path.is_empty() && !self.path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            out.push_str(&encode(&self.path, "$&+,/:;=@"));
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&encode(&self.fragment, "$&+,/:;=?@!()*"));
        }
        out
    }
}

fn decode(text: &str) -> Result<String, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let shown = String::from_utf8_lossy(&after[..after.len().min(2)]).into_owned();
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(
            byte.ok_or_else(|| format!("invalid URL escape {}", quote(format!("%{shown}").as_bytes())))?,
        );
        rest = &after[2..];
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn encode(text: &str, allowed: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric()
            || "-_.~".contains(character)
            || (byte.is_ascii() && allowed.contains(character))
        {
            out.push(character);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
