//! Managers one after the other on one object.
#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use serde_json::json;

use super::super::*;

const START: &str = "2026-11-21T12:00:00Z";

/// An object and the requests to it, a minute apart.
struct Scenario {
    schema: Schema,
    live: Option<Value>,
    now: Timestamp,
}

fn manager(name: &str) -> Manager<'_> {
    Manager { name, subresource: "" }
}

fn deployment(spec: Value) -> Value {
    let mut object =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "namespace": "n"}});
    object["spec"] = spec;
    object
}

fn containers(containers: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": containers}}}))
}

impl Scenario {
    fn new() -> Self {
        let schema = Schema::of_kind("apps", "Deployment");
        Self { schema, live: None, now: START.parse().unwrap() }
    }

    fn tick(&mut self) -> Timestamp {
        let now = self.now;
        self.now = Timestamp::from_second(now.as_second() + 60).unwrap();
        now
    }

    fn try_apply(&mut self, name: &str, config: &Value, conflicts: Conflicts) -> Result<(), Status> {
        let now = self.tick();
        self.live = Some(apply(self.live.as_ref(), config, manager(name), conflicts, &self.schema, now)?);
        Ok(())
    }

    fn apply(&mut self, name: &str, config: &Value) -> &mut Self {
        self.try_apply(name, config, Conflicts::Refuse).unwrap();
        self
    }

    fn force(&mut self, name: &str, config: &Value) -> &mut Self {
        self.try_apply(name, config, Conflicts::Force).unwrap();
        self
    }

    fn update(&mut self, name: &str, change: &Value) -> &mut Self {
        let now = self.tick();
        let mut new = self.live.clone().unwrap_or(Value::Null);
        json_patch::merge(&mut new, change);
        self.live = Some(track(self.live.as_ref(), new, manager(name), &self.schema, now));
        self
    }

    fn expect(&mut self, expect: &Value) -> &mut Self {
        let mut object = self.live.clone().unwrap();
        value::metadata_mut(&mut object).remove("managedFields");
        assert_eq!(object, *expect);
        self
    }

    /// Who manages what, a line for each entry.
    fn expect_managers(&mut self, expect: &[&str]) -> &mut Self {
        let lines: Vec<_> = managers::entries(self.live.as_ref().unwrap())
            .into_iter()
            .map(|(owner, entry)| {
                let fields: Vec<_> = entry.fields.paths().iter().map(|path| shown(path)).collect();
                format!("{}: {}", owner.describe(), fields.join(" "))
            })
            .collect();
        assert_eq!(lines, expect);
        self
    }

    fn refuses(&mut self, name: &str, config: &Value, words: &str) -> Status {
        let refused = self.try_apply(name, config, Conflicts::Refuse).unwrap_err();
        assert_eq!(refused.message, words);
        refused
    }
}

#[test]
fn what_a_manager_drops_goes() {
    Scenario::new()
        .apply("a", &deployment(json!({"replicas": 2, "paused": true, "strategy": {"type": "Recreate"}})))
        .apply("a", &deployment(json!({"replicas": 3})))
        .expect(&deployment(json!({"replicas": 3})))
        .expect_managers(&[r#""a": .spec.replicas"#]);
}

#[test]
fn what_others_set_stays() {
    Scenario::new()
        .apply("a", &deployment(json!({"replicas": 2, "paused": true})))
        .update("server", &json!({"spec": {"progressDeadlineSeconds": 600}, "status": {"replicas": 2}}))
        .apply("b", &deployment(json!({"paused": true})))
        .apply("a", &deployment(json!({"replicas": 2})))
        .expect_managers(&[
            r#""a": .spec.replicas"#,
            r#""b": .spec.paused"#,
            r#""server" using apps/v1: .spec.progressDeadlineSeconds"#,
        ])
        .apply("b", &deployment(json!({})))
        .expect(&{
            let mut object = deployment(json!({"replicas": 2, "progressDeadlineSeconds": 600}));
            object["status"] = json!({"replicas": 2});
            object
        });
}

#[test]
fn applying_the_same_changes_nothing() {
    let config = containers(json!([{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]));
    let mut scenario = Scenario::new();
    let before = scenario.apply("a", &config).live.clone();
    assert_eq!(scenario.apply("a", &config).live, before);
    // Nor does it take what the server filled in for a change of a's.
    let change = json!({"metadata": {"uid": "u", "generation": 1, "creationTimestamp": START}});
    let before = scenario.update("server", &change).live.clone();
    assert_eq!(scenario.apply("a", &config).live, before);
}

#[test]
fn conflicts_name_manager_and_field() {
    let mut scenario = Scenario::new();
    scenario
        .apply("a", &deployment(json!({"replicas": 2})))
        .update("kubectl-edit", &json!({"spec": {"replicas": 5}}));
    let words = r#"Apply failed with 1 conflict: conflict with "kubectl-edit" using apps/v1: .spec.replicas"#;
    let status = scenario.refuses("a", &deployment(json!({"replicas": 2})), words).to_value();
    assert_eq!(status["code"], 409);
    assert_eq!(
        status["details"]["causes"],
        json!([{
            "reason": "FieldManagerConflict", "field": ".spec.replicas",
            "message": "conflict with \"kubectl-edit\" using apps/v1",
        }])
    );
    scenario
        .apply("a", &deployment(json!({"replicas": 5})))
        .expect_managers(&[r#""a": .spec.replicas"#, r#""kubectl-edit" using apps/v1: .spec.replicas"#])
        .force("a", &deployment(json!({"replicas": 2})))
        .expect(&deployment(json!({"replicas": 2})))
        .expect_managers(&[r#""a": .spec.replicas"#]);
}

#[test]
fn several_conflicts_are_listed_by_manager() {
    let mut scenario = Scenario::new();
    scenario
        .apply("a", &containers(json!([{"name": "c", "image": "1", "tty": true}])))
        .apply("b", &deployment(json!({"replicas": 2})));
    let mut config = containers(json!([{"name": "c", "image": "2", "tty": false}]));
    config["spec"]["replicas"] = 3.into();
    let words = "Apply failed with 3 conflicts: conflicts with \"a\":\n- .spec.template.spec.containers[name=\"c\"].image\n- .spec.template.spec.containers[name=\"c\"].tty\nconflicts with \"b\":\n- .spec.replicas";
    scenario.refuses("c", &config, words);
    scenario.force("c", &config).expect(&config);
}

#[test]
fn lists_of_maps_merge_by_key() {
    let mut scenario = Scenario::new();
    scenario
        .apply("a", &containers(json!([{"name": "app", "image": "1", "env": [{"name": "A", "value": "1"}, {"name": "B"}]}, {"name": "side"}])))
        .update("injector", &json!({"metadata": {"labels": {"injected": "yes"}}}))
        .apply("mesh", &containers(json!([{"name": "mesh", "image": "m"}, {"name": "app", "env": [{"name": "M", "value": "m"}]}])))
        .apply("a", &containers(json!([{"name": "app", "image": "2", "env": [{"name": "A", "value": "2"}]}])));
    let mut expect = containers(json!([
        {"name": "mesh", "image": "m"},
        {"name": "app", "image": "2", "env": [{"name": "A", "value": "2"}, {"name": "M", "value": "m"}]},
    ]));
    expect["metadata"]["labels"] = json!({"injected": "yes"});
    scenario.expect(&expect);
}

#[test]
fn a_dropped_item_goes_with_what_was_filled_in() {
    let mut scenario = Scenario::new();
    scenario.apply("a", &containers(json!([{"name": "x"}, {"name": "y"}])));
    let live = scenario.live.as_mut().unwrap();
    live["spec"]["template"]["spec"]["containers"][1]["imagePullPolicy"] = "Always".into();
    scenario.apply("a", &containers(json!([{"name": "x"}]))).expect(&containers(json!([{"name": "x"}])));
}

#[test]
fn wholes_are_replaced() {
    Scenario::new()
        .apply("a", &deployment(json!({"selector": {"matchLabels": {"a": "1", "b": "1"}}})))
        .apply("a", &deployment(json!({"selector": {"matchLabels": {"a": "2"}}})))
        .expect(&deployment(json!({"selector": {"matchLabels": {"a": "2"}}})))
        .expect_managers(&[r#""a": .spec.selector"#]);
}

#[test]
fn subresources_are_apart() {
    let mut scenario = Scenario::new();
    let mut config = deployment(json!({"replicas": 2}));
    config["status"] = json!({"replicas": 1});
    // Whose status it is, is not the object's to say; that it stays as it was, the caller sees to.
    scenario.apply("a", &config).expect_managers(&[r#""a": .spec.replicas"#]);
    let status = Manager { name: "a", subresource: "status" };
    let now = scenario.tick();
    let live =
        apply(scenario.live.as_ref(), &config, status, Conflicts::Refuse, &scenario.schema, now).unwrap();
    scenario.live = Some(live);
    scenario
        .expect(&config)
        .expect_managers(&[r#""a": .spec.replicas"#, r#""a" with subresource "status": .status.replicas"#]);
}

#[test]
fn an_update_takes_over_and_lets_go() {
    Scenario::new()
        .update("u", &deployment(json!({"replicas": 1, "paused": true})))
        .update("v", &json!({"spec": {"replicas": 2, "paused": null}}))
        .expect_managers(&[r#""v" using apps/v1: .spec.replicas"#])
        .update("v", &json!({}))
        .expect_managers(&[r#""v" using apps/v1: .spec.replicas"#])
        .update("u", &json!({"metadata": {"managedFields": []}, "spec": {"paused": false}}))
        .expect_managers(&[])
        .update("u", &json!({"spec": {"paused": true}}))
        .expect_managers(&[])
        .apply("a", &deployment(json!({"paused": true})))
        .expect_managers(&[
            r#""a": .spec.paused"#,
            r#""before-first-apply" using apps/v1: .spec.paused .spec.replicas"#,
        ]);
}

#[test]
fn only_so_many_updaters_are_kept() {
    let mut scenario = Scenario::new();
    scenario.update("u0", &deployment(json!({"replicas": 1})));
    for n in 0..14 {
        scenario.update(&format!("u{n}"), &json!({"metadata": {"annotations": {(format!("a{n}")): "x"}}}));
    }
    let entries = managers::entries(scenario.live.as_ref().unwrap());
    assert_eq!(entries.len(), 10);
    let ancient = entries.iter().find(|(owner, _)| owner.manager == "ancient-changes").unwrap();
    let fields: Vec<_> = ancient.1.fields.paths().iter().map(|path| shown(path)).collect();
    let expect = [
        ".metadata.annotations",
        ".metadata.annotations.a0",
        ".metadata.annotations.a1",
        ".metadata.annotations.a2",
        ".metadata.annotations.a3",
        ".metadata.annotations.a4",
        ".spec.replicas",
    ];
    assert_eq!(fields, expect, "of the five oldest");
}

#[test]
fn nulls_ask_for_nothing() {
    Scenario::new()
        .apply(
            "a",
            &deployment(
                json!({"replicas": 2, "paused": null, "template": {"metadata": {"creationTimestamp": null}}}),
            ),
        )
        .expect(&deployment(json!({"replicas": 2, "template": {"metadata": {}}})));
}

#[test]
fn what_cannot_be_applied() {
    let mut scenario = Scenario::new();
    let whole = "failed to create typed patch object (n/d; apps/v1, Kind=Deployment): .spec.template.spec.containers: ";
    scenario.refuses(
        "a",
        &containers(json!([{"name": "c"}, {"name": "c"}])),
        &format!("{whole}duplicate entries for key [name=\"c\"]"),
    );
    scenario.refuses(
        "a",
        &containers(json!(["c"])),
        &format!("{whole}element 0: associative list with keys may not have non-map elements"),
    );
    let managed = json!({"metadata": {"name": "d", "managedFields": [{"manager": "me"}]}});
    scenario.refuses("a", &managed, "metadata.managedFields must be nil");
    let unnamed = scenario.try_apply("", &deployment(json!({})), Conflicts::Refuse).unwrap_err();
    assert!(unnamed.message.contains("fieldManager: Required value"), "{unnamed}");
}
