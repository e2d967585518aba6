mod property;
mod scenario;

use serde_json::json;

use super::*;
use path::Scalar;

fn pod() -> Schema {
    Schema::of_kind("", "Pod")
}

fn fields(object: &Value) -> FieldSet {
    typed::fields(object, pod().root_type()).minus(&stripped_fields())
}

#[test]
fn fields_on_the_wire() {
    let object = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "labels": {"app": "x"}, "finalizers": ["f"], "annotations": {}},
        "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}], "tolerations": [{"key": "k"}]},
    });
    let set = fields(&object);
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
    assert_eq!(FieldSet::from_wire(&wire), Some(set));
}

#[test]
fn fields_that_others_wrote() {
    let step = |step| vec![Step::Field("l".to_owned()), step];
    let key = |name: &str, value: Value| (name.to_owned(), Scalar(value));
    let wire = json!({"f:l": {"k:{\"b\": 1, \"a\": \"x\"}": {}, "i:3": {}, "z:later": {}}});
    let set = FieldSet::from_wire(&wire).unwrap();
    assert!(set.contains(&step(Step::Key(vec![key("a", json!("x")), key("b", json!(1.0))]))), "{set:?}");
    assert!(set.contains(&step(Step::Index(3))));
    assert_eq!(set.paths().len(), 2);
    for unreadable in [json!({"nonsense": {}}), json!({"k:{": {}}), json!({"i:x": {}}), json!({"v:": {}})] {
        assert_eq!(FieldSet::from_wire(&unreadable), None, "{unreadable}");
    }
}

#[test]
fn paths_in_words() {
    let check = |value: Value, expect: &[&str]| {
        let found: Vec<_> = fields(&value).paths().iter().map(|path| shown(path)).collect();
        assert_eq!(found, expect);
    };
    check(json!({"spec": {"nodeSelector": {"a": "b"}}}), &[".spec.nodeSelector"]);
    check(json!({"metadata": {"finalizers": ["x"]}}), &[r#".metadata.finalizers[="x"]"#]);
    // What is in an item comes after all that is beside it.
    check(
        json!({"spec": {"containers": [{"name": "c", "ports": [{"containerPort": 80}]}], "hostname": "h"}}),
        &[
            ".spec.hostname",
            r#".spec.containers[name="c"]"#,
            r#".spec.containers[name="c"].name"#,
            r#".spec.containers[name="c"].ports[containerPort=80,protocol="TCP"]"#,
            r#".spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].containerPort"#,
        ],
    );
}

#[test]
fn every_kind_has_its_table() {
    for (group, kind) in
        [("apps", "Deployment"), ("argoproj.io", "ApplicationSet"), ("flotilla.dev", "RolloutPolicy")]
    {
        assert!(!Schema::of_kind(group, kind).root_type().name.is_empty(), "{kind}");
    }
    let any = Schema::of_kind("example.com", "Other");
    let object = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"list": [1], "map": {"x": null}}});
    let wire = json!({
        "f:metadata": {"f:labels": {"f:a": {}}},
        "f:spec": {".": {}, "f:list": {}, "f:map": {".": {}, "f:x": {}}},
    });
    let set = typed::fields(&object, any.root_type()).minus(&stripped_fields());
    assert_eq!(set.to_wire(), wire);
}

#[test]
fn what_is_no_type_is_not_read() {
    let check = |text: &str| {
        assert!(schema::read(text, &mut schema::Kinds::default()).is_none(), "{text}");
    };
    check("nothing");
    check("A = b");
    check("A = b:Missing");
    check("A = b:[s");
    check("A = b:[s]map(x");
    check("A = b:any!");
    check("A = b:s=\"");
    check("@- v1 Kind = Missing");
}

#[test]
fn options_that_name_managers() {
    let check = |name: &str, options, expect: &str| {
        let found = check_options(name, options).map_or_else(|status| status.message, |()| String::new());
        assert_eq!(found, expect);
    };
    check("a b/c", Options::Create, "");
    check("", Options::Update, "");
    let invalid = |kind: &str, why: &str| format!("{kind}.meta.k8s.io \"\" is invalid: {why}");
    check(
        "",
        Options::Apply,
        &invalid("PatchOptions", "fieldManager: Required value: is required for apply patch"),
    );
    check(
        "m",
        Options::Patch { force: Some(false) },
        &invalid("PatchOptions", "force: Forbidden: may not be specified for non-apply patch"),
    );
    check(
        &"m".repeat(129),
        Options::Create,
        &invalid("CreateOptions", "fieldManager: Too long: may not be more than 128 bytes"),
    );
}
