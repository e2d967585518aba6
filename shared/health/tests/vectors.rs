//! Every verdict that Argo CD gave (`vectors/*.txt`, recorded from its own rules and scripts by `tests/compat/health-recorder`) is ours
//! too, but for the deviations listed here; and what it quotes from an object, we say as well.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared_manifest::yaml::parse;
use std::collections::BTreeSet;

/// What Argo CD made of one object.
struct Case {
    name: String,
    object: Value,
    status: String,
    message: String,
}

const FILES: [(&str, &str); 17] = [
    ("argo", include_str!("vectors/argo.txt")),
    ("cert-manager", include_str!("vectors/cert-manager.txt")),
    ("cloud", include_str!("vectors/cloud.txt")),
    ("cloudnative-pg", include_str!("vectors/cloudnative-pg.txt")),
    ("cluster-api", include_str!("vectors/cluster-api.txt")),
    ("crossplane", include_str!("vectors/crossplane.txt")),
    ("external-secrets", include_str!("vectors/external-secrets.txt")),
    ("flux", include_str!("vectors/flux.txt")),
    ("gateway", include_str!("vectors/gateway.txt")),
    ("knative", include_str!("vectors/knative.txt")),
    ("mesh", include_str!("vectors/mesh.txt")),
    ("network", include_str!("vectors/network.txt")),
    ("operators", include_str!("vectors/operators.txt")),
    ("pods", include_str!("vectors/pods.txt")),
    ("rollout", include_str!("vectors/rollout.txt")),
    ("strimzi", include_str!("vectors/strimzi.txt")),
    ("workloads", include_str!("vectors/workloads.txt")),
];

fn cases() -> impl Iterator<Item = Case> {
    FILES.iter().flat_map(|(file, text)| {
        text.strip_prefix("#### ")
            .expect("a file starts with a case")
            .split("\n#### ")
            .map(move |body| case(file, body))
    })
}

fn case(file: &str, body: &str) -> Case {
    let (name, rest) = body.split_once('\n').expect("a name ends its line");
    let (text, answer) = rest.split_once("\n==== ").expect("the case is recorded");
    let (status, message) = answer.split_once('\n').unwrap_or((answer, ""));
    Case {
        name: format!("{file}: {name}"),
        object: parse(text).expect("the object is YAML"),
        status: status.to_owned(),
        message: message.trim().to_owned(),
    }
}

/// Where we say something else, and what.
const DEVIATIONS: &[(&str, &str)] = &[
    // An object whose controller has not seen its newest generation is not Healthy yet, even where Argo CD does not look.
    ("cert-manager: certificate whose old generation was issued", "Progressing"),
    ("cluster-api: MachineDeployment of the generation before", "Progressing"),
    ("flux: Kustomization of the generation before", "Progressing"),
    ("gateway: Gateway of the generation before", "Progressing"),
    ("knative: service of the generation before", "Progressing"),
    ("strimzi: Kafka of the generation before", "Progressing"),
    ("strimzi: KafkaBridge of the generation before", "Progressing"),
    ("strimzi: KafkaConnect of the generation before", "Progressing"),
    ("strimzi: KafkaConnector of the generation before", "Progressing"),
    ("strimzi: KafkaTopic of the generation before", "Progressing"),
    ("strimzi: KafkaUser of the generation before", "Progressing"),
    // A status that is not there yet, where the script fails or takes nothing for a failure.
    ("cloudnative-pg: cluster just created", "Progressing"),
    ("crossplane: classic DBInstance without conditions", "Progressing"),
    ("flux: Kustomization without conditions", "Progressing"),
    ("operators: Elasticsearch just created", "Progressing"),
    ("knative: KnativeEventing without conditions", "Progressing"),
    ("knative: KnativeServing without conditions", "Progressing"),
    // The script counts to two and takes a release whose tests passed for one too many.
    ("flux: HelmRelease released and whose tests passed", "Healthy"),
    // A hook has ended when its Job has, not when it was resumed.
    ("workloads: job resumed", "Progressing"),
];

fn ours(case: &Case) -> (String, String) {
    match shared_health::health(&case.object) {
        None => ("none".to_owned(), String::new()),
        Some(health) => (health.status.to_string(), health.message),
    }
}

#[test]
fn our_verdicts_are_argo_cds() {
    let mut differences = Vec::new();
    for case in cases() {
        let (status, message) = ours(&case);
        let wanted = DEVIATIONS
            .iter()
            .find(|(name, _)| *name == case.name)
            .map_or(&*case.status, |(_, status)| status);
        if status != wanted {
            differences.push(format!("{}: {wanted}, ours is {status} ({message})", case.name));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn each_deviation_is_one() {
    for (name, status) in DEVIATIONS {
        let case =
            cases().find(|case| case.name == *name).unwrap_or_else(|| panic!("no case is named {name:?}"));
        assert_ne!(case.status, *status, "{name} does not deviate");
    }
}

/// Every text within a value, names of conditions apart.
fn texts<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => {
            found.insert(text);
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => {
            fields.iter().filter(|(key, _)| *key != "type").for_each(|(_, item)| texts(item, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn what_a_controller_says_is_passed_on() {
    let mut lost = Vec::new();
    let mut passed = 0;
    for case in cases().filter(|case| !case.message.is_empty()) {
        let mut quotable = BTreeSet::new();
        texts(&case.object, &mut quotable);
        let (status, message) = ours(&case);
        if status != case.status || !quotable.contains(&*case.message) {
            continue;
        }
        passed += 1;
        if !message.contains(&case.message) {
            lost.push(format!("{}: {:?}, ours is {message:?}", case.name, case.message));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
    assert!(passed > 200, "only {passed} messages are quotes");
}

/// The kinds that the cases are of, so that none is lost by accident.
#[test]
fn the_vectors_are_many() {
    assert!(cases().count() > 900);
    let names: BTreeSet<String> = cases().map(|case| case.name).collect();
    assert_eq!(names.len(), cases().count(), "two cases have one name");
}

#[test]
fn what_is_outdated_is_never_healthy() {
    let mut early = Vec::new();
    for mut case in cases() {
        if case.object["status"].is_object() {
            case.object["metadata"]["generation"] = json!(7);
            case.object["status"]["observedGeneration"] = json!(6);
            if ours(&case).0 == "Healthy" {
                early.push(case.name);
            }
        }
    }
    assert!(early.is_empty(), "{}", early.join("\n"));
}

#[test]
fn what_is_being_deleted_progresses() {
    for mut case in cases() {
        case.object["metadata"]["deletionTimestamp"] = json!("2026-05-04T09:30:12Z");
        case.object["metadata"]["finalizers"] = json!(["example.com/held"]);
        assert_eq!(ours(&case), ("Progressing".to_owned(), "is being deleted".to_owned()), "{}", case.name);
    }
}

/// Puts `new` in the place of the `at`-th value within.
fn replace(value: &mut Value, at: &mut usize, new: &Value) {
    if *at == 0 {
        *value = new.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, at, new)),
        Value::Object(fields) => fields.values_mut().for_each(|item| replace(item, at, new)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop_oneof![Just(i64::MIN), Just(i64::MAX), -3..9_i64].prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,8}|\\PC{0,3}|True|False|Unknown|-1|9223372036854775808".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 7, "Ready", [], {}])),
        Just(
            json!([{"type": "Ready", "status": "True", "observedGeneration": i64::MIN}, {"type": 7, "status": []}])
        ),
        Just(json!({"ready": true, "type": ["Ready"], "conditions": {"type": "Ready"}})),
    ]
}

/// All objects of all files, once.
fn objects() -> &'static [Value] {
    static OBJECTS: std::sync::LazyLock<Vec<Value>> =
        std::sync::LazyLock::new(|| cases().map(|case| case.object).collect());
    &OBJECTS
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn nothing_in_an_object_panics(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0..60_usize, strange()), 1..6),
    ) {
        let mut object = which.get(objects()).clone();
        for (mut at, new) in changes {
            replace(&mut object, &mut at, &new);
        }
        let first = shared_health::health(&object);
        prop_assert_eq!(first, shared_health::health(&object));
    }
}
