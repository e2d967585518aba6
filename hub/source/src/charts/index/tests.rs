use super::*;

/// `chart version url digest` of all versions.
fn check(text: &str, expect: &[&str]) {
    let index = Index::parse(text).unwrap_or_else(|err| panic!("{err}: {text}"));
    let mut got = Vec::new();
    for name in index.names() {
        for entry in index.versions(name).unwrap_or_default() {
            let digest = entry.digest.map_or_else(|| "-".to_owned(), |digest| hex::encode(&digest[..2]));
            got.push(format!("{name} {} {} {digest}", entry.version, entry.url));
        }
    }
    assert_eq!(got, expect, "{text}");
}

fn check_refused(text: &str, expect: &str) {
    let err = Index::parse(text).unwrap_err().to_string();
    assert!(err.contains(expect), "{err}");
}

#[test]
fn what_counts_is_kept_and_the_rest_passed_over() {
    let digest = "ab".repeat(32);
    check(
        &format!(
            "
apiVersion: v1
generated: '2026-11-21T10:00:00Z'
entries:
  web:
  - apiVersion: v2
    annotations: {{category: Infrastructure, images: '- name: web'}}
    dependencies:
    - {{name: common, version: 2.x.x, repository: oci://registry.example.org/charts}}
    digest: {digest}
    urls:
    - charts/web-1.2.0.tgz
    - https://mirror.example.org/web-1.2.0.tgz
    version: 1.2.0
  - version: \"1.10\"
    digest: sha256:{digest}
    urls: [https://elsewhere.example.org/web-1.10.tgz]
  - {{version: 0.1.0, urls: [web.tgz], digest: deadbeef}}
  - {{version: 0.0.9, urls: []}}
  - {{urls: [x.tgz]}}
  - not a version
  db: []
  cache: null
serverInfo: {{contextPath: /x}}
"
        ),
        &[
            "web 1.2.0 charts/web-1.2.0.tgz abab",
            "web 1.10 https://elsewhere.example.org/web-1.10.tgz abab",
            "web 0.1.0 web.tgz -",
        ],
    );
    check("entries: {}\n", &[]);
    check(
        r#"{"apiVersion":"v1","entries":{"web":[{"version":"1.0.0","urls":["a.tgz"]}]}}"#,
        &["web 1.0.0 a.tgz -"],
    );
    check("\u{feff}entries:\n  web:\n  - version: 1.0.0\n    urls:\n    - a.tgz\n", &["web 1.0.0 a.tgz -"]);
}

#[test]
fn what_is_no_index_is_refused() {
    check_refused("", "has no `entries`");
    check_refused("<html><body>hello</body></html>", "has no `entries`");
    check_refused("kind: ConfigMap\n", "has no `entries`");
    check_refused("entries: [\n", "line");
    check_refused(&format!("x: {}", "[".repeat(60)), "line");
    // By us or by the parser, in both of YAML's ways to nest.
    for deep in [
        format!("x: {}", "[".repeat(100_000)),
        format!("entries: {{web: [{{version: {}", "[".repeat(100_000)),
        "- ".repeat(10_000),
    ] {
        let err = Index::parse(&deep).unwrap_err().to_string();
        assert!(err.contains("deep") || err.contains("recursion limit"), "{err}");
    }
}

/// What indexes mostly consist of is not kept.
#[test]
fn a_large_index_takes_little() {
    let digest = "ab".repeat(32);
    let about =
        "    description: A long text about what this chart installs and how it is to be configured\n"
            .repeat(6);
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for chart in 0..20 {
        text.push_str(&format!("  chart-{chart}:\n"));
        for version in 0..200 {
            text.push_str(&format!(
                "  - version: 1.{version}.0\n    digest: {digest}\n    urls:\n    - charts/chart-{chart}-1.{version}.0.tgz\n    annotations:\n      images: |\n        - web\n"
            ));
            text.push_str(&about.replace("description", "x"));
        }
    }
    let index = Index::parse(&text).unwrap();
    assert_eq!(index.names().map(|name| index.versions(name).unwrap().len()).sum::<usize>(), 4_000);
    assert!(index.weight() * 5 < text.len(), "{} of {}", index.weight(), text.len());
}

#[test]
fn aliases_are_not_followed() {
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nentries: {web: *b}\n";
    check(bomb, &[]);
}

proptest::proptest! {
    /// Whatever bytes a server sends, reading them ends without a panic.
    #[test]
    fn any_text_is_read_or_refused(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "entries", "web", ": ", ":\n", "  ", "- ", "version", "urls", "digest", "1.0.0", "[", "]", "{", "}", ",",
                "\n", "&a ", "*a", "'", "\"", "|", ">", "!!str ", "? ", "#", "\t", "%YAML", "---\n", "...", "\u{0}", "é",
            ]),
            0..60,
        )
    ) {
        let text: String = pieces.concat();
        drop(Index::parse(&text));
    }
}
