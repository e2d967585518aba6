//! Texts without values.

use crate::scrub::Texts;

fn check(secrets: &[&str], text: &str, expect: &str) {
    let mut all = Texts::default();
    secrets.iter().for_each(|secret| all.add(secret.as_bytes()));
    let all = all.done();
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

#[test]
fn the_longest_of_values_that_begin_alike_goes() {
    check(
        &["ab", "abcd", "abcdefghij", "abcdx"],
        "abcdefgh- abcdxy abcd. ab, abc",
        "***- ***y ***. ***, abc",
    );
    check(&["12", "1234567", "123456"], "1234567 12345678 123456", "*** ***8 ***");
}

#[test]
fn very_many_values_are_gathered_and_looked_for_at_once() {
    // Looked for one by one this takes very long.
    let mut all = Texts::default();
    for value in 0..40_000_u32 {
        all.add(format!("value-{value:08}-of-many").as_bytes());
        all.add(format!("value-{value:08}-of-many").as_bytes());
    }
    let all = all.done();
    let text = "bad: value-00039999-of-many; ".repeat(200);
    assert_eq!(all.scrub(&text), "bad: ***; ".repeat(200));
    assert_eq!(format!("{all:?}"), "80000 texts");
}
