//! `NO_PROXY`: addresses that are reached straight.
//!
//! Entries are separated by commas or spaces. `*` is everything; `example.com` the name and all below it;
//! `.example.com` and `*.example.com` only what is below it; `10.0.0.7` and `fd00::1` addresses; `10.0.0.0/8`
//! networks; each but a network may end with `:PORT` (an IPv6 address in brackets then). The rules are those of
//! Go's `golang.org/x/net/http/httpproxy`. An entry that is none of these matches nothing.

use super::split_address;
use std::net::IpAddr;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NoProxy(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    All,
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u8),
    /// `.example.com` and whether the name itself is meant too.
    Domain {
        suffix: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl NoProxy {
    pub(super) fn parse(text: &str) -> Self {
        let entries = text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Entry::parse).collect())
    }

    pub(super) fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok();
        self.0.iter().any(|entry| entry.matches(&host, address, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((network, length)) = text.split_once('/') {
            let (network, length) = (network.parse::<IpAddr>().ok()?, length.parse::<u8>().ok()?);
            let most = if network.is_ipv4() { 32 } else { 128 };
            return (length <= most).then_some(Self::Network(network, length));
        }
        let (host, port) = split_address(text)?;
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address(address, port));
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
        let below = name.strip_prefix('.');
        let bare = below.unwrap_or(&name);
        let plain = !bare.is_empty() && !bare.contains(['*', '/', '@']);
        plain.then(|| Self::Domain { suffix: format!(".{bare}"), itself: below.is_none(), port })
    }

    fn matches(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let same_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::All => true,
            Self::Address(wanted, on) => address == Some(*wanted) && same_port(on),
            Self::Network(network, length) => {
                address.is_some_and(|address| inside(address, *network, *length))
            }
            Self::Domain { suffix, itself, port: on } => {
                let named = host.ends_with(suffix.as_str()) || (*itself && host == &suffix[1..]);
                address.is_none() && named && same_port(on)
            }
        }
    }
}

fn inside(address: IpAddr, network: IpAddr, length: u8) -> bool {
    let same = |left: u128, right: u128, bits: u32| {
        let shift = bits - u32::from(length);
        left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
    };
    match (address, network) {
        (IpAddr::V4(left), IpAddr::V4(right)) => same(left.to_bits().into(), right.to_bits().into(), 32),
        (IpAddr::V6(left), IpAddr::V6(right)) => same(left.to_bits(), right.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
