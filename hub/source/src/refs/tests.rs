use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

fn listed() -> Vec<Reference> {
    let reference = |name: &str, commit: &str| Reference { name: name.into(), commit: Some(commit.into()) };
    vec![
        reference("HEAD", A),
        reference("refs/heads/main", A),
        reference("refs/heads/main-2", B),
        reference("refs/heads/both", B),
        reference("refs/tags/both", C),
        reference("refs/tags/v1", C),
        reference("refs/tags/v1.2.0", A),
        reference("refs/tags/1.10.0", B),
        reference("refs/tags/v2.0.0-rc.1", C),
        reference("refs/heads/2.x", A),
    ]
}

fn check(revision: &str, expect: &str) {
    let got = match Revision::parse(revision) {
        Revision::Commit(commit) => format!("commit {commit}"),
        Revision::Invalid => "invalid".to_owned(),
        named @ (Revision::Names(_) | Revision::Newest(..)) => {
            named.choose(&listed()).map_or("none".to_owned(), |c| c.to_string())
        }
    };
    assert_eq!(got, expect, "{revision}");
}

#[test]
fn revisions_are_chosen() {
    check("", A);
    check("HEAD", A);
    check("main", A);
    check("main-2", B);
    check("refs/heads/main", A);
    check("v1", C);
    check("refs/tags/both", C);
    check("both", B);
    check("mai", "none");
    check(A, &format!("commit {A}"));
    check(&A.to_uppercase(), &format!("commit {A}"));
    check("a b", "invalid");
    check("1.2.*", A);
    check("1.*", B);
    check("*", B);
    check(">=1.2 <1.5", A);
    check(">=2.0.0-0", C);
    check("2.x", A);
    check("3.x", "none");
    check("x\nref-prefix refs/", "invalid");
    check("..", "invalid");
}

#[test]
fn what_is_missing_is_said_with_what_is_near() {
    let message = |revision: &str, refs: &[Reference]| {
        not_found(&RepoUrl::new("https://h/r"), revision, refs).to_string()
    };
    assert_eq!(
        message("mian", &listed()),
        "revision `mian` not found in https://h/r: branches and tags there: main, 2.x, both, main-2, v1 and 3 more"
    );
    assert_eq!(
        message("nope", &[]),
        "revision `nope` not found in https://h/r: the repository has no branches and no tags yet"
    );
    let range = message(">=7.2", &listed()[..2]);
    assert!(range.ends_with("no tag is a version in that range; branches and tags there: main"), "{range}");
    let whole = format!("a commit is named by all its 40 digits, write {B}; branches");
    assert!(message("bbbbbbb", &listed()[..3]).contains(&whole));
    assert!(message("abcdef1", &listed()).contains("all its 40 digits; branches"));
}
