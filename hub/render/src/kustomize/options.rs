//! Options of `kustomize build` that people set for the fleet (`kustomize.buildOptions` of argocd-cm): which of them
//! a confined tool may have.

use crate::request::Failure;

/// The options of a build.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// As the tool takes them.
    pub(crate) arguments: Vec<String>,
    /// Whether files may be outside of their kustomization's folder.
    pub(crate) unrestricted: bool,
    /// Whether charts are rendered from within overlays.
    pub(crate) helm: bool,
    /// The Kubernetes version that charts see, where nobody says another.
    pub(crate) kube_version: String,
    /// API versions that charts see.
    pub(crate) api_versions: Vec<String>,
}

/// Options with a value that only change the build.
const VALUED: [&str; 2] = ["--load-restrictor", "--reorder"];
/// Options without one.
const PLAIN: [&str; 1] = ["--enable-managedby-label"];
/// Options about `helm`, and whether they have a value. The tool is not given them: the hub renders the charts, with its
/// own `helm`.
const HELM: [(&str, bool); 5] = [
    (ENABLE_HELM, false),
    ("--helm-debug", false),
    ("--helm-command", true),
    (KUBE_VERSION, true),
    (API_VERSIONS, true),
];
/// Has charts rendered from within overlays.
pub(crate) const ENABLE_HELM: &str = "--enable-helm";
/// What switches off.
const FALSE: [&str; 5] = ["0", "f", "F", "false", "False"];
const KUBE_VERSION: &str = "--helm-kube-version";
const API_VERSIONS: &str = "--helm-api-versions";

/// Whether the options may be given to a tool that runs confined.
///
/// # Errors
/// The option that may not.
pub(crate) fn check(words: &[String]) -> Result<Options, Failure> {
    let refuse = |word: &str, why: &str| {
        let message = format!("`{word}` {why}");
        let remedy = "allowed are --load-restrictor, --reorder, --enable-managedby-label and --enable-helm";
        Err(Failure::inputs("kustomize.buildOptions", message, remedy))
    };
    let mut options = Options::default();
    let mut words = words.iter().map(String::as_str).filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if VALUED.contains(&name) {
            let Some(value) = value.or_else(|| words.next()) else {
                return refuse(name, "has no value");
            };
            if name == "--load-restrictor" {
                options.unrestricted = value == "LoadRestrictionsNone";
            }
            options.arguments.push(format!("{name}={value}"));
        } else if PLAIN.contains(&name) {
            options.arguments.push(word.to_owned());
        } else if let Some((_, valued)) = HELM.iter().find(|(known, _)| *known == name) {
            let value = if *valued { value.or_else(|| words.next()) } else { value };
            let text = value.unwrap_or_default();
            match name {
                ENABLE_HELM => options.helm = !FALSE.contains(&text),
                KUBE_VERSION => text.clone_into(&mut options.kube_version),
                API_VERSIONS => options.api_versions.push(text.to_owned()),
                _ => {}
            }
        } else {
            return refuse(name, "is not an option that a build may have here");
        }
    }
    Ok(options)
}

/// Whether the hub's tool is of the version that the Application asks for; without one, any is.
///
/// # Errors
/// Both versions.
pub(crate) fn version(asked: &str, here: &str) -> Result<(), Failure> {
    let bare = |version: &str| version.trim_start_matches("kustomize/").trim_start_matches('v').to_owned();
    if asked.is_empty() || bare(asked) == bare(here) {
        return Ok(());
    }
    let message = format!("kustomize {asked} is asked for, and the hub has {here}");
    Err(Failure::inputs("kustomize.version", message, "leave `version` out, or give the hub that one"))
}
