//! Overrides drawn at random: what the hub writes into a kustomization builds as what `kustomize edit` writes.

use super::{built, by_hand, helm, tool};
use bytes::Bytes;
use proptest::{prelude::*, sample::subsequence, test_runner::TestRunner};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tests_compat::overlay::Overlay;

const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: a, image: 'web:v0'}, {name: b, image: side}, {name: c, image: 'host:5000/tool@sha256:00'}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}}
";

/// The overlay's own fields.
fn own() -> impl Strategy<Value = Map<String, Value>> {
    let images = vec![
        json!({"name": "web", "newName": "own/web"}),
        json!({"name": "side", "newTag": "v1"}),
        json!({"name": "web", "newTag": "second"}),
        json!({"Name": "host:5000/tool", "NewTag": "v1", "digest": ""}),
        json!({"name": "app", "newName": "last"}),
    ];
    let labels = vec![
        json!({"pairs": {"a": "own"}, "includeSelectors": true}),
        json!({"pairs": {"b": "own"}}),
        json!({"pairs": {"c": "own"}, "includeTemplates": true}),
        json!({"pairs": {"d": "own"}}),
    ];
    let replicas = vec![json!({"name": "web", "count": 2}), json!({"name": "web", "count": 3})];
    let pairs = || subsequence(vec!["e", "f", "g"], 0..=3);
    let prefix =
        subsequence(vec![("namePrefix", "own-"), ("NameSuffix", "-own"), ("namespace", "own")], 0..=3);
    let many = (
        subsequence(images.clone(), 0..=5).prop_shuffle(),
        subsequence(images, 0..=2),
        subsequence(labels, 0..=4),
        subsequence(replicas, 0..=2),
    );
    (many, pairs(), pairs(), prefix).prop_map(|((images, older, labels, replicas), label, note, texts)| {
        let mut fields = Map::from_iter([("resources".to_owned(), json!(["all.yaml"]))]);
        let lists = [("images", images), ("imageTags", older), ("labels", labels), ("replicas", replicas)];
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            fields.insert(name.to_owned(), Value::Array(list));
        }
        for (name, keys) in [("commonLabels", label), ("commonAnnotations", note)] {
            let pairs: Map<String, Value> =
                keys.into_iter().map(|key| (key.to_owned(), json!("own"))).collect();
            if !pairs.is_empty() {
                fields.insert(name.to_owned(), Value::Object(pairs));
            }
        }
        fields.extend(texts.into_iter().map(|(name, text)| (name.to_owned(), json!(text))));
        fields
    })
}

/// The Application's overrides, and what a person would type for them.
fn overrides() -> impl Strategy<Value = (Value, Vec<Vec<String>>)> {
    let images = vec![
        "web:v9",
        "web=new/web",
        "web=*:v8",
        "side=*@sha256:11",
        "side=reg:5000/side:v7@sha256:22",
        "host:5000/tool=*:*",
        "app=first:v1",
        "none@sha256:33",
    ];
    let pairs = || prop::collection::btree_map("[a-h]", "[a-z0-9]{1,3}|\"[a-z]\"", 0..=3);
    let flags = prop::array::uniform4(any::<bool>());
    let texts = subsequence(vec!["namePrefix", "nameSuffix", "namespace"], 0..=3);
    (subsequence(images, 0..=4).prop_shuffle(), prop::option::of(0_i64..5), pairs(), pairs(), flags, texts)
        .prop_map(|(images, count, labels, notes, [force_labels, force_notes, bare, templates], texts)| {
            let mut run: Vec<Vec<String>> = Vec::new();
            let mut type_in = |words: &[&str], more: Vec<String>| {
                run.push(words.iter().map(|word| (*word).to_owned()).chain(more).collect());
            };
            let mut asked = json!({"images": images, "commonLabels": labels, "commonAnnotations": notes,
                "forceCommonLabels": force_labels, "forceCommonAnnotations": force_notes,
                "labelWithoutSelector": bare, "labelIncludeTemplates": templates});
            for name in ["namePrefix", "nameSuffix"].into_iter().filter(|name| texts.contains(name)) {
                asked[name] = json!("app");
                type_in(&["edit", "set", &name.to_lowercase(), "--", "app"], vec![]);
            }
            if !images.is_empty() {
                type_in(&["edit", "set", "image"], images.iter().map(|&image| image.to_owned()).collect());
            }
            if let Some(count) = count {
                asked["replicas"] = json!([{"name": "web", "count": count}]);
                type_in(&["edit", "set", "replicas"], vec![format!("web={count}")]);
            }
            let words = |pairs: &BTreeMap<String, String>, flags: &[(bool, &str)]| {
                let flags = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned());
                flags.chain(pairs.iter().map(|(key, value)| format!("{key}:{value}"))).collect::<Vec<_>>()
            };
            if !labels.is_empty() {
                let flags = [
                    (force_labels, "--force"),
                    (bare, "--without-selector"),
                    (templates, "--include-templates"),
                ];
                type_in(&["edit", "add", "label"], words(&labels, &flags));
            }
            if !notes.is_empty() {
                type_in(&["edit", "add", "annotation"], words(&notes, &[(force_notes, "--force")]));
            }
            if texts.contains(&"namespace") {
                asked["namespace"] = json!("app");
                type_in(&["edit", "set", "namespace", "app"], vec![]);
            }
            type_in(&["build", "."], vec![]);
            (asked, run)
        })
}

#[test]
fn overrides_are_what_edit_makes_of_them() {
    const CASES: u32 = 48;
    let Some(tool) = tool() else { return };
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) });
    let checked = runner.run(&(own(), overrides()), |(own, (asked, run))| {
        let mut overlay = Overlay { name: "drawn".to_owned(), run, ..Overlay::default() };
        overlay.source.kustomize = Some(serde_json::from_value(asked).expect("overrides"));
        let files = &mut overlay.files.files;
        files.insert("kustomization.yaml".to_owned(), Bytes::from(Value::Object(own).to_string()));
        files.insert("all.yaml".to_owned(), Bytes::from(DEPLOYMENT));
        let ours = overlay.prepare(&tool, &helm()).map_err(|failure| failure.to_string());
        let ours = ours.and_then(|job| {
            built(&job, &overlay.shown(&job).expect("its files")).map_err(|error| error.to_string())
        });
        match (ours, by_hand(&overlay, &tool.path)) {
            (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
            (Err(_), Err(_)) => return Err(TestCaseError::reject("neither can be built")),
            (ours, theirs) => prop_assert!(false, "ours: {:?}\nby hand: {:?}", ours, theirs),
        }
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
}
