//! Where a server stands: on the Internet, in a network of somebody's own, or where no repository ever is.
//!
//! Decides from the addresses that a name has now; the strictest counts. What is asked later may have moved: who connects
//! looks again ([`Standing::at`]) where that matters.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _},
    time::Duration,
};

/// A name that takes longer is one that nobody knows.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Amazon's machines ask who they are, by IPv6.
const AMAZON: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Where a server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Its name has no address here. Through a proxy it may.
    Unknown,
    /// On the Internet.
    Public,
    /// On this machine, or in a private network.
    Private(IpAddr),
    /// At a link-local address: clouds give out what machines log in with there.
    Forbidden(IpAddr),
}

impl Standing {
    /// That of a host, given by its name or address without a port.
    pub async fn of(host: &str) -> Self {
        let host = host.trim_matches(['[', ']']).to_owned();
        let found = tokio::task::spawn_blocking(move || Self::look_up(&host));
        tokio::time::timeout(PATIENCE, found).await.ok().and_then(Result::ok).unwrap_or(Self::Unknown)
    }

    /// As [`Standing::of`], on a thread that may block.
    pub(crate) fn look_up(host: &str) -> Self {
        let found = (host.trim_matches(['[', ']']), 0).to_socket_addrs();
        found.into_iter().flatten().map(|address| Self::at(address.ip())).max().unwrap_or(Self::Unknown)
    }

    /// That of an address.
    pub fn at(address: IpAddr) -> Self {
        let plain = match address {
            IpAddr::V6(six) => within(six).map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        let (forbidden, private) = match plain {
            IpAddr::V4(four) => (four.is_link_local(), is_private(four)),
            IpAddr::V6(six) => (six.is_unicast_link_local() || six == AMAZON, is_private_six(six)),
        };
        match (forbidden, private) {
            (true, _) => Self::Forbidden(address),
            (false, true) => Self::Private(address),
            (false, false) => Self::Public,
        }
    }
}

/// The address of version 4 that one of version 6 leads to: mapped, or translated (RFC 6052).
fn within(six: Ipv6Addr) -> Option<Ipv4Addr> {
    let translated = || {
        let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = six.segments() else { return None };
        Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    six.to_ipv4_mapped().or_else(translated)
}

fn is_private(four: Ipv4Addr) -> bool {
    let [a, b, c, _] = four.octets();
    four.is_private()
        || four.is_loopback()
        || four.is_multicast()
        || four.is_broadcast()
        || a == 0
        // Shared by carriers, for the protocols themselves, for measuring (RFC 6890).
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240
}

fn is_private_six(six: Ipv6Addr) -> bool {
    let site_local = six.segments()[0] & 0xffc0 == 0xfec0;
    six.is_loopback() || six.is_unspecified() || six.is_unique_local() || six.is_multicast() || site_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn private_networks_are_told_from_the_internet() {
        let check = async |host: &str, expect: &str| {
            let standing = Standing::of(host).await;
            let said = format!("{standing:?}");
            assert_eq!(said.split('(').next(), Some(expect), "{host}: {said}");
        };
        for host in ["1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "[2606:4700::1111]"] {
            check(host, "Public").await;
        }
        for host in
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "240.0.0.1"]
        {
            check(host, "Private").await;
        }
        for host in ["::1", "::", "fd00::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "localhost"] {
            check(host, "Private").await;
        }
        for host in
            ["169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.0.1", "64:ff9b::a9fe:a9fe"]
        {
            check(host, "Forbidden").await;
        }
        check("no-such-host.invalid", "Unknown").await;
    }
}
