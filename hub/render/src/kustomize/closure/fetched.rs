//! What overlays name elsewhere: fetched by the hub and put into the view under a folder of its own, so that the tool
//! finds it without a network.

use super::{
    Closure, Mount, Named, Root,
    names::{below, failure, objects, renamed},
};
use crate::{
    kustomize::{references::Kind, remote::Repository},
    request::{Failure, Unfetched},
    tree::{self, Found},
};
use shared_model::{Digest, RepoUrl};

/// Where fetched files are: trees in the view's root, single files in the folder of their kustomization, where the
/// tool lets it read them.
const PLACE: &str = ".flotilla-remote";

impl Closure<'_> {
    /// The folder of another repository.
    pub(super) async fn clone_of(&mut self, text: &str, repository: &Repository) -> Result<Root, Failure> {
        let Repository { url, path, revision } = repository;
        let shown = RepoUrl::new(url.as_str()).to_string();
        if url.starts_with("file://") {
            let message = format!("`{shown}` is on the machine that builds");
            return Err(Failure::inputs("", message, "name a folder of this repository"));
        }
        self.allowed(text)?;
        let at = format!("{PLACE}/{}", name(&["repository", url, revision]));
        let known = self.mounts.iter().position(|mount| mount.at == at);
        let tree = match known {
            Some(tree) => tree,
            None => {
                let tree = self
                    .request
                    .fetch
                    .repository(url, revision)
                    .await
                    .map_err(|cause| told(cause, &shown))?;
                self.fetched.push((RepoUrl::new(url.as_str()), revision.clone()));
                self.mounts.push(Mount { tree, at, name: shown.clone() });
                self.mounts.len() - 1
            }
        };
        match tree::follow(&*self.mounts[tree].tree, path).await {
            Ok(Found::Folder(folder)) => Ok(Root { tree, folder }),
            Ok(Found::File(_)) => {
                let message = format!("`{path}` of {shown} is a file");
                Err(Failure::inputs("", message, "name the folder of a kustomization"))
            }
            Err(astray) => Err(failure(&renamed(astray, &format!("{path} of {shown}")), "")),
        }
    }

    /// A file on the web; what is no manifest where one is wanted may be a repository's page.
    pub(super) async fn download(
        &mut self,
        root: &Root,
        text: &str,
        repository: Option<Repository>,
        kind: Kind,
    ) -> Result<Named, Failure> {
        self.allowed(text)?;
        let shown = RepoUrl::new(text).to_string();
        let wanted = matches!(kind, Kind::Resource | Kind::Plugins);
        let fetched = self.request.fetch.file(text).await;
        let is_page = match &fetched {
            Ok(bytes) => wanted && std::str::from_utf8(bytes).ok().and_then(objects).is_none(),
            Err(Unfetched::Never(_)) => true,
            Err(Unfetched::Now(_)) => false,
        };
        if let (true, Some(repository)) = (is_page, &repository) {
            let root = self.clone_of(text, repository).await;
            // The web's answer says more than a repository that is none.
            return match (root, fetched) {
                (Err(Failure::Inputs(_)), Err(cause)) => Err(told(cause, &shown)),
                (root, _) => root.map(Named::Folder),
            };
        }
        let bytes = fetched.map_err(|cause| told(cause, &shown))?;
        self.fetched.push((RepoUrl::new(format!("file+{text}")), String::new()));
        let path = text.split(['?', '#']).next().unwrap_or(text);
        let file = path.rsplit('/').next().filter(|file| !matches!(*file, "" | "." | "..")).unwrap_or("file");
        let at = format!("{PLACE}/{}/{file}", name(&["file", text]));
        Ok(Named::Fetched(below(&self.folder_in_view(root), &at), bytes))
    }

    fn allowed(&self, text: &str) -> Result<(), Failure> {
        if !self.request.settings.remote_bases {
            let message = format!("`{}` is elsewhere, and remote bases are not allowed", RepoUrl::new(text));
            let remedy =
                "copy what it needs into this repository, or allow remote bases in the hub's settings";
            return Err(Failure::inputs("", message, remedy));
        }
        if self.mounts[0].tree.has_folder(PLACE) {
            let message = format!("the repository has a folder `{PLACE}`, where remote bases are put");
            return Err(Failure::inputs("", message, "give it another name"));
        }
        Ok(())
    }
}

fn told(cause: Unfetched, shown: &str) -> Failure {
    match cause {
        Unfetched::Never(why) => Failure::inputs("", format!("{shown}: {why}"), ""),
        Unfetched::Now(why) => Failure::Circumstance(format!("{shown}: {why}")),
    }
}

/// A short name that two different things do not share.
fn name(parts: &[&str]) -> String {
    Digest::of(parts.join("\n").as_bytes()).hex().chars().take(16).collect()
}
