//! A fence around each heavy dependency.

use crate::{
    fault::{self, Fault},
    tracked::{File, sources},
    workspace::{cargo, workspace},
};
use std::collections::BTreeSet;

/// What acts, and so is out of reach for what decides.
const ACTS: &[&str] = &["tokio", "kube", "tonic", "gix", "redb", "etcd-client", "reqwest", "hyper"];

/// The packages that may name a crate in their dependencies. Those under tests/ may name all.
const HOMES: &[(&str, &[&str])] = &[
    ("gix", &["hub-source"]),
    ("redb", &["hub-store"]),
    ("etcd-client", &["hub-store"]),
    ("tonic", &["hub-gateway", "proto", "agent"]),
    ("opentelemetry-proto", &["shared-runtime"]),
    ("kube", &["agent"]),
    ("axum", &["hub-api"]),
    ("rcgen", &["hub-gateway", "agent"]),
];

/// In a package, the paths whose sources may name a crate.
const ROOMS: &[(&str, &str, &[&str])] = &[
    ("agent/src/", "tonic", &["agent/src/link.rs", "agent/src/link/"]),
    ("agent/src/", "kube", &["agent/src/cluster.rs", "agent/src/cluster/"]),
    ("hub/", "axum", &["hub/api/"]),
    ("hub/", "hyper::server", &["hub/api/"]),
    ("hub/", "hyper_util::server", &["hub/api/"]),
];

/// What a spoke cluster must not pay for.
const NOT_IN_AGENT: &[&str] = &["gix", "redb", "axum", "shared-template"];

#[test]
fn what_decides_reaches_nothing_that_acts() {
    let workspace = workspace();
    let mut faults = Vec::new();
    for (id, package) in workspace.members() {
        let folder = package.folder.as_deref().unwrap_or_default();
        if !folder.starts_with("shared/") || folder == "shared/runtime" {
            continue;
        }
        let ways = ACTS.iter().filter_map(|name| workspace.way(id, name));
        faults.extend(ways.map(|way| {
            let remedy =
                "take the dependency out, or move the code that acts to hub/ or agent/ and pass values in";
            Fault::new(format!("{folder}/Cargo.toml"), format!("reaches what acts: {way}"), remedy)
        }));
    }
    fault::none("Only shared/runtime may reach the outside world; the rest of shared/ is pure.", faults);
}

#[test]
fn each_fenced_crate_has_one_home() {
    let workspace = workspace();
    let mut faults = Vec::new();
    for (_, package) in workspace.members().filter(|(_, package)| !package.is_test()) {
        let needs: BTreeSet<&str> =
            package.needs.iter().map(|id| workspace.packages[id].name.as_str()).collect();
        for (name, homes) in HOMES {
            if needs.contains(name) && !homes.contains(&package.name.as_str()) {
                let place = format!("{}/Cargo.toml", package.folder.as_deref().unwrap_or_default());
                let remedy = format!("use it through {}, in its words", homes.join(" or "));
                faults.push(Fault::new(place, format!("depends on {name}"), remedy));
            }
        }
    }
    fault::none("Each heavy dependency has one home, so that it can be replaced there.", faults);
}

#[test]
fn each_fenced_crate_stays_in_its_modules() {
    fault::none(
        "Inside a package too a heavy dependency has one home.",
        sources().filter(|file| !file.is_test()).flat_map(astray),
    );
}

/// Uses of a crate outside its rooms.
fn astray(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (package, name, rooms) in ROOMS {
        let inside = rooms.iter().any(|room| file.path.starts_with(room));
        if file.path.starts_with(package) && !inside && names(&file.text, name) {
            let remedy = format!("move that code to {}", rooms[0]);
            faults.push(Fault::new(&file.path, format!("uses {name}"), remedy));
        }
    }
    faults
}

/// Whether a source names a path such as `kube` or `hyper::server`, in one `use` of several too. Comments may.
fn names(text: &str, path: &str) -> bool {
    let code: String =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let (name, module) = path.split_once("::").unwrap_or((path, ""));
    let uses = format!("{name}::");
    code.match_indices(&uses).any(|(at, _)| {
        let begins =
            !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':');
        let statement = code[at + uses.len()..].split(';').next().unwrap_or_default();
        let direct = statement.starts_with(module);
        let grouped = statement.starts_with('{') && statement.contains(&format!("{module}::"));
        begins && (direct || grouped)
    })
}

#[test]
fn uses_are_found_in_every_form() {
    let check =
        |text: &str, path: &str, expect: bool| assert_eq!(names(text, path), expect, "{path} in {text}");
    check("use kube::Client;", "kube", true);
    check("fn f(c: kube::Client) {}", "kube", true);
    check("/// As kube::Client does.\nuse crate::kube_like::X;", "kube", false);
    check("use my_kube::Client;", "kube", false);
    check(
        "use hyper_util::{\n    rt::TokioIo,\n    server::conn::auto::Builder,\n};",
        "hyper_util::server",
        true,
    );
    check("use hyper_util::{rt::TokioIo};\nmod server::x", "hyper_util::server", false);
    check("hyper::server::conn::http1::Builder::new()", "hyper::server", true);
    check("use hyper::body::Frame;", "hyper::server", false);
}

#[test]
fn the_agent_links_nothing_of_the_hub() {
    // `cargo tree` and not `cargo metadata`: what a build of the agent alone links, with the features it asks for.
    let tree = cargo(&["tree", "--package", "agent", "--edges", "normal", "--prefix", "none", "--offline"]);
    let linked: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(
        linked.contains("kube") && linked.contains("shared-sync"),
        "cargo tree says something else now:\n{tree}"
    );
    let of_hub = |name: &&str| NOT_IN_AGENT.contains(name) || name.starts_with("hub-");
    let fault = |name: &str| {
        let remedy = format!(
            "`cargo tree -p agent -e normal -i {name}` shows what brings it in; a feature may be too many"
        );
        Fault::new("agent/Cargo.toml", format!("the agent links {name}"), remedy)
    };
    fault::none(
        "The agent is small: it links nothing that only a hub needs.",
        linked.into_iter().filter(of_hub).map(fault),
    );
}
