//! The official tools: where they are, and of which version.
//!
//! A tool is asked for its version once, confined as for any other run, and again when its file is another.

use crate::{
    confine::{Confine, Limits, Task},
    job::{Kind, Tool},
    request::Failure,
};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a tool may think about its version. The first start reads a large file from a cold disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where tools are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `--helm`, `FLOTILLA_HELM`.
    pub helm: Option<PathBuf>,
    /// `--kustomize`, `FLOTILLA_KUSTOMIZE`.
    pub kustomize: Option<PathBuf>,
    /// `PATH`, for those that are not named.
    pub search: Option<OsString>,
}

/// The tools of this machine.
#[derive(Debug)]
pub struct Tools {
    confine: Confine,
    scratch: PathBuf,
    places: Places,
    known: Mutex<BTreeMap<Kind, Known>>,
}

/// What a program came to: the tool, or why it will not do.
#[derive(Debug)]
struct Known {
    of: Identity,
    tool: Result<Tool, String>,
}

/// A program's file: another one has another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(path: &Path, file: &Metadata) -> Self {
        Self {
            path: path.to_owned(),
            device: file.dev(),
            inode: file.ino(),
            size: file.size(),
            modified: (file.mtime(), file.mtime_nsec()),
        }
    }
}

impl Kind {
    /// The command line's option that names it, and its environment variable.
    const fn setting(self) -> (&'static str, &'static str) {
        match self {
            Self::Helm => ("--helm", "FLOTILLA_HELM"),
            Self::Kustomize => ("--kustomize", "FLOTILLA_KUSTOMIZE"),
        }
    }

    /// The versions that are known to print what is expected.
    const fn major(self) -> u64 {
        match self {
            Self::Helm => 4,
            Self::Kustomize => 5,
        }
    }

    const fn home(self) -> &'static str {
        match self {
            Self::Helm => "https://helm.sh/docs/intro/install",
            Self::Kustomize => "https://kubectl.docs.kubernetes.io/installation/kustomize",
        }
    }

    fn ask(self) -> Vec<String> {
        match self {
            Self::Helm => vec!["version".to_owned(), "--template={{.Version}}".to_owned()],
            Self::Kustomize => vec!["version".to_owned()],
        }
    }
}

impl Tools {
    /// Tools at these places; runs have their folders below `scratch`.
    pub const fn new(confine: Confine, scratch: PathBuf, places: Places) -> Self {
        Self { confine, scratch, places, known: Mutex::new(BTreeMap::new()) }
    }

    /// The tool, if it is there and of a version that is known. The first time it runs the tool: call it where that may
    /// block.
    ///
    /// # Errors
    /// [`Failure::Circumstance`] with what to install or to set.
    pub fn find(&self, kind: Kind) -> Result<Tool, Failure> {
        let (path, file) = self.locate(kind).map_err(Failure::Circumstance)?;
        let identity = Identity::of(&path, &file);
        let mut known = self.known.lock();
        if let Some(known) = known.get(&kind)
            && known.of == identity
        {
            return known.tool.clone().map_err(Failure::Circumstance);
        }
        let tool = match self.ask(kind, &path) {
            Ok(said) => judge(kind, &path, &said),
            // It may go better next time.
            Err(why) => return Err(Failure::Circumstance(why)),
        };
        known.insert(kind, Known { of: identity, tool: tool.clone() });
        tool.map_err(Failure::Circumstance)
    }

    fn locate(&self, kind: Kind) -> Result<(PathBuf, Metadata), String> {
        let name = kind.program();
        let (option, variable) = kind.setting();
        let named = match kind {
            Kind::Helm => &self.places.helm,
            Kind::Kustomize => &self.places.kustomize,
        };
        let found = match named {
            Some(path) => program(path).map_err(|error| {
                format!("{name} cannot be used: {}: {error}; correct {option} or {variable}", path.display())
            })?,
            None => search(self.places.search.as_deref(), name).ok_or_else(|| {
                let (major, home) = (kind.major(), kind.home());
                format!(
                    "{name} is not installed: install {name} {major}.x ({home}) where the hub runs, on its PATH, or say with \
                     {option} or {variable} where it is"
                )
            })?,
        };
        if is_script(&found.0).unwrap_or(false) {
            return Err(format!(
                "{} is a script, and a confined {name} can start no other program: say with {option} or {variable} where \
                 the program itself is",
                found.0.display()
            ));
        }
        Ok(found)
    }

    /// What it says of its version.
    fn ask(&self, kind: Kind, path: &Path) -> Result<String, String> {
        let limits = Limits { wall: PATIENCE, output: 64 * 1024, ..Limits::default() };
        let task = Task {
            tool: path,
            arguments: &kind.ask(),
            files: &BTreeMap::new(),
            folder: "",
            limits: &limits,
            scratch: &self.scratch,
            stop: None,
        };
        let said = self.confine.run(&task).map_err(|stopped| {
            format!("{} was asked for its version as {}: {stopped}", path.display(), kind.program())
        })?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }
}

/// The tool, if what it says is a version that will do.
fn judge(kind: Kind, path: &Path, said: &str) -> Result<Tool, String> {
    let (name, major) = (kind.program(), kind.major());
    let (option, variable) = kind.setting();
    let tool = |version| Tool { kind, path: path.to_owned(), version };
    // Built by `go install`, helm says `v4.3` whatever the patch, and from a work tree both say less: then only its
    // contents tell a program from others.
    let exact = || match digest(path) {
        Ok(digest) => Ok(tool(format!("{said}+{digest}"))),
        Err(error) => Err(format!("{}: {error}", path.display())),
    };
    if said == "(devel)" {
        return exact();
    }
    let number = said.strip_prefix('v');
    let parsed = number.and_then(|number| semver::Version::parse(number).ok());
    if parsed.is_none() && number.and_then(|number| number.split('.').next()) == Some(&major.to_string()) {
        return exact();
    }
    match parsed {
        Some(version) if version.major == major => Ok(tool(said.to_owned())),
        Some(_) => Err(format!(
            "{} is {name} {said}, and {name} {major}.x is wanted: install that, or say with {option} or {variable} where it is",
            path.display()
        )),
        None => Err(format!(
            "{} does not say that it is {name} {major}.x; say with {option} or {variable} where the program itself is",
            path.display()
        )),
    }
}

/// The program of this name in the folders of a `PATH`.
fn search(folders: Option<&OsStr>, name: &str) -> Option<(PathBuf, Metadata)> {
    // An empty entry would be the working folder: not for a hub.
    let folders = std::env::split_paths(folders?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find_map(|path| program(&path).ok())
}

fn program(path: &Path) -> io::Result<(PathBuf, Metadata)> {
    let path = path.canonicalize()?;
    let file = fs::metadata(&path)?;
    if !file.is_file() || file.mode() & 0o111 == 0 {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is no program"));
    }
    Ok((path, file))
}

fn is_script(path: &Path) -> io::Result<bool> {
    let mut begin = [0; 2];
    File::open(path)?.read_exact(&mut begin)?;
    Ok(begin == *b"#!")
}

fn digest(path: &Path) -> io::Result<String> {
    /// Enough to tell builds apart.
    const LENGTH: usize = 6;
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hash.update(&chunk[..read]),
        }
    }
    Ok(hash.finalize()[..LENGTH].iter().map(|byte| format!("{byte:02x}")).collect())
}
