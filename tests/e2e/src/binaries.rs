//! Where the programs of a Kubernetes control plane come from, and the tools that some tests run.
//!
//! Each is looked for in `KUBEBUILDER_ASSETS`, then in our cache; the missing ones are built from the Go modules under
//! `controlplane/`, whose `go.sum` pins every source.
//!
//! Invariants:
//! 1. A program is built once per version: the cache folder is named after the module's `go.mod` and `go.sum`, and one
//!    lock over all processes guards it.
//! 2. What lies in the cache is whole: a build writes to another name and is renamed.
//! 3. Programs are built one at a time; each alone takes all processors and a gigabyte of memory.
//! 4. A tool is built only when a test asks for it ([`Tool::path`]); the control plane is built whole.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use build::{Recipe, Workshop};

use crate::terminal;

mod build;

/// A program of the control plane, in the order in which they are built: each reuses what the ones before it compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    /// The storage.
    Etcd,
    /// The API.
    KubeApiserver,
    /// Turns Deployments into Pods, among much else.
    KubeControllerManager,
    /// Gives each Pod a Node.
    KubeScheduler,
    /// The command line.
    Kubectl,
    /// Plays the kubelet: makes Pods run without running anything.
    Kwok,
}

impl Program {
    const ALL: [Self; 6] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
    ];

    /// The name of its file.
    const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
        }
    }

    /// Its Go package.
    const fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::KubeScheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok",
        }
    }

    /// How it is made.
    fn recipe(self) -> Recipe {
        let module = match self {
            Self::Etcd
            | Self::KubeApiserver
            | Self::KubeControllerManager
            | Self::KubeScheduler
            | Self::Kubectl => ".",
            Self::Kwok => "kwok",
        };
        let usual_time = match self {
            Self::Etcd | Self::KubeScheduler | Self::Kubectl => "half a minute",
            Self::KubeApiserver | Self::Kwok => "3 minutes",
            Self::KubeControllerManager => "a minute",
        };
        let version = KUBERNETES_VERSION;
        Recipe { name: self.name(), package: self.package(), module, usual_time, oldest_go: 25, version }
    }
}

/// A program that only some tests run, as what they compare with or talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Renders charts.
    Helm,
    /// Builds overlays.
    Kustomize,
    /// Keeps charts and other artefacts (OCI).
    Registry,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 3] = [Self::Helm, Self::Kustomize, Self::Registry];

    fn recipe(self) -> Recipe {
        match self {
            Self::Helm => Recipe {
                name: "helm",
                package: "helm.sh/helm/v4/cmd/helm",
                module: "helm",
                usual_time: "3 minutes",
                oldest_go: 26,
                version: "helm.sh/helm/v4/internal/version.version=v4.3.1",
            },
            Self::Kustomize => Recipe {
                name: "kustomize",
                package: "sigs.k8s.io/kustomize/kustomize/v5",
                module: "kustomize",
                usual_time: "half a minute",
                oldest_go: 25,
                version: "sigs.k8s.io/kustomize/api/provenance.version=v5.8.1",
            },
            Self::Registry => Recipe {
                name: "registry",
                package: "github.com/distribution/distribution/v3/cmd/registry",
                module: "registry",
                usual_time: "2 minutes",
                oldest_go: 26,
                version: "github.com/distribution/distribution/v3/version.version=v3.1.2",
            },
        }
    }

    /// Where it is; builds it when it is missing. Whoever asks at the same time waits for the same build.
    ///
    /// # Errors
    /// See [`Error`]. The answer is the same for the life of the process.
    pub fn provide(self) -> Result<&'static Path, &'static Error> {
        static TOOLS: [OnceLock<Result<PathBuf, Error>>; Tool::ALL.len()] =
            [const { OnceLock::new() }; Tool::ALL.len()];
        let make = || {
            let mut found = workshop().provide(&[self.recipe()])?;
            Ok(found.remove(0))
        };
        TOOLS[self as usize].get_or_init(make).as_ref().map(PathBuf::as_path)
    }

    /// The tool for a test, or `None` where there is no Go to build it; the test returns then. One test,
    /// `tools_of_the_tests`, fails in that case and says what to install.
    ///
    /// # Panics
    /// When Go is there and the build fails: then nobody should believe that the test has passed.
    pub fn path(self) -> Option<&'static Path> {
        unless_built(self.provide())
    }
}

/// Why a program is missing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Go, or one too old.
    #[error(
        "the tests need programs that they build from source, but {detail}.\n\
         Install Go 1.{oldest} or newer (https://go.dev/doc/install) and run the tests again, \
         or set KUBEBUILDER_ASSETS to a folder with {missing}"
    )]
    NoGo {
        /// What was found instead.
        detail: String,
        /// The oldest minor version of Go 1 that would do.
        oldest: u32,
        /// The programs that would have to be built.
        missing: String,
    },
    /// Go could not build one of them.
    #[error("could not build a program of the tests: {0:#}")]
    Build(anyhow::Error),
}

/// The version that the Kubernetes programs report; a linker flag, as the modules are built outside their repository.
const KUBERNETES_VERSION: &str = "k8s.io/component-base/version.gitVersion=v1.34.3";

/// The six programs.
#[derive(Debug)]
pub struct Binaries(BTreeMap<Program, PathBuf>);

impl Binaries {
    /// Where that program is.
    pub fn path(&self, program: Program) -> &Path {
        self.0.get(&program).expect("the map is only made with all programs in it")
    }
}

/// The programs of the control plane; builds those that are missing, which takes some ten minutes the first time.
///
/// Whoever asks at the same time, in this process or another, waits for the same build.
///
/// # Errors
/// See [`Error`]. The answer is the same for the life of the process.
pub fn binaries() -> Result<&'static Binaries, &'static Error> {
    static BINARIES: OnceLock<Result<Binaries, Error>> = OnceLock::new();
    let make = || {
        let found = workshop().provide(&Program::ALL.map(Program::recipe))?;
        Ok(Binaries(Program::ALL.into_iter().zip(found).collect()))
    };
    BINARIES.get_or_init(make).as_ref()
}

fn workshop() -> Workshop<'static> {
    Workshop {
        go: "go".into(),
        assets: std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from),
        cache: cache_root().join("flotilla").join("controlplane"),
        modules: Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane"),
        heartbeat: terminal::HEARTBEAT,
        show: &terminal::show,
    }
}

fn cache_root() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).unwrap_or_else(std::env::temp_dir)
}

/// Says that control planes can be started here.
#[derive(Clone, Copy, Debug)]
pub struct ControlPlane {
    binaries: &'static Binaries,
}

impl ControlPlane {
    /// The programs it consists of.
    pub fn binaries(self) -> &'static Binaries {
        self.binaries
    }
}

/// The control plane for a test, or `None` where there is no Go to build it; the test returns then. One test,
/// `control_plane_binaries`, fails in that case and says what to install.
///
/// # Panics
/// When Go is there and the build fails: then nobody should believe that the test has passed.
pub fn control_plane() -> Option<ControlPlane> {
    unless_built(binaries()).map(|binaries| ControlPlane { binaries })
}

fn unless_built<T>(provided: Result<T, &'static Error>) -> Option<T> {
    match provided {
        Ok(found) => Some(found),
        Err(error @ Error::NoGo { .. }) => {
            eprintln!("this test has not run: {error}");
            None
        }
        Err(error @ Error::Build(_)) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests;
