#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use std::collections::BTreeMap;

use serde_json::json;
use shared_model::{LabelSelector, Requirement};

use super::*;

fn labels(text: &str) -> BTreeMap<String, String> {
    text.split_whitespace().filter_map(|l| l.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
}

fn check(selector: &str, of: &str, expect: bool) {
    let parsed = parse_labels(selector).unwrap();
    assert_eq!(parsed.matches(&labels(of)), expect, "{selector} of {of}");
    assert_eq!(check_labels(&parsed, "spec"), []);
}

#[test]
fn labels_as_text() {
    check("", "", true);
    check("env=prod", "env=prod", true);
    check("env==prod", "env=dev", false);
    check("env = prod , tier", "env=prod tier=db", true);
    check("env=", "env=", true);
    check("env!=prod", "", true);
    check("env!=prod", "env=prod", false);
    check("region in (eu,us)", "region=us", true);
    check("region in (eu, us),env=prod", "region=us env=dev", false);
    check("region notin (eu)", "region=us", true);
    check("region notin (eu)", "", true);
    check("region notin (eu)", "region=eu", false);
    check("tier", "", false);
    check("!tier", "", true);
    check("! tier", "tier=db", false);
    check("example.com/in in (in)", "example.com/in=in", true);
}

#[test]
fn bad_label_texts_say_what_is_wrong() {
    let check = |text: &str, expect: &str| {
        let error = parse_labels(text).unwrap_err().to_string();
        assert!(error.contains(expect), "{error} does not contain {expect}");
    };
    check("a=b,", r#"unable to parse requirement: an empty part between commas in "a=b,""#);
    check("a in (b", "a '(' without its ')'");
    check("a in b)", "a ')' without its '('");
    check("a is (b)", r#"found "is", expected 'in' or 'notin'"#);
    check("a(b)", "'in' or 'notin' is missing before '('");
    check("a in (b) c", "text after the ')'");
    check("a>5", "'<' and '>' are not supported");
    check("a b=c", r#"key "a b": name part must consist of"#);
    check("a=b c", r#"value "b c" of "a": a valid label must be"#);
}

#[test]
fn label_objects() {
    let requirement = |key: &str, operator: &str, values: &[&str]| LabelSelector {
        match_expressions: vec![Requirement {
            key: key.into(),
            operator: operator.into(),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
        }],
        ..LabelSelector::default()
    };
    let check = |selector: &LabelSelector, expect: &[&str]| {
        let said: Vec<_> = check_labels(selector, "spec.selector").iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), expect.len(), "{said:?}");
        assert!(said.iter().zip(expect).all(|(said, expect)| said.starts_with(expect)), "{said:?}");
    };
    check(&requirement("a", "In", &["b"]), &[]);
    check(
        &requirement("a", "In", &[]),
        &["spec.selector.matchExpressions[0].values: Required value: must be specified"],
    );
    check(
        &requirement("a", "Exists", &["b"]),
        &["spec.selector.matchExpressions[0].values: Forbidden: may not be"],
    );
    check(
        &requirement("a", "Is", &["b"]),
        &[r#"spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid"#],
    );
    check(
        &requirement("", "In", &["b c"]),
        &[
            "spec.selector.matchExpressions[0].key: Invalid value",
            "spec.selector.matchExpressions[0].key: Invalid value",
            "spec.selector.matchExpressions[0].values[0]: Invalid value",
        ],
    );
    let labels = LabelSelector { match_labels: labels("a=-"), ..LabelSelector::default() };
    check(&labels, &[r#"spec.selector.matchLabels: Invalid value: "-": a valid label"#]);
}

#[test]
fn fields() {
    let object = json!({"metadata": {"name": "a", "namespace": "x"}, "spec": {"project": "b,c", "on": true}});
    let check = |text: &str, expect: bool| {
        let selector = FieldSelector::parse(text, &["spec.project", "spec.on"]).unwrap();
        assert_eq!(selector.matches(&object), expect, "{text}");
    };
    check("", true);
    check("metadata.name=a", true);
    check("metadata.name==a,metadata.namespace!=x", false);
    check(r"spec.project=b\,c", true);
    check("spec.on=true", true);
    check("spec.project!=other,", true);
    let name = |text| FieldSelector::parse(text, &[]).unwrap().name().map(str::to_owned);
    assert_eq!(name("metadata.name=a"), Some("a".to_owned()));
    assert_eq!(name("metadata.name!=a"), None);
}

#[test]
fn bad_field_texts_say_what_is_wrong() {
    let check = |text: &str, expect: &str| {
        let error = FieldSelector::parse(text, &["spec.project"]).unwrap_err().to_string();
        assert!(error.contains(expect), "{error} does not contain {expect}");
    };
    check(
        "spec.other=a",
        "field label not supported: spec.other (supported: metadata.name, metadata.namespace, spec.project)",
    );
    check("metadata.name", "invalid selector part \"metadata.name\": expected FIELD=VALUE");
    check(r"metadata.name=a\b", "invalid escape sequence in value");
    check("metadata.name=a=b", "invalid escape sequence in value");
}
