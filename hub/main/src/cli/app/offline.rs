//! Rendering with no hub: Applications of files, sources of folders or fetched, the same renderer as a hub's.
//!
//! | module | answers |
//! |---|---|
//! | [`documents`] | which Applications and ApplicationSets files hold, and what is wrong with them |
//! | [`clusters`] | which clusters a file describes |
//! | [`expand`] | what an ApplicationSet of a file expands to |
//! | [`places`] | which folder stands for which repository |
//! | [`trees`] | the files of a repository, from a folder or from Git |
//! | [`make`] | what an Application comes to |
//!
//! Credentials of the person who runs it are not used: no agent, no helper, no file of a home folder.

pub(in crate::cli) mod clusters;
pub(in crate::cli) mod documents;
pub(in crate::cli) mod expand;
mod fetch;
pub(super) mod make;
pub(in crate::cli) mod places;
pub(in crate::cli) mod trees;

use crate::cli::output;
use std::io::IsTerminal as _;

/// What is shown while it works, on a terminal's last line.
pub(in crate::cli) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        output::progress(text);
    }
}
