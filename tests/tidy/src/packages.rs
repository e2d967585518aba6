//! What every package has.

use crate::{
    fault::{self, Fault},
    tracked::{files, sources},
    workspace::workspace,
};

/// Said once, in the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

#[test]
fn every_package_inherits_from_the_workspace() {
    let mut faults = Vec::new();
    for (name, folder) in workspace().folders() {
        let path = format!("{folder}/Cargo.toml");
        let Some(manifest) = files().iter().find(|file| file.path == path) else {
            faults.push(Fault::new(path, format!("{name} is not tracked by Git"), "git add it"));
            continue;
        };
        faults.extend(inherits(&path, &manifest.text));
    }
    fault::none("Lints, edition, licence and versions are said once, in the workspace.", faults);
}

fn inherits(path: &str, manifest: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for key in INHERITED.iter().filter(|key| !manifest.contains(&format!("\n{key}.workspace = true"))) {
        faults.push(Fault::new(
            path,
            format!("says its own `{key}`, or none"),
            format!("write `{key}.workspace = true`"),
        ));
    }
    if !manifest.contains("\n[lints]\nworkspace = true\n") {
        faults.push(Fault::new(
            path,
            "does not inherit the lints",
            "write `[lints]` and below it `workspace = true`",
        ));
    }
    let mut section = "";
    for (index, line) in manifest.lines().enumerate() {
        section = if line.starts_with('[') { line } else { section };
        let entry = section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#');
        if entry && !line.contains("workspace = true") {
            let remedy = "give the version in the root Cargo.toml and write `NAME.workspace = true` here";
            faults.push(Fault::new(
                format!("{path}:{}", index + 1),
                "a dependency with a version of its own",
                remedy,
            ));
        }
    }
    faults
}

#[test]
fn a_manifest_of_its_own_mind_is_found() {
    let good = "[package]\nname = \"x\"\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\n[lints]\nworkspace = true\n\n[dependencies]\na.workspace = true\n";
    assert_eq!(inherits("x", good), []);
    let bad = good
        .replace("edition.workspace = true", "edition = \"2021\"")
        .replace("a.workspace = true", "a = \"1\"");
    let places: Vec<String> = inherits("x", &bad).into_iter().map(|fault| fault.place).collect();
    assert_eq!(places, ["x", "x:13"]);
}

#[test]
fn every_package_says_what_it_is() {
    let mut faults = Vec::new();
    for (_, package) in workspace().members() {
        let path = format!("{}/Cargo.toml", package.folder.as_deref().unwrap_or_default());
        if package.description.as_deref().unwrap_or_default().is_empty() {
            faults.push(Fault::new(&path, "has no description", "one line: what it decides or does"));
        }
        if package.edition != "2024" || package.licence.as_deref() != Some("Apache-2.0") {
            faults.push(Fault::new(
                &path,
                "has another edition or licence",
                "inherit both from the workspace",
            ));
        }
        let expected = package.folder.as_deref().unwrap_or_default().replace('/', "-");
        if package.name != expected {
            faults.push(Fault::new(
                &path,
                format!("is named {}", package.name),
                format!("its path makes it {expected}"),
            ));
        }
    }
    fault::none("Every package says what it is.", faults);
}

#[test]
fn every_crate_begins_with_its_docs() {
    let roots =
        sources().filter(|file| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs"));
    let bare = roots.filter(|file| !file.text.starts_with("//!"));
    let remedy = "begin with `//!`: what it decides, from what, its invariants, what it refuses to know";
    let fault =
        |file: &crate::tracked::File| Fault::new(&file.path, "does not begin with module docs", remedy);
    fault::none("Every crate begins with what it is for.", bare.map(fault));
}
