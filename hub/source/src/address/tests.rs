use super::*;

fn check(url: &str, expect: &str) {
    let got = match Address::parse(&RepoUrl::new(url), true) {
        Ok(Address { place: Place::Http { url, secure, login }, .. }) => {
            format!("{url} secure={secure} login={}", login.is_some())
        }
        Ok(Address { place: Place::Ssh { user, host, port, path }, .. }) => {
            format!("ssh {user} at {host} {port:?}: {path}")
        }
        Ok(Address { place: Place::File { path }, .. }) => format!("path {}", path.display()),
        Err(err) => format!("error: {err}"),
    };
    assert_eq!(got, expect, "{url}");
}

#[test]
fn addresses_are_taken_apart() {
    check("https://git.example/team/app.git", "https://git.example/team/app.git secure=true login=false");
    check("HTTP://git.example:3000/a", "http://git.example:3000/a secure=false login=false");
    check("https://me:s%40cret@git.example/a", "https://git.example/a secure=true login=true");
    check("https://token@git.example/a", "https://git.example/a secure=true login=true");
    check("file:///srv/git/a", "path /srv/git/a");
    check("file://localhost/srv/a", "path /srv/a");
    check("/srv/git/a", "path /srv/git/a");
    check("file://srv/a", "error: file://srv/a is no usable repository address: write file:///absolute/path");
    check(
        "https://git.example",
        "error: https://git.example is no usable repository address: write https://HOST/PATH",
    );
    for none in ["", "git.example/team/app", "svn://git.example/a"] {
        let forms = "write https://HOST/PATH, ssh://git@HOST/PATH or git@HOST:PATH";
        check(none, &format!("error: {none} is no usable repository address: {forms}"));
    }
}

#[test]
fn addresses_of_ssh() {
    check("git@github.com:a/b.git", "ssh git at github.com None: a/b.git");
    check("github.com:/srv/a", "ssh git at github.com None: /srv/a");
    check("ssh://git@Git.example:2222/team/app", "ssh git at git.example Some(2222): /team/app");
    check("ssh://me:pw@git.example/~me/app", "ssh me at git.example None: ~me/app");
    check("ssh://[::1]:22/a%20b", "ssh git at ::1 Some(22): /a b");
    check("org@vs-ssh.visualstudio.com:v3/o/p/r", "ssh org at vs-ssh.visualstudio.com None: v3/o/p/r");
    let refused = |url: &str, why: &str| {
        let shown = RepoUrl::new(url);
        check(url, &format!("error: {shown} is no usable repository address: {why}"));
    };
    refused("ssh://git@git.example:70000/a", "its port is no number up to 65535");
    refused("ssh://-oProxyCommand=x/a", "its host is no DNS name or address");
    refused("-oProxyCommand=x:a", "its host is no DNS name or address");
    refused("git@host with space:a", "its host is no DNS name or address");
    refused("-l@host:a", "its user name has characters that no such name has");
    refused("git@host:", "it names no repository: write git@HOST:PATH");
    refused("ssh://git@host/a%0Ab", "it names no repository: write git@HOST:PATH");
    refused("git@host:-x", "its path begins like an option: write ssh://git@HOST/PATH");
    let elsewhere = "its path has `.`, `..` or `\\` in it: write where it leads";
    for url in [
        "git@host:org/../x",
        "ssh://git@host/org/%2e%2e/x",
        "https://host/org/../x",
        "https://host/org/%2E./x",
        "https://host/org\\..\\x",
        "https://host/./x",
        "https://host/org/..?x",
    ] {
        refused(url, elsewhere);
    }
    refused("ssh://git@host", "write ssh://git@HOST:PORT/PATH");
}

#[test]
fn user_information_becomes_credentials() {
    let address = Address::parse(&RepoUrl::new("https://me:s%40cret@git.example/a"), false).unwrap();
    let Place::Http { login, .. } = &address.place else { panic!("http") };
    assert!(login == &Credentials::basic("me", "s@cret").login);
    assert!(!format!("{address:?}").contains("cret"), "{address:?}");
}

#[test]
fn local_repositories_need_the_flag() {
    let err = Address::parse(&RepoUrl::new("/srv/a"), false).unwrap_err();
    assert!(err.to_string().contains("--allow-file-repositories"), "{err}");
}

#[test]
fn spellings_share_a_mirror() {
    let folder = |url: &str| Address::folder_of(&RepoUrl::new(url));
    assert_eq!(folder("https://Git.Example/a/b.git"), folder("https://me:pw@git.example/a/b/"));
    assert_ne!(folder("https://git.example/a/b"), folder("https://git.example/a/B"));
    assert_eq!(folder("git@git.example:a/b.git"), folder("ssh://git@git.example/a/b"));
    assert_eq!(folder("file:///srv/a/"), folder("/srv/a"));
    assert_ne!(folder("/srv/a"), folder("/srv/a.git"));
}
