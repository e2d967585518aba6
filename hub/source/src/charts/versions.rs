//! Which of the versions that there are is wanted.
//!
//! As Helm chooses (`repo.IndexFile.Get`, `registry.GetTagMatchingVersionOrConstraint`): the very name first; else the
//! newest version that is equal (`v1.2.0` for `1.2.0`, any 1.2.x for `1.2`) or in the range; prereleases only where
//! the range names one. Nothing is the newest of all.

use shared_template::semver::Range;

/// The one that `wanted` names, by the version that each has.
pub(super) fn choose<'v, T>(wanted: &str, all: &'v [T], version: impl Fn(&'v T) -> &'v str) -> Option<&'v T> {
    if let Some(exact) = all.iter().find(|one| version(one) == wanted) {
        return Some(exact);
    }
    let newest = Range::around(wanted)?.newest(all.iter().map(&version))?;
    all.iter().find(|one| version(one) == newest)
}

/// What there is instead of the version that is wanted.
pub(super) fn known<'v>(wanted: &str, there: impl Iterator<Item = &'v str>) -> String {
    const SHOWN: usize = 5;
    let all: Vec<&str> = there.collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let there = match all.len() {
        0 => "there are no versions yet".to_owned(),
        count if count > SHOWN => format!("versions there: {shown} and {} more", count - SHOWN),
        _ => format!("versions there: {shown}"),
    };
    match Range::parse(wanted) {
        Some(_) => format!("no version is in that range; {there}"),
        None => there,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wanted_one_is_chosen() {
        const THERE: [&str; 7] =
            ["2.0.0-rc.1", "1.10.0", "1.2.1+build.7", "v1.2.0", "1.0.0", "nightly", "0.9.0"];
        let check = |wanted: &str, expect: Option<&str>| {
            assert_eq!(choose(wanted, &THERE, |version| version).copied(), expect, "{wanted}");
        };
        check("1.0.0", Some("1.0.0"));
        check("v1.0.0", Some("1.0.0"));
        check("1.2.0", Some("v1.2.0"));
        check("1.2", Some("1.2.1+build.7"));
        check("1.2.1", Some("1.2.1+build.7"));
        check("1.2.1+build.7", Some("1.2.1+build.7"));
        check("", Some("1.10.0"));
        check("*", Some("1.10.0"));
        check("1.x", Some("1.10.0"));
        check(">=1.0.0 <1.5", Some("1.2.1+build.7"));
        check(">0.0.0-0", Some("2.0.0-rc.1"));
        check("2.0.0-rc.1", Some("2.0.0-rc.1"));
        check("nightly", Some("nightly"));
        check("3.x", None);
        check("main", None);
    }

    #[test]
    fn what_is_there_is_told() {
        let check = |wanted: &str, there: &[&str], expect: &str| {
            assert_eq!(known(wanted, there.iter().copied()), expect);
        };
        check("3.x", &["1.0.0"], "no version is in that range; versions there: 1.0.0");
        check("3.0.0", &["6", "5", "4", "3", "2", "1"], "versions there: 6, 5, 4, 3, 2 and 1 more");
        check("3.0.0", &[], "there are no versions yet");
    }
}
