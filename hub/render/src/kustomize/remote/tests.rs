use super::{Repository, is_rather_repository, is_web, repository};

fn check(text: &str, expected: Option<(&str, &str, &str)>) {
    let expected = expected.map(|(url, path, revision)| Repository {
        url: url.into(),
        path: path.into(),
        revision: revision.into(),
    });
    assert_eq!(repository(text), expected, "{text}");
}

#[test]
fn repositories_are_told_from_paths() {
    for path in [
        "../base",
        "base.yaml",
        "/etc/passwd",
        "a/b/c",
        "example.com/org/repo",
        "https://host",
        "./github.com/a/b",
    ] {
        check(path, None);
    }
    check("https://github.com/org/repo", Some(("https://github.com/org/repo", "", "")));
    check(
        "github.com/org/repo//deploy/base?ref=v1.2",
        Some(("https://github.com/org/repo", "deploy/base", "v1.2")),
    );
    check("GitHub.com/org/repo/deploy?version=main", Some(("https://github.com/org/repo", "deploy", "main")));
    check(
        "https://git.example.com/a/b.git/overlays/x?ref=feature%2Fy",
        Some(("https://git.example.com/a/b.git", "/overlays/x".trim_start_matches('/'), "feature/y")),
    );
    check(
        "https://git.example.com/group/sub/app//k8s?timeout=90&submodules=false&ref=v2",
        Some(("https://git.example.com/group/sub/app", "k8s", "v2")),
    );
    check("git::https://git.example.com/a/b//c", Some(("https://git.example.com/a/b", "c", "")));
    check("git@github.com:org/repo.git//base", Some(("git@github.com:org/repo.git", "base", "")));
    check("git@git.example.com:org/repo", Some(("git@git.example.com:org/repo", "", "")));
    check(
        "ssh://git@git.example.com:7999/a/b.git?ref=x",
        Some(("ssh://git@git.example.com:7999/a/b.git", "", "x")),
    );
    check("ssh://github.com/org/repo", Some(("git@github.com:org/repo", "", "")));
    check(
        "https://dev.azure.com/o/p/_git/repo/k8s/base",
        Some(("https://dev.azure.com/o/p/_git/repo", "k8s/base", "")),
    );
    check("file:///srv/repo", Some(("file:///srv/repo", "", "")));
    check("https://git.example.com/a/b//../c", None);
    check("https://git.example.com/a/b?ref=%zz", Some(("https://git.example.com/a/b", "", "")));
}

#[test]
fn files_on_the_web_are_told_from_repositories() {
    assert!(is_web("https://example.com/a.yaml") && is_web("HTTP://example.com/a.yaml"));
    assert!(!is_web("git@example.com:a/b") && !is_web("a/https:b"));
    for repository in [
        "https://github.com/org/repo",
        "https://github.com/org/repo//base?ref=v1",
        "https://git.example.com/a/b.git",
        "https://git.example.com/a/b/c?ref=v1",
    ] {
        assert!(is_rather_repository(repository), "{repository}");
    }
    for file in [
        "https://raw.githubusercontent.com/org/repo/main/a.yaml",
        "https://github.com/org/repo/releases/download/v1/install.yaml",
        "https://example.com/manifests/all",
    ] {
        assert!(!is_rather_repository(file), "{file}");
    }
}
