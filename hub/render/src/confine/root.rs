//! A root folder of the tool's own: the tool, what it needs to start, the files that it sees, and nothing else.
//!
//! There is no `/proc`, no `/dev`, no `/etc`. Everything is read-only.

use super::{Place, libraries::Libraries, room::SHOWN_AT};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::statvfs::{FsFlags, statvfs},
    unistd::pivot_root,
};
use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

const NOTHING: Option<&str> = None;
const HOME: &str = "/home";

/// Makes `root` the root folder, puts the place's files into it, and says where they are now.
pub(super) fn change(root: &Path, place: &Place, libraries: &Libraries) -> io::Result<Place> {
    // What is mounted here is nobody else's.
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), root, Some("tmpfs"), flags, Some("size=1m,nr_inodes=256,mode=755"))?;
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let program = Path::new("/bin").join(place.tool.file_name().unwrap_or("tool".as_ref()));

    for folder in &libraries.folders {
        let to = below(folder);
        fs::create_dir_all(to.parent().unwrap_or(root))?;
        if folder.is_symlink() {
            // `/lib` is `/usr/lib`, which is here too.
            symlink(fs::read_link(folder)?, to)?;
        } else {
            fs::create_dir(&to)?;
            show(folder, &to, MsFlags::empty())?;
        }
    }
    for (file, to) in
        libraries.files.iter().map(|file| (file, below(file))).chain([(&place.tool, below(&program))])
    {
        fs::create_dir_all(to.parent().unwrap_or(root))?;
        fs::write(&to, "")?;
        show(file, &to, MsFlags::empty())?;
    }
    let view = below(Path::new(SHOWN_AT));
    fs::create_dir(&view)?;
    show(&place.view, &view, MsFlags::MS_NOEXEC)?;
    fs::create_dir(below(Path::new(HOME)))?;
    mount(NOTHING, root, NOTHING, closed(root)?, NOTHING)?;

    std::env::set_current_dir(root)?;
    // pivot_root(2): the old root is put over the new one and taken away; no folder is needed for it.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    std::env::set_current_dir("/")?;
    Ok(Place { tool: program, view: PathBuf::from(SHOWN_AT), home: PathBuf::from(HOME) })
}

/// Shows what is at a path at another one too, read-only.
fn show(from: &Path, to: &Path, further: MsFlags) -> io::Result<()> {
    mount(Some(from), to, NOTHING, MsFlags::MS_BIND | MsFlags::MS_REC, NOTHING)?;
    mount(NOTHING, to, NOTHING, closed(to)? | further, NOTHING)?;
    Ok(())
}

/// The flags that close a mount. Those that it has stay: mount_namespaces(7), they are locked here.
fn closed(path: &Path) -> io::Result<MsFlags> {
    let has = statvfs(path)?.flags();
    let mut flags =
        MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    flags.set(MsFlags::MS_NOEXEC, has.contains(FsFlags::ST_NOEXEC));
    Ok(flags)
}
