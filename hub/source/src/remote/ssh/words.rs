//! What the words of `ssh`, and of the program that it ran, mean. There are no codes for it.

use crate::{Error, address::Server, remote::Target};

/// How a line begins that `-v` adds.
const VERBOSE: &str = "debug1:";
/// Words for which the host key is not one that is known.
const UNKNOWN: [&str; 1] = ["host key is known for"];
const CHANGED: &str = "REMOTE HOST IDENTIFICATION HAS CHANGED";
const UNREACHABLE: [&str; 10] = [
    "Host key verification failed",
    "Could not resolve hostname",
    "Connection refused",
    "Connection timed out",
    "Operation timed out",
    "No route to host",
    "Network is unreachable",
    "Connection closed by",
    "Connection reset by",
    "Unable to negotiate",
];
const NO_REPOSITORY: [&str; 4] =
    ["not found", "does not appear to be a git repository", "does not exist", "could not be found"];

/// What they say about a conversation that failed; `None` when they say nothing.
pub(crate) fn failure(target: &Target<'_>, server: Server<'_>, words: &str) -> Option<Error> {
    let url = target.address.url.clone();
    // What `-v` adds repeats what the server calls itself.
    let plain = || words.lines().filter(|line| !line.starts_with(VERBOSE));
    let says = |any: &[&str]| plain().any(|line| any.iter().any(|one| line.contains(one)));
    let fingerprint = fingerprint(words);
    if says(&[CHANGED]) {
        return Some(Error::HostKeyChanged { url, host: server.known_as(), key: shown(fingerprint) });
    }
    if says(&UNKNOWN) {
        return Some(Error::HostKeyUnknown { url, host: server.known_as(), key: shown(fingerprint) });
    }
    if says(&["Permission denied (", "Too many authentication failures"]) {
        let with = match target.credentials.is_some_and(|c| c.login.is_some()) {
            true => "with the given key",
            false => "without a key",
        };
        let remedy =
            "create a repository Secret for it with `sshPrivateKey`, and add its public key at the server";
        return Some(Error::Refused { url, with, remedy });
    }
    if says(&["invalid format", "error in libcrypto"]) {
        let cause = "ssh cannot read `sshPrivateKey`: is it whole, with its last line?".to_owned();
        return Some(Error::Credentials { url, cause });
    }
    let lines = || words.lines().map(str::trim).filter(|line| is_news(line));
    let of = |any: &[&str]| lines().find(|line| any.iter().any(|one| line.contains(one)));
    if of(&NO_REPOSITORY).is_some() {
        return Some(Error::NoRepository { url });
    }
    if let Some(line) = of(&UNREACHABLE) {
        return Some(Error::Unreachable { url, cause: line.to_owned() });
    }
    lines().next_back().map(|line| Error::Broken { url, cause: line.to_owned() })
}

/// The kind and fingerprint of the key that the host has shown. Only a whole line of ssh's own says that: others repeat what the server, or
/// whoever is in between, says of itself.
fn fingerprint(words: &str) -> Option<String> {
    let key =
        words.lines().find_map(|line| line.strip_prefix(VERBOSE)?.strip_prefix(" Server host key: "))?;
    Some(key.trim().to_owned())
}

fn shown(fingerprint: Option<String>) -> String {
    fingerprint.map_or_else(String::new, |key| format!(" ({key})"))
}

/// Whether a line is for people, and not what `-v` adds.
fn is_news(line: &str) -> bool {
    let noise =
        [VERBOSE, "OpenSSH_", "Authenticated to", "Transferred:", "Bytes per second", "Warning: Permanently"];
    !line.is_empty() && !noise.iter().any(|prefix| line.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_does_not_choose_its_fingerprint() {
        let check = |words: &str, expect: Option<&str>| assert_eq!(fingerprint(words).as_deref(), expect);
        let shown = "debug1: Server host key: ssh-ed25519 SHA256:shown\r\n";
        check(shown, Some("ssh-ed25519 SHA256:shown"));
        let version = "debug1: Remote protocol version 2.0, remote software version Server host key: ssh-ed25519 SHA256:chosen\r\n";
        let banner =
            "debug1: kex_exchange_identification: banner line 0: debug1: Server host key: chosen\r\n";
        check(&format!("{version}{banner}{shown}"), Some("ssh-ed25519 SHA256:shown"));
        check(version, None);
        check("", None);
    }
}
