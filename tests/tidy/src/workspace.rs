//! What cargo says of the workspace.

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A package of the workspace or one that it depends on.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    pub(crate) edition: String,
    pub(crate) description: Option<String>,
    /// The folder from the root, `hub/api`; `None` for a package from elsewhere.
    pub(crate) folder: Option<String>,
    /// Ids of what it needs to run or to be built, tests apart.
    pub(crate) needs: BTreeSet<String>,
}

impl Package {
    /// Whether it is there for tests and measurements only.
    pub(crate) fn is_test(&self) -> bool {
        self.folder
            .as_ref()
            .is_some_and(|folder| folder.starts_with("tests/") || folder.starts_with("benches/"))
    }
}

/// All packages, by cargo's id.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) packages: BTreeMap<String, Package>,
}

impl Workspace {
    /// The packages of this repository.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&String, &Package)> {
        self.packages.iter().filter(|(_, package)| package.folder.is_some())
    }

    /// The name and folder of each package of this repository.
    pub(crate) fn folders(&self) -> impl Iterator<Item = (&str, &str)> {
        self.members().filter_map(|(_, package)| Some((package.name.as_str(), package.folder.as_deref()?)))
    }

    /// One shortest way from a package to one with this name, e.g. `shared-x > shared-y > tokio`.
    pub(crate) fn way(&self, from: &str, to: &str) -> Option<String> {
        let mut came: BTreeMap<&str, &str> = BTreeMap::new();
        let mut edge = vec![from];
        while !edge.is_empty() {
            let mut next = Vec::new();
            for at in edge {
                for needed in &self.packages[at].needs {
                    if needed == from || came.contains_key(needed.as_str()) {
                        continue;
                    }
                    came.insert(needed, at);
                    if self.packages[needed].name == to {
                        return Some(self.trail(&came, needed));
                    }
                    next.push(needed.as_str());
                }
            }
            edge = next;
        }
        None
    }

    fn trail(&self, came: &BTreeMap<&str, &str>, end: &str) -> String {
        let ids = std::iter::successors(Some(end), |id| came.get(id).copied());
        let mut names: Vec<&str> = ids.map(|id| self.packages[id].name.as_str()).collect();
        names.reverse();
        names.join(" > ")
    }
}

/// The folder of the repository.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).expect("this package is two folders below the root").to_owned()
    })
}

/// What a command says.
///
/// # Panics
/// When it fails, with what it said and how to mend that.
pub(crate) fn said(program: &str, args: &[&str], remedy: &str) -> String {
    let output = Command::new(program).args(args).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be started: {error}; {remedy}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {} failed; {remedy}\n{error}", args.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// The cargo that runs this test. It is never let out to the network.
pub(crate) fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    said(&cargo, args, "a package may not be downloaded yet: run `cargo fetch`")
}

/// What cargo says of all packages that this machine builds.
pub(crate) fn workspace() -> &'static Workspace {
    static WORKSPACE: OnceLock<Workspace> = OnceLock::new();
    WORKSPACE.get_or_init(|| {
        let version = cargo(&["-vV"]);
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
        // Without the filter it asks for packages that only other systems need, and nothing downloads these.
        let text = cargo(&["metadata", "--format-version", "1", "--offline", "--filter-platform", host]);
        parse(&serde_json::from_str(&text).unwrap())
    })
}

fn parse(metadata: &Value) -> Workspace {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let needs: BTreeMap<&str, BTreeSet<String>> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), needs(node))).collect();
    let top = Path::new(metadata["workspace_root"].as_str().unwrap());
    let package = |package: &Value| {
        let id = package["id"].as_str().unwrap();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let member = metadata["workspace_members"].as_array().unwrap().contains(&package["id"]);
        let folder = manifest.parent().unwrap().strip_prefix(top).ok().filter(|_| member);
        let package = Package {
            name: text(&package["name"]).unwrap(),
            version: text(&package["version"]).unwrap(),
            licence: text(&package["license"]),
            edition: text(&package["edition"]).unwrap(),
            description: text(&package["description"]),
            folder: folder.map(|folder| folder.to_str().unwrap().to_owned()),
            needs: needs.get(id).cloned().unwrap_or_default(),
        };
        (id.to_owned(), package)
    };
    Workspace { packages: metadata["packages"].as_array().unwrap().iter().map(package).collect() }
}

fn needs(node: &Value) -> BTreeSet<String> {
    let is_needed = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array().unwrap();
        kinds.iter().any(|kind| kind["kind"] != "dev")
    };
    let dependencies = node["deps"].as_array().unwrap().iter().filter(is_needed);
    dependencies.map(|dependency| dependency["pkg"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_shortest_way_is_found() {
    let package = |name: &str, needs: &[&str]| Package {
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        licence: None,
        edition: "2024".to_owned(),
        description: None,
        folder: None,
        needs: needs.iter().map(|id| (*id).to_owned()).collect(),
    };
    let packages = [
        ("1", package("a", &["2", "3"])),
        ("2", package("b", &["4"])),
        ("3", package("c", &["1"])),
        ("4", package("d", &[])),
    ];
    let packages = packages.into_iter().map(|(id, package)| (id.to_owned(), package)).collect();
    let workspace = Workspace { packages };
    assert_eq!(workspace.way("1", "d").as_deref(), Some("a > b > d"));
    assert_eq!(workspace.way("3", "d").as_deref(), Some("c > a > b > d"));
    assert_eq!(workspace.way("2", "c"), None);
}
