use super::*;

#[tokio::test]
async fn an_object_lives_through_create_update_and_delete() {
    let server = server().await;
    let created = server.post(APPS, app("web")).await.ok(201);
    assert_eq!(
        (&created["metadata"]["namespace"], &created["metadata"]["generation"]),
        (&json!("argocd"), &json!(1))
    );
    server.post(APPS, app("web")).await.refused(409, "AlreadyExists");

    let mut changed = created.clone();
    changed["spec"]["project"] = json!("other");
    let changed = server.put(&format!("{APPS}/web"), changed).await.ok(200);
    assert_eq!(changed["metadata"]["generation"], 2);
    let same = server.put(&format!("{APPS}/web"), changed.clone()).await.ok(200);
    assert_eq!(version(&same), version(&changed), "nothing changed, nothing is written");
    let mut stale = created;
    stale["spec"]["project"] = json!("third");
    server.put(&format!("{APPS}/web"), stale).await.refused(409, "Conflict");
    server.put(&format!("{APPS}/nope"), app("nope")).await.refused(404, "NotFound");
    server.put(&format!("{APPS}/web"), app("other")).await.refused(400, "BadRequest");

    let deleted = server.delete(&format!("{APPS}/web")).await.ok(200);
    assert_eq!(deleted["status"], "Success");
    server.get(&format!("{APPS}/web")).await.refused(404, "NotFound");
    server.delete(&format!("{APPS}/web")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn patches_of_every_kind() {
    let server = server().await;
    let path = format!("{APPS}/web");
    server.post(APPS, app("web")).await.ok(201);
    let merged = server
        .patch("merge", &path, json!({"spec": {"project": "a"}, "metadata": {"labels": {"x": "y"}}}))
        .await;
    assert_eq!(merged.ok(200)["spec"]["project"], "a");
    let operations = json!([{"op": "test", "path": "/spec/project", "value": "a"}, {"op": "replace", "path": "/spec/project", "value": "b"}]);
    let patched = server.patch("json", &path, operations.clone()).await.ok(200);
    assert_eq!(
        (&patched["spec"]["project"], &patched["metadata"]["labels"]["x"]),
        (&json!("b"), &json!("y"))
    );
    server.patch("json", &path, operations).await.refused(422, "Invalid");
    server.post(SECRETS, json!({"metadata": {"name": "s"}, "data": {"a": "Yg=="}})).await.ok(201);
    let strategic = server
        .patch("strategic-merge", &format!("{SECRETS}/s"), json!({"data": {"a": null, "c": "ZA=="}}))
        .await;
    assert_eq!(strategic.ok(200)["data"], json!({"c": "ZA=="}));
    let stale = json!({"metadata": {"resourceVersion": "1"}, "spec": {"project": "c"}});
    server.patch("merge", &path, stale).await.refused(409, "Conflict");
    server.patch("merge", &format!("{APPS}/nope"), json!({})).await.refused(404, "NotFound");
}

#[tokio::test]
async fn apply_creates_and_names_conflicts() {
    let server = server().await;
    let path = format!("{APPS}/web");
    let apply = async |manager: &str, object: &Value, force: bool| {
        server.patch("apply", &format!("{path}?fieldManager={manager}&force={force}"), object.clone()).await
    };
    apply("one", &app("web"), false).await.ok(201);
    let again = apply("one", &app("web"), false).await.ok(200);
    let mut other = app("web");
    other["spec"]["project"] = json!("other");
    let said = apply("two", &other, false).await.refused(409, "Conflict");
    assert!(said.contains("conflict with \"one\": .spec.project"), "{said}");
    let forced = apply("two", &other, true).await.ok(200);
    assert_eq!(forced["spec"]["project"], "other");
    assert_eq!(again["metadata"]["generation"], 1);
    server.patch("apply", &path, app("web")).await.refused(422, "Invalid");
    // How lists of a custom resource merge strategically, nothing says.
    server.patch("strategic-merge", &path, json!({})).await.refused(415, "UnsupportedMediaType");
}

#[tokio::test]
async fn a_typo_is_refused_told_or_kept() {
    let server = server().await;
    let sets = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets";
    let template = json!({"metadata": {}, "spec": {"project": "default", "destination": {}}});
    let spec = json!({"goTemplat": true, "generators": [], "template": template});
    let set = json!({"metadata": {"name": "web"}, "spec": spec});
    let post =
        async |how: &str| server.post(&format!("{sets}?dryRun=All&fieldValidation={how}"), set.clone()).await;
    let said = post("Strict").await.refused(400, "BadRequest");
    assert!(said.ends_with("unknown field \"spec.goTemplat\" (did you mean \"spec.goTemplate\"?)"), "{said}");
    let told = post("Warn").await;
    assert_eq!(
        told.warnings,
        ["299 - \"unknown field \\\"spec.goTemplat\\\" (did you mean \\\"spec.goTemplate\\\"?)\""]
    );
    assert_eq!(told.ok(201)["spec"]["goTemplat"], true);
    assert!(post("Ignore").await.warnings.is_empty());
    post("Maybe").await.refused(422, "Invalid");
    server.get(&format!("{sets}/web")).await.refused(404, "NotFound");
    let empty = json!({"metadata": {"name": "web"}, "spec": {"generators": {}}});
    let said = server.post(sets, empty).await;
    let causes = said.body["details"]["causes"].clone();
    said.refused(422, "Invalid");
    assert_eq!(
        (&causes[0]["field"], &causes[1]["field"]),
        (&json!("spec.generators"), &json!("spec.template"))
    );
}

#[tokio::test]
async fn nobody_forges_who_paused_a_cluster() {
    let server = server().await;
    let path = format!("{CLUSTERS}/eu-1");
    let pause = json!({"reason": "INC-7", "for": "2h", "by": "mallory", "at": "2020-01-01T00:00:00Z"});
    let object = json!({"metadata": {"name": "eu-1"}, "spec": {"pause": pause}});
    let created = server.post(CLUSTERS, object.clone()).await.ok(201);
    let stored = created["spec"]["pause"].clone();
    assert_eq!((&stored["by"], &stored["reason"]), (&json!("ada"), &json!("INC-7")));
    assert_ne!(stored["at"], "2020-01-01T00:00:00Z");

    let kept = server.put(&path, object).await.ok(200);
    assert_eq!(kept["spec"]["pause"], stored, "the same pause keeps its time");
    let kept =
        server.patch("merge", &path, json!({"spec": {"pause": {"by": "mallory", "at": null}}})).await.ok(200);
    assert_eq!(kept["spec"]["pause"], stored);
    let longer = server.patch("merge", &path, json!({"spec": {"pause": {"for": "3h"}}})).await.ok(200);
    assert_eq!(
        (&longer["spec"]["pause"]["for"], &longer["spec"]["pause"]["by"]),
        (&json!("3h"), &json!("ada"))
    );
    server.patch("merge", &path, json!({"spec": {"pause": {"for": "soon"}}})).await.refused(422, "Invalid");
    let resumed = server.patch("merge", &path, json!({"spec": {"pause": null}})).await.ok(200);
    assert_eq!(resumed["spec"], json!({}));
}

#[tokio::test]
async fn who_pauses_an_application_is_written_into_its_annotation() {
    let server = server().await;
    let spec = json!({"project": "default", "destination": {"name": "eu-1"}});
    server.post(APPS, json!({"metadata": {"name": "web"}, "spec": spec})).await.ok(201);
    let path = format!("{APPS}/web");
    let annotate = async |text: Option<&str>| {
        let patch = json!({"metadata": {"annotations": {"flotilla.dev/pause": text}}});
        let object = server.patch("merge", &path, patch).await.ok(200);
        object["metadata"]["annotations"]["flotilla.dev/pause"].clone()
    };
    let forged = r#"{"reason": "INC-7", "for": "2h", "by": "mallory", "at": "2020-01-01T00:00:00Z"}"#;
    let stored = annotate(Some(forged)).await;
    let read: Value = serde_json::from_str(stored.as_str().unwrap()).unwrap();
    assert_eq!((&read["by"], &read["reason"], &read["for"]), (&json!("ada"), &json!("INC-7"), &json!("2h")));
    assert_ne!(read["at"], "2020-01-01T00:00:00Z");
    let same = annotate(Some(r#"{"for": "2h", "reason": "INC-7"}"#)).await;
    assert_eq!(same, stored, "the same pause keeps its time");
    assert_ne!(annotate(Some(r#"{"for": "3h", "reason": "INC-7"}"#)).await, stored);
    assert_eq!(annotate(Some("INC-7")).await, "INC-7", "it pauses, and a condition says what is wrong");
    assert_eq!(annotate(None).await, Value::Null);
}

#[tokio::test]
async fn who_applies_a_pause_owns_it_with_the_hubs_part() {
    let server = server().await;
    let path = format!("{CLUSTERS}/eu-1?fieldManager=me");
    let applied = json!({"metadata": {"name": "eu-1"}, "spec": {"pause": {"reason": "a"}}});
    let apply = async |object: Value| server.patch("apply", &path, object).await;
    let first = apply(applied.clone()).await.ok(201);
    assert_eq!(first["spec"]["pause"]["by"], "ada");
    assert_eq!(version(&apply(applied).await.ok(200)), version(&first));
    let gone = apply(json!({"metadata": {"name": "eu-1"}})).await.ok(200);
    assert!(gone["spec"]["pause"].is_null(), "{gone}");
}

#[tokio::test]
async fn a_secrets_texts_are_folded_and_its_values_stay_out_of_errors() {
    let server = server().await;
    let object =
        json!({"metadata": {"name": "s"}, "stringData": {"password": "hunter2"}, "data": {"a": "Yg=="}});
    let created = server.post(SECRETS, object).await.ok(201);
    assert_eq!(created["data"], json!({"a": "Yg==", "password": "aHVudGVyMg=="}));
    assert_eq!((&created["stringData"], &created["type"]), (&Value::Null, &json!("Opaque")));
    let number = json!({"metadata": {"name": "t"}, "stringData": {"password": 4711}});
    let said = server.post(SECRETS, number).await.refused(400, "BadRequest");
    assert!(said.contains("Secret.stringData of type string") && !said.contains("4711"), "{said}");
}

#[tokio::test]
async fn status_is_written_apart() {
    let server = server().await;
    let path = format!("{CLUSTERS}/eu-1");
    let object = json!({"metadata": {"name": "eu-1"}, "spec": {}, "status": {"facts": {"nodes": 1}}});
    assert!(server.post(CLUSTERS, object.clone()).await.ok(201)["status"].is_null());
    let written = server.put(&format!("{path}/status"), object).await.ok(200);
    assert_eq!(written["status"]["facts"]["nodes"], 1);
    let patched = server
        .patch(
            "merge",
            &format!("{path}/status"),
            json!({"status": {"facts": {"nodes": 2}}, "spec": {"mode": "Observe"}}),
        )
        .await;
    let patched = patched.ok(200);
    assert_eq!((&patched["status"]["facts"]["nodes"], &patched["spec"]), (&json!(2), &json!({})));
    assert_eq!(server.get(&format!("{path}/status")).await.ok(200)["metadata"]["generation"], 1);
    server.get(&format!("{SECRETS}/x/status")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn deletion_waits_for_finalizers_and_checks_what_it_means() {
    let server = server().await;
    let path = format!("{APPS}/web");
    let mut held = app("web");
    held["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    server.post(APPS, held).await.ok(201);
    let wrong = server.request("DELETE", &path).json(&json!({"preconditions": {"uid": "other"}}));
    server.send(wrong).await.refused(409, "Conflict");
    let marked = server.delete(&path).await.ok(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    server.patch("merge", &path, json!({"metadata": {"finalizers": null}})).await.ok(200);
    server.get(&path).await.refused(404, "NotFound");
}

#[tokio::test]
async fn orphans_stay_when_their_owner_goes() {
    let server = server().await;
    let sets = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets";
    let template = json!({"metadata": {}, "spec": {"project": "default", "destination": {}}});
    let set = json!({"metadata": {"name": "web"}, "spec": {"generators": [], "template": template}});
    let uid = server.post(sets, set).await.ok(201)["metadata"]["uid"].clone();
    for index in 0..40 {
        let mut owned = app(&format!("web-{index}"));
        owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "web", "uid": uid}]);
        server.post(APPS, owned).await.ok(201);
    }
    // Whatever its kind.
    let reference =
        json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "web", "uid": uid}]);
    let config = json!({"metadata": {"name": "web", "ownerReferences": reference}});
    server.post(MAPS, config).await.ok(201);
    server.delete(&format!("{sets}/web?propagationPolicy=Orphan")).await.ok(200);
    let config = server.get(&format!("{MAPS}/web")).await.ok(200);
    assert_eq!(config["metadata"]["ownerReferences"], json!([]));
    let left = server.get(APPS).await.ok(200);
    let left = left["items"].as_array().unwrap();
    assert_eq!(left.len(), 40);
    assert!(left.iter().all(|app| app["metadata"]["ownerReferences"] == json!([])));

    // One that waits for its finalizers lets go of what it owns at once.
    let owner = json!({"metadata": {"name": "owner", "finalizers": ["example.com/waits"]}});
    let uid = server.post(MAPS, owner).await.ok(201)["metadata"]["uid"].clone();
    let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]);
    server.post(MAPS, json!({"metadata": {"name": "owned", "ownerReferences": reference}})).await.ok(201);
    let marked = server.delete(&format!("{MAPS}/owner?propagationPolicy=Orphan")).await.ok(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    let owned = server.get(&format!("{MAPS}/owned")).await.ok(200);
    assert_eq!(owned["metadata"]["ownerReferences"], json!([]));
}

#[tokio::test]
async fn in_the_foreground_an_object_waits_for_what_it_owns() {
    let server = server().await;
    let path = format!("{MAPS}/owner");
    server.post(MAPS, json!({"metadata": {"name": "owner"}})).await.ok(201);
    let marked = server.delete(&format!("{path}?propagationPolicy=Foreground")).await.ok(200);
    assert_eq!(marked["metadata"]["finalizers"], json!(["foregroundDeletion"]));
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    // Somebody does not want to wait.
    server.delete(&format!("{path}?propagationPolicy=Background")).await.ok(200);
    server.get(&path).await.refused(404, "NotFound");
}

#[tokio::test]
async fn collections_go_by_selector_and_namespaces_when_empty() {
    let server = server().await;
    for (name, keep) in [("a", "yes"), ("b", "no"), ("c", "no")] {
        server.post(MAPS, json!({"metadata": {"name": name, "labels": {"keep": keep}}})).await.ok(201);
    }
    let said = server.delete("/api/v1/namespaces/argocd").await.refused(403, "Forbidden");
    assert!(said.contains("this namespace may not be deleted"), "{said}");
    let gone = server.delete(&format!("{MAPS}?labelSelector=keep%3Dno")).await.ok(200);
    assert_eq!(gone["items"].as_array().unwrap().len(), 2);
    server.delete(MAPS).await.ok(200);
    assert_eq!(server.get(MAPS).await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn what_others_may_need_is_marked_and_kept_until_the_hub_lets_go_of_it() {
    let server = server().await;
    let projects = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects";
    let secret = |kind: &str| json!({"metadata": {"name": kind, "labels": {"argocd.argoproj.io/secret-type": kind}}, "stringData": {"url": "https://x"}});
    server.post("/api/v1/namespaces", json!({"metadata": {"name": "team"}})).await.ok(201);
    server.post(projects, json!({"metadata": {"name": "p"}, "spec": {}})).await.ok(201);
    server.post(SECRETS, secret("repo-creds")).await.ok(201);
    server.post(SECRETS, secret("cluster")).await.ok(201);
    for path in
        ["/api/v1/namespaces/team".to_owned(), format!("{projects}/p"), format!("{SECRETS}/repo-creds")]
    {
        let marked = server.delete(&path).await.ok(200);
        assert_eq!(marked["metadata"]["finalizers"], json!(["flotilla.dev/deletion"]), "{path}");
        assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{path}");
        let again = server.delete(&path).await.ok(200);
        assert_eq!(again["metadata"]["resourceVersion"], marked["metadata"]["resourceVersion"]);
    }
    assert_eq!(server.get("/api/v1/namespaces/team").await.ok(200)["status"]["phase"], "Terminating");
    let inside = json!({"metadata": {"name": "x"}});
    let said = server.post("/api/v1/namespaces/team/configmaps", inside).await.refused(403, "Forbidden");
    assert!(said.contains("being terminated"), "{said}");
    server.delete(&format!("{SECRETS}/cluster")).await.ok(200);
    server.get(&format!("{SECRETS}/cluster")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn deleting_a_cluster_is_retiring_it_and_says_who_asked() {
    let server = server().await;
    let path = format!("{CLUSTERS}/eu-1");
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}, "spec": {}})).await.ok(201);
    let drain = json!({"spec": {"retire": {"drain": true, "by": "somebody else"}}});
    let drained = server.patch("merge", &path, drain.clone()).await.ok(200);
    let by = drained["spec"]["retire"]["by"].clone();
    assert!(
        by.is_string() && by != "somebody else" && drained["spec"]["retire"]["at"].is_string(),
        "{drained}"
    );
    let again = server.patch("merge", &path, drain).await.ok(200);
    assert_eq!(again["spec"]["retire"], drained["spec"]["retire"]);
    let marked = server.delete(&path).await.ok(200);
    assert!(marked["metadata"]["deletionTimestamp"].is_string(), "{marked}");
    assert_eq!((&marked["spec"]["retire"]["by"], &marked["spec"]["retire"]["drain"]), (&by, &Value::Null));
}

#[tokio::test]
async fn names_are_generated_and_checked() {
    let server = server().await;
    let made = server.post(MAPS, json!({"metadata": {"generateName": "x-"}})).await.ok(201);
    assert!(made["metadata"]["name"].as_str().unwrap().starts_with("x-"), "{made}");
    server.post(MAPS, map("No_Good")).await.refused(422, "Invalid");
    server.post(MAPS, json!({"metadata": {}})).await.refused(422, "Invalid");
    server.post(MAPS, json!({"kind": "Secret", "metadata": {"name": "x"}})).await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_dry_run_writes_nothing() {
    let server = server().await;
    server.post(&format!("{MAPS}?dryRun=All"), map("x")).await.ok(201);
    server.get(&format!("{MAPS}/x")).await.refused(404, "NotFound");
    let real = server.post(MAPS, map("x")).await.ok(201);
    let dry =
        server.patch("merge", &format!("{MAPS}/x?dryRun=All"), json!({"data": {"a": "c"}})).await.ok(200);
    assert_eq!(dry["data"]["a"], "c");
    server.delete(&format!("{MAPS}/x?dryRun=All")).await.ok(200);
    let after = server.get(&format!("{MAPS}/x")).await.ok(200);
    assert_eq!((version(&after), &after["data"]["a"]), (version(&real), &json!("b")));
}

#[tokio::test]
async fn what_is_marked_immutable_stays_as_it_is() {
    let server = server().await;
    let secrets = "/api/v1/namespaces/argocd/secrets";
    let sealed =
        json!({"metadata": {"name": "sealed"}, "immutable": true, "stringData": {"password": "hunter2"}});
    server.post(secrets, sealed).await.ok(201);
    let path = format!("{secrets}/sealed");
    for change in
        [json!({"stringData": {"password": "hunter3"}}), json!({"immutable": false}), json!({"type": "x"})]
    {
        let said = server.patch("merge", &path, change).await.refused(422, "Invalid");
        assert!(said.contains("field is immutable") && !said.contains("hunter"), "{said}");
    }
    server.patch("merge", &path, json!({"metadata": {"labels": {"team": "shop"}}})).await.ok(200);
    server
        .post(MAPS, json!({"metadata": {"name": "sealed"}, "immutable": true, "data": {"a": "b"}}))
        .await
        .ok(201);
    let data = json!({"data": {"a": "c"}});
    server.patch("merge", &format!("{MAPS}/sealed"), data).await.refused(422, "Invalid");
}

#[tokio::test]
async fn what_people_change_in_what_the_hub_made_is_known_to_be_theirs() {
    let server = server().await;
    let made = json!({"metadata": {"name": "web", "namespace": "argocd", "annotations": {"a": "1"}}, "data": {"a": "b"}});
    server.records.create(shared_model::Kind::ConfigMap, made, shared_runtime::now()).await.unwrap();
    let path = format!("{MAPS}/web");
    let patched =
        server.patch("merge", &path, json!({"metadata": {"annotations": {"b": "2"}}})).await.ok(200);
    let managers = patched["metadata"]["managedFields"].as_array().unwrap();
    let owned = &managers[0]["fieldsV1"]["f:metadata"]["f:annotations"];
    assert_eq!((managers.len(), &owned["f:b"], &owned["f:a"]), (1, &json!({}), &Value::Null), "{patched}");
}
