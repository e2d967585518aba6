//! sprig's URLs, taken apart and put together as Go's `net/url` does.

use std::collections::BTreeMap;

use super::dicts::text_at;
use super::text::{map, text};
use super::{Answer, Fail, Row};
use crate::go::{ENTRIES, Scope};
use crate::quote::{quote, replaced};
use crate::{Element, Map, Value};

pub(super) const TABLE: &[Row] = &[("urlJoin", "m", join), ("urlParse", "s", parse)];

#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<User>,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

/// A name and, after a colon, a password.
#[derive(Debug)]
struct User(String, Option<String>);

impl User {
    fn parse(text: &str) -> Result<Self, String> {
        let valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
        if !text.chars().all(valid) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = match text.split_once(':') {
            Some((name, password)) => (name, Some(password)),
            None => (text, None),
        };
        Ok(Self(decode(name)?, password.map(decode).transpose()?))
    }

    fn written(&self) -> String {
        let password = self.1.as_ref().map(|password| format!(":{}", encode(password, USER)));
        format!("{}{}", encode(&self.0, USER), password.unwrap_or_default())
    }
}

/// Beside letters, digits and `-_.~`, what each part of an URL may hold unescaped.
const USER: &str = "$&+,;=";
const HOST: &str = "!$&'()*+,;=:[]<>\"";
const PATH: &str = "$&+,/:;=@";
const FRAGMENT: &str = "$&+,/:;=?@!()*";

fn parse(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let source = text(arguments, 0);
    // Its parts; the host comes twice.
    scope.charge(source.len().saturating_mul(3).saturating_add(2 * ENTRIES))?;
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
        ("userinfo", url.user.as_ref().map(User::written).unwrap_or_default()),
    ];
    let entries: BTreeMap<_, _> =
        entries.into_iter().map(|(key, value)| (key.into(), Value::from(value))).collect();
    Ok(Map::new(Element::Any, entries).into())
}

fn join(scope: &mut Scope<'_>, arguments: &[Value]) -> Answer {
    let empty = Map::new(Element::Any, BTreeMap::new());
    let parts = map(arguments, 0).unwrap_or(&empty);
    let userinfo = text_at(parts, "userinfo")?;
    let user = Some(userinfo.as_str()).filter(|userinfo| !userinfo.is_empty()).map(|userinfo| {
        let url = format!("proto://{userinfo}@host");
        Url::parse(&url).map(|parsed| parsed.user).map_err(|reason| {
            let url = quote(url.as_bytes());
            Fail::from(format!("unable to parse userinfo in dict: parse {url}: {reason}"))
        })
    });
    let url = Url {
        scheme: text_at(parts, "scheme")?,
        host: text_at(parts, "host")?,
        path: text_at(parts, "path")?,
        query: text_at(parts, "query")?,
        opaque: text_at(parts, "opaque")?,
        fragment: text_at(parts, "fragment")?,
        user: user.transpose()?.flatten(),
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
        self.host = self.parse_host(host)?;
        self.user = userinfo.map(User::parse).transpose()?;
        Ok(())
    }

    fn parse_host(&self, host: &str) -> Result<String, String> {
        let check_port = |port: &str| match port.strip_prefix(':') {
            None if port.is_empty() => Ok(()),
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Ok(()),
            _ => Err(format!("invalid port {} after host", quote(port.as_bytes()))),
        };
        match host.rfind('[') {
            Some(0) => {
                let (address, port) = host[1..].rsplit_once(']').ok_or("missing ']' in host")?;
                check_port(port)?;
                let (bare, zone) = address.split_at(address.find("%25").unwrap_or(address.len()));
                let (bare, zone) = (decode_host(bare)?, decode(zone)?);
                let whole = format!("{bare}{zone}");
                if bare.parse::<std::net::Ipv4Addr>().is_ok() {
                    return Err("invalid IP-literal".to_owned());
                }
                if bare.parse::<std::net::Ipv6Addr>().is_err() || zone == "%" {
                    let shown = quote(whole.as_bytes());
                    return Err(format!("invalid host: ParseAddr({shown}): unable to parse IP"));
                }
                Ok(format!("[{whole}]{port}"))
            }
            Some(_) => Err("invalid IP-literal".to_owned()),
            None => {
                let strict = matches!(self.scheme.as_str(), "http" | "https");
                let colon = if strict { host.find(':') } else { host.rfind(':') };
                check_port(colon.map_or("", |colon| &host[colon..]))?;
                decode_host(host)
            }
        }
    }

    fn join(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            let authority = !self.host.is_empty() || self.user.is_some();
            if authority || !self.scheme.is_empty() && !self.path.is_empty() {
                out.push_str("//");
            }
            if let Some(user) = &self.user {
                out.push_str(&user.written());
                out.push('@');
            }
            out.push_str(&encode(&self.host, HOST));
            let path = if self.path == "*" { "*".to_owned() } else { encode(&self.path, PATH) };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            // Or the first segment would read as a scheme.
            if out.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
                out.push_str("./");
            }
            out.push_str(&path);
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&encode(&self.fragment, FRAGMENT));
        }
        out
    }
}

/// As [`decode`], but only what is not ASCII may be escaped, and not all may stand.
fn decode_host(host: &str) -> Result<String, String> {
    for (at, character) in host.char_indices() {
        if character == '%' && host.as_bytes().get(at + 1).is_some_and(|digit| matches!(digit, b'0'..=b'7')) {
            let escape = host.get(at..at + 3).unwrap_or(&host[at..]);
            if escape != "%25" {
                return Err(format!("invalid URL escape {}", quote(escape.as_bytes())));
            }
        }
        let allowed =
            character.is_ascii_alphanumeric() || "-_.~%".contains(character) || HOST.contains(character);
        if character.is_ascii() && !allowed {
            let shown = quote(character.encode_utf8(&mut [0; 4]).as_bytes());
            return Err(format!("invalid character {shown} in host name"));
        }
    }
    decode(host)
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
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| !digits.starts_with('+'));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.ok_or_else(|| {
            format!("invalid URL escape {}", quote(&[b"%", &after[..after.len().min(2)]].concat()))
        })?);
        rest = &after[2..];
    }
    Ok(replaced(&out))
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
