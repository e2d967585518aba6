//! How to reach a hub.

use clap::{Args as Group, ValueHint};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// How to reach the hub.
#[derive(Debug, Clone, Group)]
pub(crate) struct Connection {
    /// The kubeconfig that leads to the hub; ~/.kube/config when left out. `flotilla login` writes it
    #[arg(long, global = true, env = "KUBECONFIG", value_name = "FILE", value_hint = ValueHint::FilePath)]
    kubeconfig: Option<OsString>,
    /// The context of it; the current one when left out
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

impl Connection {
    /// The kubeconfigs: the one that is named, those of the environment's list, or the one in the home folder.
    /// Empty when there is no home either.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        match self.kubeconfig.as_ref().filter(|given| !given.is_empty()) {
            // A name that has a colon in it is no list.
            Some(given) if Path::new(given).exists() => vec![PathBuf::from(given)],
            Some(given) => std::env::split_paths(given).filter(|path| !path.as_os_str().is_empty()).collect(),
            None => std::env::home_dir().map(|home| home.join(".kube/config")).into_iter().collect(),
        }
    }

    /// The kubeconfig of the command line, which no environment and no default names as well.
    pub(crate) fn named(&self) -> Option<PathBuf> {
        let given = self
            .kubeconfig
            .as_ref()
            .filter(|given| std::env::var_os("KUBECONFIG").as_ref() != Some(given))?;
        Some(PathBuf::from(given))
    }
}
