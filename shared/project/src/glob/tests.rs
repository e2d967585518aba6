use super::{matches, matches_stars, matches_tokens, tokens};
use proptest::prelude::*;

#[track_caller]
fn check(pattern: &str, separator: Option<char>, matching: &[&str], others: &[&str]) {
    matching.iter().for_each(|text| {
        assert_eq!(matches(pattern, text, separator), Some(true), "{pattern} must match {text}")
    });
    others.iter().for_each(|text| {
        assert_eq!(matches(pattern, text, separator), Some(false), "{pattern} must not match {text}")
    });
}

#[test]
fn with_a_separator_stars_stay_within_segments() {
    let slash = Some('/');
    check(
        "https://git.example/org/*",
        slash,
        &["https://git.example/org/a"],
        &["https://git.example/org/a/b", "https://git.example/x/a"],
    );
    check("https://git.example/**", slash, &["https://git.example/a/b/c"], &["https://other/a"]);
    check("**/org/*", slash, &["https://git.example/org/a"], &["https://git.example/org/a/b"]);
    check("a/?[!b-d]", slash, &["a/xa"], &["a/xb", "a//a"]);
}

#[test]
fn without_a_separator_stars_cross_everything() {
    check("team-*", None, &["team-a", "team-a/b"], &["eam-a"]);
    check("{kube,team}-{a,b*}", None, &["kube-a", "team-bcd"], &["kube-ab", "x-a"]);
    check("{a,{b,c}d}", None, &["a", "bd", "cd"], &["b", "ad"]);
    check("\\*", None, &["*"], &["a"]);
    check("", None, &[""], &["a"]);
}

#[test]
fn what_cannot_be_read_is_told() {
    for pattern in
        ["[", "[]", "[a", "{a", "a}", "a\\", "[z-a]", "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"]
    {
        let read = matches(pattern, "x", None);
        assert_eq!(read, if pattern == "a}" { Some(false) } else { None }, "{pattern}");
    }
}

proptest! {
    #[test]
    fn patterns_of_stars_alone_are_matched_as_all_others_are(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        let slow = matches_tokens(&tokens(&pattern.chars().collect::<Vec<_>>()).unwrap(), &text, None);
        prop_assert_eq!(matches_stars(&pattern, &text), slow);
    }
}
