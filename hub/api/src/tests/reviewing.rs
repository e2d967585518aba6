use super::*;

const ACCESS: &str = "/apis/authorization.k8s.io/v1";
const WHO: &str = "/apis/authentication.k8s.io/v1";

#[tokio::test]
async fn a_subject_learns_who_it_is() {
    let server = server().await;
    let me = server.post(&format!("{WHO}/selfsubjectreviews"), json!({})).await.ok(201);
    let info = &me["status"]["userInfo"];
    assert_eq!(
        (&info["username"], &info["groups"]),
        (&json!("ada"), &json!(["admins", "system:authenticated"]))
    );
    assert!(me["metadata"]["creationTimestamp"].is_string());
    let again = server.post(&format!("{WHO}/selfsubjectreviews"), json!({})).await.ok(201);
    assert_eq!(again["status"]["userInfo"]["uid"], info["uid"]);
    let of = async |token: &str| {
        let review = json!({"spec": {"token": token}});
        server.post(&format!("{WHO}/tokenreviews"), review).await.ok(201)["status"].clone()
    };
    let known = of(TOKEN).await;
    assert_eq!((&known["authenticated"], &known["user"]), (&json!(true), info));
    assert_eq!(of("else").await, json!({"user": {}, "error": "invalid bearer token"}));
    server.get(&format!("{WHO}/tokenreviews")).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn what_is_not_served_nobody_may() {
    let server = server().await;
    let check = async |group: &str, resource: &str, verb: &str, expect: &str| {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let spec = json!({"resourceAttributes": {"group": group, "resource": resource, "subresource": subresource, "verb": verb}});
        let path = format!("{ACCESS}/selfsubjectaccessreviews");
        let status = server.post(&path, json!({"spec": spec})).await.ok(201)["status"].clone();
        let said = if status["allowed"] == true { "yes" } else { status["reason"].as_str().unwrap() };
        assert_eq!(said, expect, "{verb} {resource}/{subresource}");
    };
    check("argoproj.io", "applications", "create", "yes").await;
    check("argoproj.io", "applications/status", "patch", "yes").await;
    check("argoproj.io", "applications", "*", "yes").await;
    check("*", "*", "*", "yes").await;
    check("argoproj.io", "applications/exec", "create", "applications have no exec here").await;
    check("argoproj.io", "applications/status", "delete", "the hub does not serve delete of applications")
        .await;
    check("", "namespaces", "deletecollection", "the hub does not serve deletecollection of namespaces")
        .await;
    check("", "pods", "get", "the hub serves no pods").await;
    check("apps", "deployments", "get", "the hub serves no deployments.apps").await;
    check("", "users", "impersonate", "the hub acts for nobody else").await;
    check("flotilla.dev", "fleetrollouts", "expedite", "admins and the group flotilla:expedite may").await;
    let path = async |path: &str| {
        let review = json!({"spec": {"nonResourceAttributes": {"path": path, "verb": "get"}}});
        let path = format!("{ACCESS}/selfsubjectaccessreviews");
        server.post(&path, review).await.ok(201)["status"]["allowed"].clone()
    };
    assert_eq!((path("/version").await, path("/else").await), (json!(true), json!(false)));
    let said =
        server.post(&format!("{ACCESS}/selfsubjectaccessreviews"), json!({})).await.refused(422, "Invalid");
    assert!(
        said.contains("exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        "{said}"
    );
}

#[tokio::test]
async fn reviews_of_others_know_who_is_known() {
    let server = server().await;
    let attributes =
        json!({"group": "argoproj.io", "resource": "applications", "verb": "get", "namespace": "argocd"});
    let check = async |path: &str, user: &str, allowed: bool| {
        let review = json!({"spec": {"user": user, "resourceAttributes": attributes}});
        let status = server.post(&format!("{ACCESS}/{path}"), review).await.ok(201)["status"].clone();
        assert_eq!(status["allowed"], allowed, "{path} {user}: {status}");
    };
    check("subjectaccessreviews", "root", true).await;
    check("subjectaccessreviews", "bob", false).await;
    check("namespaces/argocd/localsubjectaccessreviews", "ada", true).await;
    let local = format!("{ACCESS}/namespaces/other/localsubjectaccessreviews");
    let review = json!({"spec": {"user": "ada", "resourceAttributes": attributes}});
    server.post(&local, review.clone()).await.refused(422, "Invalid");
    server.post(&format!("{ACCESS}/localsubjectaccessreviews"), review).await.refused(404, "NotFound");
    let nobody = json!({"spec": {"resourceAttributes": attributes}});
    let said = server.post(&format!("{ACCESS}/subjectaccessreviews"), nobody).await.refused(422, "Invalid");
    assert!(said.contains("at least one of user or group must be specified"), "{said}");
}

#[tokio::test]
async fn the_rules_are_what_discovery_lists() {
    let server = server().await;
    let review = json!({"spec": {"namespace": "argocd"}});
    let rules =
        server.post(&format!("{ACCESS}/selfsubjectrulesreviews"), review).await.ok(201)["status"].clone();
    let may = |verb: &str, resource: &str| {
        let has = |list: &Value, word: &str| list.as_array().unwrap().iter().any(|known| known == word);
        let rules = rules["resourceRules"].as_array().unwrap();
        rules.iter().any(|rule| has(&rule["verbs"], verb) && has(&rule["resources"], resource))
    };
    assert!(
        may("patch", "applications")
            && may("create", "fleetrollouts/decisions")
            && may("create", "tokenreviews")
    );
    assert!(
        !may("deletecollection", "namespaces") && !may("get", "pods") && !may("expedite", "fleetrollouts")
    );
}
