//! The data folder of a hub: how it is sealed, and going on after it was restored.

use clap::Args as Group;
use std::path::PathBuf;

/// Which key seals it.
#[derive(Debug, Group)]
pub(crate) struct SealOptions {
    /// The file with the key that seals the data folder; made beside it, as DIR.seal-key, when left out
    #[arg(long, env = "FLOTILLA_SEAL_KEY_FILE", value_name = "FILE")]
    pub(crate) seal_key_file: Option<PathBuf>,
}

/// Which folder gets a new data key.
#[derive(Debug, Group)]
pub(crate) struct ResealOptions {
    /// The data folder of a hub that is stopped
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The key file; beside the data folder when left out
    #[arg(long, env = "FLOTILLA_SEAL_KEY_FILE", value_name = "FILE")]
    pub(crate) seal_key_file: Option<PathBuf>,
}

/// What is adopted after a restore.
#[derive(Debug, Group)]
pub(crate) struct RestoreOptions {
    /// Take what the agents hold as truth
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Only this cluster (repeatable)
    #[arg(long = "cluster", value_name = "NAME")]
    pub(crate) clusters: Vec<String>,
    /// Print what would be adopted and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
