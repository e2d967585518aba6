//! Where the programs of a Kubernetes control plane come from.
//!
//! Each is looked for in `KUBEBUILDER_ASSETS`, then in our cache; the missing ones are built from the Go modules under
//! `controlplane/`, whose `go.sum` pins every source.
//!
//! Invariants:
//! 1. A program is built once per version: the cache folder is named after the module's `go.mod` and `go.sum`, and one
//!    lock over all processes guards it.
//! 2. What lies in the cache is whole: a build writes to another name and is renamed.
//! 3. Programs are built one at a time; each alone takes all processors and a gigabyte of memory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use build::Workshop;

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
    fn name(self) -> &'static str {
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
    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::KubeScheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok",
        }
    }

    /// The folder under `controlplane/` of the module that pins it.
    fn module(self) -> &'static str {
        match self {
            Self::Etcd
            | Self::KubeApiserver
            | Self::KubeControllerManager
            | Self::KubeScheduler
            | Self::Kubectl => ".",
            Self::Kwok => "kwok",
        }
    }

    /// What the first build takes on two processors.
    fn usual_time(self) -> &'static str {
        match self {
            Self::Etcd | Self::KubeScheduler | Self::Kubectl => "half a minute",
            Self::KubeApiserver | Self::Kwok => "3 minutes",
            Self::KubeControllerManager => "a minute",
        }
    }
}

/// Why there is no control plane.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no Go, or one too old.
    #[error(
        "the end-to-end tests need a Kubernetes control plane and build it from source, but {detail}.\n\
         Install Go 1.25 or newer (https://go.dev/doc/install) and run the tests again, \
         or set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler, \
         kubectl and kwok (missing now: {missing})"
    )]
    NoGo {
        /// What was found instead.
        detail: String,
        /// The programs that would have to be built.
        missing: String,
    },
    /// Go could not build one of them.
    #[error("could not build the control plane: {0:#}")]
    Build(anyhow::Error),
}

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
    let workshop = || Workshop {
        go: "go".into(),
        assets: std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from),
        cache: cache_root().join("flotilla").join("controlplane"),
        modules: Path::new(env!("CARGO_MANIFEST_DIR")).join("controlplane"),
        heartbeat: terminal::HEARTBEAT,
        show: &terminal::show,
    };
    BINARIES.get_or_init(|| workshop().provide()).as_ref()
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
    match binaries() {
        Ok(binaries) => Some(ControlPlane { binaries }),
        Err(error @ Error::NoGo { .. }) => {
            eprintln!("this test has not run: {error}");
            None
        }
        Err(error @ Error::Build(_)) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests;
