use super::Path;
use serde_json::{Value, json};

fn object() -> Value {
    json!({"spec": {
        "source": {"helm": {"values": "x"}},
        "sources": [{"ref": "values", "targetRevision": "1"}, {"chart": "web", "targetRevision": "2"}],
        "a/b": {"c~d": 1},
    }})
}

#[track_caller]
fn check(expression: &str, expect: &[&str]) {
    let path = Path::parse(expression).unwrap_or_else(|| panic!("{expression} is a path"));
    assert_eq!(path.pointers(&object()), expect, "{expression}");
}

#[test]
fn keys_places_and_all() {
    check(".spec.source.helm.values", &["/spec/source/helm/values"]);
    check(".spec.source.helm.gone.deeper", &["/spec/source/helm/gone/deeper"]);
    check(".spec.sources[0].targetRevision", &["/spec/sources/0/targetRevision"]);
    check(".spec.sources[-1].chart", &["/spec/sources/1/chart"]);
    check(".spec.sources[7].chart", &[]);
    check(
        ".spec.sources[].targetRevision",
        &["/spec/sources/0/targetRevision", "/spec/sources/1/targetRevision"],
    );
    check(
        " .spec.sources[]?.targetRevision? ",
        &["/spec/sources/0/targetRevision", "/spec/sources/1/targetRevision"],
    );
    check(".spec[\"a/b\"].\"c~d\"", &["/spec/a~1b/c~0d"]);
    check(".[\"spec\"].source", &["/spec/source"]);
    check(".spec.source[]", &["/spec/source/helm"]);
}

#[test]
fn select_and_pipes() {
    check(
        ".spec.sources[] | select(.ref == \"values\") | .targetRevision",
        &["/spec/sources/0/targetRevision"],
    );
    check(".spec.sources[] | select(.ref != \"values\").targetRevision", &["/spec/sources/1/targetRevision"]);
    check(".spec.sources[] | select(.chart == null)", &["/spec/sources/0"]);
    check(".spec | .source | .helm", &["/spec/source/helm"]);
}

#[test]
fn what_is_no_path_is_told() {
    for expression in [
        "",
        ".",
        "spec",
        ".spec[",
        ".a..b",
        "..",
        ".spec | keys",
        "del(.a)",
        ".a == 1",
        ".a, .b",
        ".a[1:2]",
        "select(.a)",
        ".a[\"b\"",
        ".1",
    ] {
        assert_eq!(Path::parse(expression), None, "{expression}");
    }
}
