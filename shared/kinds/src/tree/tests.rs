mod argo_cd;
mod model;

use super::*;
use regex::Regex;

#[test]
fn every_field_is_described_and_every_rule_can_be_kept() {
    for kind in types() {
        let said = |about: &str, place: &str| {
            assert!(
                about.ends_with('.') && about.chars().next().is_some_and(|c| !c.is_whitespace()),
                "{place}: {about:?}"
            );
        };
        said(&kind.about, kind.name);
        for (name, field) in kind.fields() {
            let place = format!("{}.{name}", kind.name);
            said(&field.about, &place);
            if let Some(pattern) = field.rules.pattern {
                Regex::new(pattern).unwrap();
            }
            if let (Merge::Keys(keys), Form::List(item)) = (&field.rules.merge, &field.form) {
                let Form::Named(item) = &**item else { panic!("{place}: a list of objects has keys") };
                let required: Vec<_> = named(item).required().collect();
                assert!(keys.iter().all(|key| required.contains(key)), "{place}: a key may be missing");
            }
        }
    }
}

#[test]
fn no_type_holds_itself_and_each_is_used() {
    let mut seen =
        std::collections::BTreeSet::from(["Object", "CoreObject", "Status", "DeleteOptions", "Patch"]);
    seen.extend(["SourceOptions", "PlainGenerator"]);
    for resource in crate::resources() {
        walk(named(&resource.kind), &mut Vec::new(), &mut seen);
    }
    for more in ["Status", "DeleteOptions"] {
        walk(named(more), &mut Vec::new(), &mut seen);
    }
    let unused: Vec<_> = types().map(|kind| kind.name).filter(|name| !seen.contains(name)).collect();
    assert_eq!(unused, Vec::<&str>::new());
}

fn walk(
    kind: &'static Type,
    above: &mut Vec<&'static str>,
    seen: &mut std::collections::BTreeSet<&'static str>,
) {
    assert!(!above.contains(&kind.name), "{} holds itself: {above:?}", kind.name);
    seen.insert(kind.name);
    above.push(kind.name);
    for field in kind.fields().values() {
        let mut form = &field.form;
        while let Form::List(inner) | Form::Map(inner) = form {
            form = inner;
        }
        if let Form::Named(name) = form {
            walk(named(name), above, seen);
        }
    }
    above.pop();
}
