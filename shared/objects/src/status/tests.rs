use super::*;

const APPS: Resource<'_> = Resource { group: "argoproj.io", kind: "Application", plural: "applications" };
const SECRETS: Resource<'_> = Resource { group: "", kind: "Secret", plural: "secrets" };

fn check(status: &Status, code: u16, reason: &str, message: &str) {
    let wire = status.to_value();
    assert_eq!((status.code, status.reason, status.message.as_str()), (code, reason, message));
    assert_eq!(wire["code"], code);
    assert_eq!(wire["reason"], reason);
    assert_eq!(wire["message"], message);
    assert_eq!(
        (&wire["status"], &wire["kind"], &wire["apiVersion"]),
        (&json!("Failure"), &json!("Status"), &json!("v1"))
    );
}

#[test]
fn refusals_of_objects() {
    check(&Status::not_found(APPS, "a"), 404, "NotFound", r#"applications.argoproj.io "a" not found"#);
    check(&Status::not_found(SECRETS, "a"), 404, "NotFound", r#"secrets "a" not found"#);
    check(
        &Status::already_exists(APPS, "a"),
        409,
        "AlreadyExists",
        r#"applications.argoproj.io "a" already exists"#,
    );
    let words = r#"Operation cannot be fulfilled on secrets "a": the object has been modified; please apply your changes to the latest version and try again"#;
    check(&Status::conflict(SECRETS, "a", MODIFIED), 409, "Conflict", words);
    check(&Status::forbidden(SECRETS, "a", "no"), 403, "Forbidden", r#"secrets "a" is forbidden: no"#);
    check(&Status::forbidden(SECRETS, "", "no"), 403, "Forbidden", "secrets is forbidden: no");
    let words = r#"delete collection is not supported on resources of kind "secrets""#;
    check(&Status::method_not_allowed(SECRETS, "delete collection"), 405, "MethodNotAllowed", words);
}

#[test]
fn refusals_of_requests() {
    check(&Status::unauthorized(), 401, "Unauthorized", "Unauthorized");
    check(&Status::bad_request("what"), 400, "BadRequest", "what");
    check(&Status::expired("too old"), 410, "Expired", "too old");
    check(
        &Status::too_large("limit is 3"),
        413,
        "RequestEntityTooLarge",
        "Request entity too large: limit is 3",
    );
    check(&Status::internal("oh"), 500, "InternalError", "Internal error occurred: oh");
    let newer = Status::revision_too_new(9, 5);
    check(&newer, 504, "Timeout", "Timeout: Too large resource version: 9, current: 5");
    assert_eq!(newer.to_value()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
    assert_eq!(Status::too_many_requests("slow", 7).to_value()["details"]["retryAfterSeconds"], 7);
}

#[test]
fn invalid_names_each_field() {
    let one = FieldError::required("spec.project", "e.g. default");
    let status = Status::invalid(APPS, "a", std::slice::from_ref(&one));
    let words = r#"Application.argoproj.io "a" is invalid: spec.project: Required value: e.g. default"#;
    check(&status, 422, "Invalid", words);

    let two = [one, FieldError::not_supported("spec.mode", "x", &["Enforce", "Observe"])];
    let status = Status::invalid(APPS, "a", &two);
    assert!(status.message.ends_with(r#"is invalid: [spec.project: Required value: e.g. default, spec.mode: Unsupported value: "x": supported values: "Enforce", "Observe"]"#), "{status}");
    assert_eq!(
        status.to_value()["details"],
        json!({"name": "a", "group": "argoproj.io", "kind": "Application", "causes": [
            {"reason": "FieldValueRequired", "message": "Required value: e.g. default", "field": "spec.project"},
            {"reason": "FieldValueNotSupported", "message": "Unsupported value: \"x\": supported values: \"Enforce\", \"Observe\"", "field": "spec.mode"},
        ]})
    );
}

#[test]
fn field_errors() {
    let check = |error: FieldError, expect: &str| assert_eq!(error.to_string(), expect);
    check(FieldError::invalid("a.b", "x y", "no blanks"), r#"a.b: Invalid value: "x y": no blanks"#);
    check(FieldError::wrong_type("a", 3, "must be a list"), "a: Invalid value: 3: must be a list");
    check(FieldError::duplicate("a[1]", "x"), r#"a[1]: Duplicate value: "x""#);
    check(FieldError::forbidden("a", "not now"), "a: Forbidden: not now");
    check(FieldError::not_found("a", "x"), r#"a: Not found: "x""#);
    check(FieldError::too_long("a", 10), "a: Too long: may not be more than 10 bytes");
}

#[test]
fn success_of_a_deletion() {
    assert_eq!(
        Status::deleted(SECRETS, "a", "u-1").to_value(),
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
               "details": {"name": "a", "kind": "secrets", "uid": "u-1"}})
    );
}
