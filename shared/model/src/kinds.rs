//! The kinds that the hub serves: where each lives in the API, and typed views of those it acts on.

pub mod application;
pub mod application_set;
pub mod cluster;
pub(crate) mod enrollment;
pub mod fleet_rollout;
pub mod pause;
pub mod policy;
pub(crate) mod selector;
pub mod source;
pub(crate) mod window;

/// A kind of object that the hub serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// argoproj.io/v1alpha1 Application.
    Application,
    /// argoproj.io/v1alpha1 ApplicationSet.
    ApplicationSet,
    /// argoproj.io/v1alpha1 AppProject.
    AppProject,
    /// flotilla.dev/v1alpha1 Cluster (cluster-scoped).
    Cluster,
    /// flotilla.dev/v1alpha1 FleetRollout.
    FleetRollout,
    /// flotilla.dev/v1alpha1 RolloutPolicy.
    RolloutPolicy,
    /// flotilla.dev/v1alpha1 EnrollmentToken (cluster-scoped).
    EnrollmentToken,
    /// v1 Namespace (cluster-scoped).
    Namespace,
    /// v1 Secret.
    Secret,
    /// v1 ConfigMap.
    ConfigMap,
    /// v1 Event.
    Event,
}

/// Where a kind lives in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gvk {
    /// API group; empty for core.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind, as in manifests.
    pub kind: &'static str,
    /// Lower-case plural, as in URLs.
    pub plural: &'static str,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
}

impl Gvk {
    /// `group/version`, or the version alone for core kinds.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Application,
        Self::ApplicationSet,
        Self::AppProject,
        Self::Cluster,
        Self::FleetRollout,
        Self::RolloutPolicy,
        Self::EnrollmentToken,
        Self::Namespace,
        Self::Secret,
        Self::ConfigMap,
        Self::Event,
    ];

    /// The kind with this plural in this group.
    pub fn of_plural(group: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| gvk(*kind).group == group && gvk(*kind).plural == plural)
    }
}

/// Where `kind` lives in the API.
pub const fn gvk(kind: Kind) -> Gvk {
    const ARGO: &str = "argoproj.io";
    const FLOTILLA: &str = "flotilla.dev";
    const fn of(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Gvk {
        Gvk { group, version, kind, plural, namespaced }
    }
    match kind {
        Kind::Application => of(ARGO, "v1alpha1", "Application", "applications", true),
        Kind::ApplicationSet => of(ARGO, "v1alpha1", "ApplicationSet", "applicationsets", true),
        Kind::AppProject => of(ARGO, "v1alpha1", "AppProject", "appprojects", true),
        Kind::Cluster => of(FLOTILLA, "v1alpha1", "Cluster", "clusters", false),
        Kind::FleetRollout => of(FLOTILLA, "v1alpha1", "FleetRollout", "fleetrollouts", true),
        Kind::RolloutPolicy => of(FLOTILLA, "v1alpha1", "RolloutPolicy", "rolloutpolicies", true),
        Kind::EnrollmentToken => of(FLOTILLA, "v1alpha1", "EnrollmentToken", "enrollmenttokens", false),
        Kind::Namespace => of("", "v1", "Namespace", "namespaces", false),
        Kind::Secret => of("", "v1", "Secret", "secrets", true),
        Kind::ConfigMap => of("", "v1", "ConfigMap", "configmaps", true),
        Kind::Event => of("", "v1", "Event", "events", true),
    }
}
