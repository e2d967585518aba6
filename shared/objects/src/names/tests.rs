#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;

/// Valid, or the start of the first problem.
fn check(problems: Vec<String>, expect: &str) {
    let first = problems.first().map_or("valid", String::as_str);
    assert!(first.starts_with(expect), "{first:?} does not start with {expect:?}");
}

#[test]
fn object_names() {
    const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of";
    check(NameRule::Subdomain.check("orders-api.eu"), "valid");
    check(NameRule::Subdomain.check("1"), "valid");
    for bad in ["", "Orders", "a_b", "-a", "a-", "a..b", "a.-b", ".a", "ä"] {
        check(NameRule::Subdomain.check(bad), SUBDOMAIN);
    }
    check(NameRule::Subdomain.check(&"a".repeat(254)), "must be no more than 253 characters");
    check(NameRule::Label.check("eu-1"), "valid");
    check(NameRule::Label.check("eu.1"), "a lowercase RFC 1123 label must consist of");
    check(NameRule::Label.check(&"a".repeat(64)), "must be no more than 63 characters");
    check(NameRule::PathSegment.check("system:node"), "valid");
    check(NameRule::PathSegment.check("a/b"), "may not contain '/'");
    check(NameRule::PathSegment.check(".."), "may not be '..'");
}

#[test]
fn keys_and_values() {
    check(qualified_name("app.kubernetes.io/name"), "valid");
    check(qualified_name("Env"), "valid");
    check(qualified_name("a/b/c"), "a qualified name must consist of");
    check(qualified_name("/name"), "prefix part must be non-empty");
    check(qualified_name("Example.com/name"), "prefix part a lowercase RFC 1123 subdomain");
    check(qualified_name("example.com/"), "name part must be non-empty");
    check(qualified_name("a b"), "name part must consist of");
    check(qualified_name(&"a".repeat(64)), "name part must be no more than 63 characters");
    check(label_value(""), "valid");
    check(label_value("v1.2_x-Y"), "valid");
    check(label_value("-x"), "a valid label must be an empty string or");
    check(label_value("a b"), "a valid label must be an empty string or");
    check(label_value(&"a".repeat(64)), "must be no more than 63 characters");
}

#[test]
fn generated_names() {
    assert_eq!(generate("job-", 0), "job-bbbbb");
    assert_eq!(generate("job-", 27 * 27 + 1), "job-cbcbb");
    let long = generate(&"x".repeat(70), u64::MAX);
    assert_eq!(long.len(), 63);
    assert!(dns1123_label(&long).is_empty(), "{long}");
    assert_ne!(generate("a", 1), generate("a", 2));
}

#[test]
fn the_words_are_those_of_kubernetes() {
    let words = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                 and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                 validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    assert_eq!(dns1123_subdomain("A"), [words]);
    let words = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                 and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or \
                 '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    assert_eq!(label_value("a b"), [words]);
}
