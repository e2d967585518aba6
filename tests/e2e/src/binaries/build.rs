//! Finding and building, over values, so that its tests bring their own folders and their own `go`.

use std::{
    fs::File,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{Binaries, Error, Program};
use crate::{process::Process, terminal};

/// The version that the Kubernetes programs report; a linker flag, as the modules are built outside their repository.
const KUBERNETES_VERSION: &str = "v1.34.3";
/// The oldest minor version of Go 1 that builds them.
const OLDEST_GO: u32 = 25;

/// Where to look, where to build, and whom to tell.
pub(super) struct Workshop<'a> {
    /// The Go command.
    pub(super) go: PathBuf,
    /// A folder with programs that somebody else made, asked first.
    pub(super) assets: Option<PathBuf>,
    /// The folder of everything that we built.
    pub(super) cache: PathBuf,
    /// The folder of the Go modules.
    pub(super) modules: PathBuf,
    /// How often to say that a build goes on.
    pub(super) heartbeat: Duration,
    /// Shows a line to the person who waits.
    pub(super) show: &'a (dyn Fn(&str) + Sync),
}

impl Workshop<'_> {
    /// All programs; builds those that are missing.
    pub(super) fn provide(&self) -> Result<Binaries, Error> {
        let (found, missing) = self.look()?;
        if missing.is_empty() {
            return Ok(found);
        }
        self.require_go(&missing)?;
        let _lock = self.lock().map_err(Error::Build)?;
        // Whoever held the lock before us may have built them.
        let (mut found, missing) = self.look()?;
        for (index, (program, target)) in missing.iter().enumerate() {
            self.build(*program, target, index + 1, missing.len()).map_err(Error::Build)?;
            found.0.insert(*program, target.clone());
        }
        Ok(found)
    }

    /// What is there, and what is not with the path that it belongs at.
    fn look(&self) -> Result<(Binaries, Vec<(Program, PathBuf)>), Error> {
        let mut found = Binaries(Default::default());
        let mut missing = Vec::new();
        for program in Program::ALL {
            let given =
                self.assets.as_ref().map(|assets| assets.join(program.name())).filter(|path| path.is_file());
            let cached = self.cached(program).map_err(Error::Build)?;
            match given {
                Some(path) => drop(found.0.insert(program, path)),
                None if cached.is_file() => drop(found.0.insert(program, cached)),
                None => missing.push((program, cached)),
            }
        }
        Ok((found, missing))
    }

    /// Its place in the cache, which changes with the versions pinned by its module and with the kind of machine.
    fn cached(&self, program: Program) -> Result<PathBuf> {
        let module = self.module(program);
        let mut hash = Sha256::new();
        for file in ["go.mod", "go.sum"] {
            let path = module.join(file);
            hash.update(std::fs::read(&path).with_context(|| format!("read {}", path.display()))?);
        }
        hash.update(std::env::consts::OS);
        hash.update(std::env::consts::ARCH);
        Ok(self.cache.join(hex::encode(&hash.finalize()[..8])).join(program.name()))
    }

    fn module(&self, program: Program) -> PathBuf {
        self.modules.join(program.module())
    }

    /// Run inside a module, `go` switches to the version that the module asks for, if it can; so it is asked there.
    fn require_go(&self, missing: &[(Program, PathBuf)]) -> Result<(), Error> {
        let refuse = |detail| {
            let missing: Vec<_> = missing.iter().map(|(program, _)| program.name()).collect();
            Err(Error::NoGo { detail, missing: missing.join(", ") })
        };
        let asked = Command::new(&self.go).args(["env", "GOVERSION"]).current_dir(&self.modules).output();
        let output = match asked {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return refuse("there is no go command".to_owned());
            }
            Err(error) => return refuse(format!("the go command does not start: {error}")),
        };
        let said =
            String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr });
        if !output.status.success() {
            return refuse(format!("`go env` fails: {}", said.trim()));
        }
        match minor_version(&said) {
            Some(minor) if minor < OLDEST_GO => refuse(format!("the go command is {}, too old", said.trim())),
            // A development version has no number; it is newer than any release.
            Some(_) | None => Ok(()),
        }
    }

    fn lock(&self) -> Result<File> {
        std::fs::create_dir_all(&self.cache)
            .with_context(|| format!("make the folder {}", self.cache.display()))?;
        let path = self.cache.join("lock");
        let lock = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        if lock.try_lock().is_err() {
            (self.show)("another process builds the control plane; waiting for it");
            self.alive("waiting for the other build", || None, || lock.lock())
                .with_context(|| format!("lock {}", path.display()))?;
        }
        Ok(lock)
    }

    fn build(&self, program: Program, target: &Path, number: usize, of: usize) -> Result<()> {
        let name = program.name();
        let folder = target.parent().context("a cached program has a folder")?;
        std::fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
        let made = folder.join(format!("{name}.part"));
        let logs = tempfile::tempdir().context("make a folder for the log of go")?;
        (self.show)(&format!(
            "building {name} ({number} of {of}, about {} the first time)",
            program.usual_time()
        ));
        let started = Instant::now();
        let mut command = Command::new(&self.go);
        command
            .args(["build", "-tags", "binaries", "-ldflags"])
            .arg(format!("-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"))
            .arg("-o")
            .args([made.as_os_str(), program.package().as_ref()])
            .current_dir(self.module(program))
            .env("GOWORK", "off");
        let go = Process::start("go", &mut command, logs.path())?;
        let last_line = || go.log().lines().last().map(str::to_owned);
        let status = self.alive(&format!("building {name}"), last_line, || go.wait_blocking())?;
        if !status.success() {
            bail!("go build {} failed ({status})\n{}", program.package(), go.tail());
        }
        std::fs::rename(&made, target)
            .with_context(|| format!("move {} to {}", made.display(), target.display()))?;
        (self.show)(&format!("built {name} in {} s", started.elapsed().as_secs()));
        Ok(())
    }

    fn alive<T>(
        &self,
        what: &str,
        progress: impl Fn() -> Option<String> + Send,
        work: impl FnOnce() -> T,
    ) -> T {
        terminal::alive(what, self.heartbeat, progress, self.show, work)
    }
}

/// 26 of `go1.26.8`.
fn minor_version(said: &str) -> Option<u32> {
    let rest = said.trim().strip_prefix("go1.")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
