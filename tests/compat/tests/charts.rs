//! Charts, rendered as the hub does it and by helm as a person would call it.

use hub_render::{
    Failure, Kind, Tool,
    confine::{Confine, Stopped},
    helm, output,
};
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
