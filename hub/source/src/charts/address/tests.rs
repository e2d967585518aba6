use super::*;
use crate::poll::Key;

#[test]
fn what_a_source_means() {
    let check = |url: &str, chart: &str, oci: bool, expect: &str| {
        let got = Address::of_source(url, chart, oci);
        let got = got.map_or_else(|err| err.to_string(), |address| address.to_url().as_str().to_owned());
        assert_eq!(got, expect, "{url} {chart}");
        if let Ok(address) = Address::parse(&RepoUrl::new(&got)) {
            assert_eq!(address.to_url().as_str(), got, "it is read as it is written");
        }
    };
    check("https://charts.example.org/stable/", "web", false, "helm+https://charts.example.org/stable#web");
    check("https://Charts.Example.org", "web", false, "helm+https://charts.example.org/#web");
    check("https://h/x?token=1", "org/web", false, "helm+https://h/x?token=1#org/web");
    check("registry.example.org/charts", "web", false, "oci://registry.example.org/charts/web");
    check("registry.example.org:5000", "web", true, "oci://registry.example.org:5000/web");
    check("https://registry.example.org/charts", "web", true, "oci://registry.example.org/charts/web");
    check("oci://registry.example.org/charts/web", "", false, "oci://registry.example.org/charts/web");
    check("oci://Registry.example.org/charts/web/", ".", false, "oci://registry.example.org/charts/web");
    let form = "is no usable repository address: write https://HOST/PATH and the chart's name";
    check("ftp://h/x", "web", false, &format!("ftp://h/x {form}"));
    check("https://h/x", "", false, &format!("https://h/x {form}"));
    check("https://h/x", "../web", false, &format!("https://h/x {form}"));
    check(
        "oci://me:secret@h/x",
        "web",
        false,
        "oci://h/x is no usable repository address: it has a login in it: put that into a repository Secret",
    );
    check(
        "oci://h/Upper",
        "",
        false,
        "oci://h/Upper is no usable repository address: a name in an OCI registry is of a-z, 0-9, `.`, `_`, `-` and `/`",
    );
}

#[test]
fn they_are_told_from_addresses_of_git() {
    for (url, expect) in [
        ("helm+https://h/x#web", true),
        ("oci://h/x", true),
        ("file+https://h/values.yaml", true),
        ("https://h/x", false),
        ("file:///srv/x", false),
        ("git@h:x", false),
    ] {
        assert_eq!(Address::is(&RepoUrl::new(url)), expect, "{url}");
        assert_eq!(Address::parse(&RepoUrl::new(url)).is_ok(), expect, "{url}");
    }
}

#[test]
fn people_see_what_they_write() {
    let check = |url: &str, expect: &str| {
        assert_eq!(Address::shown(&RepoUrl::new(url)), expect);
        let said = Error::Broken { url: RepoUrl::new(url), cause: "it is odd".to_owned() }.to_string();
        assert_eq!(said, format!("{expect} could not be read: it is odd"));
    };
    check("helm+http://127.0.0.1:8080/fleet#web", "http://127.0.0.1:8080/fleet (chart web)");
    check("helm+https://me:s3cret@h/x#web", "https://h/x (chart web)");
    check("file+https://h/values.yaml", "https://h/values.yaml");
    check("oci://h/charts/web", "oci://h/charts/web");
    check("https://h/fleet.git", "https://h/fleet.git");
    check("git@h:fleet", "git@h:fleet");
}

#[test]
fn a_login_is_shown_by_nothing() {
    let address = Address::repository("https://me:s3cret@h/x", "web").unwrap();
    let url = address.to_url();
    assert_eq!(url.to_string(), "helm+https://h/x#web");
    let Place::Helm { repository, .. } = &Address::parse(&url).unwrap().0 else { panic!("no repository") };
    let (bare, found) = login(repository);
    assert_eq!(bare.as_str(), "https://h/x");
    assert!(
        matches!(found, Some(Login::Basic { username, password }) if username == "me" && password == "s3cret")
    );
}

#[test]
fn the_schedule_tells_them_apart() {
    let key = |url: &str| Key::new(Address::parse(&RepoUrl::new(url)).unwrap().to_url(), "1.*");
    assert_eq!(key("helm+https://h/x#web"), key("helm+https://H/x/#web"));
    assert_ne!(key("helm+https://h/x#web"), key("helm+https://h/x#db"));
    assert_ne!(key("helm+https://h/#web"), key("oci://h/web"));
    for url in ["helm+https://h:8443/#web", "oci://h:8443/web", "file+https://h:8443/values.yaml?x=/y"] {
        assert_eq!(crate::address::host(&RepoUrl::new(url)), "h:8443", "{url}");
    }
}
