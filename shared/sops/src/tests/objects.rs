//! Objects made of encrypted files.

use super::{one, two};
use crate::{Cover, Identities, Key, Known, MARKER, Originals, Reach, Sealed};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared_manifest::yaml;
use std::sync::Arc;

const SECRET: &str = vector!("secret.enc.yaml");
const MULTI: &str = vector!("multi.enc.yaml");
const VALUES: &str = vector!("values.enc.yaml");
const ENV: &str = vector!("app.enc.env");
const TYPES: &str = vector!("types.enc.yaml");
const BYTES: &str = vector!("bytes.enc.bin");

fn files() -> [(&'static str, &'static str); 6] {
    [
        ("secret.yaml", SECRET),
        ("multi.yaml", MULTI),
        ("values.yaml", VALUES),
        ("app.env", ENV),
        ("types.yaml", TYPES),
        ("cert.bin", BYTES),
    ]
}

/// As the hub sends it.
fn attached(mut object: Value) -> Value {
    let all = files();
    let originals = Originals::of(all.iter().map(|(path, text)| (*path, text.as_bytes())));
    assert!(originals.attach(&mut object));
    object
}

fn open(object: &Value, identities: &Identities, reach: Reach) -> Result<Value, String> {
    let sealed = Sealed::of(object).map_err(|error| error.to_string())?.unwrap();
    let opened = sealed.open(object, identities, reach).map_err(|error| error.to_string())?;
    assert!(!format!("{opened:?} {:?}", opened.secrets()).contains("hunter2"));
    Ok(opened.object().clone())
}

/// As by default.
fn check(object: Value, expect: impl Into<Value>) {
    check_within(Reach::Bound, object, expect);
}

/// What is refused by default, and opens where the operator says so.
fn check_anywhere(object: Value, expect: impl Into<Value>) {
    let problem = open(&attached(object.clone()), &one(), Reach::Bound).unwrap_err();
    assert!(problem.contains("--sops-anywhere") && !problem.contains("hunter2"), "{problem}");
    check_within(Reach::Anywhere, object, expect);
}

fn check_within(reach: Reach, object: Value, expect: impl Into<Value>) {
    let object = attached(object);
    let opened = open(&object, &one(), reach).unwrap();
    assert_eq!(opened, expect.into());
    told_as_it_is(&object, &opened);
}

fn key() -> Key {
    Key::new([7; 32])
}

/// What a release encrypts, as it is kept of it.
fn known(object: &Value, identities: &Identities) -> Arc<Known> {
    let sealed = Sealed::of(object).unwrap().unwrap();
    let known = Known::new(&sealed, object);
    if let Ok(unsealed) = sealed.open(object, identities, Reach::Anywhere) {
        known.learn(&unsealed, &key());
    }
    Arc::new(known)
}

fn dress(live: &mut Value, covers: &[Arc<Cover>]) {
    Cover::dress(covers, live, &key());
}

fn cover(object: &Value, identities: &Identities) -> Arc<Cover> {
    Arc::new(Cover::new(std::slice::from_ref(object), Some(known(object, identities)), Vec::new(), &key()))
}

/// A live object that is as the release says is told as the release says.
fn told_as_it_is(object: &Value, opened: &Value) {
    let mut live = in_cluster(opened);
    dress(&mut live, &[cover(object, &one())]);
    let mut expect = in_cluster(object);
    if let Some(map) = expect["metadata"].as_object_mut() {
        map.entry("annotations").or_insert(json!({}));
    }
    assert_eq!(live, expect);
}

/// As an API server keeps it.
fn in_cluster(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "Secret"
        && let Some(Value::Object(plain)) = object.as_object_mut().unwrap().remove("stringData")
    {
        for (key, value) in plain {
            object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap()));
        }
    }
    object
}

fn token<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{key}: ")));
    line.unwrap().trim_start().strip_prefix(key).unwrap().trim_start_matches(": ")
}

fn of(kind: &str, data: impl Into<Value>) -> Value {
    let data: Value = data.into();
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x"}, "data": data})
}

#[test]
fn a_file_of_a_directory_is_its_object() {
    let expect = yaml::parse(&vector!("secret.plain.yaml").replace("port: 5432", "port: '5432'")).unwrap();
    check(yaml::parse(SECRET).unwrap(), expect);
    let documents = yaml::parse_all(MULTI).unwrap();
    let plain = yaml::parse_all(vector!("multi.plain.yaml")).unwrap();
    for (document, plain) in documents.into_iter().zip(plain) {
        check(document.value, plain.value);
    }
}

#[test]
fn what_a_chart_or_an_overlay_makes_of_values_opens() {
    let (password, port, tls) = (token(VALUES, "password"), token(VALUES, "port"), token(VALUES, "tls"));
    let user = token(VALUES, "user");
    check_anywhere(
        of("ConfigMap", json!({"p": password, "n": port})),
        of("ConfigMap", json!({"p": "hunter2-of-values", "n": "5432"})),
    );
    check(
        of("Secret", json!({"p": STANDARD.encode(password), "open": "eA=="})),
        of("Secret", json!({"p": STANDARD.encode("hunter2-of-values"), "open": "eA=="})),
    );
    let url = format!("postgres://{user}:{password}@db:{port}");
    check_anywhere(
        of("ConfigMap", json!({"url": url})),
        of("ConfigMap", json!({"url": "postgres://orders:hunter2-of-values@db:5432"})),
    );
    let custom = |password: Value, port: Value, tls: Value| {
        json!({"apiVersion": "db.example/v1", "kind": "Database", "metadata": {"name": "x", "annotations": {"a": "b"}},
            "spec": {"users": [{"name": "open", "password": "open"}, {"name": "u", "password": password}], "port": port, "tls": tls}})
    };
    check_anywhere(
        custom(json!(password), json!(port), json!(tls)),
        custom(json!("hunter2-of-values"), json!(5432), json!(true)),
    );
}

#[test]
fn a_comment_that_sops_made_an_item_of_is_none() {
    let list = &yaml::parse(&TYPES.replace(": .inf", ": infinite")).unwrap()["list"];
    let object =
        |spec: &Value| json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}, "spec": spec});
    let plain = json!(["one", 2, {"nested": "deep", "more": ["a", "b"]}, [1, 2.5]]);
    check_anywhere(object(&json!({ "list": list })), object(&json!({ "list": plain })));
}

#[test]
fn what_generators_make_of_files_opens() {
    // `envs:` of a generator: an entry for each line, the metadata of sops among them.
    let lines = ENV.lines().filter(|line| !line.starts_with('#'));
    let entries = lines.map(|line| line.split_once('=').unwrap());
    let data: serde_json::Map<String, Value> =
        entries.map(|(key, value)| (key.to_owned(), json!(STANDARD.encode(value)))).collect();
    let plain = json!({"USER": "orders", "PASSWORD": "hunter2 with = and \"quotes\"", "EMPTY": "",
        "LINES": "one\ntwo", "OPEN_unencrypted": "visible"});
    let encoded: serde_json::Map<String, Value> = plain
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), json!(STANDARD.encode(value.as_str().unwrap()))))
        .collect();
    check(of("Secret", Value::Object(data)), of("Secret", Value::Object(encoded)));
    // Whole files, as they are and in base64.
    check_anywhere(
        of("ConfigMap", json!({"app.env": ENV})),
        of("ConfigMap", json!({"app.env": vector!("app.dec.env")})),
    );
    check(
        of("Secret", json!({"a.env": STANDARD.encode(ENV), "cert": STANDARD.encode(BYTES)})),
        of(
            "Secret",
            json!({"a.env": STANDARD.encode(vector!("app.dec.env")),
            "cert": STANDARD.encode(include_bytes!("vectors/bytes.plain.bin"))}),
        ),
    );
    let values = attached(of("Secret", json!({"values.yaml": VALUES})));
    let opened = open(&values, &one(), Reach::Bound).unwrap();
    let said = yaml::parse(opened["data"]["values.yaml"].as_str().unwrap()).unwrap();
    assert_eq!(said, yaml::parse(vector!("values.plain.yaml")).unwrap());
}

fn refused(object: &Value, identities: &Identities, expect: &str) {
    let problem = open(object, identities, Reach::Bound).unwrap_err();
    assert!(problem.contains(expect), "{problem}");
    assert!(!problem.contains("hunter2"));
}

/// An object with another text of the file that it came from.
fn with_file(object: &Value, edit: impl Fn(&str) -> String) -> Value {
    let mut object = object.clone();
    let annotation = &mut object["metadata"]["annotations"]["flotilla.dev/sops"];
    let mut originals: Value = serde_json::from_str(annotation.as_str().unwrap()).unwrap();
    let text = edit(originals[0]["text"].as_str().unwrap());
    originals[0]["text"] = json!(text);
    *annotation = json!(originals.to_string());
    object
}

#[test]
fn what_is_not_as_sops_wrote_it_is_refused() {
    let object = attached(yaml::parse(SECRET).unwrap());
    refused(&object, &two(), "secret.yaml: it is encrypted for age1");
    refused(&object, &Identities::default(), "and none of these keys is here");
    let (user, password) = (token(SECRET, "user"), token(SECRET, "password"));
    let moved = with_file(&object, |text| text.replace(user, "x").replace(password, user));
    refused(&moved, &one(), "the value at stringData.password was changed, or moved");
    let open = with_file(&object, |text| text.replace("tier: \"1\"", "tier: \"2\""));
    refused(&open, &one(), "its MAC does not match");
    let gone = with_file(&object, |text| {
        text.lines().filter(|line| !line.contains("user: ")).collect::<Vec<_>>().join("\n")
    });
    refused(&gone, &one(), "its MAC does not match");
    let other = password.replacen("data:", "data:AAAA", 1);
    let tampered = with_file(&object, |text| text.replace(password, &other));
    refused(&tampered, &one(), "was changed, or moved");
    let late = with_file(&object, |text| text.replace("lastmodified: \"20", "lastmodified: \"19"));
    refused(&late, &one(), "its MAC does not match");
    let bare = with_file(&object, |text| text.split("sops:").next().unwrap().to_owned());
    refused(&bare, &one(), "its sops metadata is missing");
    let groups = with_file(&object, |_| vector!("groups.enc.yaml").to_owned());
    refused(&groups, &one(), "split among key groups (Shamir)");
    let pgp =
        with_file(&object, |text| text.replace("    age:\n        - enc: |", "    pgp:\n        - enc: |"));
    refused(&pgp, &one(), "it is encrypted for PGP alone");
    let rotated = with_file(&object, |_| vector!("rotated.enc.yaml").to_owned());
    refused(&rotated, &one(), "data.token has a value that sops encrypted, and none of the files");
    let mut named = of("ConfigMap", json!({"k": password}));
    named["metadata"]["name"] = json!(user);
    refused(&attached(named), &one(), "metadata.name is encrypted: encrypt values alone");
    let unknown = of("ConfigMap", json!({"k": password}));
    refused(&unknown, &one(), "data.k has a value that sops encrypted, and none of the files");
    let mut annotated = unknown;
    annotated["metadata"]["annotations"] = json!({"flotilla.dev/sops": "nonsense"});
    refused(&annotated, &one(), "flotilla.dev/sops: it is not a file as sops writes it");
}

#[test]
fn what_is_not_encrypted_is_left_alone() {
    let object = of("ConfigMap", json!({"k": "v", "mark": "ENC[AES256_GCM, as people write of it"}));
    assert_eq!(Sealed::of(&object).unwrap(), None);
    assert_eq!(
        Sealed::of(&of("Secret", json!({"k": STANDARD.encode(token(SECRET, "user"))}))).unwrap(),
        None
    );
}

/// No plain value of the files, nor what stands in the cluster instead.
fn assert_quiet(told: &Value) {
    let text = told.to_string();
    for secret in ["hunter2", "another-secret", "secret-token"] {
        assert!(!text.contains(secret) && !text.contains(&STANDARD.encode(secret)), "{text}");
    }
}

#[test]
fn a_live_object_is_told_without_plain_values() {
    let object = attached(yaml::parse(SECRET).unwrap());
    let mut live = in_cluster(&open(&object, &one(), Reach::Bound).unwrap());
    live["data"]["password"] = json!(STANDARD.encode("another-secret"));
    live["data"]["more"] = json!("bW9yZQ==");
    live["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": live.to_string()});
    live["status"] = json!({"phase": "Ready", "message": "cannot log in with hunter2-ž-✓"});
    let mut told = live.clone();
    dress(&mut told, &[cover(&object, &one())]);
    assert_quiet(&told);
    assert!(told["data"]["password"].as_str().unwrap().starts_with("(not shown, "));
    assert_eq!(told["data"]["more"], "bW9yZQ==", "not encrypted by the release");
    assert_eq!(told["data"]["user"], STANDARD.encode(token(SECRET, "user")));
    assert_eq!(told["status"], json!({"phase": "Ready", "message": "cannot log in with ***"}));
    assert!(told.to_string().contains(MARKER));
    // Without a key nothing can be compared, and nothing is told.
    let mut told = live.clone();
    dress(&mut told, &[cover(&object, &Identities::default())]);
    assert_quiet(&told);
    assert!(told["data"]["user"].as_str().unwrap().starts_with("(not shown, "));
    assert!(!told.to_string().contains(&STANDARD.encode("orders")));
    assert_eq!(told["status"], json!({"phase": "Ready", "message": "***"}));
}

#[test]
fn what_an_earlier_release_encrypted_is_not_told() {
    let object = attached(yaml::parse(SECRET).unwrap());
    let earlier = known(&object, &one());
    let mut next = yaml::parse(vector!("secret.plain.yaml")).unwrap();
    next["stringData"] = json!({"password": "see-vault", "user": "other"});
    next["data"] = json!({});
    let none = Arc::new(Cover::new(&[next], None, vec![earlier], &key()));
    let mut live = in_cluster(&open(&object, &one(), Reach::Bound).unwrap());
    // One was brought up to date, one was not.
    live["data"]["user"] = json!(STANDARD.encode("other"));
    let before = live.clone();
    dress(&mut live, &[none]);
    assert_quiet(&live);
    assert!(live["data"]["password"].as_str().unwrap().starts_with("(not shown, "), "{live}");
    assert_eq!(live["data"]["user"], before["data"]["user"], "told as the present release says it");
    assert_eq!(live["metadata"], before["metadata"]);
}

#[test]
fn an_object_of_several_applications_is_covered_for_all() {
    let object = attached(yaml::parse(SECRET).unwrap());
    let mut live = in_cluster(&open(&object, &one(), Reach::Bound).unwrap());
    live["data"]["only"] = json!(STANDARD.encode("secret-token"));
    let only = attached(of("Secret", json!({"only": STANDARD.encode(token(VALUES, "password"))})));
    dress(&mut live, &[cover(&object, &one()), cover(&only, &one())]);
    assert_quiet(&live);
    assert_eq!(live["data"]["password"], STANDARD.encode(token(SECRET, "password")));
    assert!(live["data"]["only"].as_str().unwrap().starts_with("(not shown, "));
}

#[test]
fn identities_are_read_and_not_shown() {
    let both = format!("{}\n# and\n{}", vector!("one.key"), vector!("two.key"));
    let identities = Identities::parse(&both).unwrap();
    let shown = format!("{identities} {identities:?}");
    assert!(shown.contains("age1") && !shown.contains("AGE-SECRET"));
    let problem = |text: &str| Identities::parse(text).unwrap_err().to_string();
    assert!(problem("# nothing\n\n").contains("there is no age identity in it"));
    assert!(problem("\nAGE-SECRET-KEY-1XX").contains("line 2 is no age identity"));
    assert!(!problem("\nAGE-SECRET-KEY-1XX").contains("1XX"));
    assert!(problem("AGE-PLUGIN-YUBIKEY-1QQ").contains("of a kind that is not supported"));
}
