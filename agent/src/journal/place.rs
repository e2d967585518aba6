//! Where a journal is.

use super::{Error, Memory, Secrets, folder::Folder, store::Store};
use std::{fmt, path::PathBuf, sync::Arc};

/// Where a journal is.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder; made if it is absent.
    Folder(PathBuf),
    /// Secrets of the agent's own namespace.
    Secrets(Secrets),
    /// Memory, for tests and simulations.
    Memory(Memory),
}

impl Place {
    /// For an agent: nobody else may hold it.
    pub(super) fn hold(&self) -> Result<Arc<dyn Store>, Error> {
        Ok(match self {
            Self::Folder(folder) => Arc::new(Folder::hold(folder)?),
            Self::Secrets(secrets) => Arc::new(secrets.hold()?),
            Self::Memory(memory) => Arc::new(memory.hold()?),
        })
    }

    /// For the commands that work beside an agent, or without one: they write below `local/` only.
    pub(super) fn look(&self) -> Result<Arc<dyn Store>, Error> {
        Ok(match self {
            Self::Folder(folder) => Arc::new(Folder::look(folder)),
            Self::Secrets(secrets) => Arc::new(secrets.look()),
            Self::Memory(memory) => Arc::new(memory.look()),
        })
    }
}

impl Place {
    /// The namespace that it is in, if it is in one.
    pub(crate) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Secrets(secrets) => Some(secrets.namespace()),
            Self::Folder(_) | Self::Memory(_) => None,
        }
    }
}

impl From<PathBuf> for Place {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the data folder {}", folder.display()),
            Self::Secrets(secrets) => write!(f, "the Secrets of namespace {}", secrets.namespace()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}
