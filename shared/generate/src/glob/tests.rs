use super::Glob;

#[track_caller]
fn check_directory(pattern: &str, matching: &[&str], others: &[&str]) {
    let glob = Glob::directory(pattern).unwrap();
    matching.iter().for_each(|path| assert!(glob.matches(path), "{pattern} must match {path}"));
    others.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} must not match {path}"));
}

#[track_caller]
fn check_files(pattern: &str, matching: &[&str], others: &[&str]) {
    let glob = Glob::pathspec(pattern);
    matching.iter().for_each(|path| assert!(glob.matches(path), "{pattern} must match {path}"));
    others.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} must not match {path}"));
}

#[test]
fn directories_stay_within_a_segment() {
    check_directory("apps/*", &["apps/a", "apps/b-1"], &["apps", "apps/a/b", "other/a"]);
    check_directory("apps/**", &["apps/a"], &["apps/a/b"]);
    check_directory("apps/*/prod", &["apps/a/prod"], &["apps/prod", "apps/a/b/prod"]);
    check_directory("apps/?[^x-z]", &["apps/ab"], &["apps/ax", "apps/a/"]);
    check_directory("a\\*b", &["a*b"], &["axb"]);
    check_directory("*a*b*c", &["1a2b3c", "abc", "aabbcc"], &["acb"]);
}

#[test]
fn bad_directory_patterns_are_told() {
    for pattern in ["[", "[]", "[]a]", "a[", "[a-]", "[-x]", "a\\", "[^"] {
        assert!(Glob::directory(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn files_cross_segments() {
    check_files("fleet/*.json", &["fleet/a.json", "fleet/x/y/a.json"], &["a.json", "fleet/a.yaml"]);
    check_files("**/config.json", &["a/config.json", "a/b/config.json"], &["config.json"]);
    check_files("fleet/**/x", &["fleet/a/x", "fleet/a/b/x"], &["fleet/x"]);
    check_files("fleet", &["fleet/a", "fleet/a/b", "fleet"], &["fleets/a"]);
    check_files("fleet/", &["fleet/a"], &["fleets/a"]);
    check_files("f[!a]x?y", &["fbx/y"], &["fax/y"]);
    check_files("config.json", &["config.json", "config.json/below"], &["a/config.json"]);
    check_files("{a,b}.json", &["{a,b}.json"], &["a.json"]);
    check_files("./a*", &["abc"], &["./abc"]);
}

#[track_caller]
fn check_doublestar(pattern: &str, matching: &[&str], others: &[&str]) {
    let glob = Glob::doublestar(pattern).unwrap();
    matching.iter().for_each(|path| assert!(glob.matches(path), "{pattern} must match {path}"));
    others.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} must not match {path}"));
    matching.iter().for_each(|path| assert!(path.starts_with(glob.prefix()), "{pattern}: {path}"));
}

#[test]
fn doublestar_stays_within_segments_but_for_two_stars_alone() {
    check_doublestar("fleet/*.json", &["fleet/a.json"], &["fleet/x/a.json", "fleet/x.yaml", "fleet/.json/x"]);
    check_doublestar(
        "**/config.json",
        &["config.json", "a/config.json", "a/b/config.json"],
        &["a/xconfig.json"],
    );
    check_doublestar("fleet/**/x", &["fleet/x", "fleet/a/x", "fleet/a/b/x"], &["x", "fleet/a/b", "fleet/ax"]);
    check_doublestar("fleet/**", &["fleet/a", "fleet/a/b.yaml"], &["fleets/a"]);
    check_doublestar(
        "a/**/b/**/c*d",
        &["a/b/cd", "a/x/b/y/z/cxd", "a/b/b/c/c/cdd"],
        &["a/b/c/d", "a/x/c/cd"],
    );
    check_doublestar("fleet**/x", &["fleet/x", "fleets/x"], &["fleet/a/x"]);
    check_doublestar("fleet", &["fleet"], &["fleet/a"]);
    check_doublestar("**", &["a", "a/b"], &[]);
}

#[test]
fn doublestar_braces() {
    check_doublestar(
        "fleet/{eu,us}-*/c.yaml",
        &["fleet/eu-1/c.yaml", "fleet/us-2/c.yaml"],
        &["fleet/ap-1/c.yaml"],
    );
    check_doublestar("f/{a,b{1,2/x}}", &["f/a", "f/b1", "f/b2/x"], &["f/b", "f/{a"]);
    check_doublestar("[{]a", &["{a"], &["a"]);
    check_doublestar("\\{a,b\\}", &["{a,b}"], &["a"]);
    for pattern in ["{a", "a[", "{a,{b}", &"{a,b}".repeat(9)] {
        assert!(Glob::doublestar(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_prefix_of_every_match() {
    let prefix = |glob: &Glob| glob.prefix().to_owned();
    assert_eq!(prefix(&Glob::pathspec("fleet/eu-*/x")), "fleet/eu-");
    assert_eq!(prefix(&Glob::pathspec("fleet/")), "fleet");
    assert_eq!(prefix(&Glob::pathspec("./a\\*b")), "a");
    assert_eq!(prefix(&Glob::doublestar("fleet/{eu,es}/x").unwrap()), "fleet/e");
    assert_eq!(prefix(&Glob::directory("apps/web").unwrap()), "apps/web");
}
