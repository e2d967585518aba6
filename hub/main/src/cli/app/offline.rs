//! Rendering with no hub: Applications of files, sources of folders or fetched, the same renderer as a hub's.
//!
//! | module | answers |
//! |---|---|
//! | [`documents`] | which Applications, ApplicationSets and Clusters files hold, and what is wrong with them |
//! | [`expand`] | what an ApplicationSet of a file expands to |
//! | [`places`] | which folder stands for which repository |
//! | [`trees`] | the files of a repository, from a folder or from Git |
//! | [`make`] | what an Application comes to |
//!
//! Credentials of the person who runs it are not used: no agent, no helper, no file of a home folder.

pub(super) mod documents;
pub(super) mod expand;
mod fetch;
pub(super) mod make;
pub(super) mod places;
pub(super) mod trees;

use crate::cli::output;
use std::io::IsTerminal as _;

/// What is shown while it works, on a terminal's last line.
pub(super) fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        output::progress(text);
    }
}
