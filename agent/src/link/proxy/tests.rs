use super::*;

/// `FLAG|HTTPS_PROXY=..;NO_PROXY=..` and an address; the proxy on the way, or why there is none.
fn way(flag: Option<&str>, environment: &str, address: &str) -> String {
    let environment = |name: &str| {
        environment.split(';').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    };
    let (host, port) = split_address(address).unwrap();
    match Proxies::new(flag, environment, None).of(host, port.unwrap()) {
        Ok(Some(proxy)) => proxy.to_string(),
        Ok(None) => "straight".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_flag_wins_and_the_variables_have_an_order() {
    let check = |flag: Option<&str>, environment: &str, expect: &str| {
        assert_eq!(way(flag, environment, "hub.example.com:8443"), expect, "{flag:?} {environment}");
    };
    check(None, "", "straight");
    check(None, "HTTPS_PROXY=http://p:3128", "http://p:3128");
    check(None, "https_proxy=p:3128", "http://p:3128");
    check(None, "HTTPS_PROXY=;https_proxy=http://q", "http://q:80");
    check(None, "ALL_PROXY=https://q", "https://q:443");
    check(None, "all_proxy=http://[fd00::1]:1;ALL_PROXY=http://a/", "http://a:80");
    check(None, "all_proxy=http://[fd00::1]:1", "http://[fd00::1]:1");
    // Plain HTTP's own proxy is not ours.
    check(None, "HTTP_PROXY=http://p", "straight");
    check(Some("http://f:1"), "HTTPS_PROXY=http://p", "http://f:1");
    check(Some("http://f:1"), "NO_PROXY=example.com", "straight");
    check(Some(""), "HTTPS_PROXY=http://p", "http://p:80");
    let invalid = |problem: &str, origin: &str| {
        format!(
            "{origin} is not the URL of a proxy ({problem}): expected http://[USER:PASSWORD@]HOST[:PORT] or https://…"
        )
    };
    check(None, "ALL_PROXY=socks5://s", &invalid("SOCKS is not spoken here", "ALL_PROXY"));
    check(Some("http://h:port"), "", &invalid("its host or port cannot be read", "--proxy"));
    check(Some("ftp://h"), "", &invalid("its scheme is unknown", "--proxy"));
    check(Some("http://:1"), "", &invalid("it has no host", "--proxy"));
    check(Some("http://u:%zz@h"), "", &invalid("a % in its user or password starts no code", "--proxy"));
    // What needs no proxy is not held up by a bad one.
    check(None, "ALL_PROXY=socks5://s;NO_PROXY=.example.com", "straight");
}

#[test]
fn no_proxy() {
    let check = |not: &str, address: &str, straight: bool| {
        let found = way(None, &format!("HTTPS_PROXY=http://p;NO_PROXY={not}"), address);
        assert_eq!(found == "straight", straight, "{not} {address}: {found}");
    };
    // Names and what is below them.
    check("example.com", "example.com:443", true);
    check("example.com", "hub.example.com:443", true);
    check("EXAMPLE.com", "Hub.Example.COM:443", true);
    check("example.com", "hub.example.com.:443", true);
    check("example.com", "notexample.com:443", false);
    check("example.com", "example.com.evil:443", false);
    check(".example.com", "hub.example.com:443", true);
    check(".example.com", "example.com:443", false);
    check("*.example.com", "hub.example.com:443", true);
    check("*.example.com", "example.com:443", false);
    check("a.*.com", "a.b.com:443", false);
    // Lists.
    check("other.org, hub.example.com", "hub.example.com:1", true);
    check("other.org hub.example.com", "hub.example.com:1", true);
    check(",,", "hub.example.com:1", false);
    check("*", "anything:1", true);
    check("other,*", "10.0.0.1:1", true);
    // Ports.
    check("example.com:8443", "hub.example.com:8443", true);
    check("example.com:8443", "hub.example.com:443", false);
    check("10.0.0.7:8443", "10.0.0.7:8443", true);
    check("10.0.0.7:8443", "10.0.0.7:8444", false);
    check("[fd00::1]:8443", "[fd00::1]:8443", true);
    check("[fd00::1]:8443", "[fd00::1]:1", false);
    check("example.com:http", "example.com:80", false);
    // Addresses and networks.
    check("10.0.0.7", "10.0.0.7:1", true);
    check("10.0.0.7", "10.0.0.70:1", false);
    check("0.0.7", "10.0.0.7:1", false);
    check("fd00::1", "[fd00::1]:1", true);
    check("10.0.0.0/8", "10.255.0.1:1", true);
    check("10.0.0.0/8", "11.0.0.1:1", false);
    check("10.0.0.0/33", "10.0.0.1:1", false);
    check("0.0.0.0/0", "11.0.0.1:1", true);
    check("0.0.0.0/0", "[fd00::1]:1", false);
    check("10.0.0.7/32", "10.0.0.7:1", true);
    check("fd00::/16", "[fd00:1::9]:1", true);
    check("fd00::/16", "[fd01:1::9]:1", false);
    check("::/0", "[fd01:1::9]:1", true);
    check("10.0.0.0/8", "hub.example.com:1", false);
    // The machine itself.
    check("", "localhost:1", true);
    check("", "127.0.0.9:1", true);
    check("", "[::1]:1", true);
    check("", "localhost.example.com:1", false);
}

#[test]
fn a_password_is_shown_to_the_proxy_alone() {
    let proxy = Proxy::parse("http://ada:s%40e%2Fcret@p:1").unwrap();
    assert_eq!(proxy.authorization.as_deref(), Some("Basic YWRhOnNAZS9jcmV0"));
    for shown in [format!("{proxy:?}"), proxy.to_string()] {
        assert_eq!(shown, "http://p:1");
    }
    let proxies = Proxies::new(Some("http://ada:secret@p:x"), |_| None, None);
    let shown = format!("{proxies:?} {}", proxies.of("hub", 1).unwrap_err());
    assert!(!shown.contains("secret"), "{shown}");
}
