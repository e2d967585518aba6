//! The official tools are found, asked for their versions, and refused with what to do.
//!
//! This program with a version at its end stands for each of them.

use crate::world::World;
use hub_render::{
    Failure, Kind,
    tools::{Places, Tools},
};
use std::{
    ffi::OsString,
    fs::{self, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::ExitCode,
};

pub(crate) const TRIALS: &[crate::Trial] = &[
    ("tools_are_found_on_the_path", tools_are_found_on_the_path),
    ("tools_are_found_where_settings_say", tools_are_found_where_settings_say),
    ("other_versions_are_refused", other_versions_are_refused),
    ("scripts_are_refused", scripts_are_refused),
];

const MARK: &str = "\nthis version: ";

pub(crate) fn say_version() -> ExitCode {
    let own = std::env::args_os().next().unwrap_or_default();
    let bytes = fs::read(own).unwrap_or_default();
    let end = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(64)..]).into_owned();
    println!("{}", end.rsplit(MARK).next().unwrap_or_default());
    ExitCode::SUCCESS
}

fn make(world: &World, path: &Path, version: &str) {
    let _ = fs::remove_file(path);
    fs::copy(&world.own, path).expect("copied");
    let mut file = OpenOptions::new().append(true).open(path).expect("there");
    file.write_all(format!("{MARK}{version}").as_bytes()).expect("written");
}

fn tools(world: &World, places: Places) -> Tools {
    Tools::new(world.confine.clone(), world.scratch(), places)
}

fn on_path(folder: &Path) -> Places {
    Places {
        search: Some(OsString::from(format!("relative:/nowhere:{}", folder.display()))),
        ..Places::default()
    }
}

fn refused(tools: &Tools, kind: Kind, expect: &[&str]) {
    match tools.find(kind) {
        Err(Failure::Circumstance(why)) => {
            assert!(expect.iter().all(|part| why.contains(part)), "{why} lacks one of {expect:?}");
        }
        other => panic!("{other:?}"),
    }
}

fn tools_are_found_on_the_path(world: &World) {
    let folder = tempfile::tempdir().expect("a folder");
    let tools = tools(world, on_path(folder.path()));
    refused(&tools, Kind::Helm, &["helm 4.x", "https://helm.sh", "--helm", "FLOTILLA_HELM", "PATH"]);
    refused(&tools, Kind::Kustomize, &["kustomize 5.x", "--kustomize", "FLOTILLA_KUSTOMIZE"]);

    // It is seen as soon as it is there, and when it is another.
    for version in ["v4.3.1", "v4.4.0"] {
        make(world, &folder.path().join("helm"), version);
        let helm = tools.find(Kind::Helm).expect("it is there");
        assert_eq!((helm.version.as_str(), helm.path), (version, folder.path().join("helm")));
        assert_eq!(tools.find(Kind::Helm).expect("still there").version, version);
    }
    refused(&tools, Kind::Kustomize, &["not installed"]);
    fs::remove_file(folder.path().join("helm")).expect("removed");
    refused(&tools, Kind::Helm, &["not installed"]);
}

fn tools_are_found_where_settings_say(world: &World) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("my-kustomize");
    let places = Places { kustomize: Some(path.clone()), ..on_path(Path::new("/bin")) };
    let tools = tools(world, places);
    refused(&tools, Kind::Kustomize, &["my-kustomize", "--kustomize", "FLOTILLA_KUSTOMIZE"]);
    make(world, &path, "v5.8.1");
    assert_eq!(tools.find(Kind::Kustomize).expect("it is there").version, "v5.8.1");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("set");
    refused(&tools, Kind::Kustomize, &["no program"]);
}

fn other_versions_are_refused(world: &World) {
    let folder = tempfile::tempdir().expect("a folder");
    let tools = tools(world, on_path(folder.path()));
    for said in ["v3.18.4", "v5.0.0", "who knows", ""] {
        make(world, &folder.path().join("helm"), said);
        refused(&tools, Kind::Helm, &["helm", "4.x", "--helm"]);
    }
    // Builds that do not say which they are exactly are told apart by their contents.
    let mut versions = Vec::new();
    for said in ["v4.3", "(devel)"] {
        make(world, &folder.path().join("helm"), said);
        let version = tools.find(Kind::Helm).expect("one that will do").version;
        assert!(version.starts_with(&format!("{said}+")), "{version}");
        versions.push(version.rsplit('+').next().map(str::to_owned));
    }
    assert_ne!(versions[0], versions[1]);
}

fn scripts_are_refused(world: &World) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("helm");
    fs::write(&path, "#!/bin/sh\necho v4.3.1\n").expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("set");
    refused(&tools(world, on_path(folder.path())), Kind::Helm, &["is a script", "--helm"]);
}
