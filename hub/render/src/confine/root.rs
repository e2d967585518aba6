//! A root folder of the tool's own: the tool, what it needs to start, the files that it sees, and nothing else.
//!
//! There is no `/proc`, no `/dev`, no home. Everything is read-only.

use super::{child::Place, libraries::Libraries, parcel, room::SHOWN_AT, spec::Shown};
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
/// What the root takes besides the view.
const OWN_SIZE: u64 = 1 << 20;
const OWN_INODES: u64 = 256;

/// Makes `root` the root folder, puts everything into it, and says where it is now.
pub(super) fn change(root: &Path, tool: &Path, view: &Shown, libraries: &Libraries) -> io::Result<Place> {
    // What is mounted here is nobody else's.
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING)?;
    let (size, inodes) = match view {
        Shown::There { .. } => (OWN_SIZE, OWN_INODES),
        Shown::Sent { size, inodes } => (OWN_SIZE + size, OWN_INODES + inodes),
    };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let options = format!("size={size},nr_inodes={inodes},mode=755");
    mount(Some("tmpfs"), root, Some("tmpfs"), flags, Some(options.as_str()))?;
    let below = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let program = Path::new("/bin").join(tool.file_name().unwrap_or("tool".as_ref()));

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
    let files = libraries.files.iter().map(|file| (file.as_path(), below(file)));
    for (file, to) in files.chain([(tool, below(&program))]) {
        fs::create_dir_all(to.parent().unwrap_or(root))?;
        fs::write(&to, "")?;
        show(file, &to, MsFlags::empty())?;
    }
    let shown = below(Path::new(SHOWN_AT));
    fs::create_dir(&shown)?;
    match view {
        Shown::There { view, .. } => show(view, &shown, MsFlags::MS_NOEXEC)?,
        Shown::Sent { .. } => parcel::unpack(io::stdin().lock(), &shown)?,
    }
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
