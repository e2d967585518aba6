use super::*;

fn check(url: &str, expect: &str) {
    let got = match Address::parse(&RepoUrl::new(url), true) {
        Ok(Address { place: Place::Http { url, secure, login }, .. }) => {
            format!("{url} secure={secure} login={}", login.is_some())
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
        "git@github.com:a/b",
        "error: git@github.com:a/b is no usable repository address: only https://, http:// and file:// are read (no SSH yet)",
    );
    check(
        "https://git.example",
        "error: https://git.example is no usable repository address: write https://HOST/PATH",
    );
    check(
        "",
        "error:  is no usable repository address: only https://, http:// and file:// are read (no SSH yet)",
    );
}

#[test]
fn user_information_becomes_credentials() {
    let address = Address::parse(&RepoUrl::new("https://me:s%40cret@git.example/a"), false).unwrap();
    let Place::Http { login, .. } = &address.place else { panic!("http") };
    assert_eq!(login, &Some(Credentials::basic("me", "s@cret")));
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
    assert_eq!(folder("file:///srv/a/"), folder("/srv/a"));
    assert_ne!(folder("/srv/a"), folder("/srv/a.git"));
}
