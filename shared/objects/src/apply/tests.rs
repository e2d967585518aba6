mod property;
mod recorded;
mod scenario;

use serde_json::json;

use super::*;
use path::Step;

#[test]
fn fields_on_the_wire() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "labels": {"app": "x"}, "finalizers": ["f"], "annotations": {}},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}], "tolerations": [{"key": "k"}]},
    });
    let schema = Schema::of_kind("", "Pod");
    let set = FieldSet::owned(flatten(&object, &schema));
    let wire = json!({
        "f:metadata": {"f:annotations": {}, "f:finalizers": {"v:\"f\"": {}}, "f:labels": {"f:app": {}}},
        "f:spec": {
            "f:containers": {"k:{\"name\":\"c\"}": {
                ".": {}, "f:image": {}, "f:name": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }},
            "f:tolerations": {},
        },
    });
    assert_eq!(set.to_wire(), wire);
    assert_eq!(FieldSet::from_wire(&wire), set);
}

#[test]
fn fields_that_others_wrote() {
    let wire = json!({"f:l": {"k:{\"b\": 1, \"a\": \"x\"}": {}, "i:3": {}}, "nonsense": {}, "k:{": {}});
    let steps = |step| FieldPath(vec![Step::Field("l".to_owned()), step]);
    let set = FieldSet::from_wire(&wire);
    assert!(set.contains(&steps(Step::Key("{\"a\":\"x\",\"b\":1}".to_owned()))));
    assert!(set.contains(&steps(Step::Index(3))));
    assert_eq!(set.into_paths().count(), 2);
}

#[test]
fn paths_in_words() {
    let check = |value: Value, expect: &[&str]| {
        let paths = flatten(&value, &Schema::of_kind("", "Pod"));
        let found: Vec<_> = paths.keys().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    };
    check(json!({"spec": {"nodeSelector": {"a": "b"}}}), &[".spec.nodeSelector"]);
    check(json!({"metadata": {"finalizers": ["x"]}}), &[r#".metadata.finalizers[="x"]"#]);
    check(
        json!({"spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}}),
        &[
            r#".spec.containers[name="c"]"#,
            r#".spec.containers[name="c"].name"#,
            r#".spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]"#,
            r#".spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort"#,
        ],
    );
    check(
        json!({"spec": {"containers": "odd", "volumes": [{"no": "name"}]}}),
        &[".spec.containers", ".spec.volumes"],
    );
}

#[test]
fn order_of_merged_lists() {
    let check = |live: &str, config: &str, expect: &str| {
        let step = |c: char| Step::Field(c.to_string());
        let (live, config): (Vec<_>, Vec<_>) = (live.chars().collect(), config.chars().collect());
        let values =
            |items: &[char]| items.iter().map(|c| (step(*c), json!(c.to_string()))).collect::<Vec<_>>();
        let (live, config) = (values(&live), values(&config));
        let refs =
            |items: &'static [(Step, Value)]| items.iter().map(|(s, v)| (s.clone(), v)).collect::<Vec<_>>();
        let (live, config): (&'static _, &'static _) = (live.leak(), config.leak());
        let merged = merge_items(&refs(live), &refs(config), |_, config| config.clone());
        let merged: String = merged.iter().filter_map(Value::as_str).collect();
        assert_eq!(merged, expect);
    };
    check("abc", "", "abc");
    check("", "abc", "abc");
    check("abc", "b", "abc");
    check("abc", "bx", "abcx");
    check("abc", "ca", "bca");
    check("abcd", "dxb", "acdxb");
}
