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
