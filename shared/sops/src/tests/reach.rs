//! Ciphertexts that were copied from where they belong.

use super::one;
use crate::{Originals, Reach, Sealed};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

const SECRET: &str = vector!("secret.enc.yaml");
const VALUES: &str = vector!("values.enc.yaml");
const ENV: &str = vector!("app.enc.env");
const LIST: &str = vector!("database.enc.yaml");
const LIST_MAC: &str = vector!("database-mac.enc.yaml");

fn open(mut object: Value, file: &str, reach: Reach) -> Result<Value, String> {
    let originals = Originals::of([("a/file.yaml", file.as_bytes())]);
    assert!(originals.attach(&mut object));
    let sealed = Sealed::of(&object).unwrap().unwrap();
    let opened = sealed.open(&object, &one(), reach).map_err(|error| error.to_string())?;
    Ok(opened.object().clone())
}

/// Whether it opens by default; where the operator says so all of it does.
fn check(object: &Value, file: &str, opens: bool) {
    let opened = open(object.clone(), file, Reach::Bound);
    let refused = opened.as_ref().err().is_some_and(|problem| {
        problem.contains("--sops-anywhere") && !problem.contains("hunter2") && !problem.contains("password=")
    });
    assert!(opened.is_ok() == opens && (opens || refused), "{object}: {opened:?}");
    let anywhere = open(object.clone(), file, Reach::Anywhere);
    assert!(anywhere.is_ok(), "{object}: {anywhere:?}");
}

fn token<'a>(text: &'a str, key: &str, nth: usize) -> &'a str {
    let line = text.lines().filter(|line| line.trim_start().starts_with(&format!("{key}: "))).nth(nth);
    line.unwrap().trim_start().strip_prefix(key).unwrap().trim_start_matches(": ")
}

fn of(kind: &str, part: &str, value: impl Into<Value>) -> Value {
    let value: Value = value.into();
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, part: {"k": value}})
}

#[test]
fn what_was_encrypted_in_a_secret_or_in_no_object_goes_into_secrets_alone() {
    for (file, key) in [(SECRET, "password"), (VALUES, "password")] {
        let password = token(file, key, 0);
        check(&of("Secret", "stringData", password), file, true);
        check(&of("Secret", "stringData", format!("db://{password}")), file, true);
        check(&of("Secret", "data", STANDARD.encode(password)), file, true);
        check(&of("ConfigMap", "data", password), file, false);
        check(&of("ConfigMap", "data", format!("db://{password}")), file, false);
        check(&of("ConfigMap", "binaryData", STANDARD.encode(password)), file, false);
        let mut labelled = of("Secret", "data", "eA==");
        labelled["metadata"]["labels"] = json!({"a": password});
        check(&labelled, file, false);
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"},
            "spec": {"containers": [{"name": "x", "args": [password]}]}});
        check(&pod, file, false);
        let mut other = of("Secret", "data", password);
        other["apiVersion"] = json!("example/v1");
        check(&other, file, false);
    }
    let line = ENV.lines().find_map(|line| line.strip_prefix("PASSWORD=")).unwrap();
    check(&of("Secret", "data", STANDARD.encode(line)), ENV, true);
    check(&of("ConfigMap", "data", line), ENV, false);
}

#[test]
fn whole_files_become_values_of_secrets_alone() {
    for file in [SECRET, VALUES, ENV, LIST, vector!("bytes.enc.bin")] {
        check(&of("Secret", "data", STANDARD.encode(file)), file, true);
        check(&of("ConfigMap", "binaryData", STANDARD.encode(file)), file, false);
    }
    check(&of("ConfigMap", "data", VALUES), VALUES, false);
    check(&of("Secret", "metadata", VALUES), VALUES, false);
}

/// A database of this kind and name with a password there.
fn database(kind: &str, name: &str, part: &str, password: &str) -> Value {
    json!({"apiVersion": "db.example/v1", "kind": kind, "metadata": {"name": name, "namespace": "any"},
        "spec": {"before": [], part: [{"name": "other", "password": "open"}, {"name": "admin", "password": password}]}})
}

#[test]
fn what_was_encrypted_in_another_object_goes_to_its_place_alone() {
    let password = token(LIST, "password", 0);
    check(&database("Database", "orders", "users", password), LIST, true);
    check(&database("Database", "eu-orders-v2", "users", password), LIST, true);
    check(&database("Database", "other", "users", password), LIST, false);
    check(&database("Replica", "orders", "users", password), LIST, false);
    check(&database("Database", "orders", "comments", password), LIST, false);
    check(&of("Secret", "stringData", password), LIST, false);
    check(&of("ConfigMap", "data", password), LIST, false);
    // Each object of a list is what it is.
    let of_secret = token(LIST, "password", 1);
    check(&of("Secret", "stringData", of_secret), LIST, true);
    check(&database("Database", "orders", "users", of_secret), LIST, false);
}

#[test]
fn what_the_mac_does_not_cover_tells_no_kind() {
    let password = token(LIST_MAC, "password", 0);
    let other = LIST_MAC.replace("kind: Database", "kind: Pod").replace("name: orders", "name: x");
    let pod = json!({"apiVersion": "db.example/v1", "kind": "Pod", "metadata": {"name": "x"},
        "spec": {"users": [{"password": password}]}});
    check(&pod, &other, false);
    check(&database("Database", "orders", "users", password), LIST_MAC, false);
    check(&of("Secret", "stringData", password), LIST_MAC, true);
}

#[test]
fn one_object_is_bounded() {
    let password = token(SECRET, "password", 0);
    let many: serde_json::Map<String, Value> =
        (0..400_000).map(|key| (format!("k{key}"), json!(password))).collect();
    let mut object = of("Secret", "stringData", password);
    object["stringData"] = Value::Object(many);
    let problem = open(object, SECRET, Reach::Bound).unwrap_err();
    assert!(problem.contains("more than 4 MiB, and no more is opened"), "{problem}");
    // A comment is not covered by the MAC.
    let large = format!("{SECRET}#{}\n", "1".repeat(1 << 20));
    let whole = |count: usize| {
        let whole = (0..count).map(|key| (format!("k{key}"), json!(large)));
        let mut object = of("Secret", "stringData", password);
        object["stringData"] = Value::Object(whole.collect());
        open(object, SECRET, Reach::Bound)
    };
    assert!(whole(3).is_ok());
    let problem = whole(4).unwrap_err();
    assert!(problem.contains("with the others of its object more than 4 MiB"), "{problem}");
}
