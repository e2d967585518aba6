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
//! `helmCharts` are refused: the tool would start `helm` by itself, outside of what names a rendering.
//! With `buildMetadata: [originAnnotations]`, objects of a remote base carry the path of the hub's copy, not its address.

mod closure;
mod edit;
mod explain;
mod file;
mod options;
mod references;
mod remote;

#[cfg(test)]
mod tests;

pub use self::explain::explain;

use self::{closure::Closure, file::Kustomization};
use crate::{
    job::{Job, Tool, Work},
    request::{Failure, Request},
    tree::{self, Found},
};

/// The most kustomizations that one overlay may be made of.
const MOST_KUSTOMIZATIONS: usize = 2_000;

/// Finds what a build of the source's folder reads, with the Application's overrides in it.
///
/// # Errors
/// [`Failure::Inputs`] with every wrong reference and override found; [`Failure::Circumstance`] when something could
/// not be read or fetched.
pub async fn prepare(request: &Request<'_>, tool: &Tool) -> Result<Job, Failure> {
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
    let mut closure = Closure::new(request, options.unrestricted);
    let mut top = closure.load(&closure::Root::of_source(folder.clone())).await?;
    overrides(request, &folder, &mut top).await?;
    closure.follow(&folder, top).await?;
    let done = closure.finish()?;
    let arguments = ["build", "."].into_iter().map(str::to_owned).chain(options.arguments).collect();
    Ok(Job {
        work: Work::Run { tool: tool.clone(), arguments, folder },
        view: done.view,
        may_vary: false,
        own: String::new(),
        fetched: done.fetched,
        warnings: Vec::new(),
    })
}

/// The Application's overrides, written into its kustomization.
async fn overrides(request: &Request<'_>, folder: &str, top: &mut Kustomization) -> Result<(), Failure> {
    let Some(asked) = &request.source.kustomize else { return Ok(()) };
    let components = closure::components(&**request.tree, folder, asked).await?;
    let problems = edit::apply(top, asked, &components, &request.environment());
    if problems.is_empty() { Ok(()) } else { Err(Failure::Inputs(problems)) }
}
