use super::*;
use std::collections::BTreeSet;

#[test]
fn every_expression_is_one() {
    let asked = asked();
    assert!(asked.len() > 50, "{} expressions were found", asked.len());
    for Asked { place, expression, .. } in asked {
        let read = crate::promql::selectors(&expression);
        assert!(read.as_ref().is_ok_and(|found| !found.is_empty()), "{place}: {expression}: {read:?}");
    }
}

#[test]
fn every_alert_says_what_it_is_and_what_to_do() {
    let mut names = BTreeSet::new();
    for rule in alerts() {
        let name = rule["alert"].as_str().expect("alert");
        assert!(name.starts_with("Flotilla") && names.insert(name.to_owned()), "{name}: prefixed, and once");
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("critical" | "warning")), "{name}: {severity:?}");
        assert!(rule["for"].is_string(), "{name}: for how long");
        for part in ["summary", "description", "runbook"] {
            let text = rule["annotations"][part].as_str().unwrap_or_default();
            assert!(text.len() > 20, "{name}: {part} `{text}` says too little");
        }
        let runbook = rule["annotations"]["runbook"].as_str().unwrap_or_default();
        assert!(runbook.contains('`'), "{name}: the runbook names no command: {runbook}");
        let allowed: BTreeSet<&str> = ["alert", "expr", "for", "labels", "annotations"].into();
        let fields: BTreeSet<&str> = rule.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, allowed, "{name}");
    }
}

#[test]
fn the_dashboard_can_be_imported() {
    let file = dashboard();
    assert!(file["id"].is_null() && file["uid"] == "flotilla" && file["schemaVersion"].as_u64() >= Some(36));
    let panels = panels();
    let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are there, and differ");
    let mut taken = BTreeSet::new();
    for panel in &panels {
        let title = panel["title"].as_str().expect("title");
        let at = |field: &str| panel["gridPos"][field].as_u64().unwrap_or_else(|| panic!("{title}: {field}"));
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        assert!(w > 0 && h > 0 && x + w <= 24, "{title}: outside");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{title} lies over another panel at {place:?}");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{title}: no description");
        let targets = panel["targets"].as_array().expect("targets");
        let references: BTreeSet<&str> =
            targets.iter().filter_map(|target| target["refId"].as_str()).collect();
        // Of series a table shows one at a time.
        let rows = |target: &Value| target["format"] == "table" && target["instant"] == true;
        assert!(
            panel["type"] != "table" || targets.iter().all(rows),
            "{title}: targets of a table are tables"
        );
        assert!(!targets.is_empty() && references.len() == targets.len(), "{title}: refIds");
    }
}
