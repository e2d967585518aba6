use super::{World, expand, set, spec};
use crate::{Changes, Inputs, conditions, generate, reconcile, repositories};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Any JSON, with keys and texts that sets use, so that it gets past the first check.
fn any_json() -> BoxedStrategy<Value> {
    let words = [
        "generators",
        "list",
        "elements",
        "elementsYaml",
        "clusters",
        "selector",
        "matchLabels",
        "matchExpressions",
        "key",
        "operator",
        "values",
        "git",
        "repoURL",
        "directories",
        "files",
        "path",
        "exclude",
        "matrix",
        "merge",
        "mergeKeys",
        "template",
        "metadata",
        "name",
        "labels",
        "spec",
        "project",
        "destination",
        "server",
        "goTemplate",
        "templatePatch",
        "flatList",
        "pathParamPrefix",
        "helm",
        "valuesObject",
        "finalizers",
        "syncPolicy",
        "namespace",
        "$patch",
    ];
    let texts = [
        "",
        "a",
        "{{",
        "{{name}}",
        "{{.name}}",
        "{{ .path.path }}",
        "In",
        "[",
        "*",
        "- a: b",
        "spec: {a: 1}",
        "{{range .clusters}}{{.}}{{end}}",
        "é}}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        proptest::sample::select(texts.to_vec()).prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let key =
            prop_oneof![proptest::sample::select(words.to_vec()).prop_map(str::to_owned), "[a-z{}.]{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
    .boxed()
}

/// A set whose parts are any JSON.
fn any_set() -> impl Strategy<Value = Value> {
    let kind = proptest::sample::select(vec!["list", "clusters", "git", "matrix", "merge"]);
    let entry = (kind, any_json()).prop_map(|(kind, config)| json!({ kind: config }));
    let nested = proptest::collection::vec(entry.clone(), 0..3)
        .prop_map(|entries| json!({"matrix": {"generators": entries}}));
    let entries = proptest::collection::vec(prop_oneof![entry, nested, any_json()], 0..3);
    (entries, any_json(), any_json(), any::<bool>()).prop_map(|(generators, template, patch, go)| {
        json!({"metadata": {"name": "s"}, "spec": {"generators": generators, "template": template, "templatePatch": patch, "goTemplate": go}})
    })
}

fn all_of(set: &Value) {
    let _ = repositories(set);
    if let crate::Outcome::Done(expansion) = generate(set, &Inputs::default()) {
        let changes = reconcile(set, std::slice::from_ref(set), &expansion);
        let _ = conditions(
            set,
            &expansion,
            changes.held.as_ref(),
            None,
            std::slice::from_ref(set),
            Timestamp::UNIX_EPOCH,
        );
    }
}

proptest! {
    #[test]
    fn nothing_panics_whatever_the_json(set in prop_oneof![any_json(), any_set()]) {
        all_of(&set);
    }

    #[test]
    fn output_is_independent_of_input_order(order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(), go in any::<bool>()) {
        let mut world = World::default();
        for n in &order {
            world = world.cluster(&format!("c{n}"), &[("n", if n % 2 == 0 { "even" } else { "odd" })]);
        }
        let name = if go { "{{.name}}-{{.nameNormalized}}" } else { "{{name}}-{{nameNormalized}}" };
        let set = set(&format!("goTemplate: {go}\n{}", spec("- clusters: {}\n- clusters: {selector: {matchLabels: {app: odd}}}", name, "p", "https://a")));
        let mut sorted = world.clone();
        sorted.clusters.sort_by(|a, b| a.name.cmp(&b.name));
        let (one, other) = (expand(&set, &world), expand(&set, &sorted));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
        prop_assert!(one.applications.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn deletions_never_pass_the_brake_unapproved(before in 1..60_usize, after in 0..60_usize) {
        let listing = |count: usize| {
            let elements: Vec<_> = (0..count).map(|n| json!({"app": format!("a-{n}")})).collect();
            json!({"metadata": {"name": "s"}, "spec": {
                "generators": [{"list": {"elements": elements}}],
                "template": {"metadata": {"name": "{{app}}"}, "spec": {"project": "default", "destination": {"name": "eu"}}},
            }})
        };
        let world = World::default();
        let existing = reconcile(&listing(before), &[], &expand(&listing(before), &world)).create;
        let set = listing(after);
        let changes = reconcile(&set, &existing, &expand(&set, &world));
        let gone = before.saturating_sub(after);
        let free = after > 0 && gone <= (before / 10).max(1);
        prop_assert_eq!(changes.delete.len(), if free { gone } else { 0 });
        prop_assert_eq!(changes.held.map(|held| held.removals.len()), (!free && gone > 0).then_some(gone));
        prop_assert_eq!(changes.create.len(), after.saturating_sub(before));
        let again = reconcile(&listing(before), &existing, &expand(&listing(before), &world));
        prop_assert_eq!(again, Changes::default());
    }
}
