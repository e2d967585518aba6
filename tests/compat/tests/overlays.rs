//! Overlays, built as the hub does it and by kustomize as a person would call it.

#[path = "overlays/overrides.rs"]
mod overrides;

use bytes::Bytes;
use hub_render::{Failure, Job, Kind, Tool, Work, confine::Confine};
use std::{collections::BTreeMap, path::Path, sync::LazyLock};
use tests_compat::{
    disk,
    overlay::{self, Overlay},
    run,
};

fn tool() -> Option<Tool> {
    let path = tests_e2e::Tool::Kustomize.path()?;
    Some(Tool { kind: Kind::Kustomize, path: path.to_owned(), version: "v5.8.1".to_owned() })
}

fn overlays() -> Vec<Overlay> {
    overlay::all(&disk::folder("overlays")).expect("the overlays")
}

/// What the confined tool prints when it is shown these files.
fn built(job: &Job, files: &BTreeMap<String, Bytes>) -> anyhow::Result<String> {
    static CONFINE: LazyLock<Confine> =
        LazyLock::new(|| Confine::new(env!("CARGO_BIN_EXE_tests-compat").into()));
    let Work::Run { tool, arguments, folder } = &job.work else { panic!("nothing is run: {job:?}") };
    run::confined(&CONFINE, &tool.path, arguments, files, folder)
}

/// What a person gets.
fn by_hand(overlay: &Overlay, tool: &Path) -> anyhow::Result<String> {
    let home = tempfile::tempdir()?;
    overlay.write(home.path())?;
    let folder = home.path().join(&overlay.source.path);
    let mut printed = String::new();
    for arguments in &overlay.run {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        printed = run::directly(tool, &arguments, &folder)?;
    }
    Ok(printed)
}

#[test]
fn there_are_forty_overlays() {
    let overlays = overlays();
    assert!(overlays.len() >= 40, "{}", overlays.len());
}

#[test]
fn overlays_are_built_as_by_hand() {
    let Some(tool) = tool() else { return };
    let mut different = Vec::new();
    for overlay in overlays() {
        let ours = overlay
            .prepare(&tool)
            .and_then(|job| Ok((overlay.shown(&job)?, job)))
            .map_err(|failure: Failure| failure.to_string())
            .and_then(|(files, job)| built(&job, &files).map_err(|error| format!("{error:#}")));
        let theirs = by_hand(&overlay, &tool.path).map_err(|error| format!("{error:#}"));
        let alike = match (&ours, &theirs, &overlay.fails) {
            (Ok(ours), Ok(theirs), None) => ours == theirs && !ours.is_empty(),
            (Err(said), Err(_), Some(expected)) => said.contains(expected.as_str()),
            _ => false,
        };
        if !alike {
            different.push(format!("{}\nours: {ours:#?}\nby hand: {theirs:#?}", overlay.name));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n").replace("\\n", "\n"));
}

#[test]
fn a_build_is_shown_nothing_that_it_does_not_need() {
    let Some(tool) = tool() else { return };
    for overlay in overlays().into_iter().filter(|overlay| overlay.fails.is_none()) {
        let job = overlay.prepare(&tool).unwrap_or_else(|failure| panic!("{}: {failure}", overlay.name));
        let files = overlay.shown(&job).expect("its files");
        let whole = built(&job, &files).expect("a build");
        for path in files.keys() {
            let mut fewer = files.clone();
            fewer.remove(path);
            let without = built(&job, &fewer);
            assert!(without.ok().as_ref() != Some(&whole), "{} does without {path}", overlay.name);
        }
    }
}

#[test]
fn what_a_build_is_not_shown_does_not_name_its_result() {
    let Some(tool) = tool() else { return };
    let mut hidden = 0;
    for overlay in overlays().into_iter().filter(|overlay| overlay.fails.is_none()) {
        let job = overlay.prepare(&tool).expect("it can be prepared");
        let shown = overlay.shown(&job).expect("its files");
        let mut other = overlay.clone();
        for (path, bytes) in &mut other.files.files {
            let behind_a_link = shown.values().any(|shown| shown == bytes);
            if !shown.contains_key(path) && !behind_a_link {
                hidden += 1;
                *bytes = Bytes::from("changed: true\n");
            }
        }
        other.files.files.insert("elsewhere/new.yaml".to_owned(), Bytes::from("new: true\n"));
        let again = other.prepare(&tool).expect("it can be prepared");
        assert_eq!(again.inputs(), job.inputs(), "{}", overlay.name);
        for path in shown.keys().filter(|path| overlay.files.files.contains_key(*path)) {
            let mut other = overlay.clone();
            let bytes = other.files.files[path].clone();
            let changed = [&bytes[..], &b"\n# changed\n"[..]].concat();
            other.files.files.insert(path.clone(), Bytes::from(changed));
            let again = other.prepare(&tool).expect("it can be prepared").inputs();
            // Of a kustomization that was written anew, only what it says counts.
            let edited = shown[path] != bytes;
            assert!(edited || again != job.inputs(), "{}: {path}", overlay.name);
        }
    }
    assert!(hidden > 10, "the overlays have files that are not named: {hidden}");
}
