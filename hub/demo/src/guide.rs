//! How to look around while the demo stays up.

use crate::{
    repository::{BRANCH, Repository},
    sample::SET,
};
use std::path::Path;

/// The guide's lines.
pub(crate) fn lines(kubeconfig: &Path, repository: &Repository, folder: &Path) -> Vec<String> {
    let flotilla =
        std::env::current_exe().map_or_else(|_| "flotilla".to_owned(), |path| path.display().to_string());
    let (work, folder) = (repository.work_tree().display(), folder.display());
    let text = format!(
        "
Look around in another terminal:
  export KUBECONFIG={}
  kubectl get clusters
  kubectl get applications -A
  kubectl get fleetrollouts -w

Things to try:
  pause a cluster     {flotilla} cluster pause us-1 --for 10m --reason INC-7
                      then push a commit and see what waits for it; `cluster resume us-1` ends it
  push a commit       cd {work}
                      edit apps/web/deployment.yaml (a tag that starts with `broken` never becomes ready)
                      git commit -am 'another one' && git push origin {BRANCH}
  watch its waves     {flotilla} rollout watch {SET}   (also: why, status, pause, abort)
  take one back       {flotilla} rollout undo {SET} --reason INC-7   (`rollout resume {SET}` lets newer commits follow)
                      or git revert --no-edit HEAD && git push origin {BRANCH}
  change the waves    kubectl edit rolloutpolicy careful  (it was made from {folder}/policy.yaml)
  Git                 {}

Ctrl-C ends the demo.
",
        kubeconfig.display(),
        repository.url()
    );
    text.lines().map(str::to_owned).collect()
}
