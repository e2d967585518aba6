//! Overlays: what `kustomize build` of a folder is shown and told.
//!
//! Decides, from the kustomization files alone, which files a build can read ([`closure`]), and makes of the
//! Application's overrides what `kustomize edit` would make of them ([`edit`]). No tool runs here.
//!
//! # Invariants
//! - A build is shown exactly the files that its kustomizations name, so a commit elsewhere changes nothing.
//! - Nothing outside the source's repository is named, unless remote bases are allowed; then it is fetched by the hub,
//!   and the kustomization that named it names the copy ([`remote`]). The tool itself never reaches out.
//! - Options of the build that start programs or reach the network are refused ([`options`]).
//!
//! Refuses to know: what patches, generators and transformers do. That is the tool's.
//!
//! # Why
//! Argo CD edits the checkout with a process per override and builds in it (`util/kustomize/kustomize.go`), so two
//! Applications with overrides cannot share a checkout. Here the edited file is made for one rendering.
//! The tool would start `helm` by itself for `helmCharts`, outside of what names a rendering. So these charts are rendered by
//! the hub, each as a job of its own, before the overlay is built, and the kustomization names what they come to
//! (`closure/charts.rs`); without `--enable-helm` they are refused.
//! With `buildMetadata: [originAnnotations]`, objects of a remote base carry the path of the hub's copy, not its address.

mod charts;
mod closure;
mod edit;
mod explain;
mod file;
mod options;
mod references;
mod remote;
mod values;

#[cfg(test)]
mod tests;

pub use self::{closure::Helm, explain::explain};

use self::{
    closure::{Closure, Oven},
    file::Kustomization,
    options::Options,
};
use crate::{
    helm::numbers,
    job::{Job, Tool, Work},
    request::{Failure, Request, Settings},
    tree::{self, Found},
};
use std::collections::BTreeSet;

/// The most kustomizations that one overlay may be made of.
const MOST_KUSTOMIZATIONS: usize = 2_000;

/// Whether the settings have charts rendered from within overlays.
pub fn renders_charts(settings: &Settings) -> bool {
    options::check(&settings.kustomize_options).is_ok_and(|options| options.helm)
}

/// Finds what a build of the source's folder reads, with the Application's overrides in it.
///
/// # Errors
/// [`Failure::Inputs`] with every wrong reference and override found; [`Failure::Circumstance`] when something could
/// not be read or fetched. Without `helm`, charts are refused.
pub async fn prepare(request: &Request<'_>, tool: &Tool, helm: Option<Helm<'_>>) -> Result<Job, Failure> {
    let options = options::check(&request.settings.kustomize_options)?;
    if let Some(asked) = &request.source.kustomize {
        options::version(&asked.version, &tool.version)?;
    }
    let folder = match tree::follow(&**request.tree, request.folder).await {
        Ok(Found::Folder(folder)) => folder,
        Ok(Found::File(_)) => {
            let message = format!("`{}` is a file", request.folder);
            return Err(Failure::inputs("path", message, "name the folder of a kustomization"));
        }
        Err(astray) => return Err(closure::failure(&astray, "path")),
    };
    let oven = match helm {
        Some(helm) if options.helm => Some(oven(request, helm, &options)?),
        Some(_) | None => None,
    };
    let mut closure = Closure::new(request, options.unrestricted, oven);
    let mut top = closure.load(&closure::Root::of_source(folder.clone())).await?;
    overrides(request, &folder, &mut top).await?;
    closure.follow(&folder, top).await?;
    let done = closure.finish()?;
    let arguments = ["build", "."].into_iter().map(str::to_owned).chain(options.arguments).collect();
    Ok(Job {
        work: Work::Run { tool: tool.clone(), arguments, folder },
        view: done.view,
        may_vary: false,
        // What is only for one makes the whole for one.
        own: done.charts.iter().map(|chart| chart.job.own.clone()).max().unwrap_or_default(),
        fetched: done.fetched,
        warnings: done
            .charts
            .iter()
            .flat_map(|chart| chart.job.warnings.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        charts: done.charts,
    })
}

/// What charts see of the cluster, in Argo CD's order: it adds its options after those of the settings.
fn oven<'a>(request: &Request<'_>, helm: Helm<'a>, options: &Options) -> Result<Oven<'a>, Failure> {
    let first = |one: &str, other: &str| if one.is_empty() { other.to_owned() } else { one.to_owned() };
    let (capabilities, asked) = (request.capabilities, request.source.kustomize.as_ref());
    let written = first(asked.map_or("", |asked| &asked.kube_version), &capabilities.kube_version);
    let kube_version = if written.is_empty() {
        options.kube_version.clone()
    } else {
        numbers(&written).ok_or_else(|| {
            let message = format!("`{written}` is not a Kubernetes version");
            Failure::inputs("kustomize.kubeVersion", message, "write e.g. `1.34.3`")
        })?
    };
    let given = asked.map(|asked| asked.api_versions.as_slice()).filter(|given| !given.is_empty());
    let given = given.unwrap_or(&capabilities.api_versions);
    let api_versions = options.api_versions.iter().chain(given).cloned().collect();
    let of_cluster =
        asked.map_or((true, true), |asked| (asked.kube_version.is_empty(), asked.api_versions.is_empty()));
    Ok(Oven { helm, kube_version, api_versions, of_cluster })
}

/// The Application's overrides, written into its kustomization.
async fn overrides(request: &Request<'_>, folder: &str, top: &mut Kustomization) -> Result<(), Failure> {
    let Some(asked) = &request.source.kustomize else { return Ok(()) };
    let components = closure::components(&**request.tree, folder, asked).await?;
    let problems = edit::apply(top, asked, &components, &request.environment());
    if problems.is_empty() { Ok(()) } else { Err(Failure::Inputs(problems)) }
}
