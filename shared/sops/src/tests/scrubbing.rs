//! Texts without values.

use crate::Secrets;

fn check(secrets: &[&str], text: &str, expect: &str) {
    let mut all = Secrets::default();
    secrets.iter().for_each(|secret| all.add(secret.as_bytes()));
    assert_eq!(all.scrub(text), expect);
    assert!(secrets.iter().all(|secret| !format!("{all:?}").contains(secret)));
}

#[test]
fn values_go_in_every_form() {
    check(&[], "as it is", "as it is");
    check(&["hunter2"], "Invalid value: \"hunter2\": no", "Invalid value: \"***\": no");
    check(&["hunter2"], "xhunter2y aHVudGVyMg==", "x***y ***");
    check(&["a\"b\\c\nd-line"], "it is \"a\\\"b\\\\c\\nd-line\"", "it is \"***\"");
    check(&["first line of it\nsecond line of it"], "bad: second line of it!", "bad: ***!");
    check(&["a-very-long-value-of-a-token"], "starts with a-very-long-va...", "starts with ***...");
    check(&["5432"], "port 5432 of 15432, 54321", "port *** of 15432, 54321");
    check(&["ž-✓-grüße"], "„ž-✓-grüße“", "„***“");
}
