//! Charts, rendered as the hub does it and by helm as a person would call it.

use hub_render::{
    Failure, Kind, Tool,
    confine::{Confine, Stopped},
    helm, output,
};
use proptest::prelude::*;
use serde_json::json;
use shared_manifest::yaml;
use std::sync::LazyLock;
use tests_compat::{
    chart::{Case, rendered},
    disk,
};

/// Charts that are rendered side by side.
const AT_ONCE: usize = 4;

static CONFINE: LazyLock<Confine> = LazyLock::new(|| Confine::new(env!("CARGO_BIN_EXE_tests-compat").into()));

fn helm() -> Option<Tool> {
    let path = tests_e2e::Tool::Helm.path()?;
    Some(Tool { kind: Kind::Helm, path: path.to_owned(), version: "v4.3.1".to_owned() })
}

/// What the hub says of a case: the tool's text, or why not.
async fn by_the_hub(case: &Case, tool: &Tool) -> Result<String, String> {
    let job = case.job(tool, &helm::Memo::new()).await.map_err(|failure| failure.to_string())?;
    assert_eq!(job.may_vary, case.varies(), "whether it may vary");
    let warnings = case.warnings();
    assert_eq!(job.warnings.len(), warnings.len(), "{:?}", job.warnings);
    for (said, part) in job.warnings.iter().zip(warnings) {
        assert!(said.contains(part), "{part} in {said}");
    }
    rendered(&job, &CONFINE).await.map_err(|error| match error.downcast_ref() {
        Some(Stopped::Failed { stderr, .. }) => Failure::Inputs(helm::explain(stderr)).to_string(),
        _ => panic!("{error:#}"),
    })
}

async fn check(name: &str, tool: &Tool) {
    let case = Case::read(name).await.expect(name);
    let by_hand = case.by_hand(&tool.path);
    let by_the_hub = by_the_hub(&case, tool).await;
    let Some(parts) = case.failure() else {
        let by_hand = by_hand.unwrap_or_else(|error| panic!("{name} by hand: {error}"));
        let by_the_hub = by_the_hub.unwrap_or_else(|error| panic!("{name} by the hub: {error}"));
        if !case.varies() {
            assert_eq!(by_the_hub, by_hand, "{name}");
        }
        let objects = output::read(by_the_hub.as_bytes());
        let objects = objects.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert!(!objects.is_empty(), "{name}");
        return;
    };
    let by_hand = by_hand.err().unwrap_or_else(|| panic!("{name} works by hand")).to_string();
    let said = by_the_hub.err().unwrap_or_else(|| panic!("{name} works by the hub"));
    for part in parts {
        assert!(said.contains(part), "{name}: {part:?} is not in {said:?}; helm says {by_hand:?}");
    }
    for part in case.hidden() {
        assert!(by_hand.contains(part), "{name}: {part:?} is not in {by_hand:?}");
        assert!(!said.contains(part), "{name}: {part:?} is in {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::disallowed_methods, reason = "tasks of the test's own")]
async fn every_chart_is_rendered_as_by_hand() {
    let Some(tool) = helm() else { return };
    let mut wrong = Vec::new();
    let cases = disk::cases(&disk::folder("charts")).expect("the charts");
    assert!(cases.len() >= 40, "{cases:?}");
    for some in cases.chunks(AT_ONCE) {
        let mut running = Vec::new();
        for name in some {
            let (name, tool) = (name.clone(), tool.clone());
            running.push((name.clone(), tokio::spawn(async move { check(&name, &tool).await })));
        }
        for (name, run) in running {
            if run.await.is_err() {
                wrong.push(name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The chart that prints its values, rendered by the confined tool for a source.
async fn printed(helm: serde_json::Value, tool: &Tool) -> Result<serde_json::Value, String> {
    let case = Case::read("plain").await.expect("plain").with(&helm);
    let text = by_the_hub(&case, tool).await?;
    let objects = output::read(text.as_bytes()).expect("an object");
    let values = objects[0].value()["data"]["values"].as_str().expect("values").to_owned();
    Ok(serde_json::from_str(&values).expect("JSON"))
}

/// Values of every shape that JSON has and YAML could take for something else.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let odd = [
        "yes",
        "0755",
        "1e3",
        "~",
        "null",
        "- a",
        "{{ fail `x` }}",
        "a: b",
        "&a",
        "*a",
        "!!str",
        "\u{feff}",
        "0x1f",
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        (-1_000_000..1_000_000_i32).prop_map(|n| serde_json::Value::from(f64::from(n) / 8.0)),
        ".*".prop_map(|text| serde_json::Value::from(text.replace('\0', ""))),
        prop::sample::select(odd.to_vec()).prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-zA-Z0-9 .:{}#'\"-]{0,8}", inner, 0..4)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Numbers compare by what they are: the tool writes 2.0 as 2.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn few() -> ProptestConfig {
    ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(work)
}

#[test]
fn the_tool_gets_the_parameters_that_were_meant() {
    let Some(tool) = helm() else { return };
    let texts = prop::collection::vec(r"[^\\\x00$]{0,12}|[,{}=\[\].]{0,6}", 1..40);
    proptest!(few(), |(texts in texts)| {
        // What starts with a brace is a list, as with Argo CD.
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.starts_with('{')).collect();
        let parameters: Vec<serde_json::Value> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| json!({"name": format!("p{at}"), "value": text, "forceString": true}))
            .collect();
        let values = wait(printed(json!({"parameters": parameters}), &tool)).expect("values");
        for (at, text) in texts.iter().enumerate() {
            prop_assert_eq!(values[format!("p{at}")].as_str(), Some(text.as_str()));
        }
    });
}

#[test]
fn the_tool_gets_the_values_that_were_meant() {
    let Some(tool) = helm() else { return };
    let values = prop::collection::btree_map("v[a-z]{1,5}", value(), 1..12);
    proptest!(few(), |(values in values)| {
        let meant = serde_json::Value::Object(values.into_iter().collect());
        let block = yaml::to_string(&meant);
        for helm in [json!({"valuesObject": &meant}), json!({"values": block})] {
            let got = wait(printed(helm, &tool)).expect("values");
            for (name, value) in meant.as_object().expect("an object") {
                prop_assert!(same(&got[name], value), "{name}: {} is not {value}", got[name]);
            }
        }
    });
}

#[test]
fn whatever_is_written_as_values_makes_nothing_panic() {
    let Some(tool) = helm() else { return };
    proptest!(few(), |(values in ".{0,40}|[a-z: \n\\[\\]{}*&!|>-]{0,40}", name in ".{0,8}", value in "[^\\x00]{0,12}")| {
        let parameters = json!([{"name": name, "value": value}]);
        let said = wait(printed(json!({"values": values, "parameters": parameters}), &tool));
        if let Err(said) = said {
            prop_assert!(!said.is_empty());
        }
    });
}
