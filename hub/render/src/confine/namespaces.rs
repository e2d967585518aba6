//! Namespaces of the tool's own: a user that is nobody, with no capability once the tool runs, and no network.

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};
use std::{fs, io};

/// Who the tool is in its own namespace. Outside it is still the hub's user: files are read as that.
const NOBODY: u32 = 65534;

/// Leaves the machine's namespaces. Capabilities in the new ones last until a program is started.
pub(super) fn leave() -> io::Result<()> {
    let (user, group) = (geteuid(), getegid());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS,
    )?;
    // user_namespaces(7): without this a group cannot be mapped by who has no capability outside.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{NOBODY} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{NOBODY} {group} 1"))
}
